"""Read JSONL to import: every line is checked before anything is written (see `intake`).

A memory's `sources` are not read: they name ids of another store.
"""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Never, TypeVar

from memcli.errors import InputError
from memcli.memory import remember, timeline
from memcli.memory.context import CORE_CHARS
from memcli.memory.form import classify
from memcli.types import Kind, Role, Trust

DEFAULT_THREAD = "imported"

_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2}(?P<time>[T ].+)?)?)?")
# What can be typed as an id, and be told from a number and from the ids of core blocks.
_TYPEABLE = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_-]{2,63}")
_NOT_IMPORTED = ("retired_at", "superseded_by")  # to keep the rest only would bring a retired memory back to life

_Word = TypeVar("_Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class NewMessage:
    thread: str
    id: str
    role: Role
    content: str
    name: str | None
    created_at: str | None


@dataclass(frozen=True, slots=True)
class NewMemory:
    text: str
    id: str | None
    kind: Kind
    trust: Trust
    tags: tuple[str, ...]
    created_at: str | None
    valid_from: str | None
    valid_to: str | None
    expires_at: str | None


@dataclass(frozen=True, slots=True)
class NewBlock:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class NewThread:
    name: str
    created_at: str | None


Record = NewMessage | NewMemory | NewBlock | NewThread


@dataclass(frozen=True, slots=True)
class Parsed:
    """A checked file: its records in order, and (line number, reason) of what cannot be imported."""

    records: tuple[Record, ...]
    bad: tuple[tuple[int, str], ...]


def lines(text: str) -> list[str]:
    """Cut a file at its line feeds. The other characters that Unicode ends a line with may stand in a JSON string."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def parse(lines: Iterable[str]) -> Parsed:
    """Check every line. Nothing is raised for a bad line; it is listed with its number and the reason."""
    records: list[Record] = []
    bad: list[tuple[int, str]] = []
    seen: Counter[str] = Counter()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            records.append(_record(_load(line), seen))
        except RecursionError:
            bad.append((number, "nested too deeply"))
        except _BadLine as error:
            bad.append((number, str(error)))
        except InputError as error:
            bad.append((number, error.message))
    return Parsed(tuple(records), tuple(bad))


class _BadLine(Exception):
    """A line that is no record; the text is the reason."""


def _load(line: str) -> Any:
    try:
        return json.loads(line, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _BadLine(f"not JSON: {error.msg} at column {error.colno}") from None
    except ValueError:  # Python's limit, which keeps a line of digits from taking minutes
        raise _BadLine("a number has too many digits") from None


def _no_constant(name: str) -> Never:
    raise _BadLine(f"not JSON: {name} is no number")


def _record(value: Any, seen: Counter[str]) -> Record:
    if not isinstance(value, dict):
        raise _BadLine("not a JSON object")
    type_ = value.get("type", "message")
    if type_ == "message":
        return _message(value, seen)
    if type_ == "memory":
        return _memory(value)
    if type_ == "core":
        label, text = remember.check_label(_text(value, "label")), remember.check_text(_text(value, "text"))
        remember.check_fits(label, text, CORE_CHARS)
        return NewBlock(label, text)
    if type_ == "thread":
        return NewThread(_text(value, "name"), _time(value, "created_at"))
    raise _BadLine(f"type {reprlib.repr(type_)} is none of message, thread, memory, core")


def _memory(value: dict[str, Any]) -> NewMemory:
    for key in _NOT_IMPORTED:
        if value.get(key) is not None:
            raise _BadLine(f"a memory with {key} is not imported by this version")
    text = remember.check_text(_text(value, "text"))
    tags = [] if value.get("tags") is None else value["tags"]
    if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.split() == [tag] for tag in tags):
        raise _BadLine("tags is not a list of words")
    trust = Trust.USER if value.get("trust") is None else _word(value, "trust", Trust)
    id_ = value.get("id")
    if id_ is not None and not (isinstance(id_, str) and _TYPEABLE.fullmatch(id_)):
        raise _BadLine(f"id {reprlib.repr(id_)} is not 3 to 64 letters, digits, - and _ with a letter among them")
    return NewMemory(
        text=text,
        id=id_,
        kind=classify(text, trust) if value.get("kind", "auto") == "auto" else _word(value, "kind", Kind),
        trust=trust,
        tags=tuple(_unicode(tag, "tags") for tag in tags),
        created_at=_time(value, "created_at"),
        valid_from=_date(value, "valid_from"),
        valid_to=_date(value, "valid_to"),
        expires_at=_time(value, "expires_at"),
    )


def _message(value: dict[str, Any], seen: Counter[str]) -> NewMessage:
    role = _word(value, "role", Role)
    content = _text(value, "content")
    thread = _text(value, "thread") if value.get("thread") is not None else DEFAULT_THREAD
    name = _text(value, "name") if value.get("name") is not None else None
    given = value.get("id")
    if given is not None and (isinstance(given, bool) or not isinstance(given, (str, int)) or not str(given).strip()):
        raise _BadLine("id is neither a text nor a whole number")
    created_at = _time(value, "created_at")
    id_ = str(given) if given is not None else _made_id(value, thread, seen)
    return NewMessage(thread, _unicode(id_, "id"), role, content, name, created_at)


def _made_id(value: dict[str, Any], thread: str, seen: Counter[str]) -> str:
    """Name a message without an id by what it says, and by how often it was said before."""
    parts = [thread, *(str(value.get(key, "")) for key in ("role", "name", "created_at", "content"))]
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    seen[digest] += 1
    return f"{digest}-{seen[digest]}" if seen[digest] > 1 else digest


def _word(value: dict[str, Any], key: str, words: type[_Word]) -> _Word:
    given = value.get(key)
    if given not in list(words):  # a list, because what JSON holds may not be hashable
        raise _BadLine(f"{key} {reprlib.repr(given)} is none of {', '.join(words)}")
    return words(given)


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise _BadLine(f"{key} is missing" if text is None else f"{key} is not a text")
    if not text.strip():
        raise _BadLine(f"{key} is empty")
    return _unicode(text, key)


def _unicode(text: str, key: str) -> str:
    if "\x00" in text:
        raise _BadLine(f"{key} holds a NUL character")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _BadLine(f"{key} holds half a surrogate pair, which is no character") from None
    return text


def _time(value: dict[str, Any], key: str) -> str | None:
    given = value.get(key)
    if given is None:
        return None
    try:
        return timeline.from_file(given)
    except (TypeError, ValueError, OverflowError):
        raise _BadLine(f"{key} {reprlib.repr(given)} is not an ISO time") from None


def _date(value: dict[str, Any], key: str) -> str | None:
    """Return a date at the precision it was given in, a time as UTC text."""
    given = value.get(key)
    if given is None:
        return None
    match = _DATE.fullmatch(given) if isinstance(given, str) else None
    if match and match["time"]:
        return _time(value, key)
    try:
        date.fromisoformat(given + "-01-01"[len(given) - 4 :] if match else "")
    except ValueError:
        raise _BadLine(f"{key} {reprlib.repr(given)} is not an ISO date: YYYY, YYYY-MM or YYYY-MM-DD") from None
    return str(given)


def refuse(bad: Sequence[tuple[int, str]], origin: str) -> InputError:
    """Return the error that names the first bad lines of a file."""
    shown = "; ".join(f"line {number}: {reason}" for number, reason in bad[:3])
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    return InputError(f"{origin}: {shown}{more}", "nothing was imported; --keep-going imports the lines that are good")
