"""Threads: where windows begin, what stands in them, notes, summaries, and the queue."""

from __future__ import annotations

import json
from typing import Any

from memcli.store import queue
from memcli.store.checks.record import Check, Means, counted, counting, each
from memcli.store.database import Store, listed

_WINDOWS = """
    SELECT id FROM threads
    WHERE window_start NOT BETWEEN 0 AND 1 + coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'messages'), 0)
"""
_NUMBERS = """
    SELECT max(seq) FROM messages HAVING max(seq) > coalesce(
        (SELECT max(seq) FROM sqlite_sequence WHERE name = 'messages'), 0)
"""
# What the system says beside notes, and core blocks that were cleared since, name no item.
_NOTES = """
    SELECT r.rowid FROM recalled AS r WHERE NOT json_valid(r.why) OR json_type(r.why) != 'object' OR (
        r.kind != 'system' AND r.item_id NOT LIKE 'core:%'
        AND NOT EXISTS (SELECT 1 FROM messages WHERE id = r.item_id)
        AND NOT EXISTS (SELECT 1 FROM memories WHERE id = r.item_id AND NOT undone))
"""
_OUTLIVED = """
    SELECT s.id FROM summaries AS s
    WHERE NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.thread_id = s.thread_id AND m.seq <= s.to_seq)
"""
_TOKENS = "SELECT id FROM messages WHERE length(tokens) % 4"  # int32
_NOT_THE_USERS = """
    SELECT q.message_id FROM formation_queue AS q JOIN messages AS m ON m.id = q.message_id WHERE m.trust != 'user'
"""


def frozen(store: Store) -> list[str]:
    """Return how many threads keep a context that cannot be read."""
    return counted(len(_unreadable(store)), "threads hold a context that cannot be read")


def _unreadable(store: Store) -> list[str]:
    kept = store.rows("SELECT id, prefix, ledger FROM threads WHERE prefix IS NOT NULL OR ledger IS NOT NULL")
    return [
        id_
        for id_, prefix, ledger in kept
        if not (prefix is None or _rows_of(_json(prefix), str, str, str)) or not (ledger is None or _outline(ledger))
    ]


def _outline(ledger: str) -> bool:
    held = _json(ledger)
    counts = isinstance(held, dict) and all(isinstance(held.get(key), int) for key in ("window", "reserved", "total"))
    return counts and isinstance(held.get("model"), str) and _rows_of(held.get("segments"), str, str, int)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _rows_of(held: Any, *kinds: type | tuple[type, ...]) -> bool:
    """Tell whether this is a list of lists of values of these types."""
    return isinstance(held, list) and all(
        isinstance(row, list)
        and len(row) == len(kinds)
        and all(isinstance(value, kind) for value, kind in zip(row, kinds, strict=True))
        for row in held
    )


def _unfreeze(store: Store, means: Means) -> None:
    with store.atomic():
        sql = "UPDATE threads SET prefix = NULL, ledger = NULL WHERE id IN (SELECT value FROM json_each(?))"
        store.run(sql, (listed(_unreadable(store)),))


def summaries(store: Store) -> list[str]:
    """Return how many summaries should not be there."""
    return counted(len(_strays(store)), "summaries have outlived their messages, or cannot be read")


def _strays(store: Store) -> list[str]:
    kept = store.rows("SELECT id, text FROM summaries")
    unread = [id_ for id_, text in kept if not _rows_of(_json(text), str, str, (int, float))]
    return unread + [id_ for (id_,) in store.rows(_OUTLIVED)]


def _drop_summaries(store: Store, means: Means) -> None:
    with store.atomic():
        sql = "DELETE FROM summaries WHERE id IN (SELECT value FROM json_each(?))"
        store.run(sql, (listed(_strays(store)),))


def set_aside(store: Store) -> list[str]:
    """Return how many messages have failed too often."""
    return counted(queue.set_aside(store), "messages were set aside: forming memories of them failed too often")


def _retry(store: Store, means: Means) -> None:
    with store.atomic():
        queue.retry(store)


CHECKS = (
    Check(
        "numbers of messages",
        "A message gets a number that none had before.",
        counting(_NUMBERS, "number of a message is higher than the highest that was given"),
        each(
            "DELETE FROM sqlite_sequence WHERE name = 'messages'",
            "INSERT INTO sqlite_sequence SELECT 'messages', max(seq) FROM messages HAVING max(seq)",
        ),
        "counting goes on behind it",
    ),
    Check(
        "windows",
        "A thread's window begins within the messages.",
        counting(_WINDOWS, "threads begin their window behind the last message"),
        each(f"UPDATE threads SET window_start = 0, prefix = NULL, ledger = NULL WHERE id IN ({_WINDOWS})"),
        "they begin with their first message again",
    ),
    Check(
        "frozen contexts",
        "What a thread keeps of its last context can be read.",
        frozen,
        _unfreeze,
        "the next turn makes it anew",
    ),
    Check(
        "tokens",
        "The tokens of an answer are whole numbers of four bytes.",
        counting(_TOKENS, "answers have broken tokens"),
        each(f"UPDATE messages SET tokens = x'' WHERE id IN ({_TOKENS})"),
        "they are made anew from the text when they are needed",
    ),
    Check(
        "notes",
        "No note is of what was forgotten or undone.",
        counting(_NOTES, "notes are of nothing that is kept"),
        each(f"DELETE FROM recalled WHERE rowid IN ({_NOTES})"),
        "they are deleted",
    ),
    Check(
        "summaries",
        "A summary does not outlive the messages that it may quote.",
        summaries,
        _drop_summaries,
        "they are deleted",
    ),
    Check(
        "queue",
        "Only the user's own words wait for formation.",
        counting(_NOT_THE_USERS, "messages wait for formation that are not the user's own words"),
        each(f"DELETE FROM formation_queue WHERE message_id IN ({_NOT_THE_USERS})"),
        "they wait no more",
    ),
)

# What is no damage, and is mended with the rest.
CARE = (
    Check(
        "messages set aside",
        "What failed too often waits to be tried again, and is never dropped.",
        set_aside,
        _retry,
        "they are tried again by the next chat, or by: memcli consolidate",
    ),
)
