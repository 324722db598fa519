"""Messages, the recall store: every turn's text as it was said, and the notes that stood before it.

Invariant: nothing is written for a message, an item or a thread that has been forgotten meanwhile.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Sequence

import apsw

from memcli.errors import InputError, NothingFound
from memcli.store import ids
from memcli.store.database import Row, Store, listed
from memcli.store.faults import extended
from memcli.types import Message, Recalled, Role, Trust

_SAID = "id, seq, thread_id, role, content, trust, created_at, name, external_id"
_COLUMNS = f"{_SAID}, model, tokens, interrupted, excerpt"
_TOKEN = 4  # bytes: little-endian int32


def add(
    store: Store,
    *,
    thread_id: str,
    role: Role,
    content: str,
    trust: Trust,
    now: str,
    name: str | None = None,
    external_id: str | None = None,
    model: str | None = None,
    tokens: Sequence[int] = (),
    interrupted: bool = False,
    excerpt: str | None = None,
    id: str | None = None,  # noqa: A002
) -> Message:
    """Store a message and return it as it was read back.

    Raises NothingFound where the thread is gone, InputError where it has a message with this id or external id.
    """
    made = id or ids.new_id()
    said = (made, thread_id, role, content, trust, now, name, external_id)
    values = (*said, model, _packed(tokens), int(interrupted), excerpt)
    with store.atomic():
        try:
            row = store.one(
                f"INSERT INTO messages ({_COLUMNS.replace(' seq,', '')})"
                f" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
                values,
            )
        except apsw.ConstraintError as error:
            if extended(error) == apsw.SQLITE_CONSTRAINT_FOREIGNKEY:
                raise NothingFound(f"there is no thread {thread_id!r}", "it may just have been forgotten") from None
            if extended(error) == apsw.SQLITE_CONSTRAINT_UNIQUE:
                raise InputError(f"there is a message with the id {external_id or made!r} already") from None
            raise
        store.run("UPDATE threads SET updated_at = max(updated_at, ?) WHERE id = ?", (now, thread_id))
    assert row is not None
    return _message(row)


def get(store: Store, id: str) -> Message:  # noqa: A002
    """Return the message with exactly this id. Raises NothingFound."""
    row = store.one(f"SELECT {_COLUMNS} FROM messages WHERE id = ?", (id,))
    if row is None:
        raise NothingFound(f"there is no message {id!r}", "messages are found by: memcli search")
    return _message(row)


def some(store: Store, ids_: Iterable[str]) -> list[Message]:
    """Return those of the messages that there are, in their order."""
    sql = f"SELECT {_COLUMNS} FROM messages WHERE id IN (SELECT value FROM json_each(?)) ORDER BY seq"
    return [_message(row) for row in store.rows(sql, (listed(ids_),))]


def of_thread(store: Store, thread_id: str, from_seq: int = 0, before_seq: int | None = None) -> list[Message]:
    """Return the thread's messages from `from_seq` on, and where that is given only those `before_seq`, in order."""
    sql = f"SELECT {_COLUMNS} FROM messages WHERE thread_id = ? AND seq BETWEEN ? AND coalesce(? - 1, seq) ORDER BY seq"
    return [_message(row) for row in store.rows(sql, (thread_id, from_seq, before_seq))]


def in_batches(store: Store, thread_id: str, size: int = 500) -> Iterator[list[Message]]:
    """Yield the thread's messages in order, so many at a time."""
    sql = f"SELECT {_COLUMNS} FROM messages WHERE thread_id = ? AND seq > ? ORDER BY seq LIMIT ?"
    last = 0
    while said := [_message(row) for row in store.rows(sql, (thread_id, last, size))]:
        yield said
        last = said[-1].seq


def of_system(store: Store, thread_id: str, before_seq: int) -> list[Message]:
    """Return what the system said in the thread before `before_seq`, in order."""
    sql = f"SELECT {_COLUMNS} FROM messages WHERE thread_id = ? AND role = 'system' AND seq < ? ORDER BY seq"
    return [_message(row) for row in store.rows(sql, (thread_id, before_seq))]


def said_before(store: Store, message: Message, role: Role, newest: int) -> list[str]:
    """Return the texts of the last `newest` messages by `role` before this one in its thread, in order."""
    sql = "SELECT content FROM messages WHERE thread_id = ? AND seq < ? AND role = ? ORDER BY seq DESC LIMIT ?"
    return [text for (text,) in store.rows(sql, (message.thread_id, message.seq, role, newest))][::-1]


def count(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM messages"))


def next_seq(store: Store) -> int:
    """Return a number above every message's `seq`."""
    return int(store.value("SELECT coalesce(max(seq), 0) + 1 FROM messages"))


def names(store: Store) -> list[str]:
    """Return the names of all speakers, in order; one index look-up each, however many messages there are."""
    sql = """
        WITH RECURSIVE speakers(name) AS (
            SELECT min(name) FROM messages WHERE name IS NOT NULL
            UNION ALL
            SELECT (SELECT min(name) FROM messages WHERE name > speakers.name) FROM speakers WHERE name IS NOT NULL
        )
        SELECT name FROM speakers WHERE name IS NOT NULL
    """
    return [name for (name,) in store.rows(sql)]


def last_said(store: Store, most: int) -> list[str]:
    """Return what the user has said himself, not by an import, the newest first."""
    sql = """
        SELECT content FROM messages WHERE role = 'user' AND trust = 'user' AND external_id IS NULL
        ORDER BY seq DESC LIMIT ?
    """
    return [content for (content,) in store.rows(sql, (most,))]


def known_external(store: Store, thread_id: str) -> dict[str, str]:
    """Return the external ids that the thread has, with what was said: what an import may skip."""
    sql = "SELECT external_id, content FROM messages WHERE thread_id = ? AND external_id IS NOT NULL"
    return dict(store.rows(sql, (thread_id,)))


def with_external(store: Store, thread_id: str, external_id: str) -> tuple[str, str] | None:
    """Return id and text of the thread's message with this external id."""
    sql = "SELECT id, content FROM messages WHERE thread_id = ? AND external_id = ?"
    row = store.one(sql, (thread_id, external_id))
    return (row[0], row[1]) if row else None


def set_recalled(store: Store, message_id: str, notes: Sequence[Recalled]) -> None:
    """Keep the notes that stand before the message, less those whose item has been forgotten or undone meanwhile.

    Raises NothingFound where the message itself has been.
    """
    with store.atomic():
        get(store, message_id)
        store.run("DELETE FROM recalled WHERE message_id = ?", (message_id,))
        store.run_many(
            "INSERT INTO recalled (message_id, position, item_id, kind, line, score, why)"
            " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE EXISTS (SELECT 1 FROM memories WHERE id = ?3 AND NOT undone)"
            " OR EXISTS (SELECT 1 FROM messages WHERE id = ?3)"
            " OR EXISTS (SELECT 1 FROM core_blocks WHERE 'core:' || label = ?3) OR ?4 = 'system'",
            [
                (message_id, place, note.item_id, note.kind, note.line, note.score, json.dumps(note.why))
                for place, note in enumerate(notes)
            ],
        )


def recalled(store: Store, message_ids: Iterable[str]) -> dict[str, list[Recalled]]:
    """Return the notes before each of these messages, in order; messages without any are left out."""
    sql = """
        SELECT message_id, item_id, kind, line, score, why FROM recalled
        WHERE message_id IN (SELECT value FROM json_each(?)) ORDER BY message_id, position
    """
    notes: dict[str, list[Recalled]] = {}
    for message_id, item_id, kind, line, score, why in store.rows(sql, (listed(message_ids),)):
        notes.setdefault(message_id, []).append(Recalled(item_id, kind, line, score, json.loads(why)))
    return notes


def around(store: Store, seqs: Iterable[int], *, reach: int) -> dict[int, list[list[int]]]:
    """Return for each of these messages the `seq` of those next to it in its thread, of those two turns away, ...

    There are `reach` lists for each, with one or two messages in those within the thread.
    """
    side = """
        (SELECT json_group_array(seq) FROM (SELECT seq FROM messages
            WHERE thread_id = m.thread_id AND seq {than} m.seq ORDER BY seq {order} LIMIT :reach))
    """
    sql = f"""
        SELECT m.seq, {side.format(than="<", order="DESC")}, {side.format(than=">", order="ASC")}
        FROM json_each(:seqs) AS wanted CROSS JOIN messages AS m ON m.seq = wanted.value
    """
    rows = store.rows(sql, {"seqs": listed(seqs), "reach": reach})
    sides = ((seq, json.loads(before), json.loads(after)) for seq, before, after in rows)
    return {seq: [[*before[i : i + 1], *after[i : i + 1]] for i in range(reach)] for seq, before, after in sides}


def _message(row: Row) -> Message:
    id_, seq, thread_id, role, content, trust, created_at, name, external_id, model, tokens, interrupted, excerpt = row
    return Message(
        id_,
        seq,
        thread_id,
        Role(role),
        content,
        Trust(trust),
        created_at,
        name,
        external_id,
        model,
        _unpacked(tokens),
        bool(interrupted),
        excerpt,
    )


def _packed(tokens: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(tokens)}i", *tokens)


def _unpacked(blob: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(blob) // _TOKEN}i", blob)
