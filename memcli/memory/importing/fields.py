"""Check the values of a record, one by one: what is returned is fit to be stored, anything else is a bad line."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from memcli.memory import timeline

Values = Mapping[str, Any]

LARGEST = 2**53  # of a count; JSON's numbers are exact up to there
LONGEST_WORD = 200  # characters of what names a model or the like

_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2}(?P<time>[T ].+)?)?)?")
# What can be typed as an id, and be told from a number and from the ids of core blocks.
_TYPEABLE = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_-]{2,63}")
_STORED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

_Word = TypeVar("_Word", bound=StrEnum)
_Value = TypeVar("_Value")


class BadLine(Exception):
    """A line that is no record; the text is the reason."""


def text(value: Values, key: str) -> str:
    """Return a text with something in it."""
    found = value.get(key)
    if not isinstance(found, str):
        raise BadLine(f"{key} is missing" if found is None else f"{key} is not a text")
    if not found.strip():
        raise BadLine(f"{key} is empty")
    return unicode(found, key)


def any_text(value: Values, key: str) -> str:
    """Return a text, which may be empty."""
    if value.get(key) == "":
        return ""
    found = value.get(key)
    return unicode(found, key) if isinstance(found, str) else text(value, key)


def unicode(given: str, key: str) -> str:
    """Return a text that can be stored and printed as it is."""
    if "\x00" in given:
        raise BadLine(f"{key} holds a NUL character")
    try:
        given.encode("utf-8")
    except UnicodeEncodeError:
        raise BadLine(f"{key} holds half a surrogate pair, which is no character") from None
    return given


def label(value: Values, key: str) -> str:
    """Return a short text on one line."""
    found = text(value, key)
    if len(found) > LONGEST_WORD or not found.isprintable():
        raise BadLine(f"{key} is not a short text on one line")
    return found


def id_(value: Values, key: str = "id") -> str:
    """Return what can be an item's id."""
    found = value.get(key)
    if found is None:
        raise BadLine(f"{key} is missing")
    if not isinstance(found, str) or not _TYPEABLE.fullmatch(found):
        raise BadLine(f"{key} {reprlib.repr(found)} is not 3 to 64 letters, digits, - and _ with a letter among them")
    return found


def word(value: Values, key: str, words: type[_Word]) -> _Word:
    """Return one of a few words."""
    given = value.get(key)
    if given is None:
        raise BadLine(f"{key} is missing")
    if given not in list(words):  # a list, because what JSON holds may not be hashable
        raise BadLine(f"{key} {reprlib.repr(given)} is none of {', '.join(words)}")
    return words(given)


def one_of(value: Values, key: str, words: Collection[str]) -> str:
    """Return one of a few texts."""
    given = value.get(key)
    if not isinstance(given, str) or given not in words:
        raise BadLine(f"{key} {reprlib.repr(given)} is none of {', '.join(sorted(words))}")
    return given


def tags(value: Values) -> tuple[str, ...]:
    """Return a list of words; none where it is missing."""
    given = [] if value.get("tags") is None else value["tags"]
    if not isinstance(given, list) or not all(isinstance(tag, str) and tag.split() == [tag] for tag in given):
        raise BadLine("tags is not a list of words")
    return tuple(unicode(tag, "tags") for tag in given)


def flag(value: Values, key: str, *, unsaid: bool = False) -> bool:
    """Return true or false; `unsaid` where it is missing."""
    given = value.get(key, unsaid)
    if not isinstance(given, bool):
        raise BadLine(f"{key} is neither true nor false")
    return given


def whole(value: Values, key: str, least: int = 0) -> int:
    """Return a whole number, at least so large."""
    given = value.get(key)
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= LARGEST:
        raise BadLine(f"{key} is not a whole number from {least} on")
    return given


def number(value: Values, key: str, least: float = -math.inf, most: float = math.inf) -> float:
    """Return a finite number between two, both included."""
    given = value.get(key)
    try:
        found = math.nan if isinstance(given, bool) or not isinstance(given, (int, float)) else float(given)
    except OverflowError:
        found = math.nan
    if not math.isfinite(found) or not least <= found <= most:
        raise BadLine(f"{key} is not a number that it can be")
    return found


def time(value: Values, key: str) -> str | None:
    """Return an ISO time as UTC text, None where it is missing."""
    given = value.get(key)
    if given is None:
        return None
    if isinstance(given, str) and _STORED.fullmatch(given):  # as an export has it, for which there is a quick look
        return _checked(given, key)
    try:
        return timeline.from_file(given)
    except (TypeError, ValueError, OverflowError):
        raise BadLine(f"{key} {reprlib.repr(given)} is not an ISO time") from None


def _checked(given: str, key: str) -> str:
    try:
        datetime.fromisoformat(given)
    except ValueError:
        raise BadLine(f"{key} {reprlib.repr(given)} is not an ISO time") from None
    return given


def day(value: Values, key: str) -> str | None:
    """Return a date at the precision it was given in, a time as UTC text; None where it is missing."""
    given = value.get(key)
    if given is None:
        return None
    match = _DATE.fullmatch(given) if isinstance(given, str) else None
    if match and match["time"]:
        return time(value, key)
    try:
        date.fromisoformat(given + "-01-01"[len(given) - 4 :] if match else "")
    except ValueError:
        raise BadLine(f"{key} {reprlib.repr(given)} is not an ISO date: YYYY, YYYY-MM or YYYY-MM-DD") from None
    return str(given)


def certain(found: _Value | None, key: str) -> _Value:
    """Return what must not be missing."""
    if found is None:
        raise BadLine(f"{key} is missing")
    return found


def optional(value: Values, key: str, read: Callable[[Values, str], _Value]) -> _Value | None:
    """Return what `read` makes of a value, None where it is missing."""
    return None if value.get(key) is None else read(value, key)


def records(value: Values, key: str) -> list[Values]:
    """Return a list of objects; none where it is missing."""
    given = [] if value.get(key) is None else value[key]
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise BadLine(f"{key} is not a list of objects")
    return given


def ids(value: Values, key: str) -> list[str]:
    """Return a list of ids; none where it is missing."""
    given = [] if value.get(key) is None else value[key]
    if not isinstance(given, list):
        raise BadLine(f"{key} is not a list of ids")
    return [id_({key: one}, key) for one in given]


def only(value: Values, known: Collection[str], what: str) -> None:
    """Refuse keys that nobody knows: they would be dropped in silence."""
    unknown = sorted(set(value) - set(known))
    if unknown:
        raise BadLine(f"{what} has the key {reprlib.repr(unknown[0])}, which this version does not know")
