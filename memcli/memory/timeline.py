"""Times: ISO or words in, UTC text out. Reading words needs dateparser, which is imported only then."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from memcli.errors import InputError

SECOND = timedelta(seconds=1)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_MONTH = r"jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LAST_MONTH_NAME = re.compile(rf"\b(?:last|this|past)\s+((?:{_MONTH})[a-z]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class When:
    """A stretch of time as UTC texts, both ends included; equal ends are a point."""

    start: str
    end: str


def utc(moment: datetime) -> str:
    """Return an aware datetime as the text that the store keeps."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_file(text: str) -> str:
    """Return an ISO time of an import file as UTC text; without a zone it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def day(stored: str, zone: tzinfo | None = None) -> str:
    """Return the local calendar day of a stored time, as in "2026-03-01"."""
    return datetime.fromisoformat(stored).astimezone(zone).date().isoformat()


def parse(text: str, now: datetime, *, future: bool = False) -> When:
    """Read `text`, ISO or words, relative to `now` (aware). A date alone spans its day, month or year.

    Times without a zone are in `now`'s zone. `future` reads "Friday" as the coming one. Raises InputError.
    """
    text = " ".join(text.split())
    found = _partial(text, now) or _iso(text, now) or _words(text, now, future=future)
    if found is None:
        raise InputError(f"cannot read {text!r} as a time", 'try "2026-03-01", "2026-03" or words such as "last March"')
    return found


def _partial(text: str, now: datetime) -> When | None:
    match = _PARTIAL.fullmatch(text)
    if not match:
        return None
    year, month, day_ = (int(part) if part else None for part in match.groups())
    try:
        first = date(year or 1, month or 1, day_ or 1)
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
    if period == "year":
        first = first.replace(month=1, day=1)
        after = first.replace(year=first.year + 1)
    elif period == "month":
        first = first.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    elif period == "week":
        first -= timedelta(days=first.weekday())
        after = first + timedelta(days=7)
    else:
        after = first + timedelta(days=1)
    start, end = (datetime(d.year, d.month, d.day, tzinfo=now.tzinfo) for d in (first, after))
    return When(utc(start), utc(end - SECOND))
