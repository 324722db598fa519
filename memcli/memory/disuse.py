"""Disuse: what goes for good because it has not been used for as long as the user's rule says.

Invariants: nothing goes that is in use, is pinned, is a rule or a preference in force, or stands in a core block.
Nothing goes by half: a message goes with the last of its memories, and no memory goes while its message stays and says
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from memcli.memory.form import prefers
from memcli.memory.timeline import utc
from memcli.store import core, memories, operations, purge, uses
from memcli.store.closure import tied
from memcli.store.database import Store
from memcli.store.purge import Closure, Receipt
from memcli.types import Kind, Memory, Trust

ACTOR = "consolidate"


def unused(store: Store, now: str, days: int) -> list[Memory]:
    """Return what was not used for so many days and can go, oldest first, with its earlier versions; nothing for 0."""
    if not days:
        return []
    with store.atomic("BEGIN"):
        held = memories.current(store, now=now, retired=True)
        used = uses.of(store, [memory.id for memory in held if memory.retired_at is None], now)
        done = operations.latest(store)  # what was imported, formed or unpinned lately has its time before it, too
        ties = tied(store)
        always = " ".join(" ".join(block.text.split()) for block in core.blocks(store))
    limit = utc(datetime.fromisoformat(now) - timedelta(days=days))
    return going(held, {id_: max(one.last, done.get(id_, "")) for id_, one in used.items()}, limit, always, ties)


def closure(store: Store, chosen: Iterable[Memory]) -> Closure:
    """Return what goes with those of the memories that are still there: the messages they came from."""
    return purge.closure_of(store, sorted(memories.present(store, [memory.id for memory in chosen])))


def forget(
    store: Store, what: Closure, now: str, *, progress: Callable[[int, int], None] = lambda done, of: None
) -> Receipt:
    """Forget it for good. It cannot be undone. Not to be called inside a transaction."""
    return purge.forget(store, what, now, actor=ACTOR, progress=progress)


def going(
    held: Sequence[Memory],
    used: Mapping[str, str],
    limit: str,
    always: str,
    ties: Iterable[tuple[str, str]] = (),
) -> list[Memory]:
    """Return what can go of all memories, in their order. Pure.

    `used` says when each current one was last used, or something was done with it; `limit` is the time since which that
    counts, `always` what stands in every context. Memories that share a message, the versions of one, and what else
    `ties` two of them go together or not at all: forgetting takes the message, and what was taken from one that stays
    could still be read there.
    """
    together = _together(held, ties)
    staying = {together[one.id] for one in held if one.retired_at is None and not _outlived(one, used, limit, always)}
    leaving = {together[one.id] for one in held if one.retired_at is None} - staying
    return [one for one in held if together[one.id] in leaving]


def _outlived(memory: Memory, used: Mapping[str, str], limit: str, always: str) -> bool:
    """Tell whether a current memory can go by itself."""
    if memory.pinned:
        return False
    if memory.expires_at is not None and memory.expires_at <= limit:
        return True
    if memory.kind is Kind.PROCEDURAL or (memory.trust is Trust.USER and prefers(memory.text)):
        return False  # at hand in every context, so in use
    return "" < used[memory.id] <= limit and " ".join(memory.text.split()) not in always


def _together(held: Sequence[Memory], ties: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each memory the name of the group that it goes with."""
    leader: dict[str, str] = {}

    def find(key: str) -> str:
        while leader.setdefault(key, key) != key:
            leader[key] = key = leader[leader[key]]
        return key

    for memory in held:
        own = find(memory.id)
        for other in (*(source.message_id for source in memory.sources), memory.superseded_by):
            if other is not None:
                leader[find(other)] = own
                own = find(own)
    for one, another in ties:
        leader[find(one)] = find(another)
    return {memory.id: find(memory.id) for memory in held}
