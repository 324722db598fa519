"""Running summaries: what stands in a thread's window for the messages that were evicted from it.

Invariant: a summary never outlives a message that it may quote (see purge.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memcli.store.database import Store, listed

_COLUMNS = "id, thread_id, to_seq, text, made_by, created_at"


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of a thread's messages up to `to_seq`; `made_by` is "model" or "extract"."""

    id: str
    thread_id: str
    to_seq: int
    text: str
    made_by: str
    created_at: str


def add(store: Store, summary: Summary) -> None:
    """Keep a summary; it takes the place of one that ends at the same message."""
    store.run(
        f"INSERT OR REPLACE INTO summaries ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (summary.id, summary.thread_id, summary.to_seq, summary.text, summary.made_by, summary.created_at),
    )


def latest(store: Store, thread_id: str) -> Summary | None:
    """Return the thread's newest summary, which extends all others."""
    row = store.one(f"SELECT {_COLUMNS} FROM summaries WHERE thread_id = ? ORDER BY to_seq DESC LIMIT 1", (thread_id,))
    return Summary(*row) if row else None


def exists(store: Store, id: str) -> bool:  # noqa: A002
    """Tell whether there is a summary with exactly this id."""
    return store.one("SELECT 1 FROM summaries WHERE id = ?", (id,)) is not None


def text(store: Store, id: str) -> str:  # noqa: A002
    """Return what a summary says, "" where it is gone."""
    row = store.one("SELECT text FROM summaries WHERE id = ?", (id,))
    return row[0] if row else ""


def quoting(store: Store, items: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the summaries that may quote `items`: they cover one, or a message with a note of one."""
    sql = """
        WITH gone(id) AS (SELECT value FROM json_each(?)),
        told(thread_id, seq) AS (
            SELECT thread_id, seq FROM messages WHERE id IN gone
            UNION SELECT thread_id, seq FROM recalled JOIN messages ON id = message_id WHERE item_id IN gone
        )
        SELECT DISTINCT s.id FROM summaries AS s JOIN told ON told.thread_id = s.thread_id AND told.seq <= s.to_seq
    """
    return tuple(id_ for (id_,) in store.rows(sql, (listed(items),)))
