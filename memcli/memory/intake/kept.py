"""Write memories, in the order of the file. One that is there already, by its id or by its exact text, stays.

Those of an export that are retired are known by their ids alone: a text that was once believed may be said again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memcli.memory import indexing
from memcli.memory.importing.records import NewMemory, OldMemory
from memcli.memory.indexing import Indexed
from memcli.memory.intake.job import Job, batches
from memcli.memory.intake.report import Report
from memcli.store import memories, operations, restoring
from memcli.store.database import Store
from memcli.types import Owner, Trust

Kept = NewMemory | OldMemory


def write(job: Job, kept: Sequence[Kept]) -> None:
    """Write memories with what makes them findable; what ties them to others comes later."""
    own = frozenset(record.memory.id for record in kept if isinstance(record, OldMemory))
    for batch in batches(kept):
        _batch(job, batch, own)


def text_of(record: Kept) -> str:
    return record.text if isinstance(record, NewMemory) else record.memory.text


def _batch(job: Job, kept: Sequence[Kept], own: frozenset[str]) -> None:
    before = _Known(job, kept, own)
    new = [record for record in kept if not before.has(record)]
    ready = dict(zip(map(id, new), job.prepare([text_of(record) for record in new]), strict=True))

    def batch(report: Report) -> None:
        known = _Known(job, kept, own)  # again: another process may have been quicker
        made: list[str] = []
        for record in kept:
            if known.has(record):
                known.count(record, report)
            else:
                indexed = ready.get(id(record)) or job.prepare([text_of(record)])[0]
                made.append(_keep(job, record, indexed))
                known.add(record)
                report.keep(record)
        if made and not job.restoring:
            operations.record(job.store, action="add", actor="import", items=made, now=job.now)
        _claim(job, [record for record in kept if isinstance(record, NewMemory)], report)

    job.settle(len(kept), batch)


def _keep(job: Job, record: Kept, indexed: Indexed) -> str:
    if isinstance(record, OldMemory):
        id_ = record.memory.id
        sources = [
            replace(source, message_id=meant)
            for source in record.memory.sources
            if (meant := job.meant(source.message_id))
        ]
        restoring.memory(job.store, record.memory, sources, reconciled=record.reconciled)
    else:
        id_ = memories.add(
            job.store,
            kind=record.kind,
            text=record.text,
            trust=record.trust,
            now=record.created_at or job.now,
            tags=record.tags,
            valid_from=record.valid_from,
            valid_to=record.valid_to,
            expires_at=record.expires_at,
            id=record.id,
        ).id
    indexing.put(job.store, Owner.MEMORY, id_, indexed, job.prepare.embedder)
    return id_


def _claim(job: Job, kept: Sequence[NewMemory], report: Report) -> None:
    """Make the user's what an earlier import took for a document's, where it is now said to be his."""
    claimed = [record for record in kept if record.unsaid and record.trust is Trust.USER]
    ids = [id_ for record in claimed for id_ in restoring.claim(job.store, record.text, record.kind)]
    if ids:
        report.claimed += len(ids)
        operations.record(job.store, action="import", actor="import", items=ids, now=job.now)


class _Known:
    """Which of some memories the store has already, and under which ids."""

    def __init__(self, job: Job, wanted: Sequence[Kept], own: frozenset[str]) -> None:
        store: Store = job.store
        self._job = job
        self._ids = restoring.texts(store, [id_ for record in wanted if (id_ := _id(record))])
        self._ever = self._exact([text_of(record) for record in wanted], None, own)
        self._standing = self._exact([text_of(record) for record in wanted], job.now, own)

    def _exact(self, texts: Sequence[str], now: str | None, own: frozenset[str]) -> dict[str, str]:
        """Return for each text the oldest memory that has it, but for those that came from the file itself."""
        found: dict[str, str] = {}
        for text, id_ in memories.having(self._job.store, texts, now=now):
            if id_ not in own:
                found.setdefault(text, id_)
        return found

    def has(self, record: Kept) -> bool:
        return _id(record) in self._ids or self._same(record) is not None

    def count(self, record: Kept, report: Report) -> None:
        """Count a memory that is there, and note which one it is."""
        report.known += 1
        id_ = _id(record)
        if id_ in self._ids:
            differs = self._ids[id_] != (Owner.MEMORY, text_of(record))
            report.differing += differs
            if differs:
                self._job.aliases[id_] = None
        elif id_:
            self._job.aliases[id_] = self._same(record)

    def add(self, record: Kept) -> None:
        """Note what was written just now."""
        id_ = _id(record)
        if id_:
            self._ids[id_] = (Owner.MEMORY, text_of(record))
        if isinstance(record, NewMemory):
            self._ever[record.text] = id_ or ""
            if not self._expired(record.expires_at):
                self._standing[record.text] = id_ or ""

    def _same(self, record: Kept) -> str | None:
        """Return the memory that has exactly this text, for a memory that is believed."""
        if isinstance(record, OldMemory) and (self._job.restoring or record.memory.retired_at):
            return None
        # An expired memory does not stand for one that holds, but it does for one that has expired too.
        expires_at = record.expires_at if isinstance(record, NewMemory) else record.memory.expires_at
        return (self._ever if self._expired(expires_at) else self._standing).get(text_of(record))

    def _expired(self, expires_at: str | None) -> bool:
        return expires_at is not None and expires_at <= self._job.now


def _id(record: Kept) -> str | None:
    return record.id if isinstance(record, NewMemory) else record.memory.id
