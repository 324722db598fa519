"""Write messages, in the order of the file. One that is there, by its id or by thread and external id, stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from memcli.memory import bearing, indexing
from memcli.memory.importing.records import NewMessage, OldMessage
from memcli.memory.indexing import Indexed
from memcli.memory.intake.job import Job, batches
from memcli.memory.intake.report import Report
from memcli.store import messages, operations, queue, restoring, threads, turns
from memcli.types import Message, Owner, Thread, Trust

Said = NewMessage | OldMessage


def write(job: Job, said: Sequence[Said]) -> None:
    """Write messages with what makes them findable, what they cost and whether they wait."""
    for batch in batches(said):
        _batch(job, batch)


def text_of(record: Said) -> str:
    return record.content if isinstance(record, NewMessage) else record.message.content


def unknown(job: Job, said: Iterable[Said]) -> list[Said]:
    """Return the messages that the store does not have, each once; and count the others."""
    found = [*said]
    new = set(map(id, _new(job, [r for r in found if isinstance(r, NewMessage)])))
    new |= set(map(id, _old(job, [r for r in found if isinstance(r, OldMessage)])))
    kept = [record for record in found if id(record) in new]
    job.report.known += len(found) - len(kept)
    job.done += len(found) - len(kept)
    return kept


def _new(job: Job, said: Sequence[NewMessage]) -> Iterator[NewMessage]:
    known: dict[str, dict[str, str]] = {}  # by thread: what was said under which id
    for message in said:
        if message.thread not in known:
            thread = threads.id_of(job.store, message.thread)
            known[message.thread] = messages.known_external(job.store, thread) if thread else {}
        held = known[message.thread]
        if message.id not in held:
            held[message.id] = message.content
            yield message
        elif held[message.id] != message.content:
            job.report.differing += 1


def _old(job: Job, said: Sequence[OldMessage]) -> Iterator[OldMessage]:
    seen: set[str] = set()
    for batch in batches(said):
        held = restoring.texts(job.store, [record.message.id for record in batch])
        for record in batch:
            id_ = record.message.id
            if id_ in seen:
                continue
            seen.add(id_)
            if id_ not in held:
                yield record
            elif held[id_] != (Owner.MESSAGE, record.message.content):
                job.aliases[id_] = None
                job.report.differing += 1


def _batch(job: Job, said: Sequence[Said]) -> None:
    ready = job.prepare([text_of(record) for record in said])

    def batch(report: Report) -> None:
        for record, indexed in zip(said, ready, strict=True):
            if isinstance(record, NewMessage):
                _say_new(job, record, indexed, report)
            else:
                _say_old(job, record, indexed, report)
        if not job.restoring:
            detail = {"messages": report.messages}
            operations.record(job.store, action="import", actor="import", items=[], now=job.now, detail=detail)

    job.settle(len(said), batch)


def _say_new(job: Job, record: NewMessage, indexed: Indexed, report: Report) -> None:
    at = record.created_at or job.now
    thread = threads.id_of(job.store, record.thread)
    if thread is None:
        thread = threads.create(job.store, now=at, name=record.thread).id
        report.threads += 1
    elif messages.with_external(job.store, thread, record.id):  # another process was quicker
        report.known += 1
        return
    stored = messages.add(
        job.store,
        thread_id=thread,
        role=record.role,
        content=record.content,
        trust=record.trust,
        now=at,
        name=record.name,
        external_id=record.id,
    )
    indexing.put(job.store, Owner.MESSAGE, stored.id, indexed, job.prepare.embedder)
    if record.trust is Trust.USER:
        queue.enqueue(job.store, stored.id, job.now)
    report.say(record.trust)


def _say_old(job: Job, record: OldMessage, indexed: Indexed, report: Report) -> None:
    held = record.message
    thread = _thread(job, held, report)
    if restoring.texts(job.store, [held.id]):  # another process was quicker
        report.known += 1
        return
    same = messages.with_external(job.store, thread, held.external_id) if held.external_id is not None else None
    if same:
        report.known += 1
        report.differing += same[1] != held.content
        job.aliases[held.id] = same[0] if same[1] == held.content else None
        return
    excerpt = held.excerpt
    if excerpt is not None and not bearing.excerpt_holds(held.content, excerpt):
        excerpt = None
        report.dropped["excerpts"] += 1
    stored = messages.add(
        job.store,
        id=held.id,
        thread_id=thread,
        role=held.role,
        content=held.content,
        trust=held.trust,
        now=held.created_at,
        name=held.name,
        external_id=held.external_id,
        model=held.model,
        interrupted=held.interrupted,
        excerpt=excerpt,
    )
    indexing.put(job.store, Owner.MESSAGE, stored.id, indexed, job.prepare.embedder)
    _beside(job, record, stored)
    report.say(held.trust)


def _beside(job: Job, record: OldMessage, stored: Message) -> None:
    """Write what hangs on a message."""
    if record.cost:
        turns.add(job.store, stored.id, record.cost)
    if record.waits:
        restoring.wait(job.store, stored.id, record.waits.since, record.waits.failures)
    if record.evicted and stored.thread_id not in job.shared:
        restoring.evict(job.store, stored.thread_id, stored.seq)


def _thread(job: Job, message: Message, report: Report) -> str:
    """Return the thread of a message; it is made where the file does not have it, being a part of an export."""
    meant = job.threads.get(message.thread_id, message.thread_id)
    if not threads.exists(job.store, meant):
        restoring.thread(job.store, Thread(meant, None, message.created_at, message.created_at))
        report.threads += 1
    return meant
