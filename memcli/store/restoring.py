"""Put rows of an export back as they were: the other way round of `outgoing`.

Invariants: what is there is never overwritten; each function may be called again for what an interrupted import has
written already, and changes nothing then. Call them within the transaction of a batch.

While a whole export goes into a store that has no log of its own, `meta` names it: its operations are taken over, so
that undo, history and as-of go on, and the import is no operation itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from memcli.store import fresh, lapses, memories
from memcli.store.database import Store, listed
from memcli.store.lapses import Lapse
from memcli.store.operations import Operation
from memcli.types import CoreBlock, Kind, Memory, Owner, Recalled, Source, Thread

UNDER_WAY = "restoring"  # in meta: the digest of the file that is being taken over


# --- the whole ------------------------------------------------------------------------------------------------------


def under_way(store: Store) -> str | None:
    """Return the digest of the export that is being taken over, None where none is."""
    row = store.one("SELECT value FROM meta WHERE key = ?", (UNDER_WAY,))
    return str(row[0]) if row else None


def may_begin(store: Store) -> bool:
    """Tell whether a log can be taken over: there is none, nor anything that one tells of."""
    tables = ("operations", "memories", "core_blocks")
    return all(store.one(f"SELECT 1 FROM {table} LIMIT 1") is None for table in tables)


def begin(store: Store, digest: str, marks: Mapping[str, int]) -> None:
    """Note that an export is taken over, and how far later work had come with it."""
    store.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (UNDER_WAY, digest))
    for mark, number in marks.items():
        fresh.reach(store, mark, number)


def finish(store: Store) -> None:
    """Note that all of it is in the store."""
    store.run("DELETE FROM meta WHERE key = ?", (UNDER_WAY,))


def operation(
    store: Store, record: Operation, blocks: Iterable[tuple[str, str | None, str | None, str | None]]
) -> None:
    """Append an operation under its number, with what core blocks (label, text, time, author) said before it."""
    detail = json.dumps(record.detail) if record.detail else None
    store.run(
        "INSERT INTO operations (id, at, action, actor, items, detail, undone_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (record.id, record.at, record.action, record.actor, listed(record.items), detail, record.undone_at),
    )
    store.run_many("INSERT INTO core_versions VALUES (?, ?, ?, ?, ?)", [(record.id, *block) for block in blocks])


def has_operation(store: Store, record: Operation) -> bool:
    """Tell whether the log has this operation, undone meanwhile or not."""
    sql = "SELECT 1 FROM operations WHERE id = ? AND at = ? AND action = ? AND items = ?"
    return store.one(sql, (record.id, record.at, record.action, listed(record.items))) is not None


# --- threads and messages -------------------------------------------------------------------------------------------


def thread(store: Store, record: Thread) -> None:
    """Make a thread under its id."""
    store.run(
        "INSERT INTO threads (id, name, created_at, updated_at) VALUES (?, ?, ?, ?)",
        (record.id, record.name, record.created_at, record.updated_at),
    )


def shared(store: Store, thread_ids: Iterable[str], message_ids: Iterable[str]) -> set[str]:
    """Return those of the threads that hold other messages than these."""
    sql = """
        SELECT DISTINCT thread_id FROM messages WHERE thread_id IN (SELECT value FROM json_each(?))
        AND id NOT IN (SELECT value FROM json_each(?))
    """
    return {id_ for (id_,) in store.rows(sql, (listed(thread_ids), listed(message_ids)))}


def wait(store: Store, message_id: str, since: str, failures: int) -> None:
    """Let a message wait for formation as it did."""
    store.run(
        "INSERT OR IGNORE INTO formation_queue (message_id, queued_at, attempts) VALUES (?, ?, ?)",
        (message_id, since, failures),
    )


def evict(store: Store, thread_id: str, seq: int) -> None:
    """Let the thread's window begin behind a message."""
    store.run("UPDATE threads SET window_start = max(window_start, ?) WHERE id = ?", (seq + 1, thread_id))


def notes(store: Store, message_id: str, placed: Sequence[Recalled]) -> bool:
    """Put back the notes before a message and tell whether that was done: not where it has some."""
    if store.one("SELECT 1 FROM recalled WHERE message_id = ?", (message_id,)):
        return False
    store.run_many(
        "INSERT INTO recalled VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (message_id, place, note.item_id, note.kind, note.line, note.score, json.dumps(note.why))
            for place, note in enumerate(placed)
        ],
    )
    return True


def texts(store: Store, ids: Iterable[str]) -> dict[str, tuple[Owner, str]]:
    """Return what the messages and memories say that have one of these ids, which are typed alike."""
    sql = """
        WITH wanted (id) AS (SELECT value FROM json_each(?))
        SELECT id, 'message', content FROM messages WHERE id IN wanted
        UNION ALL SELECT id, 'memory', text FROM memories WHERE id IN wanted
    """
    return {id_: (Owner(owner), text) for id_, owner, text in store.rows(sql, (listed(ids),))}


# --- memories and core blocks ---------------------------------------------------------------------------------------


def memory(store: Store, record: Memory, sources: Iterable[Source], *, reconciled: bool) -> None:
    """Store a memory under its id as it was, with those of `sources` that there are; `link` does the rest."""
    store.run(
        "INSERT INTO memories (id, kind, text, trust, created_at, retired_at, valid_from, valid_to, expires_at,"
        " formed_by, times_said, confirmed_at, reconciled, importance, pinned, undone)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(record.id, record.kind, record.text, record.trust, record.created_at, record.retired_at),
            *(record.valid_from, record.valid_to, record.expires_at, record.formed_by, record.times_said),
            *(record.confirmed_at, int(reconciled), record.importance, int(record.pinned), int(record.undone)),
        ),
    )
    store.run_many("INSERT OR IGNORE INTO memory_tags VALUES (?, ?)", [(record.id, tag) for tag in record.tags])
    store.run_many(
        "INSERT OR IGNORE INTO memory_sources SELECT ?1, ?2, ?3, ?4"
        " WHERE EXISTS (SELECT 1 FROM messages WHERE id = ?2 AND length(content) >= ?4)",
        [(record.id, source.message_id, source.start, source.end) for source in sources],
    )


def link(store: Store, record: Memory, lapsed: Sequence[Lapse]) -> None:
    """Tie a memory to others, as far as there are these: what took its place, what it contradicts, what once did."""
    store.run(
        "UPDATE memories SET superseded_by = ?1 WHERE id = ?2 AND superseded_by IS NULL AND retired_at = ?3"
        " AND EXISTS (SELECT 1 FROM memories WHERE id = ?1)",
        (record.superseded_by, record.id, record.retired_at),
    )
    for other in memories.present(store, record.conflicts):
        store.run("INSERT OR IGNORE INTO memory_conflicts VALUES (?, ?)", sorted((record.id, other)))
    if lapsed and not lapses.of(store, [record.id]):
        there = memories.present(store, [one.superseded_by for one in lapsed if one.superseded_by])
        for one in lapsed:
            successor = one.superseded_by if one.superseded_by in there else None
            lapses.add(store, record.id, Lapse(one.since, one.until, successor, one.valid_to))


def claim(store: Store, text: str, kind: Kind) -> list[str]:
    """Make a text that counts as a document's the user's own, and return the ids of the memories that have it."""
    sql = """
        UPDATE memories SET trust = 'user', kind = ? WHERE text = ? AND trust = 'document' AND retired_at IS NULL
        RETURNING id
    """
    return [id_ for (id_,) in store.rows(sql, (kind, text))]


def block(store: Store, record: CoreBlock) -> None:
    """Put back a core block where there is none of its label."""
    store.run(
        "INSERT OR IGNORE INTO core_blocks (label, text, updated_at, author) VALUES (?, ?, ?, ?)",
        (record.label, record.text, record.updated_at, record.author),
    )
