"""Times of events as people name them, at the precision that is known, and the arithmetic behind them. Pure.

Here a doubtful time is no time: `VOID` marks words that speak of time but date no event ("on Tuesdays", "a few days
ago"), so that nothing else is read into them either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum, auto

from memcli.memory.periods import stretches


class Tense(Enum):
    PAST = auto()
    AHEAD = auto()
    NOTED = (
        auto()
    )  # no verb: people note down what is to come, so a Friday is the coming one, but a March may be either
    UNSURE = auto()


class Grain(Enum):
    DAY = auto()
    MONTH = auto()
    YEAR = auto()


@dataclass(frozen=True, slots=True)
class Time:
    """The days `first` to `last` (None: one day, month or year), named at `start:end` of a text.

    `bare` is a weekday or a day of the month that stands alone, and so gives way to anything that says which one.
    """

    first: date | None
    last: date | None = None
    grain: Grain = Grain.DAY
    bare: str = ""
    start: int = 0
    end: int = 0

    @property
    def until(self) -> date | None:
        """The last day that it covers, whatever its grain."""
        if self.first is None or self.last:
            return self.last
        if self.grain is Grain.DAY:
            return self.first
        behind = stretches.plus_months(_noon(self.first), 1 if self.grain is Grain.MONTH else 12)
        return behind.date() - timedelta(days=1)

    def on(self, number: int) -> date | None:
        """Return a day of this month; None where it has no such day."""
        return self.first.replace(day=number) if self.first and self.until and number <= self.until.day else None

    def coarser(self) -> Time:
        """Return the month, or the year, that holds a stretch; `VOID` where it reaches over New Year."""
        if self.first is None or self.last is None or self.first.year != self.last.year:
            return VOID
        grain = Grain.MONTH if self.first.month == self.last.month else Grain.YEAR
        return replace(self, last=None, grain=grain)


VOID = Time(None)
# How many days off the coming 3 March may be: behind that the last one is so near that it may be meant.
NEAREST = {Tense.NOTED: 183, Tense.AHEAD: 275}


@dataclass(frozen=True, slots=True)
class Said:
    """When a text was said, and which way a name that comes back points at a place of it."""

    now: datetime
    lean: Callable[[int, int], Tense]

    @property
    def today(self) -> date:
        return self.now.date()


Read = Callable[[re.Match[str], Said], Time | None]
Rule = tuple[re.Pattern[str], Read]


def rule(pattern: str, read: Read) -> Rule:
    """Compile a pattern for text in lower case, in which a space stands for one to three white-space characters."""
    return re.compile(pattern.replace(" ?", r"\s{0,3}").replace(" ", r"\s{1,3}")), read


def void(match: re.Match[str], said: Said) -> Time:
    return VOID


def read(low: str, rules: Iterable[Rule], said: Said, taken: list[Time]) -> None:
    """Add to `taken` what the rules find in a text, the earlier rule first; what is taken stays taken."""
    for pattern, reader in rules:
        for match in pattern.finditer(low):
            start, _ = span(match)
            if any(start < one.end and one.start < match.end() for one in taken):
                continue
            try:
                found = reader(match, said)
            except (ValueError, OverflowError):
                found = VOID  # the 31st of June, or outside of the years 1 to 9999
            if found:
                taken.append(replace(found, start=start, end=match.end()))


def span(match: re.Match[str]) -> tuple[int, int]:
    """Return where the time itself stands, behind the word that makes it one."""
    return match.span("at") if "at" in match.re.groupindex else match.span()


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)


def day(base: date, away: int = 0) -> Time:
    return Time(base + timedelta(days=away))


def week(today: date, away: int) -> Time:
    first = today + timedelta(days=7 * away - today.weekday())
    return Time(first, first + timedelta(days=6))


def weekend(today: date, away: int) -> Time:
    first = today + timedelta(days=7 * away + 5 - today.weekday())
    return Time(first, first + timedelta(days=1))


def month(today: date, away: int = 0) -> Time:
    return Time(stretches.plus_months(_noon(today.replace(day=1)), away).date(), grain=Grain.MONTH)


def year(number: int) -> Time:
    return Time(date(number, 1, 1), grain=Grain.YEAR)


def shifted(said: Said, count: int, unit: str) -> Time:
    """Return what lies `count` units away: a day for days and weeks, else as much as the unit."""
    if unit in ("minute", "hour"):
        return day((said.now + timedelta(**{f"{unit}s": count})).date())
    if unit == "month":
        return month(said.today, count)
    if unit == "year":
        return year(said.today.year + count)
    return day(said.today, count * {"day": 1, "week": 7, "fortnight": 14}[unit])


def neighbour(said: Said, away: int, unit: str) -> Time:
    """Return the last (-1), this (0) or next (1) "week", "weekend", "month" or "year" of the calendar."""
    if unit == "month":
        return month(said.today, away)
    if unit == "year":
        return year(said.today.year + away)
    return (weekend if unit == "weekend" else week)(said.today, away)


def coming(today: date, number: int) -> Time:
    return day(today, (number - today.weekday() - 1) % 7 + 1)


def gone(today: date, number: int) -> Time:
    return day(today, -((today.weekday() - number - 1) % 7 + 1))


def of_week(today: date, number: int, away: int) -> Time:
    return day(today, 7 * away + number - today.weekday())


def weekday(said: Said, number: int, start: int, end: int) -> Time:
    """Return a weekday without anything that says which: never today, which has names of its own."""
    tense = said.lean(start, end)
    if tense is Tense.UNSURE:
        return Time(None, bare=f"weekday {number}")
    return replace((gone if tense is Tense.PAST else coming)(said.today, number), bare=f"weekday {number}")


def monthday(said: Said, number: int, start: int, end: int, *, weekday: int | None = None) -> Time:
    """Return the nearest such day of a month that fits the tense, and the weekday where one is named with it."""
    tense = said.lean(start, end)
    if tense is Tense.UNSURE or not 1 <= number <= 31:
        return VOID
    found = list(_monthdays(said.today, number, -1 if tense is Tense.PAST else 1))
    if weekday is None:
        return Time(found[0], bare="monthday") if found else VOID
    fitting = [one for one in found if one.weekday() == weekday]
    if not fitting:  # a verb that was misread, or a slip of the writer
        fitting = [
            one for one in _monthdays(said.today, number, 1 if tense is Tense.PAST else -1) if one.weekday() == weekday
        ]
    return Time(fitting[0]) if fitting else VOID


def _monthdays(today: date, number: int, direction: int) -> Iterator[date]:
    for away in range(4):
        found = month(today, away * direction).on(number)
        if found and ((found - today).days * direction > 0 or (direction > 0 and found == today)):
            yield found


def yearly(said: Said, make: Callable[[int], date], start: int, end: int) -> Time:
    """Return a day that comes every year, by the tense; today's own name is today."""
    tense = said.lean(start, end)
    if tense is Tense.UNSURE:
        return VOID
    here = make(said.today.year)
    if tense is Tense.PAST:
        return Time(make(said.today.year - 1) if here > said.today else here)
    found = make(said.today.year + 1) if here < said.today else here
    return VOID if (found - said.today).days > NEAREST[tense] else Time(found)
