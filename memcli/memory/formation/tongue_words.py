"""Words for time of the commonest European languages besides English, as patterns for text in lower case.

In phrases {N} stands for a number, {U} for a unit, {W} for a weekday, {X} for either of these two, {D} for a day of the
month, {.} for the lack of a month behind it, and a space for white space.
"""

from __future__ import annotations

from dataclasses import dataclass

_Phrases = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A language. `units` are day, week, month and year; `numbers` begin with one; `part` follows a weekday's name, and
    `bare` is how it stands alone.

    `signs` are small words that tell the language, `past` a sign of a past verb. With `by_week` "next Friday"
    (`following`) is that of the next week, as in "下周五"; `coming` is the first one to come. `habit` dates nothing.
    """

    signs: str
    days: dict[str, int]
    weekdays: str
    units: str
    numbers: str
    past: str
    habit: _Phrases
    ahead: _Phrases
    ago: _Phrases
    following: _Phrases
    last: _Phrases
    this: _Phrases = ()
    coming: _Phrases = ()
    gone: _Phrases = ()
    nth: _Phrases = ()
    weekday_nth: _Phrases = ()
    weekday_and: _Phrases = ()
    part: str = ""
    bare: str = "{W}"
    spaced: bool = True
    by_week: bool = False


_NO_CLOCK = r"(?! ?(?:uhr|h|heures?|horas?|ore|uur|klockan|godz|час\w*|de la|da)(?!\w))"

_GERMAN = Words(
    signs=r"\b(?:ich|und|der|die|das|ist|mein\w*|wir|hab|habe|mit|für|nicht|im|am|beim|zum|ein|eine|einen)\b",
    days={
        "vorgestern": -2,
        "gestern|gestern (?:früh|morgen|mittag|nachmittag|abend|nacht)": -1,
        "heute|heute (?:früh|morgen|vormittag|mittag|nachmittag|abend|nacht)|heut": 0,
        r"(?<!guten\s)(?<!gestern\s)(?<!am\s)(?<!jeden\s)(?<!diesen\s)morgen|morgen (?:früh|mittag|abend)": 1,
        "übermorgen": 2,
    },
    weekdays="montag dienstag mittwoch donnerstag freitag samstag|sonnabend sonntag",
    part="(?:früh|morgen|vormittag|mittag|nachmittag|abend|nacht)?",
    units="tage?n? wochen? monate?n? jahre?n?",
    numbers="ein|eine[mnr]? zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    past=r"\b(?:war|waren|warst|hatte|hatten|wurde|wurden|ging|gingen|kam|kamen|gab|fing|starb|bekam|bekamen|musste"
    r"|mussten|konnte|wollte"
    r"|fand|fiel|zog|zogen|verlor|gewann|fuhr|fuhren|\w{3,}(?:ierte|ierten))\b|\b(?:hab|habe|hast|hat|haben|bin|ist"
    r"|sind|sein)\b"
    r"(?!.{0,40}\b(?:geplant|angesetzt|gebucht|verschoben|verlegt)\b).{0,80}?\b(?:(?!gebur|gest|gern|genau|gegen"
    r"|gleich|geld|gast)\w{0,8}ge\w{2,}(?:t|en)|\w{3,}iert|(?:be|ver|er|ent|zer)\w{3,}(?:t|en))\b",
    habit=(
        r"(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)(?:abend)?(?:s|en)",
        r"jede[nmrs]? (?:zweite[nrs]? )?\w+",
        "alle {N} {U}|immer (?:am )?{W}",
        "(?:vor|in) (?:ein paar|einigen|wenigen|etwa|ca|rund|ungefähr) (?:\\w+ )?\\w+",
    ),
    weekday_and=("{W} in {N} wochen?",),
    ahead=("in {N} {U}",),
    ago=("vor {N} {U}",),
    following=("nächste[nmrs]? {X}",),
    coming=("kommende[nmrs]? {W}",),
    last=("(?:letzte|vergangene|vorige)[nmrs]? {X}",),
    this=("diese[nmrs]? {X}",),
    nth=(
        r"(?:am|zum|vom|ab dem|bis zum|der|den) {D}[.]{.}(?! ?\w*(?:geburtstag|hochzeitstag|klasse|stock|versuch|mal))",
        r"am {D}ten",
    ),
    weekday_nth=(r"{W},? (?:den|dem|der) {D}[.]?{.}",),
)
_FRENCH = Words(
    signs=r"\b(?:je|j'ai|le|la|les|mon|ma|mes|et|est|un|une|nous|du|des|au|pour|avec|c'est|chez|à|mais|qui|pas)\b",
    days={
        "avant[- ]hier": -2,
        "hier|hier (?:soir|matin)": -1,
        "aujourd'hui|ce matin|ce soir|cet après-midi": 0,
        "demain|demain (?:soir|matin)": 1,
        "après[- ]demain": 2,
    },
    weekdays="lundi mardi mercredi jeudi vendredi samedi dimanche",
    part="(?: (?:matin|midi|soir|après-midi))?",
    units="jours? semaines? mois ans?|années?",
    numbers="une? deux trois quatre cinq six sept huit neuf dix onze douze",
    past=r"\b(?:était|étaient|étais|avait|avaient|avais|fut|alla|allait)\b|(?:\b|')(?:ai|as|a|ont|avons|avez|suis|est"
    r"|sommes|sont|es|êtes)\s"
    r"(?!prévue?s?\b|né|fatigué|fixé|reporté|décalé)(?:(?:pas|bien|enfin|déjà|tous|toutes|tout|été|fait|encore|y"
    r"|en)\s){0,2}(?!prévu|fixé|reporté)"
    r"\w+(?:é|ée|és|ées|i|ie|is|it|ise|u|ue|us|ues|ert|eint|ort|orte)\b",
    habit=(
        r"(?:le|les) (?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche)s?(?! [0-9]| prochain| dernier| de la "
        r"semaine| suivant)",
        "(?:tous|toutes) les \\w+|chaque \\w+|{W}s",
        "(?:il y a|dans) (?:quelques|environ|à peu près|une dizaine de|une quinzaine de|un certain) \\w+",
    ),
    weekday_and=("{W} en huit",),
    ahead=("dans {N} {U}",),
    ago=("il y a {N} {U}",),
    following=("(?:la |le |l')?{X} prochaine?",),
    coming=("{W} qui vient", "ce {W}"),
    last=("(?:la |le |l')?{X} (?:derni[eè]re?|passée?)",),
    this=("cett?e? {X}",),
    nth=(
        r"(?:le|du|au) {D}(?:er)?{.}"
        + _NO_CLOCK
        + r"(?= ?(?:$|[.,;!?)]|\w*(?:je|j'|on|nous|il|elle|à|au|et|c'est|pour)))",
    ),
    weekday_nth=(r"(?:le )?{W} {D}{.}" + _NO_CLOCK,),
)
_SPANISH = Words(
    signs=r"\b(?:el|la|los|las|mi|mis|y|es|un|una|que|con|por|para|del|me|se|tengo|soy|muy|pero|lo|nos|mañana|hace)\b",
    days={
        "anteayer|antes de ayer|antier": -2,
        "ayer|anoche": -1,
        "hoy|esta (?:mañana|tarde|noche)": 0,
        r"(?<!la\s)(?<!esta\s)(?<!una\s)mañana|mañana por la (?:mañana|tarde|noche)": 1,
        "pasado mañana": 2,
    },
    weekdays="lunes martes mi[ée]rcoles jueves viernes s[áa]bado domingo",
    units="d[ií]as? semanas? mes(?:es)? años?",
    numbers="una? dos tres cuatro cinco seis siete ocho nueve diez once doce",
    past=r"\b(?:fui|fue|fueron|fuimos|tuve|tuvo|tuvimos|hice|hizo|hicimos|vino|vinieron|dijo|puso|estuve|estuvo"
    r"|estuvimos|di|dio|dieron|supe|pude|era|estaba|había|nació)\b"
    r"|\b(?:he|ha|hemos|han)\s\w+(?:ado|ido|to|cho)\b|\b\w{2,}(?:aron|ieron|aste|iste)\b|\b(?!qué|que|sé|café|bebé"
    r"|porqué|iré|seré)\w{2,}(?<!r)é\b|\b\w{2,}ó\b|\b(?:me|lo|la) \w+ré\b(?<!aré)(?<!eré)(?<!iré)",
    habit=(
        r"los (?:lunes|martes|mi[ée]rcoles|jueves|viernes|s[áa]bados|domingos)|tod[oa]s l[oa]s \w+|cada \w+|(?:en"
        r"|hace|dentro de) (?:un[oa]s|casi|como|más de) \w+(?: \w+)?",
    ),
    ahead=("(?:dentro de|en) {N} {U}",),
    ago=("hace {N} {U}",),
    following=("(?:la |el )?{U} (?:que viene|pr[óo]xim[oa])", "(?:la |el )?pr[óo]xim[oa] {U}"),
    coming=("(?:el )?pr[óo]ximo {W}", "(?:el )?{W} (?:que viene|pr[óo]ximo)", "este {W}"),
    last=("(?:el |la )?{X} pasad[oa]", "(?:el |la )?pasad[oa] {X}"),
    nth=(r"(?:el|del) (?:día )?{D}{.}" + _NO_CLOCK + r"(?! [a-zñ]+(?:ón|aje|era|ado)\b)", r"el día {D}{.}"),
    weekday_nth=(r"(?:el )?{W} {D}{.}" + _NO_CLOCK,),
)
_ITALIAN = Words(
    signs=r"\b(?:il|la|lo|gli|mio|mia|e|è|un|una|che|con|per|del|della|sono|ho|non|mi|si|alle|ma|di|ieri|oggi)\b",
    days={
        "l'altro ieri|altroieri|l'altroieri|avantieri": -2,
        "ieri|ieri (?:sera|mattina|notte|pomeriggio)": -1,
        "oggi|stamattina|stamani|stasera|stanotte|questa (?:mattina|sera)": 0,
        "domani|domani (?:sera|mattina|pomeriggio)|domattina": 1,
        "dopodomani": 2,
    },
    weekdays="luned[iì] marted[iì] mercoled[iì] gioved[iì] venerd[iì] sabato domenica",
    part="(?: (?:mattina|sera|pomeriggio|notte))?",
    units="giorn[oi] settiman[ae] mes[ei] ann[oi]",
    numbers="un[oa]? due tre quattro cinque sei sette otto nove dieci undici dodici",
    past=r"\b(?:ero|era|erano|aveva|avevo|fu|nacque)\b|\b(?:ho|ha|hai|abbiamo|hanno|sono|è|siamo|sei)\s(?!previst"
    r"|fissat|rimandat|spostat)"
    r"(?:(?:già|finalmente|appena|stat[oaie])\s){0,2}(?!previst|fissat)\w+(?:at|ut|it|rt|nt|ss|st|tt|s)[oaie]\b",
    habit=(
        r"(?:il|la|di|ogni|tutt[ie] (?:i|le)|le|i) (?:luned[iì]|marted[iì]|mercoled[iì]|gioved[iì]|venerd[iì]"
        r"|sabat[oi]|domenic[ah]e?)(?! (?:prossim|scors|[0-9]|della))|ogni \w+|(?:tra|fra) (?:qualche|circa) \w+|"
        r"(?:qualche|circa) \w+(?: \w+)? fa",
    ),
    ahead=("(?:tra|fra) {N} {U}",),
    ago=("{N} {U} fa",),
    following=("(?:la |il |l')?{U} prossim[oa]", "(?:la |il )?prossim[oa] {U}"),
    coming=("(?:il |la )?{W} prossim[oa]", "(?:il |la )?prossim[oa] {W}", "quest[oa] {W}"),
    last=("(?:il |la |l')?{X} (?:scors[oa]|passat[oa])", "(?:lo |la )?scors[oa] {X}"),
    nth=(r"(?:il|del|al) (?:giorno )?{D}{.}" + _NO_CLOCK + r"(?! (?:per cento|%|anni|euro))",),
    weekday_nth=(r"{W} {D}{.}" + _NO_CLOCK,),
)
_PORTUGUESE = Words(
    signs=r"\b(?:o|os|meu|minha|e|é|um|uma|que|com|por|para|do|da|na|no|não|eu|tenho|mas|em|ao|ontem|hoje|vou|dia"
    r"|se)\b",
    days={
        "anteontem": -2,
        "ontem|ontem à (?:noite|tarde)": -1,
        "hoje|hoje à (?:noite|tarde)|esta (?:manhã|tarde|noite)": 0,
        "amanhã|amanhã (?:à|de) (?:noite|tarde|manhã)": 1,
        "depois de amanhã": 2,
    },
    weekdays="segunda terça quarta quinta sexta sábado domingo",
    bare="(?:na|nesta|esta|à|da|no|ao|neste|este|até) {W}(?! (?:vez|fase|parte|divisão|classe))",
    part="(?:-feira)?",
    units="dias? semanas? m[eê]s(?:es)? anos?",
    numbers="uma? d(?:ois|uas) três quatro cinco seis sete oito nove dez onze doze",
    past=r"\b(?:fui|foi|fomos|foram|tive|teve|fiz|fez|fizemos|veio|vim|disse|era|estava|estive|esteve|nasceu|deu"
    r"|pus)\b|\b(?!sei|lei|rei|hei|meu|seu|teu|museu|europeu|vou|sou|estou|dou|céu)\w{2,}(?:ei|ou|eu|iu|aram"
    r"|eram|iram|ámos)\b(?<!rei)|\b\w{3,}(?:irei|trei)\b(?<!arei)(?<!erei)(?<!irei)",
    habit=(
        r"(?:às|aos|nas|nos) (?:segundas|terças|quartas|quintas|sextas|sábados|domingos)(?:-feiras)?|tod[oa]s? "
        r"(?:[oa]s? )?\w+|cada \w+|(?:há|faz|daqui a) (?:uns|umas|cerca de|quase|mais de) \w+(?: \w+)?",
    ),
    ahead=("(?:daqui a|dentro de|em) {N} {U}",),
    ago=("(?:há|faz) {N} {U}(?: atrás)?", "{N} {U} atrás"),
    following=("(?:n?a |o )?pr[óo]xim[oa] {U}", "(?:n?a |o )?{U} que vem"),
    coming=("(?:n?[ao] )?pr[óo]xim[oa] {W}", "(?:n?[ao] )?{W} que vem", "(?:nest[ae]|est[ea]) {W}"),
    last=("(?:n?[ao] )?{X} passad[oa]",),
    nth=(r"dia {D}{.}",),
    weekday_nth=(r"{W},? (?:dia )?{D}{.}" + _NO_CLOCK,),
)
_DUTCH = Words(
    signs=r"\b(?:ik|het|een|mijn|en|de|van|met|niet|voor|naar|heb|hebben|wij|we|zijn|is|ben|bij|onze|om|gaat|ga)\b",
    days={
        "eergisteren": -2,
        "gisteren|gister|gisteren(?:avond|ochtend|middag)|gisteravond|gisterochtend": -1,
        "vandaag|vanochtend|vanmorgen|vanmiddag|vanavond": 0,
        r"(?<!goede\s)(?<!elke\s)(?<!de\s)morgen|morgen(?:avond|middag|ochtend)": 1,
        "overmorgen": 2,
    },
    weekdays="maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
    part="(?:ochtend|middag|avond|nacht|morgen)?",
    units="dag(?:en)? we(?:ek|ken) maand(?:en)? ja(?:ar|ren)",
    numbers="één|een twee drie vier vijf zes zeven acht negen tien elf twaalf",
    past=r"\b(?:was|waren|had|hadden|werd|werden|ging|gingen|kwam|kwamen|kreeg|kregen|zei|vond|viel|brak|moest)\b"
    r"|\b(?:heb|heeft|hebben|ben|is|zijn)\b(?!.{0,40}\b(?:gepland|verzet|verplaatst|geboekt)\b).{0,80}?\b(?:\w{0,6}ge"
    r"(?!boorte)\w{2,}(?:d|t|en)|(?:ver|be|ont|her)\w{3,}(?:d|t|en))\b",
    habit=(
        r"(?:elke|iedere|ieder|elk) (?:\w+ )?\w+|'s (?:maandags|woensdags|zondags)|(?:op )?(?:maan|dins|woens|donder"
        r"|vrij|zater|zon)dag(?:en|s)|(?:over|) ?(?:een paar|ongeveer|zo'n) \w+(?: \w+)?",
    ),
    weekday_and=("{W} over {N} we(?:ek|ken)",),
    ahead=("over {N} {U}",),
    ago=("{N} {U} geleden",),
    following=("volgende? {X}",),
    coming=("(?:komende|aanstaande|aankomende) {W}",),
    last=("(?:vorige?|afgelopen) {X}",),
    this=("deze {X}", "dit {X}"),
    nth=(r"(?:op )?(?:de )?{D}(?:e|ste|de){.}(?! \w*(?:verdieping|verjaardag|keer|klas|verjaardag|poging))",),
    weekday_nth=(r"{W} (?:de )?{D}(?:e|ste|de)?{.}" + _NO_CLOCK,),
)
_POLISH = Words(
    signs=r"\b(?:mam|jest|się|nie|mój|moja|moje|mojej|na|do|że|od|dla|po|jestem|będzie|ale|mnie|ze|w|z|mi|już)\b",
    days={
        "przedwczoraj": -2,
        "wczoraj|wczoraj wieczorem": -1,
        "dzisiaj|dziś|dzis|dziś (?:rano|wieczorem)": 0,
        "jutro|jutro (?:rano|wieczorem)": 1,
        "pojutrze": 2,
    },
    weekdays="poniedział(?:ek|ku) wtor(?:ek|ku) środ[aęy] czwart(?:ek|ku) piąt(?:ek|ku) sobot[aęy] niedziel[aęi]",
    units="dzień|dni tydzień|tygodni(?:e|a|u)? miesiąc(?:e|a|u)?|miesięcy rok|lata?|lat|roku",
    numbers="jed(?:en|ną) dw(?:a|ie) trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście",
    past=r"\b(?:był|była|było|byli|byłem|byłam)\b|\b\w+(?:łem|łam|liśmy|łyśmy)\b|\b(?!mał|cał|biał|mił|stał\b)\w{2,}"
    r"(?:[aeiyęąu]ł|[aeiyęąu]ła|[aeiyęą]li|szedł|szła|ogł|ogła|ósł|osła|ało|iło|ęło)\b",
    habit=(
        r"w (?:poniedziałki|wtorki|środy|czwartki|piątki|soboty|niedziele|weekendy)|co \w+|każd\w+ \w+|(?:za|) ?"
        r"(?:kilka|parę|około|jakieś) \w+(?: \w+)?",
    ),
    ahead=("za {N} {U}", "za {U}"),
    ago=("{N} {U} temu", "{U} temu"),
    following=("(?:w )?przyszł\\w+ {X}", "(?:w )?następn\\w+ {X}"),
    coming=("(?:w )?(?:najbliższ|nadchodząc)\\w+ {W}", "w t[eęą]n? {W}"),
    last=("(?:w )?(?:zeszł|ubiegł|ostatni|minion)\\w* {X}",),
    nth=(r"{D}-?go{.}",),
    weekday_nth=(r"{W},? {D}{.}" + _NO_CLOCK,),
)
_SWEDISH = Words(
    signs=r"\b(?:jag|och|är|det|en|ett|min|mitt|mina|på|som|har|inte|för|att|vi|med|ska|till|hos|när)\b",
    days={
        "i förrgår|förrgår": -2,
        "i ?går|i ?går kväll": -1,
        "i ?dag|i ?kväll|i ?morse|i eftermiddag": 0,
        "i ?morgon|i ?morgon (?:bitti|kväll|eftermiddag)": 1,
        "i ?övermorgon": 2,
    },
    weekdays="måndag tisdag onsdag torsdag fredag lördag söndag",
    units="dag(?:ar|en)? veck(?:a|or|an) månad(?:er|en)? år(?:et)?",
    numbers="en|ett två tre fyra fem sex sju åtta nio tio elva tolv",
    past=r"\b(?:var|hade|blev|gick|kom|fick|sa|tog|föll|bröt|låg|skrev|åkte|köpte|dog|föddes|gjorde|såg)\b"
    r"|\b\w{3,}ade\b|\bhar\s(?:\w+\s){0,2}(?!bokat|planerat)\w+(?:it|at|tt|ft|nt|st)\b",
    habit=(
        r"(?:varje|varannan|alla) \w+|(?:på )?(?:mån|tis|ons|tors|fre|lör|sön)dagar(?:na)?|(?:om|för) (?:några|ett "
        r"par|cirka|ungefär) \w+(?: \w+)?",
    ),
    ahead=("om {N} {U}",),
    ago=("för {N} {U} sedan", "för {N} {U} sen"),
    following=("nästa {X}",),
    coming=("(?:nu på|kommande) {W}",),
    last=("(?:förra|förrförra|senaste) {X}",),
    this=("den här {X}", "denna {X}"),
    gone=("i {W}s",),
    nth=(r"den {D}(?::?[ea])?{.}",),
    weekday_nth=(r"{W} (?:den )?{D}(?::?[ea])?{.}" + _NO_CLOCK,),
)
_RUSSIAN = Words(
    signs=r"\b(?:я|и|в|на|у|меня|мы|мой|моя|моей|не|с|что|мне|это|наш|к|по|за|мою|нас|будет)\b|[ыэъ]",
    days={
        "позавчера": -2,
        "вчера|вчера (?:вечером|утром|ночью)": -1,
        "сегодня|сегодня (?:вечером|утром|ночью)": 0,
        "завтра|завтра (?:вечером|утром)": 1,
        "послезавтра": 2,
    },
    weekdays="понедельник вторник сред[аыу] четверг пятниц[аыу] суббот[аыу] воскресенье",
    units="дня|дней|день недел[яюьи]|недель|неделю месяц(?:а|ев|е)? год(?:а|у)?|лет",
    numbers="од(?:ин|ну) дв[ае] три четыре пять шесть семь восемь девять десять одиннадцать двенадцать",
    past=r"\b(?!школ|вокзал|мал|кол|шкал|скал|зал)\w{2,}(?:[аеиоуыяё])(?:л|ла|ли|ло|лся|лась|лись|лось)\b|\b(?:был"
    r"|была|было|были|шёл|шла|ушёл|ушла|пришёл|пришёл|пришла|мог|умер|умерла|прошёл|пошёл)\b",
    habit=(
        r"по (?:понедельникам|вторникам|средам|четвергам|пятницам|субботам|воскресеньям|выходным)|кажд\w+ \w+|через "
        r"(?:несколько|пару) \w+|(?:несколько|пару) \w+ назад",
    ),
    ahead=("через {N} {U}", "через {U}"),
    ago=("{N} {U} назад", "{U} назад"),
    following=("(?:в |на )?следующ\\w+ {X}",),
    coming=("(?:в )?(?:ближайш\\w+|эт[оу]т?) {W}",),
    last=("(?:в |на )?прошл\\w+ {X}",),
    nth=(r"{D}(?:-?го)? числа", r"{D}-го{.}"),
    weekday_nth=(r"{W},? {D}(?:-го)?{.}" + _NO_CLOCK,),
)
_UKRAINIAN = Words(
    signs=r"\b(?:я|і|й|в|у|на|мене|ми|мій|моя|не|з|що|мені|це|та|до|буде)\b|[іїєґ]",
    days={"позавчора": -2, "вчора|учора": -1, "сьогодні": 0, "завтра": 1, "післязавтра": 2},
    weekdays="понеділ(?:ок|ка) вівтор(?:ок|ка) серед[ауи] четвер п'ятниц[яюі] субот[ауи] неділ[яюі]",
    units="днів|дні|день тижн(?:і|ів|я|день)|тиждень місяц(?:ь|і|ів) р(?:ік|оки|оків)",
    numbers="од(?:ин|ну) дв[аі] три чотири п'ять шість сім вісім дев'ять десять",
    past=r"\b(?!шкал|школ|лев|здоров|кров)\w{2,}[аеиіоуюя](?:в|ла|ли|ло|вся|лася|лися|лося)\b",
    habit=(r"по (?:понеділках|вівторках|середах|четвергах|п'ятницях|суботах|неділях)|кож\w+ \w+|щотижня|щопонеділка",),
    ahead=("через {N} {U}", "через {U}"),
    ago=("{N} {U} тому", "{U} тому"),
    following=("(?:у |в |на )?наступн\\w+ {X}",),
    coming=("(?:у |в )?(?:найближч\\w+|цю|цей|цього) {W}",),
    last=("(?:у |в |на )?минул\\w+ {X}",),
    nth=(r"{D}-?го{.}", r"{D} числа"),
)
EUROPEAN = (_GERMAN, _FRENCH, _SPANISH, _ITALIAN, _PORTUGUESE, _DUTCH, _POLISH, _SWEDISH, _RUSSIAN, _UKRAINIAN)
