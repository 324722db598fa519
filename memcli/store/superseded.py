"""Superseded: which messages say what is no longer so, and which memory says what is.

Invariants: no more queries for a thousand messages than for one, and one look where nothing was ever superseded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memcli.store.database import Store, listed

_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Link:
    """A message, the retired memory that came from it, and the current one at the end of what took its place."""

    message_id: str
    retired_id: str
    successor_id: str


def links(store: Store, message_ids: Iterable[str]) -> list[Link]:
    """Return a link for each superseded memory that came from one of the messages.

    There is none where the last of its successors has been forgotten or retired, nor where that rests on other words of
    the same message: "I left Rome for Oslo" is its own update.
    """
    if store.one("SELECT 1 FROM memories WHERE superseded_by IS NOT NULL LIMIT 1") is None:
        return []
    retired = _retired(store, message_ids)
    ends = _ends(store, {memory_id for _, memory_id in retired})
    held = _spans(store, set(ends.values()))
    return [
        Link(message_id, memory_id, ends[memory_id])
        for (message_id, memory_id), spans in retired.items()
        if memory_id in ends and held.get((message_id, ends[memory_id]), spans) <= spans
    ]


def _retired(store: Store, message_ids: Iterable[str]) -> dict[tuple[str, str], set[_Span]]:
    """Return the superseded memories that came from the messages, with the characters that they rest on."""
    sql = """
        SELECT s.message_id, s.memory_id, s.start, s."end" FROM json_each(?) AS wanted
        CROSS JOIN memory_sources AS s ON s.message_id = wanted.value
        CROSS JOIN memories AS m ON m.id = s.memory_id WHERE m.superseded_by IS NOT NULL
    """
    return _grouped(store.rows(sql, (listed(message_ids),)))


def _spans(store: Store, memory_ids: Iterable[str]) -> dict[tuple[str, str], set[_Span]]:
    sql = """
        SELECT message_id, memory_id, start, "end" FROM memory_sources
        WHERE memory_id IN (SELECT value FROM json_each(?))
    """
    return _grouped(store.rows(sql, (listed(memory_ids),)))


def _grouped(rows: Iterable[Sequence[object]]) -> dict[tuple[str, str], set[_Span]]:
    found: dict[tuple[str, str], set[_Span]] = {}
    for message_id, memory_id, start, end in rows:
        found.setdefault((message_id, memory_id), set()).add((start, end))  # type: ignore[arg-type]
    return found


def _ends(store: Store, memory_ids: Iterable[str]) -> dict[str, str]:
    """Return for each memory the current one at the end of its chain; those without one are left out.

    Each memory is read once, however many chains lead through it.
    """
    sql = """
        WITH RECURSIVE chain (id, next, current) AS (
            SELECT id, superseded_by, retired_at IS NULL FROM memories WHERE id IN (SELECT value FROM json_each(?))
            UNION
            SELECT m.id, m.superseded_by, m.retired_at IS NULL FROM chain JOIN memories AS m ON m.id = chain.next
        )
        SELECT id, next, current FROM chain
    """
    older: dict[str, list[str]] = {}
    ends: dict[str, str] = {}
    reached: list[tuple[str, str]] = []
    for id_, following, current in store.rows(sql, (listed(memory_ids),)):
        if following:
            older.setdefault(following, []).append(id_)
        elif current:
            reached.append((id_, id_))
    while reached:
        at, end = reached.pop()
        for id_ in older.get(at, ()):
            ends[id_] = end
            reached.append((id_, end))
    return ends
