"""Check records of an export against each other: each id once, and what refers to a record of the file fits it.

What refers to a record that the file does not have is no error, as of a part of an export: the reference is cut, or met
by the store, when it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from memcli.memory.importing.fields import BadLine
from memcli.memory.importing.records import (
    OldBlock,
    OldMemory,
    OldMessage,
    OldOperation,
    OldSummary,
    OldThread,
    Record,
    StoreLine,
)


@dataclass
class Among:
    """The records of one file so far, and in which lines they stand."""

    _lines: list[int] = field(default_factory=list)
    _first: dict[tuple[str, str], tuple[int, Record]] = field(default_factory=dict)
    _operation: int = 0

    def check(self, line: int, record: Record) -> Record:
        """Return a record that can stand beside those before it. Raises BadLine."""
        key = _key(record)
        first = self._first.get(key) if key else None
        if key and first and first[1] != record:
            raise BadLine(f"{' '.join(key)} stands in line {first[0]} already, and is another there")
        if key and not first:
            self._check_order(record)
            self._first[key] = (line, record)
        self._lines.append(line)
        return record

    def _check_order(self, record: Record) -> None:
        if isinstance(record, OldOperation):
            if record.operation.id <= self._operation:
                raise BadLine("operations stand in their order")
            self._operation = record.operation.id

    def finish(self, records: Sequence[Record]) -> dict[int, tuple[int, str]]:
        """Return what of the records does not fit the others: line and reason by its place."""
        circles = self._circles()
        return {
            place: (self._lines[place], reason)
            for place, record in enumerate(records)
            if (reason := next(self._misfits(record, circles), None))
        }

    def _misfits(self, record: Record, circles: set[str]) -> Iterator[str]:
        if isinstance(record, OldMemory):
            if record.memory.id in circles:
                yield "superseded_by leads back to the memory itself"
            for source in record.memory.sources:
                said = self._message(source.message_id)
                if said and source.end > len(said.message.content):
                    yield f"the source in message {source.message_id} ends beyond its text"
            named = (record.memory.superseded_by, *record.memory.conflicts)
            for id_ in named:
                if id_ and self._message(id_):
                    yield f"{id_} is a message, and no memory"
        if isinstance(record, OldSummary):
            last = self._message(record.to)
            if last and last.message.thread_id != record.thread:
                yield f"message {record.to} is of another thread"

    def _circles(self) -> set[str]:
        """Return the memories that supersede one another in a circle."""
        successors = {
            record.memory.id: record.memory.superseded_by
            for _, record in self._first.values()
            if isinstance(record, OldMemory)
        }
        found: set[str] = set()
        walked: set[str] = set()
        for start in successors:
            way: list[str] = []
            at: str | None = start
            while at is not None and at not in walked:
                walked.add(at)
                way.append(at)
                at = successors.get(at)
            if at in way:
                found.update(way[way.index(at) :])
        return found

    def _message(self, id_: str) -> OldMessage | None:
        found = self._first.get(("id", id_), (0, None))[1]
        return found if isinstance(found, OldMessage) else None


_KEYS: dict[type, Callable[[Any], tuple[str, str]]] = {
    StoreLine: lambda record: ("the store", "line"),
    OldThread: lambda record: ("thread", record.thread.id),
    OldMessage: lambda record: ("id", record.message.id),
    OldMemory: lambda record: ("id", record.memory.id),  # typed like a message's
    OldBlock: lambda record: ("core block", record.block.label),
    OldSummary: lambda record: ("summary", record.id),
    OldOperation: lambda record: ("operation", str(record.operation.id)),
}


def _key(record: Record) -> tuple[str, str] | None:
    """Return what there can be only one of; None for records that others wrote."""
    name = _KEYS.get(type(record))
    return name(record) if name else None
