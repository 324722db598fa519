"""Take over the log of a whole export, into a store that has none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from memcli.memory.importing.records import OldMemory, OldOperation, Record, StoreLine
from memcli.memory.intake.job import Job
from memcli.memory.intake.report import Report
from memcli.store import restoring


def take_over(job: Job, records: Sequence[Record]) -> None:
    """Write the operations, which belong to a whole export, or count them as passed over.

    They come first, so that what is done between an interrupted import and its end has later numbers.
    """
    told = [record for record in records if isinstance(record, OldOperation)]
    log = [*{record.operation.id: record for record in told}.values()]  # a file may say the same twice
    first = next((record for record in records if isinstance(record, StoreLine)), None)
    # Without a log nothing would tell later work of these memories; then the import itself does.
    whole = first is not None and (bool(log) or not any(isinstance(record, OldMemory) for record in records))
    digest = hashlib.sha256(repr((first, log)).encode()).hexdigest()

    def batch(report: Report) -> None:
        going_on = whole and restoring.under_way(job.store) == digest
        report.known += len(told) - len(log)
        job.restoring = going_on or (whole and restoring.may_begin(job.store))
        if first is None or going_on or not job.restoring:
            known = sum(restoring.has_operation(job.store, record.operation) for record in log)
            report.known += known
            report.passed_over += len(log) - known
            return
        last = max((record.operation.id for record in log), default=0)
        restoring.begin(job.store, digest, {mark: min(number, last) for mark, number in first.marks.items()})
        for record in log:
            blocks = [(block.label, block.text, block.updated_at, block.author) for block in record.blocks]
            restoring.operation(job.store, record.operation, blocks)
        report.operations += len(log)

    if first or log:
        job.settle(len(told) + (first is not None), batch)


def finish(job: Job) -> None:
    """Note that the whole export is in the store."""
    if job.restoring:
        job.settle(0, lambda report: restoring.finish(job.store))
