import re
from datetime import UTC, date, datetime, timedelta, timezone
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcli.memory.formation.dating import Dated, when

THURSDAY = datetime(2025, 5, 15, 14, 30, tzinfo=UTC)


def dates(clause: str, said: datetime = THURSDAY, sentence: str = "") -> str | None:
    """Return "from" or "from..to", "..to" where it has no beginning; None where the clause names no sure time."""
    found = when(clause, said, sentence=sentence)
    if not found:
        return None
    return f"{found.valid_from or ''}..{found.valid_to}" if found.valid_to else found.valid_from


def table(text: str) -> list[tuple[str, str | None]]:
    """Read lines of "clause = answer", in which - is None."""
    pairs = (line.rsplit(" = ", 1) for line in text.strip().splitlines())
    return [(clause.strip(), None if answer == "-" else answer) for clause, answer in pairs]


@pytest.mark.parametrize(
    ("clause", "expected"),
    table("""
        we had the roof looked at yesterday = 2025-05-14
        chimney sweep today at noon = 2025-05-15
        I've lost my badge this morning = 2025-05-15
        tonight we toast the new kitchen = 2025-05-15
        last night the pipe burst = 2025-05-14
        the plumber is here tomorrow = 2025-05-16
        exam tmrw, so nervous = 2025-05-16
        hols start 2moro = 2025-05-16
        seeing the bank day after tmrw = 2025-05-17
        day before yesterday the fence blew over = 2025-05-13
        two weeks ago I planted the hedge = 2025-05-01
        I planted the hedge a fortnight ago = 2025-05-01
        eleven days back we adopted a hen = 2025-05-04
        she retired a month ago = 2025-04
        six months ago I took up rowing = 2024-11
        we met two years ago = 2023
        he left an hour ago = 2025-05-15
        in ten days the scaffolding comes down = 2025-05-25
        in 3 weeks' time I'm off to Oslo = 2025-06-05
        in a fortnight I'm fifty = 2025-05-29
        three weeks from now we exchange keys = 2025-06-05
        four weeks from today is the vote = 2025-06-12
        a week tomorrow the twins are back = 2025-05-23
        a week on Tuesday the lift is replaced = 2025-05-27
        Monday week I'm in court = 2025-05-26
        in two months the lease is up = 2025-07
        my viva is today week = 2025-05-22
    """),
)
def test_what_is_counted_from_the_moment_is_as_precise_as_it_was_counted(clause: str, expected: str | None) -> None:
    assert dates(clause) == expected


@pytest.mark.parametrize(
    ("clause", "expected"),
    table("""
        I sprained my ankle on Friday = 2025-05-09
        Friday I sprained my ankle = 2025-05-09
        the kiln broke sunday = 2025-05-11
        on Friday I start at the mill = 2025-05-16
        the surveyor is coming on Monday = 2025-05-19
        vet thursday 9am = 2025-05-22
        mri tues = 2025-05-20
        Sat 7pm quiz at the Anchor = 2025-05-17
        optician, wed at 3 = 2025-05-21
        next Tuesday my brother gets his cast off = 2025-05-20
        next Friday is the concert = 2025-05-23
        this Saturday we christen Ada = 2025-05-17
        this Monday they fired me = 2025-05-12
        last Thursday I sold the van = 2025-05-08
        Saturday just gone we got engaged = 2025-05-10
        inspection is Wednesday next week = 2025-05-21
        last week on Wednesday he proposed = 2025-05-07
        the dress I ordered arrives Saturday = 2025-05-17
        they moved the hearing to Monday = 2025-05-19
        the hearing was moved from Tuesday to Wednesday = 2025-05-21
        I booked the physio for Tuesday = 2025-05-20
        I've got my oral exam on Tuesday = 2025-05-20
        it's on Tuesday, not Monday = 2025-05-20
        I have a bad cold since Monday = 2025-05-12
        my crown gets fitted on Monday = 2025-05-19
        she told me on Monday we're broke = 2025-05-12
        I was invited to a christening on Sunday = -
        my sister wed on Saturday = 2025-05-10
    """),
)
def test_a_weekday_is_the_last_one_behind_a_past_verb_and_else_the_coming_one(
    clause: str, expected: str | None
) -> None:
    assert dates(clause) == expected


@pytest.mark.parametrize(
    ("clause", "expected"),
    table("""
        boiler service on the 27th = 2025-05-27
        the audit is on the 9th = 2025-06-09
        we scattered her ashes on the 9th = 2025-05-09
        I crashed the car on the 30th = 2025-04-30
        report due by the 31st = 2025-05-31
        Friday the 23rd I give my speech = 2025-05-23
        on Tuesday the 6th I had the biopsy = 2025-05-06
        on the 22nd of last month I quit = 2025-04-22
        the 5th of next month we fly = 2025-06-05
        the bond matures on the twentieth of this month = 2025-05-20
        my contract ends at the end of the month = 2025-05-31
        we hope to move at the end of the month = 2025-05
        the gala is on 14 June = 2025-06-14
        we married on 14 June = 2024-06-14
        the seventh of July is our big day = 2025-07-07
        I qualified on June fourteenth 2019 = 2019-06-14
        Mum died on 3 March 2011 = 2011-03-03
        I broke my wrist in March = 2025-03
        we're off to Crete in September = 2025-09
        November next year I retire = 2026-11
        last August we bought the boat = 2024-08
        next June we marry = -
        next month my son enlists = 2025-06
        in 2019 I moved to Bergen = 2019
        last year I ran my first marathon = 2024
        on Christmas Eve my son lands = 2025-12-24
        on Boxing Day he fell ill = 2024-12-26
        Easter Monday we hiked up there = 2025-04-21
        on Good Friday I gave notice = 2025-04-18
        I'm seeing them over new year = 2025-12-31..2026-01-01
        at Easter my aunt came over = 2025-04
        the hip was done on 2 May = 2025-05-02
        new hip on 2 May = -
    """),
)
def test_a_day_or_month_without_its_year_is_the_nearest_that_fits_the_tense(clause: str, expected: str | None) -> None:
    assert dates(clause) == expected


@pytest.mark.parametrize(
    ("clause", "expected"),
    table("""
        next weekend we're camping = 2025-05-24..2025-05-25
        this weekend I'm on call = 2025-05-17..2025-05-18
        last weekend the barn caught fire = 2025-05-10..2025-05-11
        last week I passed my theory test = 2025-05-05..2025-05-11
        we're in Ghent from 3 to 7 June = 2025-06-03..2025-06-07
        June 3-7 I'm at the conference = 2025-06-03..2025-06-07
        I'm away from the 3rd to the 7th = 2025-06-03..2025-06-07
        I was in hospital from Friday to Monday = 2025-05-09..2025-05-12
        the fair runs from 30 May to 2 June = 2025-05-30..2025-06-02
        we play on Friday and Saturday = 2025-05-16..2025-05-17
        Hilde gets here on Saturday and stays until 2 June = 2025-05-17..2025-06-02
        she stays until 2 June = ..2025-06-02
        I taught in Lima from 2016 to 2018 = 2016..2018
    """),
)
def test_a_stretch_of_days_has_both_ends(clause: str, expected: str | None) -> None:
    assert dates(clause) == expected


@pytest.mark.parametrize(
    "clause",
    """on Tuesdays I swim|every Friday we eat out|most weekends I'm at the allotment|I work Monday to Friday
    |bins go out every second Wednesday|I train mon wed fri at 6|a few days ago I slipped|years ago I ran a bakery
    |the other week I fell|when I was nine we emigrated|in year 9 I was expelled|my sister's 30th birthday
    |he came third in the regatta|we lived there for two weeks|I finished it in three weeks|my first cold in two years
    |two summers ago I cycled to Rome|over the summer holidays he grew|on my birthday we went sailing
    |the day after the wedding she left|I saw Sun Li about the job|the cat sat on the mat|I may be late
    |on Tuesday or Wednesday the parcel comes|we march for peace|the second attempt failed|twice a week I fast
    |about two weeks ago my tooth broke|Thu Trang is my aunt|31 June is the deadline|a Sunday roast would be nice
    |I worked there for ten years|the day before my exam|I drive a 2019 Fiat|before Easter we painted the hall
    |I moved out yesterday and get the keys on Saturday|my room is 2014|it takes three days|my left knee hurts
    |payday is the 25th of every month|the bach is ours from 2nd May|my shift runs Monday to Wednesday"""
    .replace("\n", "").split("|"),
)  # fmt: skip
def test_habits_and_vague_or_doubtful_times_date_nothing(clause: str) -> None:
    assert dates(clause.strip()) is None


@pytest.mark.parametrize(
    ("clause", "expected"),
    table("""
        gestern habe ich gekündigt = 2025-05-14
        vorgestern war der Klempner da = 2025-05-13
        übermorgen ziehe ich um = 2025-05-17
        am Montag habe ich die Prüfung bestanden = 2025-05-12
        am Montag fange ich an = 2025-05-19
        in zwei Wochen fliegen wir nach Porto = 2025-05-29
        vor drei Wochen ist mein Hund gestorben = 2025-04-24
        am Samstag in einer Woche ist das Fest = 2025-05-24
        letzten Freitag bin ich gestürzt = 2025-05-09
        am 3. Juni kommt der Gutachter = 2025-06-03
        montags gehe ich schwimmen = -
        nächsten Monat ziehen wir um = 2025-06
        hier je me suis cassé le bras = 2025-05-14
        après-demain je passe le permis = 2025-05-17
        mardi je commence mon stage = 2025-05-20
        j'ai vu le médecin mardi = 2025-05-13
        dans trois semaines nous partons = 2025-06-05
        il y a dix jours ma sœur a accouché = 2025-05-05
        le lundi je fais du judo = -
        j'ai déménagé le 2 mai = 2025-05-02
        ayer me robaron la bici = 2025-05-14
        pasado mañana tengo el examen = 2025-05-17
        el martes operan a mi padre = 2025-05-20
        el martes operaron a mi padre = 2025-05-13
        hace dos semanas dejé de fumar = 2025-05-01
        la semana que viene me mudo = 2025-05-19..2025-05-25
        los martes voy a clase de canto = -
        ieri ho perso il treno = 2025-05-14
        dopodomani mi sposo = 2025-05-17
        tra dieci giorni parto per Oslo = 2025-05-25
        due settimane fa ho cambiato lavoro = 2025-05-01
        ontem fui ao dentista = 2025-05-14
        depois de amanhã viajo para o Porto = 2025-05-17
        na terça tenho exame = 2025-05-20
        daqui a duas semanas começo = 2025-05-29
        gisteren ben ik gevallen = 2025-05-14
        overmorgen krijg ik de sleutels = 2025-05-17
        over twee weken verhuis ik = 2025-05-29
        drie dagen geleden is mijn fiets gestolen = 2025-05-12
        wczoraj zdałam egzamin = 2025-05-14
        pojutrze mam rozmowę = 2025-05-17
        w piątek kupiłem rower = 2025-05-09
        za dwa tygodnie lecimy = 2025-05-29
        3 maja się przeprowadziliśmy = 2025-05-03
        igår bröt jag armen = 2025-05-14
        i tisdags fick jag jobbet = 2025-05-13
        på tisdag opereras jag = 2025-05-20
        om tre veckor flyttar vi = 2025-06-05
        вчера я сдала экзамен = 2025-05-14
        послезавтра мы летим = 2025-05-17
        во вторник у меня операция = 2025-05-20
        две недели назад я бросил курить = 2025-05-01
        через неделю переезжаем = 2025-05-22
        昨天我摔了一跤 = 2025-05-14
        下周五我要面试 = 2025-05-23
        上周二他住院了 = 2025-05-06
        三天前我辞职了 = 2025-05-12
        6月3号我们搬家 = 2025-06-03
        每周三我打球 = -
        明後日引っ越します = 2025-05-17
        来週の火曜に検査があります = 2025-05-20
        二週間前に転職しました = 2025-05-01
        来月引っ越します = 2025-06
        어제 이사했어요 = 2025-05-14
        다음 주 화요일에 수술이 있어요 = 2025-05-20
        3일 전에 퇴사했어요 = 2025-05-12
    """),
)
def test_the_commonest_times_of_other_languages_are_read(clause: str, expected: str | None) -> None:
    assert dates(clause) == expected


def test_the_sentence_lends_its_verb_or_its_opening_time() -> None:
    assert dates("on the 8th", sentence="moving day on the 8th") == "2025-06-08"
    assert dates("on the 8th", sentence="the cat died on the 8th") == "2025-05-08"
    assert dates("got the stitches out", sentence="Mon - got the stitches out") == "2025-05-12"
    assert dates("I bought a tent", sentence="Yesterday, I bought a tent") == "2025-05-14"
    assert dates("I bought a tent", sentence="We leave on Friday, so I bought a tent") is None
    assert dates("dentist on Monday", sentence="dentist on Monday, nothing packed") == "2025-05-19"


def test_days_are_those_of_the_clock_of_who_said_it() -> None:
    late = datetime(2025, 5, 15, 0, 40, tzinfo=timezone(timedelta(hours=9)))
    assert dates("I resigned yesterday", late) == "2025-05-14"
    assert dates("last night the dog had pups", late) == "2025-05-14"
    assert dates("in two hours my flight leaves", THURSDAY.replace(hour=23)) == "2025-05-16"


def test_the_words_that_named_it_are_told() -> None:
    assert when("I’m off to Rome next Friday at 6", THURSDAY) == Dated("2025-05-23", None, "next Friday")


_WORDS = st.sampled_from(
    """in on since from to until by for the a an this next last coming friday mon sat thu monday weekend week
    weeks month year 3rd 31st 14th 7 29 99 999 february may june 2023 ago back today tomorrow tmrw
    yesterday night of end christmas easter new day after before not was will is moved had i and or - –
    , . gestern am montag in vor zwei wochen le lundi hier el martes hace na terça 3. og 昨天 下周三 来週の火曜
    28日 3일 전 ２０ ٢٠ İ ß 29 9999 0001-01-01 fortnight every""".split()
)
_TEXTS = st.text() | st.lists(_WORDS, max_size=9).map(" ".join) | st.lists(_WORDS, max_size=6).map("".join)
_MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))]))
_ISO = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")


@given(_TEXTS, _TEXTS, _MOMENTS)
@settings(max_examples=500, deadline=None)
def test_any_text_at_any_time_gives_iso_dates_in_order_or_none(clause: str, before: str, said: datetime) -> None:
    for found in (when(clause, said), when(clause, said, sentence=f"{before} {clause}")):
        if found is None:
            continue
        ends = [end for end in (found.valid_from, found.valid_to) if end]
        assert ends
        for end in ends:
            assert _ISO.fullmatch(end)
            date.fromisoformat((end + "-01-01")[:10])
        assert ends == sorted(ends)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["last ", "the 3rd ", "mon ", "in two ", "a few ", "am ", "le ", "no ", "hat ge", "昨天"]
)
def test_a_very_long_clause_is_read_in_little_time(piece: str) -> None:
    began = process_time()
    when(f"yesterday {piece * (100_000 // len(piece))}", THURSDAY, sentence="x" * 100_000)
    assert process_time() - began < 10  # seconds; in quadratic time it would be minutes
