"""Read phrases that name a time: from the named groups of a pattern to a stretch of the calendar.

`patterns` finds the phrases. A reader returns None, or raises ValueError or OverflowError, for what is no time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from memcli.memory.periods import stretches
from memcli.memory.periods.stretches import Stretch


class Lean(Enum):
    """Which one of those that come back is meant by "in March" or "on Friday"."""

    PAST = auto()
    NEAR = auto()
    AHEAD = auto()


@dataclass(frozen=True, slots=True)
class Clock:
    """The naive local present, and where names without a year point."""

    now: datetime
    lean: Lean = Lean.PAST


Groups = Mapping[str, str]
Read = Callable[[Groups, Clock], Stretch | None]

# English in full and in short; others in full, in the form that stands behind a day: German, French, Spanish,
# Portuguese, Italian, Dutch, Swedish, Polish, Russian, Ukrainian, Turkish.
_MONTH_NAMES = """january jan januar janvier enero janeiro gennaio januari stycznia января січня ocak
|february feb februar février febrero fevereiro febbraio februari lutego февраля лютого şubat
|march mar märz mars marzo março maart marca марта березня mart
|april apr avril abril aprile kwietnia апреля квітня nisan
|may mai mayo maio maggio mei maj maja мая травня mayıs
|june jun juni juin junio junho giugno czerwca июня червня haziran
|july jul juli juillet julio julho luglio lipca июля липня temmuz
|august aug août agosto augustus augusti sierpnia августа серпня ağustos
|september sep sept septembre septiembre setembro settembre września сентября вересня eylül
|october oct oktober octobre octubre outubro ottobre października октября жовтня ekim
|november nov novembre noviembre novembro listopada ноября листопада kasım
|december dec dezember décembre diciembre dezembro dicembre grudnia декабря грудня aralık"""
MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES.split("|"), 1) for name in names.split()}
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
OTHER_LANGUAGES = {  # days from today; German, Spanish, Portuguese, Italian, Chinese, Japanese, Korean
    **dict.fromkeys(["vorgestern", "anteayer", "anteontem", "前天", "おととい", "그저께"], -2),
    **dict.fromkeys(["gestern", "ayer", "ontem", "ieri", "昨天", "昨日", "어제"], -1),
}
_NEAR_DAYS = 3  # of the seven: "on Friday", said on a Tuesday, is rather the coming one
RECENT = timedelta(days=30)  # "recently": a month, as a guess at how far back people still say so


def number(groups: Groups) -> float | str:
    """Return the count that was named; one of few, several and couple as its word."""
    if groups.get("few"):
        return groups["few"]
    if groups.get("half"):
        return 0.5
    said = groups.get("n") or "a"
    return NUMBERS.index(said) if said in NUMBERS else int(said) if said.isdigit() else 1


def recurring(make: Callable[[int], Stretch], clock: Clock) -> Stretch:
    """Return which of the yearly stretches is meant: the last one begun, the nearest, or the next to end."""
    now, near = clock.now, _near(make, clock.now)
    if clock.lean is Lean.AHEAD:
        return next((one for one in near if one.end > now), near[-1])
    if clock.lean is Lean.NEAR:
        return min(near, key=lambda one: max(one.start - now, now - one.end))
    return next((one for one in reversed(near) if one.start <= now), near[0])


def _near(make: Callable[[int], Stretch], now: datetime) -> list[Stretch]:
    """Return the yearly stretches from two years ago to two years ahead, inside the calendar."""
    return [make(year) for year in range(max(now.year - 2, 1), min(now.year + 3, 9999))]


def _yearly(groups: Groups) -> Callable[[int], Stretch] | None:
    """Return how to make the month, season or holiday that was named, for any year."""
    if month := groups.get("month"):
        return lambda year: stretches.month(year, MONTHS[month])
    if season := groups.get("season"):
        return lambda year: stretches.season(season, year)
    if holiday := groups.get("holiday"):
        return lambda year: stretches.holiday(holiday, year)
    return None


def named(groups: Groups, clock: Clock) -> Stretch | None:
    make = _yearly(groups)
    if make is None:
        return None
    return make(int(groups["year"])) if groups.get("year") else recurring(make, clock)


def date(groups: Groups, clock: Clock) -> Stretch:
    first, last = int(groups["day"]), int(groups.get("last") or groups["day"])
    month = MONTHS[groups["month"]] if groups["month"] in MONTHS else int(groups["month"])

    def make(year: int) -> Stretch:
        return Stretch(datetime(year, month, first), stretches.day(datetime(year, month, last)).end)

    if not groups.get("year"):
        if (month, first) == (2, 29):
            return stretches.month(clock.now.year, 2)  # most years lack the day
        return recurring(make, clock)
    return make(int(groups["year"]))


def figures(groups: Groups, clock: Clock) -> Stretch | None:
    """Read a date of figures, of which month, day or year may be missing."""
    if groups.get("day"):
        return date(groups, clock)
    if groups.get("month"):
        return stretches.month(int(groups["year"]), int(groups["month"]))
    return stretches.year(int(groups["year"]))


def slashed(groups: Groups, clock: Clock) -> Stretch | None:
    """Read 25/12/2023 and 12/25/2023, but not 5/12/2023, which is two days in two countries."""
    one, other = int(groups["one"]), int(groups["other"])
    if one != other and max(one, other) <= 12:
        return None
    day, month = max(one, other), min(one, other)
    return stretches.day(datetime(int(groups["year"]), month, day))


def relative(groups: Groups, clock: Clock) -> Stretch | None:
    """Read "last week", "this summer", "next Friday"."""
    which = {"last": -1, "past": -1, "this": 0, "current": 0, "coming": 1, "next": 1}[groups["which"]]
    if groups.get("unit"):
        if groups["which"] == "past" and groups["unit"] != "weekend":
            return stretches.rolling(clock.now, 1, groups["unit"])
        return neighbour(groups["unit"], which, clock.now)
    if groups.get("weekday"):
        return weekday(groups["weekday"], which, clock.now, groups.get("part") or "")
    make = _yearly(groups)
    return _neighbouring_year(make, which, clock.now) if make else None


def _neighbouring_year(make: Callable[[int], Stretch], which: int, now: datetime) -> Stretch | None:
    """Return the last one that is over, the nearest, or the next one that has not begun."""
    if which < 0:
        return next((one for one in reversed(_near(make, now)) if one.end <= now), None)
    if which > 0:
        return next((one for one in _near(make, now) if one.start > now), None)
    return recurring(make, Clock(now, Lean.NEAR))


def neighbour(unit: str, which: int, now: datetime) -> Stretch:
    here = stretches.around(unit, now)
    if unit == "weekend":
        if which == 0 and now.weekday() < 2:  # on Monday and Tuesday "this weekend" is the one just over
            which = -1
        return stretches.weekend(here.start + timedelta(days=7 * which))
    if which == 0:
        return here
    return stretches.around(unit, here.start - timedelta(days=1) if which < 0 else here.end)


def weekday(name: str, which: int, now: datetime, part: str = "") -> Stretch:
    """Return the last such day before today, the one of this week, or the next one after today."""
    ahead = (WEEKDAYS.index(name) - now.weekday()) % 7
    if which < 0:
        ahead -= 7
    elif which == 0:
        ahead = WEEKDAYS.index(name) - now.weekday()
    elif ahead == 0:
        ahead = 7
    return stretches.part_of_day(now + timedelta(days=ahead), part)


def on_weekday(groups: Groups, clock: Clock) -> Stretch:
    which = 1 if clock.lean is Lean.AHEAD else -1
    if clock.lean is Lean.NEAR:
        away = (WEEKDAYS.index(groups["weekday"]) - clock.now.weekday()) % 7
        which = 1 if 0 < away <= _NEAR_DAYS else -1
    return weekday(groups["weekday"], which, clock.now, groups.get("part") or "")


def day_word(groups: Groups, clock: Clock) -> Stretch:
    """Read "yesterday evening", "last night", "the day before yesterday"."""
    away = {"yesterday": -1, "tomorrow": 1, "last night": -1}.get(groups["word"], 0)
    away = away * 2 if groups.get("twice") else away
    part = {"tonight": "night", "last night": "night"}.get(groups["word"]) or groups.get("part") or ""
    return stretches.part_of_day(clock.now + timedelta(days=away), part)


def other_language(groups: Groups, clock: Clock) -> Stretch:
    return stretches.day(clock.now + timedelta(days=OTHER_LANGUAGES[groups["word"]]))


def before_last(groups: Groups, clock: Clock) -> Stretch:
    return stretches.around(groups["unit"], stretches.shifted(clock.now, -2, groups["unit"]))


def ago(groups: Groups, clock: Clock) -> Stretch:
    return stretches.away(clock.now, number(groups), groups["unit"])


def rolling(groups: Groups, clock: Clock) -> Stretch:
    direction = -1 if groups["which"] in ("last", "past") else 1
    return stretches.rolling(clock.now, number(groups), groups["unit"], direction)


def other_day(groups: Groups, clock: Clock) -> Stretch:
    return stretches.away(clock.now, "few", groups["unit"])


def recently(groups: Groups, clock: Clock) -> Stretch:
    return Stretch(clock.now - RECENT, clock.now + timedelta(seconds=1))


def year(groups: Groups, clock: Clock) -> Stretch:
    first = stretches.year(int(groups["year"]))
    return Stretch(first.start, stretches.year(int(groups["to"])).end) if groups.get("to") else first


def decade(groups: Groups, clock: Clock) -> Stretch:
    said = int(groups["decade"])
    return stretches.decade(said if said >= 100 else 1900 + said)


def quarter(groups: Groups, clock: Clock) -> Stretch:
    count = int(groups["quarter"])
    year = groups.get("year") or groups.get("ahead")
    return stretches.quarter(int(year), count) if year else recurring(lambda it: stretches.quarter(it, count), clock)
