"""Memories: what supersedes what, what is retired, whose words they are, and what they rest on."""

from __future__ import annotations

from memcli.store.checks.record import Check, Means, counted, counting, each
from memcli.store.database import Store, listed

_SPANS = """
    SELECT s.memory_id, s.message_id, s.start, s."end" FROM memory_sources AS s
    JOIN messages AS m ON m.id = s.message_id
    WHERE s.start < 0 OR s."end" < s.start OR s."end" > length(m.content)
"""
_UNRETIRED = "SELECT id FROM memories WHERE superseded_by IS NOT NULL AND retired_at IS NULL"
_UNDONE = "SELECT id FROM memories WHERE undone AND retired_at IS NULL"
_FOREIGN_RULES = "SELECT id FROM memories WHERE kind = 'procedural' AND trust != 'user'"


def cycles(store: Store) -> list[str]:
    """Return how many memories would be their own successors."""
    return counted(len(_rounds(store)), "chains of memories go round in a circle")


def _rounds(store: Store) -> list[str]:
    """Return of each circle of successors its last memory, which no later one can have superseded."""
    pairs = "SELECT id, superseded_by, rowid FROM memories WHERE superseded_by IS NOT NULL"
    after: dict[str, str] = {}
    order: dict[str, int] = {}
    for id_, successor, row in store.rows(pairs):
        after[id_], order[id_] = successor, row
    done: set[str] = set()
    found = []
    for first in after:
        path: dict[str, None] = {}
        at: str | None = first
        while at is not None and at not in done and at not in path:
            path[at] = None
            at = after.get(at)
        if at in path:
            circle = list(path)[list(path).index(at) :]
            found.append(max(circle, key=lambda id_: order[id_]))
        done.update(path)
    return found


def _cut_circles(store: Store, means: Means) -> None:
    with store.atomic():
        sql = "UPDATE memories SET superseded_by = NULL WHERE id IN (SELECT value FROM json_each(?))"
        store.run(sql, (listed(_rounds(store)),))


CHECKS = (
    Check(
        "successors",
        "No memory is its own successor, at any remove.",
        cycles,
        _cut_circles,
        "the last of them loses its successor, and stays retired",
    ),
    Check(
        "superseded memories",
        "What has a successor is retired.",
        counting(_UNRETIRED, "memories are superseded and not retired"),
        each(f"UPDATE memories SET retired_at = :now WHERE id IN ({_UNRETIRED})"),
        "they are retired now",
    ),
    Check(
        "undone memories",
        "What was undone is retired, so that nothing which looks for current memories sees it.",
        counting(_UNDONE, "memories were undone and are not retired"),
        each(f"UPDATE memories SET retired_at = :now WHERE id IN ({_UNDONE})"),
        "they are retired now",
    ),
    Check(
        "rules",
        "Only the user's own words say how to act.",
        counting(_FOREIGN_RULES, "rules are not the user's own words"),
        each(f"UPDATE memories SET kind = 'semantic' WHERE id IN ({_FOREIGN_RULES})"),
        "they become semantic memories",
    ),
    Check(
        "sources",
        "A memory rests on characters that its message has.",
        counting(_SPANS, "sources are characters that their message does not have"),
        each(
            f"""
            INSERT OR IGNORE INTO memory_sources SELECT w.memory_id, w.message_id, 0, length(m.content)
            FROM ({_SPANS}) AS w JOIN messages AS m ON m.id = w.message_id
            """,
            f'DELETE FROM memory_sources WHERE (memory_id, message_id, start, "end") IN ({_SPANS})',
        ),
        "they become the whole message",
    ),
)
