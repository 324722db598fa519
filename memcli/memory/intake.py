"""Write checked records, batch by batch, each with what makes it findable.

Invariants: a batch is one transaction; what is there already is passed over (a message by thread and id, a memory by id
or exact text, a core block by label and text, a thread by name), so the same records again change nothing and an
interrupted import goes on where it stopped. A text that recurs is embedded once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from memcli.engines import Embedder
from memcli.memory import indexing
from memcli.memory.form import permitted
from memcli.memory.importing import NewBlock, NewMemory, NewMessage, NewThread, Record
from memcli.memory.indexing import Indexed, Preparer
from memcli.store import core, memories, messages, operations, queue, threads
from memcli.store.database import LONG_WAIT_MS, Store
from memcli.store.journal import Journal
from memcli.types import Owner, Role, Trust

BATCH = 128  # records in a transaction: large enough for full embedding batches, small enough to lose little work
TRUST = {Role.USER: Trust.USER, Role.ASSISTANT: Trust.ASSISTANT, Role.TOOL: Trust.TOOL, Role.SYSTEM: Trust.DOCUMENT}


@dataclass
class Report:
    """What an import has written and passed over so far."""

    messages: int = 0
    memories: int = 0
    core: int = 0
    threads: int = 0
    known: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)

    def add(self, more: Report) -> None:
        """Count what a batch came to."""
        self.messages += more.messages
        self.memories += more.memories
        self.core += more.core
        self.threads += more.threads
        self.known += more.known


def write(
    store: Store,
    records: Sequence[Record],
    *,
    embedder: Embedder | None,
    now: str,
    progress: Callable[[int, int], None],
    report: Report,
) -> None:
    """Write checked records. `progress` hears records done and in all; `report` always says what is in the store."""
    named = [r for r in records if isinstance(r, NewBlock | NewThread)]
    kept = [r for r in records if isinstance(r, NewMemory)]
    said = list(_unknown(store, [r for r in records if isinstance(r, NewMessage)]))
    report.known += len(records) - len(named) - len(kept) - len(said)
    prepare = Preparer(embedder, _recurring([*(r.text for r in kept), *(r.content for r in said)]))
    job = _Job(store, prepare, now, report, lambda done: progress(done, len(records)), report.known)
    job.write_named(named)
    for start in range(0, len(kept), BATCH):
        job.write_memories(kept[start : start + BATCH])
    for start in range(0, len(said), BATCH):
        job.write_messages(said[start : start + BATCH])


def _unknown(store: Store, said: Sequence[NewMessage]) -> Iterator[NewMessage]:
    known: dict[str, set[str]] = {}
    for message in said:
        if message.thread not in known:
            thread = threads.id_of(store, message.thread)
            known[message.thread] = messages.known_external(store, thread) if thread else set()
        if message.id not in known[message.thread]:
            known[message.thread].add(message.id)
            yield message


def _recurring(texts: Iterable[str]) -> Iterator[str]:
    return (text for text, times in Counter(texts).items() if times > 1)


@dataclass
class _Job:
    """One import under way; `done` counts the records that are settled."""

    store: Store
    prepare: Preparer
    now: str
    report: Report
    progress: Callable[[int], None]
    done: int

    def _settle(self, records: int, write: Callable[[Report], None]) -> None:
        """Run `write` in a transaction of its own, and count what it did once that is in the store."""

        def attempt() -> Report:
            batch = Report()
            with self.store.atomic():
                write(batch)
            return batch

        self.report.add(self.store.patiently(attempt, at_most_ms=LONG_WAIT_MS))
        self.done += records
        self.progress(self.done)

    # --- core blocks and threads ---

    def write_named(self, named: Sequence[NewBlock | NewThread]) -> None:
        # Of several texts of a label the last one holds.
        last = {record.label: record for record in named if isinstance(record, NewBlock)}
        records = [r for r in named if isinstance(r, NewThread) or last[r.label] is r]

        def write(batch: Report) -> None:
            batch.known += len(named) - len(records)
            journal = Journal(self.store, action="core", actor="import", now=self.now)
            for record in records:
                self._name(record, batch, journal)
            journal.record()

        self._settle(len(named), write)

    def _name(self, record: NewBlock | NewThread, batch: Report, journal: Journal) -> None:
        """Write a core block or a thread."""
        if _stands(self.store, record):
            batch.known += 1
        elif isinstance(record, NewThread):
            threads.create(self.store, now=record.created_at or self.now, name=record.name)
            batch.threads += 1
        else:
            journal.set_core(record.label, record.text, "user")
            batch.core += 1

    # --- memories ---

    def write_memories(self, kept: Sequence[NewMemory]) -> None:
        before = _Known(self.store, kept, self.now)
        new = [memory for memory in kept if not before.has(memory)]
        ready = self.prepare([memory.text for memory in new])

        def write(batch: Report) -> None:
            known = _Known(self.store, new, self.now)  # again: another process may have been quicker
            made: list[str] = []
            for memory, indexed in zip(new, ready, strict=True):
                if not known.has(memory):
                    known.add(memory)
                    made.append(self._keep(memory, indexed))
            if made:
                operations.record(self.store, action="add", actor="import", items=made, now=self.now)
            batch.memories, batch.known = len(made), len(kept) - len(made)

        self._settle(len(kept), write)

    def _keep(self, memory: NewMemory, indexed: Indexed) -> str:
        stored = memories.add(
            self.store,
            kind=permitted(memory.kind, memory.trust),
            text=memory.text,
            trust=memory.trust,
            now=memory.created_at or self.now,
            tags=memory.tags,
            valid_from=memory.valid_from,
            valid_to=memory.valid_to,
            expires_at=memory.expires_at,
            id=memory.id,
        )
        indexing.put(self.store, Owner.MEMORY, stored.id, indexed, self.prepare.embedder)
        return stored.id

    # --- messages ---

    def write_messages(self, said: Sequence[NewMessage]) -> None:
        ready = self.prepare([message.content for message in said])

        def write(batch: Report) -> None:
            for message, indexed in zip(said, ready, strict=True):
                self._say(message, indexed, batch)
            detail = {"messages": batch.messages}
            operations.record(self.store, action="import", actor="import", items=[], now=self.now, detail=detail)

        self._settle(len(said), write)

    def _say(self, message: NewMessage, indexed: Indexed, batch: Report) -> None:
        at, trust = message.created_at or self.now, TRUST[message.role]
        thread = threads.id_of(self.store, message.thread)
        if thread is None:
            thread = threads.create(self.store, now=at, name=message.thread).id
            batch.threads += 1
        elif messages.has_external(self.store, thread, message.id):  # another process was quicker
            batch.known += 1
            return
        stored = messages.add(
            self.store,
            thread_id=thread,
            role=message.role,
            content=message.content,
            trust=trust,
            now=at,
            name=message.name,
            external_id=message.id,
        )
        indexing.put(self.store, Owner.MESSAGE, stored.id, indexed, self.prepare.embedder)
        if trust is Trust.USER:
            queue.enqueue(self.store, stored.id, self.now)
        batch.messages += 1


class _Known:
    """Which of some memories the store has already, by id or by exact text."""

    def __init__(self, store: Store, wanted: Sequence[NewMemory], now: str) -> None:
        texts = [memory.text for memory in wanted]
        self._now = now
        self._ids = memories.present(store, [memory.id for memory in wanted if memory.id is not None])
        self._ever = memories.exact(store, texts)
        self._standing = memories.exact(store, texts, now=now)

    def has(self, memory: NewMemory) -> bool:
        # An expired memory does not stand for one that holds, but it does for one that has expired too.
        return memory.id in self._ids or memory.text in (self._ever if self._expired(memory) else self._standing)

    def add(self, memory: NewMemory) -> None:
        if memory.id is not None:
            self._ids.add(memory.id)
        self._ever.add(memory.text)
        if not self._expired(memory):
            self._standing.add(memory.text)

    def _expired(self, memory: NewMemory) -> bool:
        return memory.expires_at is not None and memory.expires_at <= self._now


def _stands(store: Store, record: NewBlock | NewThread) -> bool:
    if isinstance(record, NewThread):
        return threads.id_of(store, record.name) is not None
    block = core.get(store, record.label)
    return block is not None and block.text == record.text
