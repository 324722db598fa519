"""Times: ISO or words in, UTC text out. Reading words needs dateparser, which is imported only then."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from memcli.errors import InputError

_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_MONTH = r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LAST_MONTH_NAME = re.compile(rf"\b(?:last|this|past)\s+((?:{_MONTH})[a-z]*)", re.IGNORECASE)


class _Local(tzinfo):
    """The machine's zone by the rules it has at each date, where `astimezone()` fixes the offset of one date.

    The C library knows the rules already; zoneinfo and tzlocal would add some 30 ms to every start.
    """

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return moment.replace(tzinfo=None).astimezone().utcoffset() if moment else None

    def dst(self, moment: datetime | None, /) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None, /) -> str | None:
        return moment.replace(tzinfo=None).astimezone().tzname() if moment else None

    def fromutc(self, moment: datetime, /) -> datetime:
        # fromtimestamp tells the two passes of a repeated hour apart, by `fold`; astimezone does not.
        return datetime.fromtimestamp(moment.replace(tzinfo=UTC).timestamp()).replace(tzinfo=self)


LOCAL = _Local()
# What datetime raises for a time outside of the years 1 to 9999, here or in UTC; the last is the C library's.
OUT_OF_RANGE = (ValueError, OverflowError, OSError)


@dataclass(frozen=True, slots=True)
class When:
    """A stretch of time as UTC texts, both ends included; equal ends are a point."""

    start: str
    end: str


def utc(moment: datetime) -> str:
    """Return an aware datetime as the text that the store keeps."""
    # isoformat and not strftime, whose %Y is "1" for the year 1 on Linux and would not sort.
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def from_file(text: str) -> str:
    """Return an ISO time of an import file as UTC text; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def day(stored: str, zone: tzinfo = LOCAL) -> str:
    """Return the local calendar day of a stored time, as in "2026-03-01"."""
    try:
        return datetime.fromisoformat(stored).astimezone(zone).date().isoformat()
    except OUT_OF_RANGE:
        return stored[:10]  # the first and the last hours of the calendar have no local day everywhere


def days(start: str | None, end: str | None, zone: tzinfo = LOCAL) -> str:
    """Return a stretch of stored times, both ends included, in local days, or minutes where it cuts through a day.

    "2025-06-01..2025-08-31"; a single day stands alone, None is an open end: "..2020-12-31".
    """
    first, last = (_moment(it, zone) if it else "" for it in (start, end))
    if first.endswith(_DAY_BEGINS) and (not last or last.endswith(_DAY_ENDS)):
        first, last = first.removesuffix(_DAY_BEGINS), last.removesuffix(_DAY_ENDS)
    elif not first:
        last = last.removesuffix(_DAY_ENDS)
    return first if first == last else f"{first}..{last}"


_DAY_BEGINS, _DAY_ENDS = " 00:00", " 23:59"


def _moment(stored: str, zone: tzinfo) -> str:
    try:
        return datetime.fromisoformat(stored).astimezone(zone).replace(tzinfo=None).isoformat(" ", "minutes")
    except OUT_OF_RANGE:
        return stored[:10]


def parse(text: str, now: datetime, *, future: bool = False) -> When:
    """Read `text`, ISO or words, relative to `now` (aware). A date alone spans its day, month or year.

    Times without a zone are in `now`'s zone. `future` reads "Friday" as the coming one. Raises InputError.
    """
    text = " ".join(text.split())
    try:
        found = _partial(text, now) or _iso(text, now) or _words(text, now, future=future)
        if found:
            _check_local(found, now.tzinfo)
    except OUT_OF_RANGE:
        found = None
    if found is None:
        raise InputError(f"cannot read {text!r} as a time", 'try "2026-03-01", "2026-03" or words such as "last March"')
    return found


def past(text: str, now: datetime) -> str | None:
    """Return the end of WHEN, None where that is not past: what is believed then is what is believed now.

    Raises InputError.
    """
    end = parse(text, now).end
    return end if end < utc(now) else None


def _check_local(when: When, zone: tzinfo | None) -> None:
    """Raise one of OUT_OF_RANGE for times that have no local form, which callers could not show."""
    for stored in (when.start, when.end):
        datetime.fromisoformat(stored).astimezone(zone)


def _partial(text: str, now: datetime) -> When | None:
    match = _PARTIAL.fullmatch(text)
    if not match:
        return None
    year, month, day_ = match.groups()
    try:
        first = date(int(year), int(month or 1), int(day_ or 1))
    except ValueError:
        return None
    return _stretch(first, "day" if day_ else "month" if month else "year", now)


def _iso(text: str, now: datetime) -> When | None:
    try:
        moment = datetime.fromisoformat(text)
        point = utc(moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo))
    except (ValueError, OverflowError):
        return None
    return When(point, point)


def _words(text: str, now: datetime, *, future: bool) -> When | None:
    if not any(char.isalpha() for char in text):
        return None  # figures that are no ISO date: dateparser would guess, and guess wrong
    from dateparser.date import DateDataParser

    settings = {
        "RELATIVE_BASE": now.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future" if future else "past",
        "PREFER_DAY_OF_MONTH": "first",
        "RETURN_TIME_AS_PERIOD": True,
    }
    data = DateDataParser(languages=["en"], settings=settings).get_date_data(_LAST_MONTH_NAME.sub(r"\1", text))
    moment = data.date_obj
    if moment is None:
        return None
    if data.period == "time":
        point = utc(moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo))
        return When(point, point)
    return _stretch(moment.date(), data.period, now)


def _stretch(first: date, period: str, now: datetime) -> When:
    last = first
    if period == "year":
        first, last = first.replace(month=1, day=1), first.replace(month=12, day=31)
    elif period == "month":
        first, last = first.replace(day=1), first.replace(day=monthrange(first.year, first.month)[1])
    elif period == "week":
        first -= timedelta(days=first.weekday())
        last = first + timedelta(days=6)
    # Where the clock is put back over midnight the day ends with the second pass: fold=1.
    end = datetime.combine(last, time(23, 59, 59, fold=1), now.tzinfo)
    return When(utc(datetime.combine(first, time(), now.tzinfo)), utc(end))
