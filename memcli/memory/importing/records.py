"""What a checked file holds: records that others wrote, and records of a memcli's export.

Those of an export carry the ids of the store that they come from; the others name threads by name, and messages by ids
of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memcli.memory.summary import Line
from memcli.store.lapses import Lapse
from memcli.store.operations import Operation
from memcli.store.turns import Cost
from memcli.types import CoreBlock, Kind, Memory, Message, Recalled, Role, Thread, Trust


@dataclass(frozen=True, slots=True)
class NewMessage:
    thread: str
    id: str
    role: Role
    content: str
    name: str | None
    created_at: str | None
    trust: Trust


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory of another's file; `unsaid` where it does not tell whose words it is."""

    text: str
    id: str | None
    kind: Kind
    trust: Trust
    tags: tuple[str, ...]
    created_at: str | None
    valid_from: str | None
    valid_to: str | None
    expires_at: str | None
    unsaid: bool = False
    lowered: bool = False  # it would have been an instruction, if the user had said it


@dataclass(frozen=True, slots=True)
class NewBlock:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class NewThread:
    name: str
    created_at: str | None


@dataclass(frozen=True, slots=True)
class StoreLine:
    """The first line of an export: how far later work had come, as numbers of operations."""

    marks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class OldThread:
    thread: Thread


@dataclass(frozen=True, slots=True)
class Waits:
    """That a message waits for formation: since when, and how often it has failed."""

    since: str
    failures: int


@dataclass(frozen=True, slots=True)
class OldMessage:
    """A message, the notes that stood before it, and what its answer cost; `evicted` from its thread's window."""

    message: Message
    notes: tuple[Recalled, ...]
    cost: Cost | None
    waits: Waits | None
    evicted: bool


@dataclass(frozen=True, slots=True)
class OldMemory:
    """A memory with the times in which it was not believed; `conflicts` are all that were ever noted."""

    memory: Memory
    lapses: tuple[Lapse, ...]
    reconciled: bool
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class OldBlock:
    block: CoreBlock


@dataclass(frozen=True, slots=True)
class OldSummary:
    """A summary of a thread's messages up to one of them."""

    id: str
    thread: str
    to: str
    lines: tuple[Line, ...]
    made_by: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Before:
    """What a core block said before an operation; None for no block."""

    label: str
    text: str | None
    updated_at: str | None
    author: str | None


@dataclass(frozen=True, slots=True)
class OldOperation:
    operation: Operation
    blocks: tuple[Before, ...]


New = NewMessage | NewMemory | NewBlock | NewThread
Old = StoreLine | OldThread | OldMessage | OldMemory | OldBlock | OldSummary | OldOperation
Record = New | Old
