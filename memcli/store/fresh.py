"""Fresh: what came into force since some work was last done, as the log tells; the work remembers how far it came.

Invariant: the mark only moves forward, so that of two processes that do the same work none undoes the other's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from memcli.store.database import Store, listed


@dataclass(frozen=True, slots=True)
class Batch:
    """An operation's number, and the ids of the current memories that it is about, in order."""

    operation: int
    memories: tuple[str, ...]


def batches(store: Store, mark: str, *, but: Collection[str] = ()) -> list[Batch]:
    """Return the operations behind a mark that are about current memories, but for some actions; each memory once."""
    sql = """
        SELECT o.id, item.value FROM operations AS o JOIN json_each(o.items) AS item
        JOIN memories AS m ON m.id = item.value
        WHERE o.id > ? AND m.retired_at IS NULL AND o.action NOT IN (SELECT value FROM json_each(?))
        ORDER BY o.id, item.key
    """
    first: dict[str, int] = {}
    for number, id_ in store.rows(sql, (reached(store, mark), listed(but))):
        first.setdefault(id_, number)
    found: dict[int, list[str]] = {}
    for id_, number in first.items():
        found.setdefault(number, []).append(id_)
    return [Batch(number, tuple(ids)) for number, ids in found.items()]


def reached(store: Store, mark: str) -> int:
    """Return the number of the operation up to which the work is done."""
    row = store.one("SELECT value FROM meta WHERE key = ?", (mark,))
    return int(row[0]) if row else 0


def reach(store: Store, mark: str, operation: int) -> None:
    """Note that the work is done up to an operation."""
    store.run(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2"
        " WHERE CAST(value AS INTEGER) < CAST(?2 AS INTEGER)",
        (mark, str(operation)),
    )
