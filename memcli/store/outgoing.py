"""Read everything in the store that a person would call theirs, batch by batch in a fixed order, as plain records.

Each is a dict that JSON can hold, with its keys in a fixed order, and without those that say nothing. What memcli makes
anew by itself is left out: chunks, full text, vectors, sampled token ids, frozen prefixes, outlines of the last turn.

Invariants: rows that name others name them by id, never by `seq` or row number, which are another store's own; the same
content gives the same records; whoever reads them decides about the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from memcli.store.database import Row, Store, listed

FORMAT = 1  # to be raised when what is written could not be read by those who know the last one
BATCH = 500  # rows: a few milliseconds
MARKS = ("merged", "summed")  # keys of `meta` by which later work remembers how far it came: see `fresh`

Json = dict[str, Any]

_THREADS = """
    SELECT rowid, id, name, created_at, updated_at FROM threads
    WHERE rowid > :after AND (:thread IS NULL OR id = :thread) ORDER BY rowid LIMIT :most
"""
_MESSAGES = """
    SELECT m.seq, m.id, m.thread_id, m.role, m.name, m.content, m.trust, m.created_at, m.external_id, m.model,
        m.interrupted, m.excerpt, m.seq < t.window_start, q.queued_at, q.attempts
    FROM messages AS m JOIN threads AS t ON t.id = m.thread_id LEFT JOIN formation_queue AS q ON q.message_id = m.id
    WHERE m.seq > :after AND (:thread IS NULL OR m.thread_id = :thread) ORDER BY m.seq LIMIT :most
"""
_COSTS = """
    SELECT message_id, context, evaluated, generated, thought, restored, evicted, first_token, seconds FROM turns
    WHERE message_id IN (SELECT value FROM json_each(?))
"""
_NOTES = """
    SELECT message_id, item_id, kind, line, score, why FROM recalled
    WHERE message_id IN (SELECT value FROM json_each(?)) ORDER BY message_id, position
"""
_MEMORIES = """
    SELECT rowid, id, kind, text, trust, created_at, valid_from, valid_to, expires_at, retired_at, superseded_by,
        undone, formed_by, times_said, confirmed_at, importance, pinned, reconciled
    FROM memories WHERE rowid > :after ORDER BY rowid LIMIT :most
"""
_TAGS = "SELECT memory_id, tag FROM memory_tags WHERE memory_id IN (SELECT value FROM json_each(?)) ORDER BY 1, 2"
_SOURCES = """
    SELECT s.memory_id, s.message_id, s.start, s."end" FROM memory_sources AS s
    JOIN messages AS m ON m.id = s.message_id
    WHERE s.memory_id IN (SELECT value FROM json_each(?)) ORDER BY s.memory_id, m.seq, s.start, s."end"
"""
_CONFLICTS = """
    SELECT memory_id, other_id FROM memory_conflicts
    WHERE memory_id IN (SELECT value FROM json_each(?)) ORDER BY memory_id, other_id
"""
_LAPSES = """
    SELECT memory_id, since, until, superseded_by, valid_to FROM lapses
    WHERE memory_id IN (SELECT value FROM json_each(?)) ORDER BY memory_id, rowid
"""
_SUMMARIES = """
    SELECT s.rowid, s.id, s.thread_id, m.id, s.text, s.made_by, s.created_at FROM summaries AS s
    JOIN messages AS m ON m.thread_id = s.thread_id AND m.seq = s.to_seq
    WHERE s.rowid > :after AND (:thread IS NULL OR s.thread_id = :thread) ORDER BY s.rowid LIMIT :most
"""
_OPERATIONS = """
    SELECT id, id, at, action, actor, items, detail, undone_at FROM operations WHERE id > :after ORDER BY id LIMIT :most
"""
_VERSIONS = """
    SELECT operation, label, text, updated_at, author FROM core_versions
    WHERE operation IN (SELECT value FROM json_each(?)) ORDER BY operation, label
"""
_BLOCKS = "SELECT label, text, updated_at, author FROM core_blocks ORDER BY label"
_MARKS = "SELECT key, value FROM meta WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key"


def count(store: Store) -> int:
    """Return how many records there are, the line that names the format included; for a progress bar."""
    tables = ("threads", "messages", "memories", "core_blocks", "summaries", "operations")
    return 1 + sum(int(store.value(f"SELECT count(*) FROM {table}")) for table in tables)


def records(store: Store) -> Iterator[Json]:
    """Yield all records, first the one that says of what they are."""
    held = {key: int(value) for key, value in store.rows(_MARKS, (listed(MARKS),))}
    yield _record("store", marks=held)
    yield from threads(store)
    for label, text, updated_at, author in store.rows(_BLOCKS):
        yield _record("core", label=label, text=text, updated_at=updated_at, author=author)
    yield from memories(store)
    yield from messages(store)
    yield from summaries(store)
    yield from operations(store)


def of_thread(store: Store, thread_id: str) -> Iterator[Json]:
    """Yield the records of one thread: itself, its messages, its summaries."""
    yield from threads(store, thread_id)
    yield from messages(store, thread_id)
    yield from summaries(store, thread_id)


def threads(store: Store, thread_id: str | None = None) -> Iterator[Json]:
    """Yield the threads in the order in which they began."""
    for rows in _batches(store, _THREADS, thread_id):
        for _, id_, name, created_at, updated_at in rows:
            yield _record("thread", id=id_, name=name, created_at=created_at, updated_at=updated_at)


def messages(store: Store, thread_id: str | None = None) -> Iterator[Json]:
    """Yield the messages in the order of arrival, each with its notes, what it cost, and whether it waits."""
    for rows in _batches(store, _MESSAGES, thread_id):
        ids = listed(row[1] for row in rows)
        notes, costs = _grouped(store.rows(_NOTES, (ids,))), _grouped(store.rows(_COSTS, (ids,)))
        for row in rows:
            yield _message(row, costs.get(row[1], []), notes.get(row[1], []))


def _message(row: Row, costs: list[Row], notes: list[Row]) -> Json:
    _, id_, thread, role, name, content, trust, at, external, model, interrupted, excerpt, evicted, since, failed = row
    return _record(
        "message",
        id=id_,
        thread=thread,
        role=role,
        name=name,
        content=content,
        trust=trust,
        created_at=at,
        external_id=external,
        model=model,
        interrupted=bool(interrupted),
        excerpt=excerpt,
        evicted=bool(evicted),
        waits={"since": since, "failures": failed} if since else None,
        cost=dict(zip(_COST, costs[0], strict=True)) if costs else None,
        notes=[dict(zip(_NOTE, (*note[:4], json.loads(note[4])), strict=True)) for note in notes],
    )


_COST = ("context", "evaluated", "generated", "thought", "restored", "evicted", "first_token", "seconds")
_NOTE = ("id", "kind", "line", "score", "why")


def memories(store: Store) -> Iterator[Json]:
    """Yield the memories in the order of arrival, retired and undone ones too."""
    for rows in _batches(store, _MEMORIES):
        ids = listed(row[1] for row in rows)
        tags, sources, conflicts, lapses = (
            _grouped(store.rows(sql, (ids,))) for sql in (_TAGS, _SOURCES, _CONFLICTS, _LAPSES)
        )
        for _, id_, *row in rows:
            yield _memory(
                id_,
                row,
                tags=[tag for (tag,) in tags.get(id_, [])],
                sources=[dict(zip(_SOURCE, source, strict=True)) for source in sources.get(id_, [])],
                conflicts=[other for (other,) in conflicts.get(id_, [])],
                lapses=[_told(zip(_LAPSE, lapse, strict=True)) for lapse in lapses.get(id_, [])],
            )


_SOURCE = ("message", "start", "end")
_LAPSE = ("since", "until", "superseded_by", "valid_to")


def _memory(id_: str, row: list[Any], **beside: list[Any]) -> Json:
    kind, text, trust, at, valid_from, valid_to, expires, retired, successor, undone, *more = row
    formed_by, times_said, confirmed_at, importance, pinned, reconciled = more
    made = _record(
        "memory",
        id=id_,
        kind=kind,
        text=text,
        trust=trust,
        created_at=at,
        valid_from=valid_from,
        valid_to=valid_to,
        expires_at=expires,
        retired_at=retired,
        superseded_by=successor,
        undone=bool(undone),
        formed_by=formed_by,
    )
    made |= {"times_said": times_said} if times_said != 1 else {}
    made |= {"confirmed_at": confirmed_at} if confirmed_at else {}
    made |= {"importance": importance} if importance != 1 else {}
    made |= {"pinned": True} if pinned else {}
    made |= {} if reconciled else {"reconciled": False}
    return made | _told(beside.items())


def summaries(store: Store, thread_id: str | None = None) -> Iterator[Json]:
    """Yield the summaries; one that cannot be read is left out, as the next turn makes it anew."""
    for rows in _batches(store, _SUMMARIES, thread_id):
        for _, id_, thread, to, text, made_by, at in rows:
            with suppress(ValueError):
                lines = json.loads(text)
                yield _record("summary", id=id_, thread=thread, to=to, made_by=made_by, created_at=at, lines=lines)


def operations(store: Store) -> Iterator[Json]:
    """Yield the log, each operation with what core blocks said before it."""
    for rows in _batches(store, _OPERATIONS):
        before = _grouped(store.rows(_VERSIONS, (listed(row[1] for row in rows),)))
        for _, number, at, action, actor, items, detail, undone_at in rows:
            yield _record(
                "operation",
                id=number,
                at=at,
                action=action,
                actor=actor,
                items=json.loads(items),
                detail=json.loads(detail) if detail else None,
                undone_at=undone_at,
                core=[_told(zip(_VERSION, version, strict=True)) for version in before.get(number, [])],
            )


_VERSION = ("label", "text", "updated_at", "author")


def _record(type_: str, **values: Any) -> Json:
    return {"type": type_, "memcli": FORMAT, **_told(values.items())}


def _told(pairs: Any) -> Json:
    """Return the pairs that say something."""
    return {key: value for key, value in pairs if value is not None and value is not False and value != []}


def _batches(store: Store, sql: str, thread_id: str | None = None) -> Iterator[list[Row]]:
    """Yield rows in batches, of one thread or of all; the first column is what they are ordered by."""
    last = 0
    while rows := store.rows(sql, {"after": last, "most": BATCH} | ({"thread": thread_id} if ":thread" in sql else {})):
        yield rows
        last = rows[-1][0]


def _grouped(rows: list[Row]) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for key, *row in rows:
        found.setdefault(key, []).append(tuple(row))
    return found
