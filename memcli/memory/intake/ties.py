"""Tie what was imported together: what superseded or contradicts a memory, the notes before messages, summaries.

All of it names items that may come later in the file, so it is written last. What is text of a prompt is taken as far
as the store's items bear it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from memcli.memory import bearing, summary
from memcli.memory.importing.records import OldMemory, OldMessage, OldSummary
from memcli.memory.intake.job import Job, batches
from memcli.memory.intake.report import Report
from memcli.store import messages, restoring, summaries
from memcli.store.summaries import Summary
from memcli.types import Recalled


def tie_memories(job: Job, kept: Sequence[OldMemory]) -> None:
    """Tie memories to each other."""
    tied = [record for record in kept if job.own(record.memory.id) and _ties(record)]
    for batch in batches(tied):
        job.settle(0, partial(_link, job, batch))


def _ties(record: OldMemory) -> bool:
    return bool(record.memory.superseded_by or record.memory.conflicts or record.lapses)


def _link(job: Job, kept: Sequence[OldMemory], report: Report) -> None:
    for record in kept:
        memory = replace(
            record.memory,
            superseded_by=job.meant(record.memory.superseded_by),
            conflicts=tuple(job.several(record.memory.conflicts)),
        )
        lapses = [replace(lapse, superseded_by=job.meant(lapse.superseded_by)) for lapse in record.lapses]
        restoring.link(job.store, memory, lapses)


def place_notes(job: Job, said: Sequence[OldMessage]) -> None:
    """Put notes back before their messages."""
    noted = [record for record in said if record.notes and job.own(record.message.id)]
    for batch in batches(noted):
        job.settle(0, partial(_place, job, batch))


def _place(job: Job, said: Sequence[OldMessage], report: Report) -> None:
    meant = {record.message.id: [_meant(job, note) for note in record.notes] for record in said}
    items = bearing.items_of(job.store, [note for notes in meant.values() for note in notes])
    for message_id, notes in meant.items():
        held = [note for note in notes if bearing.note_holds(note, items)]
        if restoring.notes(job.store, message_id, held):
            report.dropped["notes"] += len(notes) - len(held)


def _meant(job: Job, note: Recalled) -> Recalled:
    return replace(note, item_id=job.meant(note.item_id) or "")


def sum_up(job: Job, told: Sequence[OldSummary]) -> None:
    """Put summaries back, of threads that hold nothing but what the file has said there."""
    for batch in batches(told):
        job.settle(len(batch), partial(_sum_up, job, batch))


def _sum_up(job: Job, told: Sequence[OldSummary], report: Report) -> None:
    for record in told:
        thread = job.threads.get(record.thread, record.thread)
        if summaries.exists(job.store, record.id):
            report.known += 1
            continue
        last = messages.some(job.store, [record.to]) if job.own(record.to) else []
        if not last or last[0].thread_id != thread or thread in job.shared:
            report.dropped["summaries"] += 1
            continue
        covered = messages.of_thread(job.store, thread, before_seq=last[0].seq + 1)
        lines = bearing.lines_hold(record.lines, covered)
        report.dropped["lines of summaries"] += len(record.lines) - len(lines)
        made = Summary(record.id, thread, last[0].seq, summary.dump(lines), record.made_by, record.created_at)
        summaries.add(job.store, made)
        report.summaries += 1
