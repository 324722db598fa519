"""What the user asked to keep, compared with what was there before: like a candidate of a message, but never reworded.

Invariants: its text stays as it is, in a memory of its own; what it replaces is closed and linked to it, as history.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo

from memcli.errors import NothingFound
from memcli.memory.formation.comparing import Comparer
from memcli.memory.formation.extract import Candidate
from memcli.memory.formation.likeness import persons
from memcli.memory.formation.reconcile import LONGEST, Decision, Step, reconcile
from memcli.memory.formation.records import Action, Change
from memcli.memory.timeline import day
from memcli.store import memories
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Memory


def decide(memory: Memory, comparer: Comparer, *, waiting: Collection[str]) -> Decision:
    """Compare a memory with the older current ones. Of two that are `waiting` to be compared, the newer one is later.

    What holds for a while only, or is a whole document, replaces nothing.
    """
    said = Candidate(memory.text, 0, len(memory.text), memory.kind, 1.0, memory.valid_from, memory.valid_to)
    if memory.expires_at or len(memory.text) > LONGEST:
        return Decision(Step.ADD, said)
    whom = persons(memory.text)
    older = [
        other
        for other in comparer.near(memory.text, said_at=memory.created_at)
        if other.id not in waiting
        and other.created_at <= memory.created_at
        and len(other.text) <= LONGEST
        and persons(other.text) <= whom  # it stands by itself: "I live in Porto now" is not about the sister in Porto
    ]
    weighed = comparer.relations(memory.text, memory.kind, memory.text, older)
    decision = reconcile(said, weighed, memory.text)
    first, others = decision.memories[:1], decision.memories[1:]
    if decision.rest or decision.candidate != said:  # the old one says more that holds, and no text is made of the two
        return Decision(Step.CONFLICT, said, first)
    # Nor are two of the user's own texts lost to one.
    return replace(decision, memories=(*first, *(other for other in others if other.formed_by is not None)))


def settle(store: Store, memory: Memory, decision: Decision, *, now: str, zone: tzinfo) -> tuple[Change, ...]:
    """Write what was decided, and that it was. What has been retired or forgotten meanwhile counts as not there."""
    with store.atomic():
        if not memories.waits(store, memory.id):
            return ()
        journal = Journal(store, action="reconcile", actor="consolidate", now=now)
        journal.mark_reconciled(memory.id)
        changed = _apply(store, journal, memory, decision, zone)
        if changed:  # else there is nothing to take back
            journal.record()
    return tuple(Change(action, memories.get(store, memory.id), memories.get(store, old.id)) for action, old in changed)


def _apply(
    store: Store, journal: Journal, memory: Memory, decision: Decision, zone: tzinfo
) -> Sequence[tuple[Action, Memory]]:
    olds = [held for old in decision.memories if (held := _current(store, old.id))]
    if not olds or decision.step is Step.ADD:
        return []
    if decision.step is Step.CONFLICT:
        journal.conflict(memory.id, olds[0].id)
        return [(Action.CONFLICT, olds[0])]
    if decision.step is Step.IGNORE:
        if olds[0].formed_by is None:
            return []  # both are the user's words
        journal.strengthen(memory.id, at=memory.created_at)
    ends = decision.step is Step.SUPERSEDE
    for old in olds:
        until = (memory.valid_from or day(memory.created_at, zone)) if ends else None
        journal.supersede(old.id, memory.id, valid_to=until, at=memory.created_at)
    return [(Action.SUPERSEDED if ends else Action.UPDATED, old) for old in olds]


def _current(store: Store, id_: str) -> Memory | None:
    with suppress(NothingFound):
        held = memories.get(store, id_)
        return held if held.retired_at is None else None
    return None
