"""When an event was, or will be, by what a user said of it: the time that a clause names, in days of the calendar.

It becomes a memory's validity, so a wrong date is worse than none: what could be two days is none, or is given at the
precision that is sure. Questions are read by `memcli.memory.periods`, which is generous where this is strict.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from memcli.memory.formation import english_times, english_words, tense, times, tongues
from memcli.memory.formation.times import NEAREST, Grain, Said, Tense, Time, read, rule, void
from memcli.memory.periods import patterns
from memcli.memory.periods.phrases import Clock, Lean

LONGEST = 1000  # characters of a clause that are read


@dataclass(frozen=True, slots=True)
class Dated:
    """ISO dates as precise as they are known ("2025-04-08", "2025-03", "2025"), and the words that said so.

    Without `valid_to` it is the one day, month or year; `valid_from` is None for "until Friday".
    """

    valid_from: str | None
    valid_to: str | None
    words: str


def when(clause: str, said_at: datetime, *, sentence: str = "") -> Dated | None:
    """Return the time that a clause gives its event, said at `said_at` (aware, in the user's zone). Never raises.

    `sentence` is what the clause stands in: it lends its verb to a clause that is little more than a time, and a time
    that opens it to the clause that follows at once ("Mon - got the stitches out").
    """
    text, whole = clause[:LONGEST], sentence[:LONGEST]
    at = whole.find(text) if text else -1
    now = said_at.replace(tzinfo=None)
    try:
        named = _named(text, now, whole, at)
        if not named and at > 0:
            text = whole[: at + len(text)]
            named = [
                one
                for one in _named(text, now, "", -1)
                if one.end <= at and not _WORDY.search(_without(text[:at], [one]))
            ]
        one = _settled(_folded(text), named)
    except (ValueError, OverflowError):  # at the edges of the calendar
        return None
    if one is None or not (one.first or one.last):
        return None
    return Dated(_iso(one.first, one.grain), _iso(one.last, one.grain), text[one.start : one.end])


def _iso(day: date | None, grain: Grain) -> str | None:
    return day.isoformat()[: {Grain.DAY: 10, Grain.MONTH: 7, Grain.YEAR: 4}[grain]] if day else None


_WORDY = re.compile(r"\b(?!on\b|in\b|at\b|by\b|the\b|and\b|\d)\w+")


def _folded(text: str) -> str:
    """Return the text in lower case, with plain apostrophes and figures, of the same length."""
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in patterns.folded(text))


def _without(text: str, named: list[Time]) -> str:
    for one in sorted(named, key=lambda one: -one.start):
        text = text[: one.start] + " " + text[one.end :]
    return text


def _named(text: str, now: datetime, whole: str, at: int) -> list[Time]:
    """Return the times that a text names, in its order, those that date nothing among them."""
    named = _read(text, now, "", 0)
    if at >= 0 and named and not _WORDY.search(_without(text, named)):
        return _read(text, now, whole, at)  # no more than a time: what it was is said around it
    return named


def _read(text: str, now: datetime, whole: str, at: int) -> list[Time]:
    low = _folded(text)
    tongue = tongues.spoken(low)
    context = _folded(whole) if whole else low

    def lean(start: int, end: int) -> Tense:
        return tongue.lean(context, start + at) if tongue else tense.lean(context, start + at, end + at)

    said = Said(now, lean)
    taken: list[Time] = []
    if tongue:
        read(low, tongue.rules, said, taken)
        _calendar(text, low, said, taken)
        read(low, tongue.bare, said, taken)
    else:
        read(low, english_times.VOIDS, said, taken)
        read(low, english_times.FULL, said, taken)
        _calendar(text, low, said, taken)
        read(low, english_times.BARE, said, taken)
    return sorted(taken, key=lambda one: one.start)


def _calendar(text: str, low: str, said: Said, taken: list[Time]) -> None:
    """Add dates, months and years that are named in full, or lack their year."""
    both = {lean: patterns.find(text, Clock(said.now, lean), patterns.CALENDAR) for lean in (Lean.PAST, Lean.AHEAD)}
    for past, ahead in zip(both[Lean.PAST], both[Lean.AHEAD], strict=True):
        if any(past.start < one.end and one.start < past.end for one in taken):
            continue
        tense_here = said.lean(past.start, past.end)
        found = past if tense_here is Tense.PAST else ahead
        first, last = found.stretch.start.date(), found.stretch.end.date() - timedelta(days=1)
        grain = _grain(first, last)
        one = Time(
            first, None if grain else last, grain or Grain.DAY, "weak" if found.weak else "", found.start, found.end
        )
        doubtful = (
            tense_here is Tense.UNSURE
            or (first - said.today).days > NEAREST.get(tense_here, 366)
            or (tense_here is not Tense.PAST and grain is Grain.MONTH and first <= said.today)
            or (grain is Grain.MONTH and "29" in low[found.start : found.end])  # 29 February, of which year?
        )
        if (found.yearless and doubtful) or (last - first).days > _LONGEST_DAYS:
            one = Time(None, start=found.start, end=found.end)
        taken.append(_checked(low, one))


_LONGEST_DAYS = 370  # "the 90s" date no event


def _grain(first: date, last: date) -> Grain | None:
    if first == last:
        return Grain.DAY
    behind = last + timedelta(days=1)
    if first.day == behind.day == 1 and (behind.year - first.year) * 12 + behind.month - first.month == 1:
        return Grain.MONTH
    return Grain.YEAR if (first.month, first.day, behind.month, behind.day) == (1, 1, 1, 1) else None


def _checked(low: str, one: Time) -> Time:
    """Take back the day of a date that has another weekday than it is given."""
    name = _DAY_NAME.search(low, one.start, one.end)
    if name and one.first and one.grain is Grain.DAY and one.first.weekday() != english_words.weekday(name[0]):
        return replace(one, first=one.first.replace(day=1), last=None, grain=Grain.MONTH)
    return one


_DAY_NAME, _ = rule(english_words.DAY_NAME, void)

_NOT = re.compile(r"(?:\bnot|\bno longer|\binstead of|\brather than|n't)\s(?:on\s|in\s|until\s|till\s)?(?:the\s)?$")
_CORRECTION = re.compile(r"\b(?:no|nope|i mean|sorry|actually|wait|rather|make that|scratch that)\b")
_MOVED = re.compile(
    r"\b(?:moved?|moving|push\w+|put back|brought forward|postponed|changed?|shifted|rescheduled|delayed|switched"
    r"|bumped)\b"
)
_TO = re.compile(
    r"[\s,]{0,3}(?:to|until|till?|through|thru|bis|au|al?|ao|t/m|tot|do|по|до|[-–—~〜])[\s,]{0,3}(?:the\s|on\s|den\s)?"
)
_AND = re.compile(r",?\s{1,3}(?:and|&|und|et|y|e|en|i|och|и)\s{1,3}(?:on\s|the\s)?")
_BETWEEN = re.compile(r"\b(?:between|from|vom?|von|du|de|del|dal?|van|od|från|с|з)\s{1,3}(?:the\s)?$")
_WORK = re.compile(r"\b(?:work|works|open|shifts?|hours|arbeite|travaille|trabajo|lavoro|trabalho|werk)\b")  # a habit
_UNTIL = re.compile(
    r"\b(?:until|untill|till?|up to|bis(?: zum)?|jusqu'(?:au|à)|hasta(?: el)?|fino al?|até|tot|"
    r"(?<!can )(?<!could )(?<!will )(?<!to )(?<!we )(?<!i )(?<!they )(?<!you )do|до)\s{1,3}(?:the\s)?$"
)


def _settled(low: str, named: list[Time]) -> Time | None:
    """Return the one time, or stretch, that all that was named comes to; None where it does not."""
    kept = [
        one for one in named if (one.first or one.bare) and not _NOT.search(low[max(one.start - 24, 0) : one.start])
    ]
    for place in range(len(kept) - 1, 0, -1):
        if _CORRECTION.search(low, kept[place - 1].end, kept[place].start):
            kept = kept[place:]
            break
    joined = _joined(low, kept)
    if joined or not kept:
        return joined
    one = _agreed([one for one in kept if one.bare != "weak"])
    if one and one.last and low[: one.start].rstrip().endswith("since"):
        one = one.coarser()
    if one and one.first and not one.last and _UNTIL.search(low[max(one.start - 12, 0) : one.start]):
        return replace(one, first=None, last=one.first)
    return one


def _joined(low: str, kept: list[Time]) -> Time | None:
    """Return "from Friday to Monday", or "arrives Saturday, stays until 5 July", as one stretch."""
    for one, other in itertools.pairwise(kept):
        if one.first is None or other.first is None or one.last or other.last or one.grain is not other.grain:
            continue
        between = low[one.end : other.start]
        if _TO.fullmatch(between) and _MOVED.search(low, 0, one.start):
            return other
        paired = _AND.fullmatch(between)
        opened = _BETWEEN.search(low[max(one.start - 16, 0) : one.start])
        if other.bare.startswith("weekday") and (_WORK.search(low) or not (opened or paired)):
            continue
        if not (_TO.fullmatch(between) or _UNTIL.search(between) or (paired and (opened or _next_to(one, other)))):
            continue
        if len(kept) == 2 and (last := _behind(one, other)):
            return replace(last, start=one.start, end=other.end)
    return None


def _next_to(one: Time, other: Time) -> bool:
    """Tell whether the other day, month or year is the next one: Friday and Saturday, but not Friday and Sunday."""
    if one.until is None or other.first is None:
        return False
    return (other.first - one.until).days in ((1, -6) if one.bare.startswith("weekday") else (1,))


def _behind(one: Time, other: Time) -> Time | None:
    """Return the stretch from one to the other, of which a name that comes back is the next one behind the first."""
    first, last = one.first, other.first
    if first is None or last is None:
        return None
    if other.bare.startswith("weekday"):
        last = first + timedelta(days=(last.weekday() - first.weekday()) % 7)
    elif other.bare == "monthday":
        last = first.replace(day=last.day) if last.day > first.day else times.month(first, 1).on(last.day)
    elif last < first and other.grain is Grain.DAY:
        last = last.replace(year=last.year + 1)
    return replace(one, first=first, last=last, bare="") if last and first < last else None


def _agreed(kept: list[Time]) -> Time | None:
    """Return the finest of the times where the others hold it: "next week, on Friday the 14th"."""
    sure = [one for one in kept if not one.bare]
    loose = [one for one in kept if one.bare]
    for bare in loose:
        fitted = [_fitted(bare, one) for one in sure] if sure else []
        if not sure:
            sure.append(bare)
        elif None in fitted:
            return None
        else:
            sure = [one for one in fitted if one]
    if not sure or any(one.first is None for one in sure):
        return None
    finest = min(sure, key=lambda one: (one.grain.value, bool(one.last), one.start))
    for one in sure:
        if not (one.first and finest.first and one.until and one.first <= finest.first <= one.until):
            return None
    return replace(finest, start=min(one.start for one in sure), end=max(one.end for one in sure))


def _fitted(bare: Time, one: Time) -> Time | None:
    """Return a time with the weekday, or the day of the month, that is named with it; None where it has no such day."""
    start, end = min(bare.start, one.start), max(bare.end, one.end)
    if one.first is None or one.until is None:
        return None
    if bare.bare == "monthday" and bare.first and one.bare.startswith("weekday"):
        return replace(bare, start=start, end=end) if bare.first.weekday() == int(one.bare[-1]) else None
    days = [one.first + timedelta(days=away) for away in range(min((one.until - one.first).days, 31) + 1)]
    if bare.bare.startswith("weekday"):
        fitting = [day for day in days if day.weekday() == int(bare.bare[-1])]
        if one.grain is not Grain.DAY:
            return replace(one, start=start, end=end)
    else:
        fitting = [day for day in days if bare.first and day.day == bare.first.day]
    if len(fitting) == 1 and one.grain is not Grain.YEAR:
        return Time(fitting[0], start=start, end=end)
    return None
