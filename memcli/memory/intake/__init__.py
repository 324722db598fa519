"""Write checked records, batch by batch, each with what makes it findable.

    the log -> threads and core blocks -> messages -> memories -> what ties them together

Invariants: a batch is one transaction; what is there already is passed over (a message by its id, or by thread and
external id; a memory by id or exact text; a core block by label; a thread by id or name) and never overwritten, so the
same records again change nothing and an interrupted import goes on where it stopped. A text that recurs is embedded
once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from memcli.engines import Embedder
from memcli.memory.importing.records import (
    NewBlock,
    NewMemory,
    NewMessage,
    NewThread,
    OldBlock,
    OldMemory,
    OldMessage,
    OldSummary,
    OldThread,
    Record,
)
from memcli.memory.indexing import Preparer
from memcli.memory.intake import kept, log, named, said, ties
from memcli.memory.intake.job import BATCH, Job
from memcli.memory.intake.report import Report, foreseen
from memcli.store import restoring
from memcli.store.database import Store

__all__ = ["BATCH", "Report", "foreseen", "write"]


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
    memories = [r for r in records if isinstance(r, NewMemory | OldMemory)]
    summaries = [r for r in records if isinstance(r, OldSummary)]
    old_said = [r for r in records if isinstance(r, OldMessage)]
    prepare = Preparer(embedder, _recurring(records))
    job = Job(store, prepare, now, report, lambda done: progress(done, len(records)))
    log.take_over(job, records)
    named.write(job, [r for r in records if isinstance(r, NewBlock | OldBlock | NewThread | OldThread)])
    own = {record.message.thread_id for record in old_said}
    job.shared = restoring.shared(
        store, [job.threads.get(id_, id_) for id_ in own], [record.message.id for record in old_said]
    )
    said.write(job, said.unknown(job, [r for r in records if isinstance(r, NewMessage | OldMessage)]))
    kept.write(job, memories)
    ties.tie_memories(job, [record for record in memories if isinstance(record, OldMemory)])
    ties.place_notes(job, old_said)
    ties.sum_up(job, summaries)
    log.finish(job)


def _recurring(records: Iterable[Record]) -> Iterator[str]:
    texts = Counter(_texts(records))
    return (text for text, times in texts.items() if times > 1)


def _texts(records: Iterable[Record]) -> Iterator[str]:
    for record in records:
        if isinstance(record, NewMessage | OldMessage):
            yield said.text_of(record)
        elif isinstance(record, NewMemory | OldMemory):
            yield kept.text_of(record)
