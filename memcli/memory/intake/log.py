"""Take over the log of a whole export, into a store that has none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from memcli.memory.importing.records import OldOperation, Record, StoreLine
from memcli.memory.intake.job import Job
from memcli.memory.intake.report import Report
from memcli.store import restoring


def take_over(job: Job, records: Sequence[Record]) -> None:
    """Write the operations, which belong to a whole export, or count them as passed over.

    They come first, so that what is done between an interrupted import and its end has later numbers.
    """
    log = [record for record in records if isinstance(record, OldOperation)]
    first = next((record for record in records if isinstance(record, StoreLine)), None)
    digest = hashlib.sha256(repr((first, log)).encode()).hexdigest()

    def batch(report: Report) -> None:
        going_on = first is not None and restoring.under_way(job.store) == digest
        job.restoring = going_on or (first is not None and restoring.may_begin(job.store))
        if first is None or going_on or not job.restoring:
            known = sum(restoring.has_operation(job.store, record.operation) for record in log)
            report.known += known
            report.passed_over += len(log) - known
            return
        restoring.begin(job.store, digest, first.marks)
        for record in log:
            blocks = [(block.label, block.text, block.updated_at, block.author) for block in record.blocks]
            restoring.operation(job.store, record.operation, blocks)
        report.operations += len(log)

    if first or log:
        job.settle(len(log) + (first is not None), batch)


def finish(job: Job) -> None:
    """Note that the whole export is in the store."""
    if job.restoring:
        job.settle(0, lambda report: restoring.finish(job.store))
