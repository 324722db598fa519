"""How a memory came to say what it says: its versions, when each was believed, and which operations made that so.

Invariant: what was undone is told with what it had done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memcli.store import closure, lapses, lineage, memories, operations, undoing
from memcli.store.database import Store
from memcli.store.journal import Change
from memcli.store.lapses import Lapse
from memcli.store.operations import Operation
from memcli.types import Memory

Span = tuple[str, str | None]  # since when, and until when, which is no part of it; None: still


@dataclass(frozen=True, slots=True)
class Retirement:
    """That another memory took a memory's place: from when, until when, and by which operation, as far as is known.

    `closed` where the old one stopped being true; else it was just said better. `taken_back` is the undo that ended it.
    """

    since: str
    until: str | None
    by: str | None
    closed: bool
    operation: Operation | None
    taken_back: Operation | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One form of a memory, with the operations that made it and took its making back, as far as the log knows them.

    `retired` are the times when others stood in its place, in order; all but a last one were taken back. `replaced` are
    the ids of those in whose place it stands.
    """

    memory: Memory
    believed: tuple[Span, ...]
    made: Operation | None
    taken_back: Operation | None
    retired: tuple[Retirement, ...]
    replaced: tuple[str, ...]


def versions(store: Store, id: str) -> list[Version]:  # noqa: A002
    """Return all versions of a memory, this one included, oldest first; those that were undone, and of what."""
    ids = closure.versions(store, {id} | (lapses.beside(store, id) if memories.get(store, id).undone else set()))
    found = {id_: memories.get(store, id_) for id_ in ids}
    lapsed = lapses.of(store, ids)
    after = {id_: memory.superseded_by or _once(lapsed.get(id_, ())) for id_, memory in found.items()}
    ordered = sorted(found.values(), key=lambda memory: (_steps(after, memory.id), memory.created_at, memory.order))
    return [version(store, memory) for memory in ordered]


def _once(lapsed: Sequence[Lapse]) -> str | None:
    """Return what stood last in the place of a memory that is believed again."""
    return next((lapse.superseded_by for lapse in reversed(lapsed) if lapse.superseded_by), None)


def _steps(after: dict[str, str | None], id_: str) -> int:
    """Return what sorts a memory before its successors, however old an import says that they are."""
    steps, seen = 0, {id_}
    while (following := after.get(id_)) in after and following is not None and following not in seen:
        id_ = following
        seen.add(id_)
        steps -= 1
    return steps


def version(store: Store, memory: Memory) -> Version:
    """Return what is known of how a memory came and went."""
    about = operations.about(store, memory.id)
    lapsed = lapses.of(store, [memory.id]).get(memory.id, ())
    made = next((one for one in about if _added(one, memory.id)), None)
    return Version(
        memory,
        _believed(memory, lapsed),
        made,
        _taken_back(about, made),
        (*_undone(memory.id, about, lapsed), *_standing(memory, about)),
        tuple(old.id for old in lineage.superseded(store, memory.id)),
    )


def _added(operation: Operation, id_: str) -> bool:
    if not operation.changes:
        return operation.action == "add"
    return any(change["do"] == "add" and change["id"] == id_ for change in operation.changes)


def _taken_back(about: Iterable[Operation], done: Operation | None) -> Operation | None:
    """Return the undo that took an operation back."""
    undos = (one for one in about if one.action == undoing.ACTION)
    return next((one for one in undos if done and done.id in one.detail.get("operations", ())), None)


def _believed(memory: Memory, lapsed: Iterable[Lapse]) -> tuple[Span, ...]:
    """Return when a memory was believed; a moment is told only where there is nothing longer."""
    spans: list[Span] = []
    since = memory.created_at
    for lapse in lapsed:
        spans.append((since, lapse.since))
        since = max(since, lapse.until)
    spans.append((since, memory.retired_at))
    return tuple(span for span in spans if span[1] is None or span[0] < span[1]) or (
        (memory.created_at, memory.retired_at),
    )


def _supersedings(id_: str, about: Iterable[Operation]) -> list[tuple[Operation, Change]]:
    return [
        (one, change) for one in about for change in one.changes if change["do"] == "supersede" and change["id"] == id_
    ]


def _undone(id_: str, about: Sequence[Operation], lapsed: Iterable[Lapse]) -> list[Retirement]:
    """Return the retirements that were taken back, with their operations."""
    done = [(one, change) for one, change in _supersedings(id_, about) if one.undone_at]
    found = []
    for lapse in lapsed:
        match = next(
            (it for it in done if it[0].undone_at == lapse.until and lapse.superseded_by in (None, it[1]["by"])), None
        )
        if match is None and lapse.superseded_by is None:
            continue  # it had not been made yet
        if match:
            done.remove(match)
        operation, change = match or (None, {})
        closed = lapse.valid_to is not None and lapse.valid_to != change.get("was", {}).get("valid_to")
        back = _taken_back(about, operation)
        found.append(Retirement(lapse.since, lapse.until, lapse.superseded_by, closed, operation, back))
    return found


def _standing(memory: Memory, about: Sequence[Operation]) -> list[Retirement]:
    """Return that a memory is superseded; nothing where it is not, or by what has been forgotten unknown to the log."""
    done = next(((one, c) for one, c in _supersedings(memory.id, about) if not one.undone_at), None)
    if memory.retired_at is None or memory.undone or not (memory.superseded_by or done):
        return []
    operation, change = done or (None, {})
    closed = memory.valid_to is not None and memory.valid_to != change.get("was", {}).get("valid_to")
    return [Retirement(memory.retired_at, None, memory.superseded_by, closed, operation)]
