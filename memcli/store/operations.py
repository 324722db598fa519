"""The append-only log of what was done, by whom, to which items.

Invariant: it holds ids, counts, dates and names of settings, never a stored text; forgetting would have to chase that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memcli.store.database import Row, Store, listed

SUMMING = "summarise"  # the action that makes a memory which sums up those named in its detail as "of"

_COLUMNS = "id, at, action, actor, items, detail, undone_at"


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the log. Its `changes` are what can be taken back, where there are any: see `journal`."""

    id: int
    at: str
    action: str
    actor: str
    items: tuple[str, ...]
    detail: dict[str, Any] = field(default_factory=dict)
    undone_at: str | None = None

    @property
    def changes(self) -> list[dict[str, Any]]:
        return list(self.detail.get("changes", ()))


def record(
    store: Store, *, action: str, actor: str, items: Iterable[str], now: str, detail: Mapping[str, Any] | None = None
) -> int:
    """Append an operation, within the transaction that does it, and return its number. `detail` must hold no texts."""
    sql = "INSERT INTO operations (at, action, actor, items, detail) VALUES (?, ?, ?, ?, ?) RETURNING id"
    return int(store.value(sql, (now, action, actor, listed(items), json.dumps(detail) if detail else None)))


def recent(store: Store, n: int) -> list[Operation]:
    """Return the last `n` operations, the last one first."""
    return [_operation(row) for row in store.rows(f"SELECT {_COLUMNS} FROM operations ORDER BY id DESC LIMIT ?", (n,))]


def undoable(store: Store, n: int) -> list[Operation]:
    """Return the last `n` operations that can be undone and have not been, the last one first."""
    sql = f"""
        SELECT {_COLUMNS} FROM operations WHERE undone_at IS NULL AND detail ->> '$.changes' IS NOT NULL
        ORDER BY id DESC LIMIT ?
    """
    return [_operation(row) for row in store.rows(sql, (n,))]


def of(store: Store, *actions: str, undone: bool) -> list[Operation]:
    """Return the operations of these actions that were undone, or those that were not, in order."""
    sql = f"""
        SELECT {_COLUMNS} FROM operations WHERE action IN (SELECT value FROM json_each(?))
        AND (undone_at IS NOT NULL) = ? ORDER BY id
    """
    return [_operation(row) for row in store.rows(sql, (listed(actions), undone))]


def about(store: Store, item: str) -> list[Operation]:
    """Return the operations on an item, those that were undone and the undoing ones included, in order."""
    sql = f"SELECT {_COLUMNS} FROM operations WHERE instr(items, ?) ORDER BY id"
    return [_operation(row) for row in store.rows(sql, (json.dumps(item),))]


def latest(store: Store) -> dict[str, str]:
    """Return for each item that the log names the time of the last operation on it."""
    sql = "SELECT item.value, max(o.at) FROM operations AS o, json_each(o.items) AS item GROUP BY item.value"
    return dict(store.rows(sql))


def items(store: Store, action: str, *, since: int) -> set[str]:
    """Return what the operations of this action behind the number `since` are about."""
    sql = "SELECT item.value FROM operations AS o, json_each(o.items) AS item WHERE o.action = ? AND o.id > ?"
    return {item for (item,) in store.rows(sql, (action, since))}


def last(store: Store, *actions: str) -> int:
    """Return the number of the last operation that was one of `actions`, 0 where there was none."""
    return max(
        int(store.value("SELECT coalesce(max(id), 0) FROM operations WHERE action = ?", (action,)))
        for action in actions
    )


def _operation(row: Row) -> Operation:
    id_, at, action, actor, items, detail, undone_at = row
    return Operation(id_, at, action, actor, tuple(json.loads(items)), json.loads(detail) if detail else {}, undone_at)
