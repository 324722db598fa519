"""Pin memories, so that they never fade, and let them fade again: an operation that undo takes back.

Invariant: of several memories all are changed, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memcli.memory.current import current
from memcli.store import memories
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Memory


@dataclass(frozen=True, slots=True)
class Pinned:
    """A memory as the store has it now; `known` where it was so before."""

    memory: Memory
    known: bool


def pin(store: Store, given: Sequence[str], *, now: str, pinned: bool = True) -> list[Pinned]:
    """Pin, or with `pinned` False unpin, the current memories with these ids, or beginnings of them, each once.

    Raises NothingFound, AmbiguousId; InputError for a message and for a memory that is retired or has expired.
    """
    to = "pin" if pinned else "unpin"
    with store.atomic():
        chosen = {memory.id: memory for memory in (current(store, id_, now=now, to=to) for id_ in given)}
        journal = Journal(store, action="pin" if pinned else "unpin", actor="user", now=now)
        for memory in chosen.values():
            journal.pin(memory.id, pinned=pinned)
        journal.record()
        return [Pinned(memories.get(store, id_), memory.pinned is pinned) for id_, memory in chosen.items()]
