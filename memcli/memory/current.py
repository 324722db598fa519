"""The one memory that a command means: it must be current, as what is retired or has expired stays as it is."""

from __future__ import annotations

from memcli.errors import InputError
from memcli.memory.timeline import day
from memcli.store import ids, lineage, memories
from memcli.store.database import Store
from memcli.types import Memory, Owner

_DONE = {"edit": "edited", "pin": "pinned", "unpin": "unpinned"}


def current(store: Store, given: str, *, now: str, to: str) -> Memory:
    """Return the current memory with this id, or beginning of one, for the command `to` do something with it.

    Raises NothingFound, AmbiguousId; InputError for a message and for a memory that is retired or has expired.
    """
    owner, full = ids.resolve(store, given)
    if owner is Owner.MESSAGE:
        raise InputError(
            f"{full} is a message: only memories can be {_DONE[to]}", "memories are listed by: memcli list"
        )
    memory = memories.get(store, full)
    if memory.retired_at:
        newest = lineage.successor(store, memory)
        hint = f"what took its place can be: memcli {to} {newest.id}" if newest else "'memcli remember' keeps a new one"
        raise InputError(f"memory {full} is retired and cannot be {_DONE[to]}", hint)
    if memory.expires_at and memory.expires_at <= now:
        raise InputError(f"memory {full} expired on {day(memory.expires_at)}", "'memcli remember' keeps a new one")
    return memory
