"""What forming comes to, and what forms: the records that the worker, the commands and the prompt share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from memcli.types import Memory, Message


class Action(StrEnum):
    """What forming did to a memory."""

    ADDED = "added"
    UPDATED = "updated"  # says better what an older one said
    SUPERSEDED = "superseded"  # is so now, where an older one was so
    STRENGTHENED = "strengthened"  # was said again
    CONFLICT = "conflict"  # contradicts another one, and nothing tells which is right


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that forming did. `memory` is the one that holds, `old` the one it replaced or contradicts."""

    action: Action
    memory: Memory
    old: Memory | None = None


@dataclass(frozen=True, slots=True)
class Formed:
    """What became of one message: often nothing."""

    message_id: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """Memories that said the same: the one that is kept, and those that it took the place of."""

    kept: Memory
    olds: tuple[Memory, ...]


@dataclass(frozen=True, slots=True)
class Summed:
    """A memory that sums up what happened on several days, and the one about fewer days that it took the place of."""

    memory: Memory
    episodes: tuple[Memory, ...]
    before: Memory | None = None


class Stopped(Exception):
    """Forming was asked to stop, and did, with nothing written."""


class Former(Protocol):
    """Forms memories, from one message at a time. All but `stop` belong to the thread of its store.

    `worker` is the name under which a message must be claimed before it is formed.
    """

    @property
    def worker(self) -> str: ...

    @property
    def path(self) -> str:
        """What judges, as in "rules+embedder"."""
        ...

    def form(self, message: Message) -> Formed:
        """Think without a transaction, then settle the message and write what came of it in one.

        Raises Stopped, also at once where `stop` has been called since the last `resume`; LeaseLost where the message
        was taken by another or forgotten meanwhile; ModelError. Nothing is written then.
        """
        ...

    def reconcile(self, memory: Memory, waiting: Collection[str]) -> tuple[Change, ...]:
        """Compare what the user asked to keep with the older memories, and write what came of it in one transaction.

        Those `waiting` for the same are not older. Raises Stopped as `form` does; nothing is written then.
        """
        ...

    def stop(self) -> None:
        """Have the running step end within 50 ms, and every later one at once; safe from any thread."""
        ...

    def resume(self) -> None:
        """Let messages be formed again."""
        ...

    def close(self) -> None:
        """Free what it holds of the models. The store stays open."""
        ...
