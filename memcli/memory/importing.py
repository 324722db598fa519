"""Bring records in from JSONL: the whole file is checked first, then it goes in batch by batch.

Invariants: a batch is one transaction; what is there already is passed over (a message by thread and id, a memory by id
or exact text, a core block by label and text, a thread by name), so the same file again changes nothing and an
interrupted import goes on where it stopped. A memory's `sources` are not read: they name ids of another store.
"""

from __future__ import annotations

import hashlib
import json
import re
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Never, TypeVar

from memcli.errors import InputError, NothingFound
from memcli.memory import indexing, remember, timeline
from memcli.memory.context import CORE_CHARS
from memcli.memory.form import classify
from memcli.store import core, memories, messages, operations, threads
from memcli.store.database import Store
from memcli.types import Embedder, Kind, Owner, Role, Trust

BATCH = 128  # records in a transaction: large enough for full embedding batches, small enough to lose little work
TRUST = {Role.USER: Trust.USER, Role.ASSISTANT: Trust.ASSISTANT, Role.TOOL: Trust.TOOL, Role.SYSTEM: Trust.DOCUMENT}
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


@dataclass
class Report:
    """What an import did."""

    messages: int = 0
    memories: int = 0
    core: int = 0
    threads: int = 0
    known: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)


# --- reading --------------------------------------------------------------------------------------------------------


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
    id_ = value.get("id")
    if id_ is not None and not (isinstance(id_, str) and _TYPEABLE.fullmatch(id_)):
        raise _BadLine(f"id {reprlib.repr(id_)} is not 3 to 64 letters, digits, - and _ with a letter among them")
    return NewMemory(
        text=text,
        id=id_,
        kind=classify(text) if value.get("kind", "auto") == "auto" else _word(value, "kind", Kind),
        trust=Trust.USER if value.get("trust") is None else _word(value, "trust", Trust),
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


# --- writing --------------------------------------------------------------------------------------------------------


def write(
    store: Store,
    records: Sequence[Record],
    *,
    embedder: Embedder | None,
    now: str,
    progress: Callable[[int, int], None],
) -> Report:
    """Write checked records. `progress` hears records done and records in all."""
    report = Report()
    blocks = {r.label: r for r in records if isinstance(r, NewBlock)}  # of several texts of a label the last one holds
    named: list[NewBlock | NewThread] = [r for r in records if isinstance(r, NewThread)]
    named += blocks.values()
    kept = [r for r in records if isinstance(r, NewMemory) and not _has_memory(store, r, now)]
    said = list(_unknown(store, [r for r in records if isinstance(r, NewMessage)]))
    report.known = len(records) - len(named) - len(kept) - len(said)
    done = report.known + len(named)
    _write_named(store, named, now, report)
    progress(done, len(records))
    for start in range(0, len(kept), BATCH):
        _write_memories(store, kept[start : start + BATCH], embedder, now, report)
        progress(done + min(start + BATCH, len(kept)), len(records))
    for start in range(0, len(said), BATCH):
        _write_messages(store, said[start : start + BATCH], embedder, now, report)
        progress(done + len(kept) + min(start + BATCH, len(said)), len(records))
    return report


def _unknown(store: Store, said: Sequence[NewMessage]) -> Iterator[NewMessage]:
    known: dict[str, set[str]] = {}
    for message in said:
        if message.thread not in known:
            thread = threads.id_of(store, message.thread)
            known[message.thread] = messages.known_external(store, thread) if thread else set()
        if message.id not in known[message.thread]:
            known[message.thread].add(message.id)
            yield message


def _has_memory(store: Store, memory: NewMemory, now: str) -> bool:
    if memory.id is not None:
        with suppress(NothingFound):
            memories.get(store, memory.id)
            return True
    # An expired memory does not stand for one that holds, but it does for one that has expired too.
    expired = memory.expires_at is not None and memory.expires_at <= now
    return memories.find_exact(store, memory.text, now=None if expired else now) is not None


def _stands(store: Store, record: NewBlock | NewThread) -> bool:
    if isinstance(record, NewThread):
        return threads.id_of(store, record.name) is not None
    block = core.get(store, record.label)
    return block is not None and block.text == record.text


def _write_named(store: Store, named: Sequence[NewBlock | NewThread], now: str, report: Report) -> None:
    items: list[str] = []
    with store.atomic():
        for record in named:
            if _stands(store, record):
                report.known += 1
            elif isinstance(record, NewThread):
                threads.create(store, now=record.created_at or now, name=record.name)
                report.threads += 1
            else:
                items.append(f"core:{core.put(store, record.label, record.text, now).label}")
        if items:
            operations.record(store, action="core", actor="import", items=items, now=now)
    report.core += len(items)


def _write_memories(
    store: Store, batch: Sequence[NewMemory], embedder: Embedder | None, now: str, report: Report
) -> None:
    ready = indexing.prepare([memory.text for memory in batch], embedder)
    made: list[str] = []
    with store.atomic():
        for memory, indexed in zip(batch, ready, strict=True):
            if _has_memory(store, memory, now):  # said twice in the file, or another process was quicker
                continue
            stored = memories.add(
                store,
                kind=memory.kind,
                text=memory.text,
                trust=memory.trust,
                now=memory.created_at or now,
                tags=memory.tags,
                valid_from=memory.valid_from,
                valid_to=memory.valid_to,
                expires_at=memory.expires_at,
                id=memory.id,
            )
            indexing.put(store, Owner.MEMORY, stored.id, indexed, embedder)
            made.append(stored.id)
        if made:
            operations.record(store, action="add", actor="import", items=made, now=now)
    report.memories += len(made)
    report.known += len(batch) - len(made)


def _write_messages(
    store: Store, batch: Sequence[NewMessage], embedder: Embedder | None, now: str, report: Report
) -> None:
    ready = indexing.prepare([message.content for message in batch], embedder)
    with store.atomic():
        for message, indexed in zip(batch, ready, strict=True):
            at = message.created_at or now
            thread = threads.id_of(store, message.thread)
            if thread is None:
                thread = threads.create(store, now=at, name=message.thread).id
                report.threads += 1
            trust = TRUST[message.role]
            stored = messages.add(
                store,
                thread_id=thread,
                role=message.role,
                content=message.content,
                trust=trust,
                now=at,
                name=message.name,
                external_id=message.id,
            )
            indexing.put(store, Owner.MESSAGE, stored.id, indexed, embedder)
            if trust is Trust.USER:
                messages.enqueue(store, stored.id, now)
            report.messages += 1
        operations.record(store, action="import", actor="import", items=[], now=now, detail={"messages": len(batch)})


def refuse(bad: Sequence[tuple[int, str]], origin: str) -> InputError:
    """Return the error that names the first bad lines of a file."""
    shown = "; ".join(f"line {number}: {reason}" for number, reason in bad[:3])
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    return InputError(f"{origin}: {shown}{more}", "nothing was imported; --keep-going imports the lines that are good")
