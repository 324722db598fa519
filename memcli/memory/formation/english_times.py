"""English phrases that date an event, and those that only sound like it: rules in the order in which they take."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

from memcli.memory.formation import english_words as words
from memcli.memory.formation import tense, times
from memcli.memory.formation.english_words import (
    ANY_DAY,
    DAY_NAME,
    MONTH,
    NO_NOUN,
    NUMBER,
    ORDINAL,
    SEASON,
    THE_DAY,
    TODAY,
    TOMORROW,
    UNIT,
    WEEKDAY,
    WEEKS,
    YESTERDAY,
)
from memcli.memory.formation.times import VOID, Grain, Said, Tense, Time, rule, void
from memcli.memory.periods import stretches
from memcli.memory.periods.phrases import MONTHS

_WHICH = {"last": -1, "past": -1, "next": 1, "coming": 1, "following": 1}


def _away(match: re.Match[str], said: Said, *, back: bool = False) -> Time:
    return times.shifted(said, words.count(match["n"]) * (-1 if back else 1), words.unit(match["unit"]))


def _ahead(match: re.Match[str], said: Said) -> Time:
    """Read "in three weeks", which with a past verb is how long something took."""
    start, end = times.span(match)
    introduced = match.string[:start].rfind(":")  # "they gave me a slot: scan in three weeks"
    past = said.lean(start, end) is Tense.PAST and (
        introduced < 0 or bool(tense.signals(match.string[introduced:start]))
    )
    return VOID if past else _away(match, said)


def _from_day(match: re.Match[str], said: Said) -> Time:
    """Read "three weeks from today", "a week tomorrow", "a fortnight on Tuesday", "Tuesday week"."""
    if said.lean(*times.span(match)) is Tense.PAST:
        return VOID
    groups = match.groupdict()
    if name := groups.get("weekday"):
        base = times.coming(said.today, words.weekday(name)).first or said.today
    else:
        base = said.today + timedelta(days=int(bool(re.match(TOMORROW, groups["base"] or ""))))
    number = words.count(groups.get("n") or "a")
    return times.shifted(Said(said.now + (base - said.today), said.lean), number, words.unit(match["unit"]))


def _neighbour(match: re.Match[str], said: Said) -> Time:
    """Read "last week", "this month", "the coming weekend", "the week before last"."""
    groups = match.groupdict()
    if "twice" in groups:
        return times.neighbour(said, -2 if groups["twice"] == "before last" else 2, match["unit"])
    which = groups["which"].split()[-1]
    if match["unit"] == "weekend" and which == "coming":
        return times.weekend(said.today, 0)
    return times.neighbour(said, _WHICH.get(which, 0), match["unit"])


def _weekend(match: re.Match[str], said: Said) -> Time:
    """Read "this weekend" and "at the weekend" by the tense; on Saturday and Sunday it is the one that runs."""
    tense = said.lean(*times.span(match))
    if tense is Tense.UNSURE:
        return VOID
    return times.weekend(said.today, -1 if tense is Tense.PAST and said.today.weekday() < 5 else 0)


def _in_week(match: re.Match[str], said: Said) -> Time:
    return times.of_week(said.today, words.weekday(match["weekday"]), _WHICH.get(match["which"], 0))


def _which_weekday(match: re.Match[str], said: Said) -> Time:
    """Read "last Friday", "this Friday", "next Friday": the last is of the coming week, which begins on Monday."""
    number, which = words.weekday(match["weekday"]), match["which"].split()[-1]
    if which == "next":
        return times.of_week(said.today, number, 1)
    if which in ("last", "past", "gone"):
        return times.gone(said.today, number)
    if which == "this" and number == said.today.weekday():
        return times.day(said.today)
    past = which == "this" and said.lean(*times.span(match)) is Tense.PAST
    return (times.gone if past else times.coming)(said.today, number)


def _bare_weekday(match: re.Match[str], said: Said) -> Time:
    return times.weekday(said, words.weekday(match["weekday"]), *times.span(match))


def _monthday(match: re.Match[str], said: Said) -> Time:
    """Read "the 14th" and "Friday the 14th"."""
    name = match.groupdict().get("weekday")
    number = words.ordinal(match["day"] or match["figure"])
    return times.monthday(said, number, *times.span(match), weekday=words.weekday(name) if name else None)


def _monthday_of(match: re.Match[str], said: Said) -> Time:
    first = times.month(said.today, _WHICH.get(match["which"].split()[-1], 0)).first or said.today
    return Time(first.replace(day=words.ordinal(match["day"])))


def _monthdays(match: re.Match[str], said: Said) -> Time:
    """Read "from the 3rd to the 7th"."""
    first = times.monthday(said, words.ordinal(match["day"]), *times.span(match)).first
    if first is None:
        return VOID
    number = words.ordinal(match["last"])
    if number > first.day:
        return Time(first, first.replace(day=number))
    return Time(first, (times.month(first, 1).first or first).replace(day=number))


def _spelt_date(match: re.Match[str], said: Said) -> Time:
    """Read "the seventh of July", "June fourteenth", "from 3 to 7 May"."""
    groups = match.groupdict()
    said_year = int(groups["year"]) if groups.get("year") else None
    found = times.yearly(
        said, lambda it: date(it, MONTHS[match["month"]], words.ordinal(match["day"])), *times.span(match)
    )
    if said_year and found.first:
        found = Time(found.first.replace(year=said_year))
    if not groups.get("last") or found.first is None:
        return found
    last = found.first.replace(day=words.ordinal(match["last"]))
    return Time(found.first, last) if last > found.first else VOID


def _which_month(match: re.Match[str], said: Said) -> Time:
    """Read "last March" and "next March"; "this March" and "November next year" name their year."""
    number, which, groups = MONTHS[match["month"]], match["which"], match.groupdict()
    if "of_year" in groups or which == "this":
        return Time(date(said.today.year + _WHICH.get(which, 0), number, 1), grain=Grain.MONTH)
    back = which in ("last", "past")
    if (number < said.today.month) if back else (number > said.today.month):
        return VOID  # "next June", said in May, may be this year's or the next one's
    return times.month(said.today, number - said.today.month + (-12 if back else 12))


def _end_of_month(match: re.Match[str], said: Said) -> Time:
    """Read "the end of the month": its last day where something ends then, else the month."""
    whole = times.month(said.today, _WHICH.get(match["which"] or "", 0))
    before = match.string[max(match.start() - 60, 0) : match.start()]
    return Time(whole.until) if _ENDING.search(before) else whole


_ENDING = re.compile(
    r"\b(?:end(?:s|ed|ing)?|expir\w+|runs?\sout|ran\sout|due|deadline|last\sday|finish\w*|clos(?:e|es|ed|ing)|by"
    r"|until|till?)\b"
)


def _easter(away: int) -> Callable[[int], date]:
    return lambda it: stretches.easter(it).date() + timedelta(days=away)


def _thanksgiving(it: int) -> date:
    return stretches.holiday("thanksgiving", it).start.date()


_FEASTS: dict[str, Callable[[int], date]] = {
    r"christmas eve|xmas eve": lambda it: date(it, 12, 24),
    r"(?:christmas|xmas) day": lambda it: date(it, 12, 25),
    r"boxing day": lambda it: date(it, 12, 26),
    r"new year'?s eve|hogmanay|nye": lambda it: date(it, 12, 31),
    r"new year'?s day": lambda it: date(it, 1, 1),
    r"valentine'?s(?: day)?": lambda it: date(it, 2, 14),
    r"st\.? patrick'?s day": lambda it: date(it, 3, 17),
    r"hallowe'?en": lambda it: date(it, 10, 31),
    r"bonfire night": lambda it: date(it, 11, 5),
    r"bastille day": lambda it: date(it, 7, 14),
    r"(?:shrove tuesday|pancake day)": _easter(-47),
    r"ash wednesday": _easter(-46),
    r"palm sunday": _easter(-7),
    r"maundy thursday": _easter(-3),
    r"good friday": _easter(-2),
    r"easter saturday": _easter(-1),
    r"easter (?:sun)?day": _easter(0),
    r"easter monday": _easter(1),
    r"ascension day": _easter(39),
    r"whit sunday|pentecost sunday": _easter(49),
    r"whit monday": _easter(50),
    r"thanksgiving(?: day)?": _thanksgiving,
}


def _feast(make: Callable[[int], date], match: re.Match[str], said: Said) -> Time:
    return times.yearly(said, make, *times.span(match))


def _season(name: str, match: re.Match[str], said: Said) -> Time:
    """Read "over Easter", "at Christmas": the month, as nobody says which days; "over New Year" is the two days."""

    def first(it: int) -> date:
        return _around(name, it)[0]

    found = times.yearly(said, first, *times.span(match)).first
    if (
        name == "new year"
        and said.lean(*times.span(match)) is Tense.AHEAD
        and said.today == date(said.today.year, 1, 1)
    ):
        return VOID
    whole = Time(*_around(name, found.year)) if found else VOID
    return whole if whole.coarser() is VOID else whole.coarser()


def _around(name: str, it: int) -> tuple[date, date]:
    whole = stretches.holiday(name, it)
    return whole.start.date(), whole.end.date() - timedelta(days=1)


_AMOUNT = (
    rf"(?:{NUMBER.replace('?P<n>', '?:')}|(?:a )?(?:few|couple)(?: of)?|several|some|many|half an?|umpteen|so many)"
)
_ANY_UNIT = rf"(?:minute|min|hour|hr|day|night|week|wk|weekend|fortnight|month|quarter|term|year|yr|decade|{SEASON})s?"
_LATE = (
    r"(?:early |mid[-\s]|late |the (?:beginning|start|middle|end) of |later |earlier |sometime |some time "
    r"|at some point )?"
)

# Times that date nothing: habits, rates, vague amounts, what hangs on another event.
_VOIDS = (
    rf"\b(?:{ORDINAL}|[0-9]{{1,2}}|last day) of (?:every|each|the) month\b",
    r"\b(?:every|each|most|all|some|any|alternate|many|usual|these|those|weekly|monthly) (?:other |single |second "
    rf"|\w+ )?(?:{DAY_NAME}|{_ANY_UNIT}|{MONTH.replace('?P<month>', '?:')})(?:s\b)?(?: (?:and|&|or) {ANY_DAY})?",
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun|week)days\b(?! (?:final|test))|\bweekends\b|\b(?:mon|tues|wednes|thurs"
    r"|fri|satur|sun)day (?:mornings|afternoons|evenings|nights)\b",
    rf"\b{ANY_DAY}(?:,|,? and|,? &| ?/| ?-| to| thru| through| or)? ?{ANY_DAY}(?:(?:,|,? and|,? &| ?/| or)? "
    rf"?{ANY_DAY})+",
    rf"\bmon(?:day)? ?(?:to|-|–|till?|thru|through) ?(?:fri|thurs?|sat)(?:urday|day)?\b|\b{ANY_DAY} (?:or|/) "
    rf"{ANY_DAY}\b|\b{ANY_DAY} (?:thru|through) {ANY_DAY}\b",
    rf"\b(?:a|an|one|another|any|no|which|what|black|cyber|super|except|except on|excluding|apart from) {DAY_NAME}",
    rf"{DAY_NAME} (?:school|league|best|job|times|roast|prayers?|papers?|blues|club|rota|market|service)\b",
    r"\b(?:about|around|roughly|approximately|approx|nearly|almost|over|under|more than|less than|at least|within"
    rf"|some|maybe|like|only) {_AMOUNT}[-\s](?:more )?{_ANY_UNIT}\b",
    rf"\b{_AMOUNT}(?: or |-| to | and an? ){_AMOUNT} {_ANY_UNIT}\b",
    rf"\b(?:in )?(?:the )?(?:last|past|next|coming|first|final) (?!week\b|month\b|year\b|weekend\b)(?:{_AMOUNT}"
    rf"|{SEASON}|term|decade|century|time) ?(?:{_ANY_UNIT})?\b",
    rf"\b(?:a|the last|the past|the next|half an?|one and a half) ?(?:few|couple|couple of) {_ANY_UNIT}\b|\bcouple "
    rf"(?:of )?{_ANY_UNIT}\b|\bseveral {_ANY_UNIT}\b",
    rf"\b{_AMOUNT} (?:and a half )?(?:{SEASON}|decade|weekend|night|term|quarter|christmas|easter)(?:s|es)? (?:ago"
    r"|back|from now)\b",
    rf"\b{_AMOUNT} {_ANY_UNIT} (?:before|after|prior|later|earlier|into|of|old|apart|today since)\b(?! (?:today|now"
    rf"|tom|{DAY_NAME}))",
    rf"\b(?:the )?(?:day|night|week|weekend|month|year|morning|evening|{DAY_NAME}) (?:before|after)\b(?! (?:yest|last"
    r"|next|tom|tmr|tmw|2mo))",
    r"\bthe (?:other|same|previous|next|first|second|third|last) (?:day|night|morning|evening|week|weekend|month"
    r"|year)\b(?! (?:in|of)\b)(?! before)",
    rf"\b(?:in |over |during |since |all |last |this |next |the |early |late |mid-?)*{SEASON} (?:holidays?|break|term"
    r"|time|vacation)\b|\b(?:last|this|next|since|in|over|during|all|before|after|by|until) (?:the )?(?:last |next "
    rf")?{SEASON}\b(?! (?:of )?(?:19|20)[0-9])",
    rf"\bfirst\b(?: (?!is\b|are\b|due\b|starts\b)[\w']+){{0,2}} in {_AMOUNT} (?:months?|years?|decades?)\b",
    r"\b(?:(?:for the first time|(?:is|was|are|were|been|had) (?:my |the |our )?(?:first|second|third|fourth)"
    r"|(?!(?:t|gu|inter|har|for|requ|prot|cont|inv|dig|arr|ch|qu|n|r|v|w)est\b)\w+est|times?|once|twice|only|best"
    r"|worst)\b(?: (?!is\b|are\b|due\b"
    rf"|starts\b)[\w']+){{0,2}}"
    rf"|(?:haven't|hasn't|not|never|no|nothing|without)\b(?: [\w']+){{0,4}}) in {_AMOUNT} {_ANY_UNIT}\b",
    r"\b(?:before|after|by) (?:the )?(?:christmas|easter|new year|halloween|thanksgiving)\b(?! eve| day| monday)",
    rf"\b(?:{_AMOUNT}|{ORDINAL}) (?:weeks?|days?|months?|times?|hours?|nights?) (?:a|per|each) (?:day|week|month|year"
    r"|fortnight)\b",
    r"\bnew year'?s? resolutions?\b|\b(?:day|week|month|year|night) (?:in|by|to|after|on) (?:day|week|month|year"
    r"|night)\b",
)
_RELATIVE = (
    (rf"\b{MONTH},? (?:of )?(?P<which>next|last|this) (?P<of_year>year)\b", _which_month),
    (rf"\b(?:the )?day before {YESTERDAY}\b|\bnight before last\b", lambda match, said: times.day(said.today, -2)),
    (rf"\b(?:the )?day after {TOMORROW}\b|\bovermorrow\b", lambda match, said: times.day(said.today, 2)),
    (
        rf"\b{NUMBER}[-\s]{UNIT} (?:ago|back)\b(?: today)?(?! (?:on |last |this )?(?:{DAY_NAME}|{YESTERDAY})| to\b)",
        partial(_away, back=True),
    ),
    (rf"\b{NUMBER}[-\s]{UNIT} (?:ago|back)\b(?: (?:on |last |this )?(?:{DAY_NAME}|{YESTERDAY}))?", void),
    (rf"\b{NUMBER} {WEEKS} (?:from |on )?(?P<base>today|{TOMORROW})\b(?! since)", _from_day),
    (rf"\b(?P<base>today|{TOMORROW}) (?P<unit>week|fortnight)\b", _from_day),
    (rf"\b{NUMBER} {UNIT} (?:from (?:now|today)|hence)\b", _ahead),
    (r"\b(?:days|weeks|months|years|ages|decades) (?:and \w+ )?(?:ago|back|from now)\b", void),
    (rf"\b{NUMBER} {WEEKS} (?:on |from |this |next |this coming )?{WEEKDAY}", _from_day),
    (rf"{WEEKDAY} (?P<unit>week|fortnight)\b(?!'s| (?:after|before|of|in)\b)", _from_day),
    (
        rf"\b(?:in |with)(?:exactly |just |precisely )?{NUMBER} (?:more )?{UNIT}(?: time)?\b(?! (?:of|old|or|and a)\b)",
        _ahead,
    ),
    (rf"\b{NUMBER} {UNIT} time\b", _ahead),
    (rf"\blast (?:night|evening)\b|\b{YESTERDAY}\b", lambda match, said: times.day(said.today, -1)),
    (rf"\b{TOMORROW}\b", lambda match, said: times.day(said.today, 1)),
    (rf"\b{TODAY}\b", lambda match, said: times.day(said.today)),
    (rf"{WEEKDAY},? (?:of )?(?P<which>last|this|next|the following) week\b", _in_week),
    (rf"\b(?P<which>last|this|next) week,? (?:on )?{WEEKDAY}", _in_week),
    (r"\b(?:the )?(?P<unit>week|weekend|month|year) (?P<twice>before last|after next)\b", _neighbour),
    (r"\b(?:this|at the|over the|on the|for the|the) weekend\b(?! (?:of|before|after|just)\b)", _weekend),
    (r"\b(?P<unit>weekend) (?P<which>just gone|gone|past)\b", lambda match, said: times.weekend(said.today, -1)),
    (
        rf"\b(?:{_LATE})(?P<which>last|this|next|this coming|the coming|the following) (?P<unit>weekend|week|month"
        r"|year)\b(?! (?:in|of)\b)",
        _neighbour,
    ),
)
_WEEKDAYS = (
    (
        rf"\b(?P<which>last|past|this past|this|this coming|next|coming|following) {WEEKDAY},? {THE_DAY}\b(?! (?:of "
        rf")?{MONTH}\b){NO_NOUN}",
        _monthday,
    ),
    (rf"{WEEKDAY},? {THE_DAY}\b(?! (?:of )?{MONTH}\b){NO_NOUN}", _monthday),
    (
        rf"\b(?P<which>last|past|this past|this|this coming|next|coming|following) {WEEKDAY}(?! (?:the )?{ORDINAL} "
        rf"(?:of )?{MONTH}\b)",
        _which_weekday,
    ),
    (rf"{WEEKDAY} (?P<which>just gone|gone|past|last|coming|next)\b", _which_weekday),
)
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_DATES = (
    (rf"\b(?P<day>{ORDINAL}) (?:of )?(?P<which>last|this|the current|next|the following) month\b", _monthday_of),
    (
        rf"\b(?:from |between )?(?:the )?(?P<day>{ORDINAL}|[0-3]?[0-9]) ?(?:to|until|till?|and|-|–) ?(?:the )?"
        rf"(?P<last>{ORDINAL}|[0-3]?[0-9]) (?:of )?{MONTH}\b(?:,? {_YEAR}\b)?",
        _spelt_date,
    ),
    (
        rf"\b(?:from |between )?{MONTH} (?:the )?(?P<day>{ORDINAL}|[0-3]?[0-9]) (?:to|until|till?|and) (?:the )?"
        rf"(?P<last>{ORDINAL}|[0-3]?[0-9])\b(?![:.][0-9])(?:,? {_YEAR}\b)?",
        _spelt_date,
    ),
    (rf"\b(?P<day>{ORDINAL}) (?:of )?{MONTH}\b(?:,? {_YEAR}\b)?", _spelt_date),
    (rf"\b{MONTH} (?:the )?(?P<day>{ORDINAL})\b(?:,? {_YEAR}\b)?", _spelt_date),
    (
        rf"\b(?:from |between )the (?P<day>{ORDINAL}) (?:to|until|till?|and|through) (?:the )?"
        rf"(?P<last>{ORDINAL})\b{NO_NOUN}",
        _monthdays,
    ),
    (rf"\bthe (?P<day>{ORDINAL}) ?(?:to|until|till?|-|–) ?(?:the )?(?P<last>{ORDINAL})\b{NO_NOUN}", _monthdays),
    (rf"\b(?P<which>last|past|next|this) {MONTH}\b(?! [0-9])", _which_month),
    (r"\b(?:the )?end of (?:the|this|(?P<which>next|last)) month\b|\bmonth end\b", _end_of_month),
    (rf"\b{SEASON} (?:of )?{_YEAR}\b", lambda match, said: times.year(int(match["year"]))),
)
_AT_FEAST = r"\b(?:(?:over|at|on|during|this|since|last) |(?=for ))"
_FEAST_RULES = (
    *(
        (rf"\b(?:{names})\b(?! (?:party|card|present|gift|dinner ideas))", partial(_feast, make))
        for names, make in _FEASTS.items()
    ),
    *(
        (rf"{_AT_FEAST}(?P<at>(?:for )?(?:the )?(?:{names})\b)(?! (?:{things}))", partial(_season, name))
        for name, names, things in (
            (
                "christmas",
                "christmas|xmas|festive period",
                "eve|party|do|tree|card|present|gift|shopping|dinner|market|break|holidays?|time",
            ),
            ("easter", "easter(?: weekend)?", "egg|break|holidays?|term|time|party"),
            ("new year", "new year(?:'?s)?", "party|resolution|card|term|sale"),
        )
    ),
)
# What stands alone takes last: the calendar's full dates go before it.
_BARE = (
    (
        r"(?:\b(?:on|by|for|from|until|till?|to|is|was|are|due|since|it's|starting)|'s) (?P<at>(?:the )?"
        rf"(?P<day>{ORDINAL}))\b(?! (?:of )?{MONTH}\b){NO_NOUN}",
        _monthday,
    ),
    (rf"^(?P<at>(?:the )?(?P<day>[0-3]?[0-9](?:st|nd|rd|th)))\b(?! (?:of )?{MONTH}\b){NO_NOUN}", _monthday),
    (
        rf"\bthe (?P<day>[0-3]?[0-9](?:st|nd|rd|th)|(?:twenty|thirt)[\w -]{{2,8}}(?:th|st|nd|rd))\b(?! (?:of "
        rf")?{MONTH}\b){NO_NOUN}",
        _monthday,
    ),
    (rf"{WEEKDAY}", _bare_weekday),
)


def _rules(*groups: tuple[tuple[str, times.Read], ...]) -> tuple[times.Rule, ...]:
    return tuple(rule(pattern, reader) for group in groups for pattern, reader in group)


VOIDS = _rules(tuple((pattern, void) for pattern in _VOIDS))
FULL = _rules(_RELATIVE, _DATES, _WEEKDAYS, _FEAST_RULES)
BARE = _rules(_BARE)
