"""The marks of a clause: patterns for who speaks of whom, its time, its mood, what it is about. Pure.

The weights of the judge were fitted to exactly these, in this order: a change here asks for another fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from memcli.memory.formation.patterns import anywhere, words

# --- how a clause opens: a word or a few that lead in, and what follows them ---


def _opens(leads: str, most: int, what: str, end: str = r"\b") -> re.Pattern[str]:
    """Return a pattern that is to be matched at the start: `what`, behind at most so many of `leads`."""
    return anywhere(rf"\W*(?:(?:{leads})[, ]+){{0,{most}}}(?:{what}){end}")


_TELLING = r"and|but|so|also|oh|well|ok|btw|fyi|because|since|as|that|anyway|plus|hi|hey|now"
_LINKING = r"and|but|so|also|because|since"
_TURNING = r"and|but|so|also|ok|okay|hey|hi|well|now|then|oh|anyway|btw"
_AUXILIARIES = r"is|are|do|does|did|will|should|can"
_ASK = (
    r"what(?:['’]?s)?|how(?:['’]?s)?|which|who(?:['’]?s)?|whom|whose|where(?:['’]?s)?|"
    rf"when(?=\s+(?:{_AUXILIARIES}))|why|"
    r"is|are|am i|can|could|would|will|should|shall|do|does|did|has|have you|have they|any|are there|is there|"
    r"isn['’]?t|aren['’]?t|don['’]?t you|doesn['’]?t|won['’]?t|wouldn['’]?t"
)
_REQUEST = (
    r"(?:can|could|would|will) (?:you|u|we)|please|pls|plz|help|give|gimme|tell|show|suggest|recommend|write|draft|"
    r"explain|make|find|plan|list|translate|summari[sz]e|compare|create|generate|rewrite|rephrase|redo|fix|check|"
    r"convert|calculate|compute|design|build|walk me|talk me|remind me|pick|name|describe|outline|"
    r"need (?:a|an|some|help|to know|ideas|advice)|i need|looking for|i['’]?d like|i want (?:to know|a|an)|wondering|"
    r"ideas|tips|advice|thoughts|quick|question"
)
_THIRD = r"he|she|they|it|this|that|these|there|he['’]s|she['’]s|shes|hes|they['’]re|it['’]?s|that['’]?s|there['’]?s"
_SUBORDINATES = (
    r"when|whenever|if|every time|each time|before|after|any ?time|once|unless|until|while|since|as|because|although|"
    r"though"
)
OPENINGS: Mapping[str, re.Pattern[str]] = {
    "opens_i": _opens(_TELLING, 3, r"i|i['’]?m|im|i['’]?ve|ive|i['’]?d|we|we['’](?:re|ve)"),
    "opens_my": _opens(_TELLING, 3, r"my|our"),
    "opens_third": _opens(_LINKING, 2, _THIRD),
    "opens_asking": _opens(rf"{_TURNING}|like|because", 3, _ASK, r"(?![\w'’])"),
    "opens_request": _opens(rf"{_TURNING}|just|first|next", 3, _REQUEST, r"(?![\w'’])"),
    "opens_wh_clause": anywhere(rf"\W*(?:{_SUBORDINATES})\b"),
}

# --- of whom it speaks ---

_PEOPLE = (
    r"mum|mom|mother|dad|father|parents?|wife|husband|partner|spouse|fianc[ée]e?|girlfriend|boyfriend|bf|gf|ex|son|"
    r"daughter|kids?|child|children|baby|toddler|twins?|brother|sister|sibling|nan|gran|grandma|grandmother|grandpa|"
    r"grandad|grandfather|grandson|granddaughter|aunt(?:ie|y)?|uncle|cousin|niece|nephew|(?:step|half-?)\w+|"
    r"(?:\w+-?|-)-in-law|in-laws|boss|manager|colleague|coworker|flatmate|housemate|roommate|neighbou?r|landlord|"
    r"landlady|tenant|friend|mate|best friend|teacher|tutor|coach|supervisor|doctor|gp|dentist|therapist|physio|"
    r"consultant|vet|lawyer|solicitor|accountant|cleaner|nanny|pastor|rabbi|imam|"
    r"dog|cat|puppy|kitten|horse|pony|rabbit|hamster|parrot|tortoise|hens?|goats?|pet"
)
_STATES = (
    r"i['’]?m|im|i am|we['’]?re|we are|i['’]?ve got|i have|we have|i['’]?ve|ive got|"
    r"i (?:own|live|work|teach|study|run|drive|play|speak|grew|use)"
)
_PERSONS: Mapping[str, re.Pattern[str]] = {
    "i": words(r"i|i['’]?m|im|i['’]?ve|ive|i['’]?d|i['’]?ll|me|myself"),
    "my": words(r"my|mine|our|ours"),
    "we": words(r"we|we['’](?:re|ve|d|ll)|us"),
    "you": words(r"you|your|yours|u|ur|you['’]?(?:re|ve|ll|d)"),
    "third": words(r"he|she|they|him|her|his|their|them|he['’]?s|she['’]?s|they['’]?re|shes|hes"),
    "it": words(r"it|it['’]?s|this|that|these|those|that['’]?s"),
    "people": words(_PEOPLE),
    "negation": anywhere(
        r"n['’]?t\b|\b(?:not|no|never|none|nothing|neither|nor|without|hardly|no longer|anymore|cannot|nope)\b"
    ),
}
_STATING: Mapping[str, re.Pattern[str]] = {
    "state": anywhere(rf"\b(?:{_STATES})\b"),
    "is_called": words(r"called|named|name is|name['’]s|names|nicknamed|known as|spelled|spelt"),
    "copula": anywhere(r"\b(?:is|are|was|were)\b|['’](?:s|re|m)\b"),
}

# --- when it is so ---

_DAYS = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days"
_PAST = (
    r"was|were|had|went|did|got|met|saw|came|left|took|made|won|lost|began|bought|broke|flew|gave|ran|said|told|found|"
    r"sold|fell|moved|passed|\w{3,}ed"
)
_ADVERBS = r"\w+ly |just |never |always |finally |already "
_PARTICIPLES = r"been|\w+ed|gone|got|done|made|had|taken|given|become|started|left|moved"
_AHEAD = (
    r"will|going to|gonna|due|booked|scheduled|starts?|appointment|deadline|flying|coming|arrives?|interview|exam|"
    r"flight"
)
_POINTS_IN_TIME = (
    r"yesterday|today|tonight|tomorrow|ago|"
    r"last (?:night|week|month|year|spring|summer|autumn|fall|winter|\w+day)|"
    r"next (?:week|month|year|\w+day)|"
    r"this (?:morning|afternoon|evening|weekend|week|month|summer|year|\w+day)|"
    r"(?:on|by|until|till|from)? ?(?:the )?\d{1,2}(?:st|nd|rd|th)|"
    r"in (?:a|an|two|three|four|five|six|seven|\d+) (?:days?|weeks?|months?|years?|hours?)|"
    rf"{_DAYS}?|tmrw|tmw|"
    r"january|february|march|april|june|july|august|september|october|november|december|christmas|easter|weekend"
)
_TIMES: Mapping[str, re.Pattern[str]] = {
    "past": anywhere(rf"\b(?:{_PAST})\b"),
    "perfect": anywhere(rf"\b(?:have|has|['’]ve|['’]s|ive|just) (?:{_ADVERBS})?(?:{_PARTICIPLES})\b"),
    "future": anywhere(rf"\b(?:{_AHEAD})\b|['’]ll\b"),
    "time": anywhere(rf"\b(?:{_POINTS_IN_TIME})\b"),
    "habit": words(
        r"always|never|usually|every|each|often|normally|generally|most days|weekends|"
        rf"{_DAYS}|nights|mornings|weekly|daily|since"
    ),
    "now": words(
        r"now|these days|nowadays|currently|at the moment|no longer|anymore|any more|used to|instead|already|finally|"
        r"just"
    ),
}

# --- orders: for good or for once ---

_FOR_GOOD = (
    r"from now on|going forward|in (?:the )?future|from here on|henceforth|always|never|whenever|every time|each time|"
    r"any ?time|as a rule|by default|when(?:ever)? i|if i (?:ever )?(?:ask|say|type|send|paste|mention)|"
    r"make (?:it )?a habit|rule|for good|until further notice|stop \w+ing|no more|don['’]?t ever|keep|remember to|"
    r"remember that"
)
_FOR_ONCE = (
    r"this (?:one|time|answer|text|email|letter|question|list|recipe)|here|just this once|for now|right now|tonight|"
    r"around \d+|about \d+|under \d+|max(?:imum)?|below|above|following|attached|the first|the second|"
    r"in the (?:text|email|letter)"
)
_ORDERS: Mapping[str, re.Pattern[str]] = {
    "standing": anywhere(rf"\b(?:{_FOR_GOOD})\b"),
    "reply": words(
        r"answers?|repl(?:y|ies)|respond|responses?|messages?|explanations?|emojis?|bullet|tone|call me|address me|"
        r"format|language|units?|metric|celsius|summar\w+|sentences?|words?|spelling|code|examples?|sources?|jargon|"
        r"jokes?|apologi\w+"
    ),
    "once": anywhere(rf"\b(?:{_FOR_ONCE})\b"),
}

# --- how it is meant ---

_IRREAL = (
    r"if i (?:were|was|had|won|could)|were i|imagine|suppose|supposing|pretend|let['’]?s (?:say|play|pretend)|say i|"
    r"what if|i wish|would (?:be|have|love|like)|could have|might|maybe|perhaps|hypothetical\w*|as if|like i['’]m"
)
_JOKES = r"lol|lmao|haha\w*|hehe|jk|kidding|joking|/s|basically|practically|literally|apparently|devil|universe"
_PLEASANTRIES = (
    r"hi|hello|hey\w*|hiya|yo|thanks|thank you|thx|ta|cheers|bye|morning|evening|goodnight|ok|okay|cool|great|perfect|"
    r"nice|sorry|sure|yes|yep|no worries|got it|welcome|congrats|legend|star|lovely|brilliant|awesome"
)
_MOODS: Mapping[str, re.Pattern[str]] = {
    "irreal": anywhere(rf"\b(?:{_IRREAL})\b|\bi['’]d\b"),
    "joke": anywhere(rf"\b(?:{_JOKES})\b|😂|🤣"),
    "pleasantry": anywhere(rf"\b(?:{_PLEASANTRIES})\b"),
    "think": words(
        r"think|guess|believe|reckon|suppose|wonder|know|hope|feel|seems?|sounds?|looks?|mean|bet|understand|understood"
    ),
    "like": words(
        r"love|like|hate|prefer|loathe|enjoy|adore|detest|dislike|rather|favou?rite|fan|can['’]?t stand|cannot stand|"
        r"can['’]?t bear|allergic|allergy|intolerant|vegan|vegetarian|halal|kosher|into|obsessed|keen"
    ),
}

# --- what it names, in any language ---

_I_ABROAD = (
    r"ich|mein\w*|mir|mich|wir|unser\w*|"
    r"je|j['’]|mon|ma|mes|moi|notre|nous|"
    r"yo|mi|mis|tengo|soy|vivo|trabajo|nuestr[oa]|"
    r"io|mio|mia|sono|ho|abito|lavoro|"
    r"eu|meu|minha|moro|tenho|sou|"
    r"ik|mijn|ben|wij|"
    r"ja|mój|moja|moje|mam|jestem|"
    r"jag|min|mitt|mina|har|"
    r"benim|ev|saya|aku|ku"
)
_I_WIDE = r"私|僕|俺|わたし|うち|我|저|제|나는|내|मैं|मेर|मुझ|أنا|لدي|عندي"
_I_SLAVIC = r"я|мой|моя|моё|мне|меня|мы|мій|мене|мені"
_YOU_ABROAD = (
    r"du|dir|dich|dein\w*|bitte|kannst|"
    r"tu|te|ton|votre|vous|peux|peux-tu|pouvez|"
    r"puedes|podrías|tú|usted|por favor|"
    r"puoi|potresti|pode|você|"
    r"kun je|kan je|alsjeblieft|możesz|proszę|kan du|snälla|lütfen|tolong|bisa"
)
_YOU_WIDE = r"ください|教えて|请|請|吗|呢|주세요|까요|कृपया|क्या|من فضلك|هل"
_YOU_SLAVIC = r"пожалуйста|можешь|можно|ли|будь ласка"
_NAMED: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"\d"),
    "big_number": re.compile(r"\d{4,}|\d[-/]\d|\d[A-Z]|@\w|[£$€₹]\s?\d"),
    "name": re.compile(r"(?<=[a-z,'’;:(] )[A-Z][a-zé'’-]{2,}"),
    "code": re.compile(r"[{}<>=_\\$#]|\w\(\)|\w\.\w+\(|\.(?:py|js|txt|csv|json|md|sh)\b|--\w"),
    "foreign_self": anywhere(rf"\b(?:{_I_ABROAD})\b|{_I_WIDE}|\b(?:{_I_SLAVIC})\b"),
    "foreign_you": anywhere(rf"\b(?:{_YOU_ABROAD})\b|{_YOU_WIDE}|\b(?:{_YOU_SLAVIC})\b"),
}

MARKS = {**_PERSONS, **OPENINGS, **_STATING, **_TIMES, **_ORDERS, **_MOODS, **_NAMED}


def seen(text: str) -> list[float]:
    """Return for each of MARKS whether the text has it: 1 or 0."""
    return [
        float(bool(pattern.match(text) if name in OPENINGS else pattern.search(text)))
        for name, pattern in MARKS.items()
    ]
