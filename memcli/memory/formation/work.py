"""Work on the formation queue, a message at a time: claim it, have it formed, read back what came of it.

Invariants: what is reported was read from the store after it was written; a message whose forming failed is passed over
for the rest of this work, so that the others go on; what was stopped, or failed through no fault of the message, is
given back as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from memcli.errors import (
    EmbedderChanged,
    EmbedderError,
    NoModel,
    NothingFound,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreUnwritable,
)
from memcli.memory.formation.records import Change, Formed, Former, Stopped
from memcli.store import memories, queue
from memcli.store.database import Store
from memcli.store.queue import LeaseLost
from memcli.types import Memory, Message

LEASE = 300  # seconds; forming takes some, and a process that dies on this machine is noticed without it
# The surroundings are to blame for these, not the message.
_BLAMELESS = (
    Stopped,
    KeyboardInterrupt,
    StoreError,
    StoreUnwritable,
    NoModel,
    EmbedderError,
    EmbedderChanged,
)


@dataclass
class Work:
    """The messages that wait, formed one after the other. `failed` are the ids of those passed over."""

    store: Store
    former: Former
    clock: Callable[[], str]
    failed: set[str] = field(default_factory=set)

    def step(self) -> Formed | None:
        """Form the oldest message that waits and return what came of it; None where there is none to be had.

        Raises what `Former.form` raises, but for LeaseLost: then the next message is taken.
        """
        while message := self._claim():
            with suppress(LeaseLost):
                return read_back(self.store, self._form(message))
        return None

    def _claim(self) -> Message | None:
        return queue.claim(self.store, self.former.worker, self.clock(), LEASE, passing=self.failed)

    def _form(self, message: Message) -> Formed:
        try:
            return self.former.form(message)
        except _BLAMELESS:
            with suppress(StoreLocked, StoreUnwritable):  # then it is still ours, and we may claim it again
                queue.release(self.store, message.id, self.former.worker)
            raise
        except LeaseLost:
            raise
        except BaseException:
            self.failed.add(message.id)
            with suppress(StoreLocked, StoreUnwritable):
                queue.fail(self.store, message.id, self.former.worker)
            raise


def read_back(store: Store, formed: Formed) -> Formed:
    """Return `formed` as the store has it now, without what has been forgotten meanwhile. Raises StoreDamaged."""
    return replace(formed, changes=tuple(held for change in formed.changes if (held := _held(store, change))))


def _held(store: Store, change: Change) -> Change | None:
    try:
        return replace(change, memory=_again(store, change.memory), old=change.old and _again(store, change.old))
    except NothingFound:
        return None


def _again(store: Store, memory: Memory) -> Memory:
    stored = memories.get(store, memory.id)
    if stored.text != memory.text:
        raise StoreDamaged(f"memory {memory.id} reads back differently from what was written", "run 'memcli doctor'")
    return stored
