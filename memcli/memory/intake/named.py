"""Write threads and core blocks. A block that is there is never overwritten: core memory is always in the context."""

from __future__ import annotations

from collections.abc import Sequence

from memcli.memory.importing.records import NewBlock, NewThread, OldBlock, OldThread
from memcli.memory.intake.job import Job
from memcli.memory.intake.report import Report
from memcli.store import core, restoring, threads
from memcli.store.journal import Journal
from memcli.types import CoreBlock

Named = NewBlock | OldBlock | NewThread | OldThread


def write(job: Job, named: Sequence[Named]) -> None:
    # Of several texts of a label the last one holds.
    last = {_block(record, job).label: record for record in named if isinstance(record, NewBlock | OldBlock)}
    kept = [r for r in named if isinstance(r, NewThread | OldThread) or last[_block(r, job).label] is r]

    def batch(report: Report) -> None:
        report.known += len(named) - len(kept)
        journal = Journal(job.store, action="core", actor="import", now=job.now)
        for record in kept:
            if isinstance(record, NewThread | OldThread):
                _thread(job, record, report)
            else:
                _put(job, _block(record, job), report, journal)
        journal.record()

    job.settle(len(named), batch)


def _thread(job: Job, record: NewThread | OldThread, report: Report) -> None:
    """Make a thread, or note which one of the store it is: that of its id, or else that of its name."""
    if isinstance(record, NewThread):
        known = threads.id_of(job.store, record.name)
    else:
        held, name = record.thread, record.thread.name
        named = threads.id_of(job.store, name) if name is not None else None
        known = held.id if threads.exists(job.store, held.id) else named
        job.threads[held.id] = known or held.id
    if known:
        report.known += 1
        return
    if isinstance(record, OldThread):
        restoring.thread(job.store, record.thread)
    else:
        threads.create(job.store, now=record.created_at or job.now, name=record.name)
    report.threads += 1


def _block(record: NewBlock | OldBlock, job: Job) -> CoreBlock:
    return record.block if isinstance(record, OldBlock) else CoreBlock(record.label, record.text, job.now, "user")


def _put(job: Job, block: CoreBlock, report: Report, journal: Journal) -> None:
    standing = core.get(job.store, block.label)
    if standing is not None:
        report.known += 1
        report.differing += standing.text != block.text
    elif job.restoring:
        restoring.block(job.store, block)
        report.core += 1
    else:
        journal.set_core(block.label, block.text, block.author)
        report.core += 1
