"""Uses: when memories were said, and when they stood in a context, up to a time. Nothing is written here.

Invariants: a use is a row of what was said or placed, so that it goes when that is forgotten or taken back, and counts
only from its own time on; two queries, however many memories there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from memcli.store.database import Row, Store, listed
from memcli.types import Kind, Uses

# What took a memory's place is used as that was: `last` is the one that is asked about, `id` it or an earlier version.
# A note is placed before a message, once for as long as it stays in the window; where a message is placed, so are the
# memories that were formed of it.
_USES = """
    WITH RECURSIVE version (last, id) AS (
        SELECT value, value FROM json_each(:ids)
        UNION SELECT version.last, m.id FROM version CROSS JOIN memories AS m ON m.superseded_by = version.id
        WHERE m.retired_at <= :until
    ), placed (last, item) AS (
        SELECT last, id FROM version
        UNION SELECT version.last, s.message_id FROM version CROSS JOIN memory_sources AS s ON s.memory_id = version.id
    )
    SELECT s.memory_id, 0, m.id, m.created_at FROM json_each(:ids) AS wanted
    CROSS JOIN memory_sources AS s ON s.memory_id = wanted.value CROSS JOIN messages AS m ON m.id = s.message_id
    WHERE m.created_at <= :until
    UNION SELECT placed.last, 1, m.id, m.created_at FROM placed
    CROSS JOIN recalled AS r ON r.item_id = placed.item CROSS JOIN messages AS m ON m.id = r.message_id
    WHERE m.created_at <= :until
"""
_MEMORIES = """
    SELECT id, kind, importance, pinned, times_said, formed_by, created_at, confirmed_at FROM memories
    WHERE id IN (SELECT value FROM json_each(?))
"""


def of(store: Store, memory_ids: Iterable[str], until: str) -> dict[str, Uses]:
    """Return the uses of memories up to a time; those that are gone are left out."""
    wanted = listed(memory_ids)
    said: dict[str, list[str]] = {}
    recalled: dict[str, list[str]] = {}
    with store.atomic("BEGIN"):
        memories = store.rows(_MEMORIES, (wanted,))
        for memory_id, placed, _, at in store.rows(_USES, {"ids": wanted, "until": until}):
            (recalled if placed else said).setdefault(memory_id, []).append(at)
    return {row[0]: _uses(row, said.get(row[0], []), recalled.get(row[0], []), until) for row in memories}


def _uses(row: Row, said: list[str], recalled: list[str], until: str) -> Uses:
    _, kind, importance, pinned, times_said, formed_by, created_at, confirmed_at = row
    times = {*said, *([confirmed_at] if confirmed_at else [])}
    if formed_by is None or not said:  # else it was said when its messages were, whenever it was formed of them
        times.add(created_at)
    return Uses(
        Kind(kind),
        importance,
        bool(pinned),
        times_said,
        tuple(sorted(at for at in times if at <= until)),
        tuple(sorted(recalled)),
    )
