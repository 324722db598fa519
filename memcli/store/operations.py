"""The append-only log of what was done, by whom, to which items.

Invariant: it holds ids, counts and names of settings, never a stored text; forgetting would have to chase that.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from memcli.store.database import Store, listed


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the log."""

    id: int
    at: str
    action: str
    actor: str
    items: tuple[str, ...]
    detail: dict[str, Any] = field(default_factory=dict)


def record(
    store: Store, *, action: str, actor: str, items: Iterable[str], now: str, detail: Mapping[str, Any] | None = None
) -> int:
    """Append an operation, within the transaction that does it, and return its number. `detail` must hold no texts."""
    sql = "INSERT INTO operations (at, action, actor, items, detail) VALUES (?, ?, ?, ?, ?) RETURNING id"
    return int(store.value(sql, (now, action, actor, listed(items), json.dumps(detail) if detail else None)))


def recent(store: Store, n: int) -> list[Operation]:
    """Return the last `n` operations, the last one first."""
    rows = store.rows("SELECT id, at, action, actor, items, detail FROM operations ORDER BY id DESC LIMIT ?", (n,))
    return [
        Operation(id_, at, action, actor, tuple(json.loads(items)), json.loads(detail) if detail else {})
        for id_, at, action, actor, items, detail in rows
    ]


def last(store: Store, action: str) -> int:
    """Return the number of the last such operation, 0 where there was none."""
    return int(store.value("SELECT coalesce(max(id), 0) FROM operations WHERE action = ?", (action,)))
