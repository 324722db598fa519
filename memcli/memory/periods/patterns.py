"""Patterns of phrases that name a time, and finding them in any text.

The patterns are strict on purpose: a wrong time moves a wrong note up, a missed one changes nothing. So a bare month or
year counts only behind a word such as "in" or "since", and a bare number never does. Repetitions are bounded, so that
reading takes time in proportion to the text; a pattern is compiled when a text first holds one of its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from memcli.memory.periods import phrases
from memcli.memory.periods.phrases import MONTHS, NUMBERS, OTHER_LANGUAGES, WEEKDAYS, Clock, Groups, Read
from memcli.memory.periods.stretches import Stretch


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase at `start:end` of the text.

    `weak` needs a partner: the "May" of "from May to July". `yearless` may be moved to its partner's year.
    `vague` gives way to any other time in the text.
    """

    start: int
    end: int
    stretch: Stretch
    weak: bool = False
    yearless: bool = False
    vague: bool = False


_ENGLISH = "january february march april may june july august september october november december".split()
# Months that are words or names besides: lower-case ones need a sign; for most a day before them is one, as in "2 mai".
_DOUBTFUL = frozenset({"may", "march", "mar", "mars", "mai", "mart", "mei", "maj", "maja", "marca"})
_DOUBTFUL_BEHIND = frozenset({"may", "march", "mar", "mart"})
# In all patterns below a space stands for one to three white-space characters and " ?" for none to three, and the
# text is in lower case. An empty group "at" marks where the time itself begins, behind the word that makes it one.
_MONTH = f"(?P<month>{'|'.join(sorted(MONTHS, key=len, reverse=True))})"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})(?![0-9]|[.,:][0-9]|\s?%)"
_DAY = r"(?P<day>[0-3]?[0-9])(?P<th>st|nd|rd|th)?(?: ?[-–] ?(?P<last>[0-3]?[0-9])(?:st|nd|rd|th)?)?"
_WEEKDAY = f"(?P<weekday>{'|'.join(WEEKDAYS)})"
_ON = f"(?:(?:{'|'.join(WEEKDAYS)}),? )?"
_SEASON = "(?P<season>spring|summer|autumn|fall|winter)"
_HOLIDAY = (
    "(?P<holiday>christmas eve|christmas|new year's eve|new year|halloween|valentine's day|thanksgiving|easter)"
    "(?:'s)?(?: day)?(?! (?:party|parties|tree|card|present|gift|dinner|song|market|movie|egg|bunny|resolution))"
)
_PART = "(?: (?P<part>morning|afternoon|evening|night))?"
_UNIT = "(?P<unit>weekend|week|month|quarter|year|decade)"
_COUNT = (
    f"(?:(?:an? )?(?P<few>few|several|couple)(?: of)?|half (?P<half>an?)|(?P<n>[0-9]{{1,3}}|an?|{'|'.join(NUMBERS)}))"
)
COUNTED = rf"\b{_COUNT}[\s-](?:more )?(?P<unit>minute|hour|day|weekend|week|fortnight|month|year|decade)s?"
_WHOLE = r"(?! (?:of|in)\b)"  # "the last week of school" is none of the calendar's
# What makes a bare month or year a time; the second ones need a partner: "from May to July".
_STRONG = (
    "in|since|until|till|before|after|around|circa|during|throughout|early|mid|late"
    "|(?:end|beginning|start|middle|half|month|week|weekend|rest|summer|autumn|winter|spring) of"
)
_WEAK = "(?P<weak>from|between|and|to|through)"
# Things that come in numbers that look like years.
_THINGS = (
    r"(?! ?(?:people|words|steps|dollars|euros|pounds|miles|meters|metres|km|kg|items|lines|calories|times|years|days"
    r"|hours|minutes|pages|points|users|tokens|files|rows|characters)\b)"
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """`hints` are words or signs of which the text must hold one before the pattern is tried."""

    pattern: str
    read: Read
    hints: frozenset[str]
    vague: bool


_YEAR_SIGN, _DECADE_SIGN, _MONTH_SIGN, _WORD_SIGN = "<year>", "<decade>", "<month>", "<word>"
_SIGNS = {  # what to look for where words are not enough, or where there are no spaces between them
    _YEAR_SIGN: re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])"),
    _DECADE_SIGN: re.compile(r"[0-9]0'?s\b"),
    _MONTH_SIGN: re.compile(r"[0-9]\s?[月월]"),
    _WORD_SIGN: re.compile("[昨前お그어]"),
}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _rule(read: Read, pattern: str, hints: Iterable[str], *, vague: bool = False) -> _Rule:
    spaced = pattern.replace(" ?", r"\s{0,3}").replace(" ", r"\s{1,3}")
    return _Rule(spaced, read, frozenset(hints), vague)


UNITS = "day days week weeks weekend weekends fortnight month months quarter year years decade decades".split()
SEASONS = "spring summer autumn fall winter".split()
HOLIDAYS = "christmas year halloween valentine thanksgiving easter".split()
_CJK = "|".join(word for word in OTHER_LANGUAGES if not word.isascii())
_LATIN = [word for word in OTHER_LANGUAGES if word.isascii()]
_BARE = f"(?P<month>{'|'.join(_ENGLISH)}|jan|feb|apr|aug|sept?|oct|nov|dec)"

_DATES = (
    _rule(phrases.date, rf"\b{_ON}{_DAY}[.]? (?:of |de )?{_MONTH}\b(?:[.]?,? ?(?:de )?{_YEAR})?", MONTHS),
    _rule(phrases.date, rf"\b{_ON}{_MONTH}[.]? (?:the )?{_DAY}(?![\w]|[.:][0-9]|\s?%)(?: ?,? ?{_YEAR})?", MONTHS),
    _rule(phrases.named, rf"\b{_MONTH}[.]?,? (?:of |de )?{_YEAR}", MONTHS),
    _rule(phrases.named, rf"\b(?:{_STRONG}|{_WEAK})[\s-](?:the )?(?P<at>){_BARE}\b(?!')", MONTHS),
    _rule(phrases.named, rf"\b(?:im|en|em|seit|depuis|desde) (?P<at>){_MONTH}\b", MONTHS),
    _rule(
        phrases.named,
        r"\b(?:in|a|ad|i|sinds|sedan|da) (?P<at>)(?P<month>gennaio|febbraio|marzo|aprile|maggio|giugno|luglio|settembre"
        r"|ottobre|dicembre|januari|februari|maart|mei|maj|augustus|augusti|oktober)\b",
        MONTHS,
    ),
    _rule(
        phrases.figures,
        r"(?<![\w.-])(?P<year>(?:19|20)[0-9]{2})(?P<mark>[-/])(?P<month>0[1-9]|1[0-2])(?:(?P=mark)(?P<day>[0-3][0-9]))?"
        r"(?![0-9]|[-/][0-9])",
        [_YEAR_SIGN],
    ),
    _rule(
        phrases.date,
        r"(?<![\w./-])(?P<day>[0-3]?[0-9])[.] ?(?P<month>[01]?[0-9])[.] ?(?P<year>(?:19|20)[0-9]{2})(?![\w-]|[.][0-9])",
        [_YEAR_SIGN],
    ),
    _rule(
        phrases.slashed,
        r"(?<![\w./-])(?P<one>[0-3]?[0-9])/(?P<other>[0-3]?[0-9])/(?P<year>(?:19|20)[0-9]{2})(?![\w/-])",
        [_YEAR_SIGN],
    ),
    _rule(
        phrases.figures,
        "(?<![0-9])(?P<year>(?:19|20)[0-9]{2}) ?[年년]"
        "(?: ?(?P<month>1[0-2]|0?[1-9]) ?[月월](?: ?(?P<day>[0-3]?[0-9]) ?[日号號일])?)?",
        [_YEAR_SIGN],
    ),
    _rule(phrases.date, "(?<![0-9])(?P<month>1[0-2]|0?[1-9]) ?[月월] ?(?P<day>[0-3]?[0-9]) ?[日号號일]", [_MONTH_SIGN]),
)
_RELATIVE = (
    _rule(phrases.other_language, f"(?P<word>{_CJK})", [_WORD_SIGN]),
    _rule(phrases.other_language, rf"\b(?P<word>{'|'.join(_LATIN)})\b", _LATIN),
    _rule(
        phrases.day_word,
        rf"\b(?P<twice>day (?:before|after) )?(?P<word>yesterday|tomorrow)\b{_PART}",
        ["yesterday", "tomorrow"],
    ),
    _rule(phrases.day_word, r"\b(?P<word>today|tonight|last night)\b(?!')", ["today", "tonight", "night"]),
    _rule(
        phrases.day_word, r"\b(?P<word>this) (?P<part>morning|afternoon|evening)\b", ["morning", "afternoon", "evening"]
    ),
    _rule(
        phrases.relative,
        rf"\b(?:this )?(?P<which>last|past|this|current|coming|next) (?:{_UNIT}\b{_WHOLE}|{_WEEKDAY}\b{_PART}"
        rf"|{_SEASON}\b|{_HOLIDAY}\b|(?P<month>{'|'.join(_ENGLISH)})\b)",
        [*UNITS, *WEEKDAYS, *SEASONS, *HOLIDAYS, *MONTHS],
    ),
    _rule(phrases.before_last, r"\b(?P<unit>week|weekend|month|year) before last\b", ["last"]),
    _rule(phrases.ago, rf"{COUNTED} (?:ago|back)\b(?![\s-]to\b)", ["ago", "back"]),
    _rule(phrases.rolling, rf"\b(?P<which>last|past|coming|next) {COUNTED}\b{_WHOLE}", UNITS),
    _rule(phrases.other_day, r"\bthe other (?P<unit>day|week)\b", ["other"]),
    _rule(phrases.recently, r"\b(?:recently|lately|nowadays)\b", ["recently", "lately", "nowadays"], vague=True),
)
_RECURRING = (
    _rule(
        phrases.on_weekday,
        rf"\b(?:on|since|until|till|before|after|by) (?P<at>){_WEEKDAY}\b"
        rf"(?!'| (?:mornings|afternoons|evenings|nights)\b){_PART}",
        WEEKDAYS,
    ),
    _rule(phrases.on_weekday, rf"(?<!every\s)\b{_WEEKDAY} (?P<part>morning|afternoon|evening|night)\b", WEEKDAYS),
    _rule(phrases.named, rf"\b{_SEASON} (?:of |in )?{_YEAR}", SEASONS),
    _rule(
        phrases.named,
        rf"\b(?:in|during|over|since|through|throughout) the (?P<at>){_SEASON}\b(?!'| (?:of|months?|time)\b)",
        SEASONS,
    ),
    _rule(phrases.named, rf"\b{_HOLIDAY} (?:of |in )?{_YEAR}", HOLIDAYS),
    _rule(phrases.named, rf"\b(?:over|at|on|since|before|after|until|for) (?P<at>){_HOLIDAY}\b", HOLIDAYS),
    _rule(
        phrases.quarter,
        r"\b(?:(?P<ahead>(?:19|20)[0-9]{2}) |(?:in|since|during|of|by|after|before|until|last) (?P<at>))"
        r"q(?P<quarter>[1-4])\b(?:[\s/] ?(?P<year>(?:19|20)[0-9]{2})\b)?",
        ["q1", "q2", "q3", "q4"],
    ),
    _rule(phrases.quarter, r"\bq(?P<quarter>[1-4])[\s/] ?(?P<year>(?:19|20)[0-9]{2})\b", ["q1", "q2", "q3", "q4"]),
)
_YEARS = (
    _rule(
        phrases.year,
        rf"\b(?:{_STRONG}|by|year|{_WEAK})[\s-](?:the year )?(?P<at>){_YEAR}(?!\s?[-–]\s?[0-9])\b{_THINGS}",
        [_YEAR_SIGN],
    ),
    _rule(
        phrases.year,
        r"(?<![\w.-])(?P<year>(?:19|20)[0-9]{2})\s?[-–]\s?(?P<to>(?:19|20)[0-9]{2})(?![\w-]|[.][0-9])",
        [_YEAR_SIGN],
    ),
    _rule(
        phrases.decade,
        r"\b(?:the|early|late|mid)[\s-](?P<at>)'?(?P<decade>(?:19|20)[0-9]0|[5-9]0)'?s\b",
        [_DECADE_SIGN],
    ),
)
CALENDAR = (*_DATES, *_YEARS)  # what names a date, a month or a year by itself
_RULES = (*_DATES, *_RELATIVE, *_RECURRING, *_YEARS)

_WORD = re.compile(r"\w+")
_OPENING = re.compile(r"(?:^|[.?!]\s{1,3}|\n\s{0,3})$")
_LEADING = re.compile(r"\b(?:on|since|by|before|after|until|till|from|between|of|in|and|the)\s$")
_LOOK_BACK = 12  # characters that the longest of the words above takes


def folded(text: str) -> str:
    """Return the text in lower case and with plain apostrophes, of the same length."""
    return text.replace("İ", "I").replace("’", "'").lower()


def find(text: str, clock: Clock, rules: Iterable[_Rule] = _RULES) -> list[Found]:
    """Return the times that `text` names, in its order and without overlaps; of two at one place the longer."""
    low = folded(text)
    words = {*_WORD.findall(low), *(sign for sign, pattern in _SIGNS.items() if pattern.search(low))}
    found = [one for rule in rules for one in _apply(rule, text, low, words, clock)]
    found.sort(key=lambda one: (one.start, -one.end))
    apart: list[Found] = []
    for one in found:
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return apart


def _apply(rule: _Rule, text: str, low: str, words: set[str], clock: Clock) -> Iterator[Found]:
    if rule.hints.isdisjoint(words):
        return
    for match in _compiled(rule.pattern).finditer(low):
        groups = {name: said for name, said in match.groupdict().items() if said is not None}
        if rule.read in (phrases.date, phrases.named) and not _is_month(groups, text, low, match):
            continue
        try:
            stretch = rule.read(groups, clock)
        except (ValueError, OverflowError):
            continue  # the 31st of June, or before the year 1
        if stretch:
            start = match.start("at") if "at" in groups else match.start()
            yearless = rule.read in (phrases.date, phrases.named, phrases.quarter) and not groups.keys() & {
                "year",
                "ahead",
            }
            yield Found(start, match.end(), stretch, "weak" in groups, yearless, rule.vague)


def _is_month(groups: Groups, text: str, low: str, match: re.Match[str]) -> bool:
    """Tell whether a word such as "may" is the month here: by a capital, a year, "7th", or a word such as "on"."""
    if groups.get("month") not in _DOUBTFUL or groups.keys() & {"year", "th", "at"}:
        return True
    if "day" in groups and match.start("day") < match.start("month") and groups["month"] not in _DOUBTFUL_BEHIND:
        return True
    if _LEADING.search(low, max(match.start() - _LOOK_BACK, 0), match.start()):
        return True
    opens = match.start("month") == match.start() and _OPENING.search(
        low, max(match.start() - _LOOK_BACK, 0), match.start()
    )
    return text[match.start("month")].isupper() and not opens
