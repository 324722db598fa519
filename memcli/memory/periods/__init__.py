"""The times that a question talks about, as soft windows for ranking, and how near a moment is to one.

    "what did we plan between May and July 2023"  ->  Period(2023-05-01 .. 2023-07-31)
    "before I moved to Rome"                      ->  Anchor("before", "I moved to Rome"), for memory to date

English, with dates of other languages where their form is sure; `patterns` says what counts. Seasons are northern. A
text without any word of time costs microseconds and loads none of the patterns.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from memcli.memory.timeline import OUT_OF_RANGE, utc

if TYPE_CHECKING:
    from memcli.memory.periods.phrases import Lean
    from memcli.memory.periods.relations import Window


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time as UTC texts, both ends included; None is an open end.

    `words` are the characters `span` of the text that named it. `grain` is the length in seconds of what was named,
    which for "before 2021" is a year: it says how sharp the edges are meant. `vague` is "recently", which people also
    say of what was recent then: on LoCoMo 1 of 19 such questions had its evidence in the window, so it should not rank.
    """

    start: str | None
    end: str | None
    words: str
    span: tuple[int, int]
    grain: int
    vague: bool = False


@dataclass(frozen=True, slots=True)
class Anchor:
    """An event that a question dates by; `relation` is before, after, since, until, when, while or during."""

    relation: str
    text: str
    span: tuple[int, int]


_LETTERS = re.compile(r"[^\W\d_]+")
_FIGURES = re.compile(r"(?:19|20)[0-9]{2}|[0-9]0['’]?s\b|\bq[1-4]\b|[0-9]\s?[月월]|[昨前お그어]", re.IGNORECASE)
# The words that `patterns` looks for, which are not loaded to find out; a test compares the two.
_HINTS = frozenset(
    """yesterday today tonight tomorrow ago back recently lately nowadays last other morning afternoon evening night
    day days week weeks weekend weekends fortnight month months quarter year years decade decades
    monday tuesday wednesday thursday friday saturday sunday spring summer autumn fall winter
    christmas halloween valentine thanksgiving easter
    january jan januar janvier enero janeiro gennaio januari stycznia января січня ocak february feb februar février
    febrero fevereiro febbraio februari lutego февраля лютого şubat march mar märz mars marzo março maart marca
    марта березня mart april apr avril abril aprile kwietnia апреля квітня nisan may mai mayo maio maggio mei maj
    maja мая травня mayıs june jun juni juin junio junho giugno czerwca июня червня haziran july jul juli juillet
    julio julho luglio lipca июля липня temmuz august aug août agosto augustus augusti sierpnia августа серпня
    ağustos september sep sept septembre septiembre setembro settembre września сентября вересня eylül october oct
    oktober octobre octubre outubro ottobre października октября жовтня ekim november nov novembre noviembre
    novembro listopada ноября листопада kasım december dec dezember décembre diciembre dezembro dicembre grudnia
    декабря грудня aralık
    vorgestern anteayer anteontem gestern ayer ontem ieri""".split()
)
_AHEAD = re.compile(
    r"\b(?:will|going to|gonna|upcoming|coming|planned|scheduled|(?:do|am|are) (?:i|we) (?:have|going|doing|meeting))\b"
    r"|'ll\b",
    re.IGNORECASE,
)


def mentioned(question: str, now: datetime) -> list[Period]:
    """Return the times that a question is about, in its order, relative to `now` (aware, in the asker's zone).

    Names that come back mean the last one: "in March", unless the question looks ahead. Never raises.
    """
    if not _hints(question):
        return []
    from memcli.memory.periods.phrases import Lean

    return _periods(question, now, Lean.AHEAD if _AHEAD.search(question) else Lean.PAST)


def dates_in(text: str, said_at: datetime) -> list[Period]:
    """Return the times that a message said at `said_at` names, ahead as well as back; none has an open end.

    "yesterday" of a message from 8 May 2023 is 7 May 2023, and "by Friday" is the Friday. Never raises.
    """
    if not _hints(text):
        return []
    from memcli.memory.periods.phrases import Lean

    return _periods(text, said_at, Lean.NEAR)


def _hints(text: str) -> bool:
    return not _HINTS.isdisjoint(_LETTERS.findall(text.lower())) or bool(_FIGURES.search(text))


def _periods(text: str, now: datetime, lean: Lean) -> list[Period]:
    from memcli.memory.periods.patterns import find, folded
    from memcli.memory.periods.phrases import Clock, Lean
    from memcli.memory.periods.relations import windows

    found = find(text, Clock(now.replace(tzinfo=None), lean))
    named = windows(folded(text), found, opened=lean is not Lean.NEAR)
    periods = [_period(text, window, now) for window in named]
    return [period for period in periods if period]


def _period(text: str, window: Window, now: datetime) -> Period | None:
    try:
        # Where the clock is put back over midnight the day ends with the second pass: fold=1.
        start = utc(window.start.replace(tzinfo=now.tzinfo)) if window.start else None
        last = (window.end - timedelta(seconds=1)).replace(tzinfo=now.tzinfo, fold=1) if window.end else None
        end = utc(last) if last else None
    except OUT_OF_RANGE:
        return None
    first, behind = window.span
    return Period(start, end, text[first:behind], window.span, int(window.grain.total_seconds()), window.vague)


# How many of its own lengths a period's influence reaches: this far outside closeness has fallen to 1/e. Chosen, not
# fitted: on the 150 dated questions of LoCoMo's development conversations 0.05 to 0.5 rank alike, 1 and 2 are worse.
SLACK = 0.5
SHARPEST, WIDEST = timedelta(hours=12), timedelta(days=60)  # bounds of that reach: half a day for any day, two months


def closeness(period: Period, moment_start: str, moment_end: str | None) -> float:
    """Return how near a moment is to a period: 1 inside, falling towards 0 outside.

    A moment is a stored time or a date at the precision that is known ("2026", "2026-03"), or the stretch from one to
    another, which has the mean closeness of all its points: "March" says little about yesterday. `moment_end` None
    means that it still goes on; then its beginning must not lie behind the period. What is no time is 0 close.
    """
    first, last = _bounds(moment_start), _bounds(moment_end) if moment_end else None
    if not first or (moment_end and not last):
        return 0.0
    low, high = _ends(period)
    reach = min(max(SLACK * timedelta(seconds=period.grain), SHARPEST), WIDEST)
    if last is None:
        return math.exp(-max((first[0] - high) / reach, 0.0))
    start, end = first[0], max(last[1], first[0])
    if start == end:
        return math.exp(-max((low - end) / reach, (start - high) / reach, 0.0))
    inside = max(min(end, high) - max(start, low), timedelta(0)) / reach
    before = _faded((low - min(end, low)) / reach, (low - start) / reach)
    behind = _faded((max(start, high) - high) / reach, (end - high) / reach)
    return min((before + inside + behind) / ((end - start) / reach), 1.0)


def _faded(near: float, far: float) -> float:
    """Return the area under the falling curve between two distances from a period, in reaches."""
    return math.exp(-near) - math.exp(-far) if far > near else 0.0


def _ends(period: Period) -> tuple[datetime, datetime]:
    low, high = _bounds(period.start or ""), _bounds(period.end or "")
    return low[0] if low else datetime.min, high[1] if high else datetime.max


_PARTIAL = re.compile(r"([0-9]{4})(?:-([0-9]{2}))?")


@lru_cache(maxsize=4096)
def _bounds(text: str) -> tuple[datetime, datetime] | None:
    """Return the first and the last second of a stored time or partial date as naive UTC; None for anything else."""
    try:
        if match := _PARTIAL.fullmatch(text):
            year, month = int(match[1]), int(match[2] or 1)
            first = datetime(year, month, 1)
            months = 1 if match[2] else 12
            behind, index = divmod(month - 1 + months, 12)
            return first, datetime(year + behind, index + 1, 1) - timedelta(seconds=1)
        moment = datetime.fromisoformat(text)
        if len(text) == len("2026-03-01"):
            return moment, moment + timedelta(days=1, seconds=-1)
        moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except OUT_OF_RANGE:
        return None
    return moment, moment


# Words that ask or belong to a set phrase, and so open no event.
_NO_EVENT = (
    r"(?:did|do|does|is|are|was|were|am|will|would|have|has|had|can|could|should|shall|might|may|must|['’]s"
    r"|all|that|this|then|these|those|it|long|now|when|which|what|who|whom|how|where|why)\b"
)
_EVENT = re.compile(
    rf"\b(?P<relation>before|after|since|until|till|when|while|during)\s{{1,3}}(?!{_NO_EVENT})"
    r"(?P<text>[^,;:.?!()\n]{2,80}?)"
    r"(?=\s{1,3}(?:what|where|who|which|how|why|did|before|after|since|until|till|when|while|during|and\s(?:what|where|who|how))\b|[,;:.?!()\n]|$)",
    re.IGNORECASE,
)
_TRAILING_AND = re.compile(r"\s{1,3}and$", re.IGNORECASE)


def anchors(question: str) -> list[Anchor]:
    """Return the events that a question dates by ("after the wedding"), for a caller that can look up their dates.

    Times that `mentioned` reads itself ("after May 2023") are passed over where they are all there is.
    """
    found = []
    for match in _EVENT.finditer(question):
        text = _TRAILING_AND.sub("", match["text"].strip())
        if text and not _only_a_time(text):
            relation = match["relation"].lower().replace("till", "until")
            found.append(Anchor(relation, text, match.span()))
    return found


def _only_a_time(text: str) -> bool:
    if not _hints(text):
        return False
    from memcli.memory.periods.patterns import find
    from memcli.memory.periods.phrases import Clock

    times = find(f"in {text}", Clock(datetime(2000, 1, 1)))
    return bool(times) and sum(one.end - max(one.start, 3) for one in times) > len(text) / 2
