"""What an import has done so far: what is in the store now, what was there before, what was not taken, whose words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from memcli.memory.importing.records import (
    NewBlock,
    NewMemory,
    NewMessage,
    NewThread,
    OldBlock,
    OldMemory,
    OldMessage,
    OldOperation,
    OldSummary,
    OldThread,
    Record,
)
from memcli.types import Trust


@dataclass
class Report:
    """Counts of records, `bad` lines (file, number, reason), and whose words the imported messages and memories are.

    `known` were there before; `differing` of these say something else in the store, which stays. `passed_over` are
    operations that could not be taken; `dropped` are parts of records that nothing bears out, by their sort. `unsaid`
    memories did not tell whose words they are; `claimed` are those that were a document's and are the user's now;
    `lowered` are no instructions, as nobody but the user gives these.
    """

    messages: int = 0
    memories: int = 0
    core: int = 0
    threads: int = 0
    summaries: int = 0
    operations: int = 0
    known: int = 0
    differing: int = 0
    passed_over: int = 0
    claimed: int = 0
    lowered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    unsaid: Counter[Trust] = field(default_factory=Counter)  # memories, by whose words they count as
    said: Counter[Trust] = field(default_factory=Counter)  # messages, by whose words they are
    kept: Counter[Trust] = field(default_factory=Counter)  # memories
    bad: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, more: Report) -> None:
        """Count what a batch came to."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(more, each.name))

    def say(self, trust: Trust) -> None:
        """Count a message."""
        self.messages += 1
        self.said[trust] += 1

    def keep(self, record: NewMemory | OldMemory) -> None:
        """Count a memory."""
        self.memories += 1
        trust = record.trust if isinstance(record, NewMemory) else record.memory.trust
        self.kept[trust] += 1
        self.lowered += record.lowered
        self.unsaid[trust] += isinstance(record, NewMemory) and record.unsaid


def foreseen(records: Iterable[Record]) -> Report:
    """Return what an import of these into an empty store would report."""
    report = Report()
    for record in records:
        match record:
            case NewMessage():
                report.say(record.trust)
            case OldMessage():
                report.say(record.message.trust)
            case NewMemory() | OldMemory():
                report.keep(record)
            case NewBlock() | OldBlock():
                report.core += 1
            case NewThread() | OldThread():
                report.threads += 1
            case OldSummary():
                report.summaries += 1
            case OldOperation():
                report.operations += 1
    return report
