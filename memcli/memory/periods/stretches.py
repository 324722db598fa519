"""Stretches of the calendar by the names that people give them: pure arithmetic on naive local times.

A `Stretch` excludes its end. Functions raise ValueError or OverflowError outside of the years 1 to 9999.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

_DAY = timedelta(days=1)
_HOURS = {  # the first hour of a part of the day and how many it lasts; a night runs into the next day
    "morning": (5, 7),
    "afternoon": (12, 6),
    "evening": (17, 7),
    "night": (18, 11),
}
# Meteorological seasons of the northern half of the world: text alone cannot tell where its writer lives.
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
_FEW = {"few": (2, 5), "several": (3, 8), "couple": (2, 2)}  # what people mean by an uncounted number
_DAYS_IN = {"day": 1, "weekend": 7, "week": 7, "fortnight": 14}
_MONTHS_IN = {"month": 1, "quarter": 3, "year": 12, "decade": 120}


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` up to, and without, `end`."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def day(moment: datetime) -> Stretch:
    first = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return Stretch(first, first + _DAY)


def part_of_day(moment: datetime, part: str) -> Stretch:
    """Return the "morning", "afternoon", "evening" or "night" of the day of `moment`; any other part is all of it."""
    whole = day(moment)
    if part not in _HOURS:
        return whole
    first, hours = _HOURS[part]
    start = whole.start + timedelta(hours=first)
    return Stretch(start, start + timedelta(hours=hours))


def week(moment: datetime) -> Stretch:
    first = day(moment).start
    first -= timedelta(days=first.weekday())
    return Stretch(first, first + timedelta(days=7))


def weekend(moment: datetime) -> Stretch:
    """Return the Saturday and Sunday of the week of `moment`."""
    last = week(moment).end
    return Stretch(last - 2 * _DAY, last)


def month(year_: int, number: int) -> Stretch:
    first = datetime(year_, number, 1)
    return Stretch(first, plus_months(first, 1))


def quarter(year_: int, number: int) -> Stretch:
    first = datetime(year_, 3 * number - 2, 1)
    return Stretch(first, plus_months(first, 3))


def year(number: int) -> Stretch:
    return Stretch(datetime(number, 1, 1), datetime(number + 1, 1, 1))


def decade(number: int) -> Stretch:
    return Stretch(datetime(number, 1, 1), datetime(number + 10, 1, 1))


def season(name: str, year_: int) -> Stretch:
    """Return a northern season by the year in which it begins: the winter of 2021 ends in 2022."""
    first = datetime(year_, _SEASONS[name], 1)
    return Stretch(first, plus_months(first, 3))


def easter(year_: int) -> datetime:
    """Return Easter Sunday: the Gregorian computus in the form that Butcher published in 1876."""
    century, rest = divmod(year_, 100)
    moon = (19 * (year_ % 19) + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    sunday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (year_ % 19 + 11 * moon + 22 * sunday) // 451
    number, last = divmod(moon + sunday - 7 * late + 114, 31)
    return datetime(year_, number, last + 1)


def _thanksgiving(year_: int) -> datetime:
    first = datetime(year_, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)  # the fourth Thursday, as in the United States


# Days that people date by: how to find the first, and how many it takes. Few, because each must be sure.
_HOLIDAYS: dict[str, tuple[Callable[[int], datetime], int]] = {
    "christmas": (lambda year_: datetime(year_, 12, 24), 3),
    "christmas eve": (lambda year_: datetime(year_, 12, 24), 1),
    "new year": (lambda year_: datetime(year_, 12, 31), 2),
    "new year's eve": (lambda year_: datetime(year_, 12, 31), 1),
    "halloween": (lambda year_: datetime(year_, 10, 31), 1),
    "valentine's day": (lambda year_: datetime(year_, 2, 14), 1),
    "thanksgiving": (_thanksgiving, 1),
    "easter": (lambda year_: easter(year_) - 2 * _DAY, 4),  # Good Friday to Easter Monday
}


def holiday(name: str, year_: int) -> Stretch:
    find, days = _HOLIDAYS[name]
    first = find(year_)
    return Stretch(first, first + timedelta(days=days))


def plus_months(moment: datetime, count: int) -> datetime:
    """Shift by calendar months; the 31st becomes the last day of a shorter month."""
    year_, index = divmod(moment.year * 12 + moment.month - 1 + count, 12)
    return moment.replace(year=year_, month=index + 1, day=min(moment.day, monthrange(year_, index + 1)[1]))


def shifted(moment: datetime, count: float, unit: str) -> datetime:
    """Shift by a number of "minute", "hour", "day", "week", "weekend", "month", "year"; halves count for months up."""
    if unit in _MONTHS_IN:
        return plus_months(moment, round(count * _MONTHS_IN[unit]))
    if unit in _DAYS_IN:
        return moment + timedelta(days=count * _DAYS_IN[unit])
    return moment + timedelta(**{f"{unit}s": count})


def away(moment: datetime, count: float | str, unit: str, direction: int = -1) -> Stretch:
    """Return what "three weeks ago" covers: as much as its unit, around the counted moment.

    `count` may be "few", "several" or "couple", which cover all the counts that they may stand for.
    """
    low, high = _FEW[count] if isinstance(count, str) else (count, count)
    first, last = sorted(shifted(moment, direction * number, unit) for number in (low, high))
    if unit == "day":
        return Stretch(day(first).start, day(last).end)
    if unit == "weekend":
        return Stretch(weekend(first).start, weekend(last).end)
    half = (shifted(moment, min(low, 1), unit) - moment) / 2
    return Stretch(first - half, last + half)


def rolling(now: datetime, count: float | str, unit: str, direction: int = -1) -> Stretch:
    """Return "the past few weeks": from that long ago up to now, or from now on."""
    high = _FEW[count][1] if isinstance(count, str) else count
    first, last = sorted((now, shifted(now, direction * high, unit)))
    return Stretch(first, last + timedelta(seconds=1))


def around(unit: str, moment: datetime) -> Stretch:
    """Return the calendar's "day", "week", "weekend", "month", "quarter", "year" or "decade" that holds `moment`."""
    if unit == "month":
        return month(moment.year, moment.month)
    if unit == "quarter":
        return quarter(moment.year, (moment.month + 2) // 3)
    if unit == "year":
        return year(moment.year)
    if unit == "decade":
        return decade(moment.year - moment.year % 10)
    return {"week": week, "weekend": weekend}.get(unit, day)(moment)


def cut(whole: Stretch, part: str) -> Stretch:
    """Return a part of a stretch: its "early", "mid" or "late" third, "half 1", or "week 1" to "week 5" (the last)."""
    name, _, number = part.partition(" ")
    if name == "week":
        first = whole.end - timedelta(days=7) if number == "5" else whole.start + timedelta(days=7 * (int(number) - 1))
        return Stretch(first, first + timedelta(days=7))
    parts = 2 if name == "half" else 3
    index = int(number) - 1 if name == "half" else ("early", "mid", "late").index(name)
    return Stretch(whole.start + whole.length * index / parts, whole.start + whole.length * (index + 1) / parts)


def widened(whole: Stretch) -> Stretch:
    """Return the stretch with half of its length more on both sides."""
    return Stretch(whole.start - whole.length / 2, whole.end + whole.length / 2)
