"""One import under way: its batches, and which items of the store the file's ids stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from memcli.memory.indexing import Preparer
from memcli.memory.intake.report import Report
from memcli.store.database import LONG_WAIT_MS, Store

T = TypeVar("T")
BATCH = 128  # records in a transaction: large enough for full embedding batches, small enough to lose little work


@dataclass
class Job:
    """`done` counts the records that are settled.

    While it is `restoring`, the file brings the log along, and the import is no operation. `threads` and `aliases` say
    which thread, message or memory of the store an id of the file stands for, where that is not the same id; None for
    what says something else there. `shared` are threads that hold other messages than the file's.
    """

    store: Store
    prepare: Preparer
    now: str
    report: Report
    progress: Callable[[int], None]
    done: int = 0
    restoring: bool = False
    threads: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str | None] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    def settle(self, records: int, write: Callable[[Report], None]) -> None:
        """Run `write` in a transaction of its own, and count what it did once that is in the store."""

        def attempt() -> Report:
            batch = Report()
            with self.store.atomic():
                write(batch)
            return batch

        self.report.add(self.store.patiently(attempt, at_most_ms=LONG_WAIT_MS))
        self.done += records
        self.progress(self.done)

    def meant(self, id_: str | None) -> str | None:
        """Return the store's id of an item, None where the store's item is another."""
        return self.aliases.get(id_, id_) if id_ else None

    def own(self, id_: str) -> bool:
        """Tell whether the store's item of this id is the file's."""
        return self.aliases.get(id_, id_) == id_

    def several(self, ids: Iterable[str]) -> list[str]:
        """Return the store's ids of items, without what is another there."""
        return [meant for id_ in ids if (meant := self.meant(id_))]


def batches(records: Sequence[T]) -> list[Sequence[T]]:
    """Cut records into batches, in their order."""
    return [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
