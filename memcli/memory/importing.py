"""Bring records in from JSONL: the whole file is checked first, then it goes in batch by batch.

Invariants: a batch is one transaction; what is there already (by thread and id, or by exact text) is passed over, so
the same file again changes nothing and an interrupted import goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from memcli.errors import InputError
from memcli.memory import indexing, remember, timeline
from memcli.memory.context import CORE_CHARS
from memcli.store import messages, operations, threads
from memcli.store.database import Store
from memcli.types import Embedder, Kind, Owner, Role, Trust

BATCH = 128  # messages in a transaction: large enough for full embedding batches, small enough to lose little work
TRUST = {Role.USER: Trust.USER, Role.ASSISTANT: Trust.ASSISTANT, Role.TOOL: Trust.TOOL, Role.SYSTEM: Trust.DOCUMENT}
DEFAULT_THREAD = "imported"

Line = tuple[int, str]


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
    kind: Kind | None
    tags: tuple[str, ...]
    created_at: str | None
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


def parse(lines: Iterable[str]) -> Parsed:
    """Check every line. Nothing is raised for a bad line; it is listed with its number and the reason."""
    records: list[Record] = []
    bad: list[tuple[int, str]] = []
    seen: Counter[str] = Counter()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            records.append(_record(json.loads(line), seen))
        except json.JSONDecodeError as error:
            bad.append((number, f"not JSON: {error.msg} at column {error.colno}"))
        except RecursionError:
            bad.append((number, "nested too deeply"))
        except _BadLine as error:
            bad.append((number, str(error)))
    return Parsed(tuple(records), tuple(bad))


class _BadLine(Exception):
    """A line that is JSON and no record; the text is the reason."""


def _record(value: Any, seen: Counter[str]) -> Record:
    if not isinstance(value, dict):
        raise _BadLine("not a JSON object")
    type_ = value.get("type", "message")
    if type_ == "message":
        return _message(value, seen)
    if type_ == "memory":
        kind = value.get("kind", "auto")
        if kind != "auto" and kind not in list(Kind):
            raise _BadLine(f"kind {kind!r} is none of {', '.join(Kind)}")
        tags = value.get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) and tag.split() == [tag] for tag in tags):
            raise _BadLine("tags is not a list of words")
        text = _text(value, "text")
        times = (_time(value, "created_at"), _time(value, "expires_at"))
        return NewMemory(text, None if kind == "auto" else Kind(kind), tuple(tags), *times)
    if type_ == "core":
        return NewBlock(_text(value, "label"), _text(value, "text"))
    if type_ == "thread":
        return NewThread(_text(value, "name"), _time(value, "created_at"))
    raise _BadLine(f"type {type_!r} is none of message, thread, memory, core")


def _message(value: dict[str, Any], seen: Counter[str]) -> NewMessage:
    role = value.get("role")
    if role not in list(Role):
        raise _BadLine(f"role {role!r} is none of {', '.join(Role)}")
    content = _text(value, "content")
    thread = _text(value, "thread") if value.get("thread") is not None else DEFAULT_THREAD
    name = _text(value, "name") if value.get("name") is not None else None
    given = value.get("id")
    if given is not None and (isinstance(given, bool) or not isinstance(given, (str, int)) or not str(given).strip()):
        raise _BadLine("id is neither a text nor a whole number")
    id_ = str(given) if given is not None else _made_id(value, thread, seen)
    return NewMessage(thread, _unicode(id_, "id"), Role(role), content, name, _time(value, "created_at"))


def _made_id(value: dict[str, Any], thread: str, seen: Counter[str]) -> str:
    """Name a message without an id by what it says, and by how often it was said before."""
    parts = [thread, *(str(value.get(key, "")) for key in ("role", "name", "created_at", "content"))]
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    seen[digest] += 1
    return f"{digest}-{seen[digest]}" if seen[digest] > 1 else digest


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
        raise _BadLine(f"{key} {given!r} is not an ISO time") from None


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
    said = [r for r in records if isinstance(r, NewMessage)]
    for other in records:
        if not isinstance(other, NewMessage):
            _write_other(store, other, embedder, now, report)
    new = list(_unknown(store, said, report))
    done = len(records) - len(new)
    progress(done, len(records))
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        _write_messages(store, batch, embedder, now, report)
        done += len(batch)
        progress(done, len(records))
    return report


def _unknown(store: Store, said: Sequence[NewMessage], report: Report) -> Iterator[NewMessage]:
    known: dict[str, set[str]] = {}
    for message in said:
        if message.thread not in known:
            thread = threads.named(store, message.thread)
            known[message.thread] = messages.known_external(store, thread.id) if thread else set()
        if message.id in known[message.thread]:
            report.known += 1
        else:
            known[message.thread].add(message.id)
            yield message


def _write_messages(
    store: Store, batch: Sequence[NewMessage], embedder: Embedder | None, now: str, report: Report
) -> None:
    ready = indexing.prepare([message.content for message in batch], embedder)
    with store.atomic():
        for message, indexed in zip(batch, ready, strict=True):
            at = message.created_at or now
            thread = threads.named(store, message.thread)
            if thread is None:
                thread = threads.create(store, now=at, name=message.thread)
                report.threads += 1
            trust = TRUST[message.role]
            stored = messages.add(
                store,
                thread_id=thread.id,
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


def _write_other(store: Store, record: Record, embedder: Embedder | None, now: str, report: Report) -> None:
    if isinstance(record, NewMemory):
        kept = remember.remember(
            store,
            [record.text],
            embedder=embedder,
            now=record.created_at or now,
            kind=record.kind,
            tags=record.tags,
            expires_at=record.expires_at,
        )
        report.memories += not kept[0].known
        report.known += kept[0].known
    elif isinstance(record, NewBlock):
        remember.set_core(store, record.label, record.text, now=now, limit=CORE_CHARS)
        report.core += 1
    elif isinstance(record, NewThread):
        if threads.named(store, record.name):
            report.known += 1
        else:
            threads.create(store, now=record.created_at or now, name=record.name)
            report.threads += 1


def refuse(bad: Sequence[tuple[int, str]], origin: str) -> InputError:
    """Return the error that names the first bad lines of a file."""
    shown = "; ".join(f"line {number}: {reason}" for number, reason in bad[:3])
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    return InputError(f"{origin}: {shown}{more}", "nothing was imported; --keep-going imports the lines that are good")
