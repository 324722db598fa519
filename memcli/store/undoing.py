"""Undo: the newest operations are taken back, newest first, and what no undo reaches is named.

Invariants: nothing but what was shown is taken back; where something was done meanwhile, nothing is. Undo is no
forgetting: what was believed until then stays as history, see `journal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memcli.errors import InputError, NothingFound
from memcli.store import operations
from memcli.store.database import Store
from memcli.store.journal import TakenBack, take_back
from memcli.store.operations import Operation

ACTION = "undo"


@dataclass(frozen=True, slots=True)
class Passed:
    """Operations of one sort that an undo passes over, and when the last of them was."""

    action: str
    actor: str
    times: int
    at: str


def last(store: Store, n: int) -> list[Operation]:
    """Return what an undo of `n` operations would take back, newest first. Raises NothingFound for nothing."""
    found = operations.undoable(store, n)
    if not found:
        raise NothingFound("there is nothing to undo")
    return found


def passed_over(store: Store, n: int) -> list[Passed]:
    """Return what lies between the present and the `n` operations that would be taken back, and cannot be undone."""
    found = operations.undoable(store, n)
    sql = """
        SELECT action, actor, count(*), max(at) FROM operations
        WHERE id > ? AND action != ? AND undone_at IS NULL AND detail ->> '$.changes' IS NULL
        GROUP BY action, actor ORDER BY max(id) DESC
    """
    return [Passed(*row) for row in store.rows(sql, (found[-1].id if found else 0, ACTION))]


def undo(store: Store, shown: Sequence[Operation], now: str, *, actor: str = "user") -> list[TakenBack]:
    """Take back the operations that were `shown`, all or none. Raises InputError where something newer was done."""
    with store.atomic():
        if operations.undoable(store, len(shown)) != list(shown):
            raise InputError("something was done meanwhile: nothing was taken back", "look again, and decide then")
        taken = [take_back(store, operation, now) for operation in shown]
        items = dict.fromkeys(item for operation in shown for item in operation.items)
        detail = {"operations": [operation.id for operation in shown]}
        operations.record(store, action=ACTION, actor=actor, items=items, now=now, detail=detail)
    return taken
