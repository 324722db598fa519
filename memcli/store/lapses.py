"""Lapses: the times in which a memory was not believed, although it had been before and was again.

Invariant: a time is half open, `since` belongs to it and `until` does not. One that is empty says no less which memory
once stood in the other's place, for forgetting and history follow it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from memcli.store.database import Store, listed


@dataclass(frozen=True, slots=True)
class Lapse:
    """One such time, what stood in the memory's place, and until when it was true, as was thought meanwhile.

    Without a successor that has been forgotten, or the memory had not been made yet.
    """

    since: str
    until: str
    superseded_by: str | None
    valid_to: str | None


def add(store: Store, memory_id: str, lapse: Lapse) -> None:
    """Note a lapse of a memory."""
    row = (memory_id, lapse.since, lapse.until, lapse.superseded_by, lapse.valid_to)
    store.run("INSERT INTO lapses VALUES (?, ?, ?, ?, ?)", row)


def of(store: Store, memory_ids: Iterable[str]) -> dict[str, tuple[Lapse, ...]]:
    """Return the lapses of each memory that has some, in order."""
    sql = """
        SELECT memory_id, since, until, superseded_by, valid_to FROM lapses
        WHERE memory_id IN (SELECT value FROM json_each(?)) ORDER BY memory_id, until, since, rowid
    """
    found: dict[str, tuple[Lapse, ...]] = {}
    for memory_id, *row in store.rows(sql, (listed(memory_ids),)):
        found[memory_id] = (*found.get(memory_id, ()), Lapse(*row))
    return found


def beside(store: Store, memory_id: str) -> set[str]:
    """Return the memories that a memory once took the place of, or that took its own, until that was undone."""
    sql = """
        SELECT superseded_by FROM lapses WHERE memory_id = ?1 AND superseded_by IS NOT NULL
        UNION SELECT memory_id FROM lapses WHERE superseded_by = ?1
    """
    return {id_ for (id_,) in store.rows(sql, (memory_id,))}
