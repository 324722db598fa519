"""Uses: when memories were said, and when they stood in a context, up to a time. Nothing is written here.

Invariants: a use is a row of what was said or placed, so that it goes when that is forgotten or taken back, and counts
only from its own time on; two queries, however many memories there are.
"""

from __future__ import annotations

from collections.abc import Iterable

from memcli.store.database import Row, Store, listed
from memcli.types import Kind, Uses

# Each memory that is asked about (`last`) with its earlier versions, as what took a memory's place is used as that was;
# and each of these with the messages that it came from.
_SAID = """
    WITH RECURSIVE version (last, id) AS (
        SELECT value, value FROM json_each(:ids)
        UNION SELECT version.last, m.id FROM version CROSS JOIN memories AS m ON m.superseded_by = version.id
        WHERE m.retired_at <= :until
    )
    SELECT version.last, k.id, s.message_id, m.created_at,
        k.kind, k.importance, k.pinned, k.times_said, k.formed_by, k.created_at, k.confirmed_at
    FROM version CROSS JOIN memories AS k ON k.id = version.id
    LEFT JOIN memory_sources AS s ON s.memory_id = k.id LEFT JOIN messages AS m ON m.id = s.message_id
"""
# A note is placed before a message, once for as long as it stays in the window.
_PLACED = """
    SELECT placed.value, m.id, m.created_at FROM json_each(:items) AS placed
    CROSS JOIN recalled AS r ON r.item_id = placed.value CROSS JOIN messages AS m ON m.id = r.message_id
    WHERE m.created_at <= :until
"""

_KINDS = {kind.value: kind for kind in Kind}  # a lookup takes a tenth of a call of Kind


def of(store: Store, memory_ids: Iterable[str], until: str) -> dict[str, Uses]:
    """Return the uses of memories up to a time; those that are gone are left out.

    Where a message was placed, so were the memories that were formed of it.
    """
    known: dict[str, Row] = {}
    said: dict[str, set[str | None]] = {}
    whose: dict[str, set[str]] = {}  # of what may be placed: a memory, an earlier version, a message of either
    with store.atomic("BEGIN"):
        for row in store.rows(_SAID, {"ids": listed(memory_ids), "until": until}):
            last, id_, message_id, at = row[:4]
            if id_ == last:
                known[last] = row
                said.setdefault(last, set()).add(at)
            whose.setdefault(id_, set()).add(last)
            if message_id:
                whose.setdefault(message_id, set()).add(last)
        placed = store.rows(_PLACED, {"items": listed(whose), "until": until})
    recalled: dict[str, dict[str, str]] = {}
    for item, message_id, at in placed:
        for last in whose[item]:
            recalled.setdefault(last, {})[message_id] = at
    return {id_: _uses(row, said[id_], recalled.get(id_), until) for id_, row in known.items()}


def _uses(row: Row, messages: set[str | None], placed: dict[str, str] | None, until: str) -> Uses:
    *_, kind, importance, pinned, times_said, formed_by, created_at, confirmed_at = row
    times = {*messages, confirmed_at}
    if formed_by is None or messages == {None}:  # else it was said when its messages were, whenever it was formed
        times.add(created_at)
    said = tuple(sorted(at for at in times if at and at <= until))
    return Uses(
        _KINDS[kind], importance, bool(pinned), times_said, said, tuple(sorted(placed.values())) if placed else ()
    )
