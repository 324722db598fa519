"""Consolidation: work the formation queue off, then care for what is kept.

Invariants: it may be interrupted at any moment and goes on when it is run again; several at once share the work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from memcli.config import PORTRAIT_CHARS
from memcli.errors import EmbedderError, ModelError, NoModel
from memcli.memory import disuse, fading
from memcli.memory.caring import Carer
from memcli.memory.formation.merger import Merger
from memcli.memory.formation.records import Action, Change, Formed, Former, Merged, Summed
from memcli.memory.formation.summariser import Summariser
from memcli.memory.formation.work import Work
from memcli.memory.portrait import LABEL, portrait
from memcli.store import core, memories, queue, uses
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Kind, Memory

MOST_FAILURES = 3  # in a row, each of another message: then it is rather the model, and the rest is left alone
AUTHOR = "consolidate"  # of core blocks that may be rewritten unasked


@dataclass
class Consolidated:
    """What a consolidation came to so far.

    `formed` are the messages that were read, `reconciled` what came of texts that the user had asked to keep, `merged`
    the memories that said the same, `summed` what sums up several days, `dropped` what no longer does; `core` the
    labels of the blocks that were made anew; `unused` is what is to be forgotten by the user's rule, which is up to the
    caller; `failed` counts messages that could not be formed this time.
    """

    formed: list[Formed] = field(default_factory=list)
    reconciled: list[Change] = field(default_factory=list)
    merged: list[Merged] = field(default_factory=list)
    summed: list[Summed] = field(default_factory=list)
    dropped: list[Memory] = field(default_factory=list)
    core: list[str] = field(default_factory=list)
    unused: list[Memory] = field(default_factory=list)
    failed: int = 0

    @property
    def anything(self) -> bool:
        """Whether a message was read or anything was written."""
        return bool(self.formed or self.reconciled or self.merged or self.summed or self.dropped or self.core)

    def counts(self) -> dict[Action, int]:
        """Return how often each thing was done, in a fixed order."""
        counted = Counter(change.action for formed in self.formed for change in formed.changes)
        counted.update(change.action for change in self.reconciled)
        return {action: counted[action] for action in Action}


class _Far:
    """How far a consolidation has come: steps that were done, of those that are known of."""

    def __init__(self, report: Callable[[int, int], None], done: int = 0) -> None:
        self._report, self._done, self._total = report, done, done

    def expect(self, steps: int) -> None:
        self._total += steps

    def step(self) -> None:
        self._done += 1
        self._report(self._done, self._total)


def consolidate(
    store: Store,
    former: Former,
    carer: Carer,
    *,
    clock: Callable[[], str],
    progress: Callable[[int, int], None],
    done: Consolidated,
    portrait_chars: int = PORTRAIT_CHARS,
    unused_days: int = 0,
) -> None:
    """Form what waits, oldest first, then finish; `done` always says what is in the store.

    `progress` hears messages read and messages in all, then both with the further steps. Raises Stopped where the
    former or the carer was asked to stop, ModelError where one message after the other fails.
    """
    _work_off(Work(store, former, clock), progress, done)
    finish(
        store,
        former,
        carer,
        clock=clock,
        progress=progress,
        done=done,
        portrait_chars=portrait_chars,
        unused_days=unused_days,
    )


def _work_off(work: Work, progress: Callable[[int, int], None], done: Consolidated) -> None:
    failures = 0
    while True:
        read = len(done.formed)
        progress(read + done.failed, read + max(queue.waiting(work.store), done.failed))
        try:
            formed = work.step()
        except (NoModel, EmbedderError):
            raise
        except ModelError:
            done.failed, failures = done.failed + 1, failures + 1
            if failures == MOST_FAILURES:
                raise
            continue
        if formed is None:
            return
        failures = 0
        done.formed.append(formed)


def finish(
    store: Store,
    former: Former,
    carer: Carer,
    *,
    clock: Callable[[], str],
    progress: Callable[[int, int], None],
    done: Consolidated,
    portrait_chars: int = PORTRAIT_CHARS,
    unused_days: int = 0,
) -> None:
    """Care for what is kept, once nothing waits any more; each step adds to `done` what it has written.

    What the user asked to keep is compared with the older memories; memories that say the same become one; what
    happened on several days is summed up; then the core block about the user is made anew from what holds by then, of
    at most `portrait_chars` characters. Raises Stopped, between two steps, each of which is an operation of its own.
    """
    far = _Far(progress, len(done.formed) + done.failed)
    _reconcile(store, former, clock(), far, done)
    _merge(carer.merger, far, done)
    _sum_up(carer.summariser, far, done)
    if keep_portrait(store, now=clock(), limit=portrait_chars):
        done.core.append(LABEL)
    done.unused += disuse.unused(store, clock(), unused_days)


def _reconcile(store: Store, former: Former, now: str, far: _Far, done: Consolidated) -> None:
    waiting = {memory.id: memory for memory in memories.unreconciled(store, now=now)}
    far.expect(len(waiting))
    for memory in list(waiting.values()):
        done.reconciled += former.reconcile(memory, waiting)
        del waiting[memory.id]
        far.step()


def _merge(merger: Merger, far: _Far, done: Consolidated) -> None:
    batches = merger.waiting()
    far.expect(sum(len(batch.memories) for batch in batches))
    for batch in batches:
        for id_ in batch.memories:
            if merged := merger.merge(id_):
                done.merged.append(merged)
            far.step()
        merger.done(batch)


def _sum_up(summariser: Summariser, far: _Far, done: Consolidated) -> None:
    steps = summariser.steps()
    far.expect(len(steps))
    for step in steps:
        made = summariser.take(step)
        if isinstance(made, Summed):
            done.summed.append(made)
        elif made:
            done.dropped.append(made)
        far.step()
    summariser.done()


def keep_portrait(store: Store, *, now: str, limit: int) -> bool:
    """Make the core block about the user anew and tell whether it changed. What a person wrote there is left alone."""
    with store.atomic():
        block = core.get(store, LABEL)
        if block and block.author != AUTHOR:
            return False
        held = memories.current(store, now=now, kind=Kind.SEMANTIC)
        text = portrait(held, limit, fading.strengths(uses.of(store, [one.id for one in held], now), now))
        if text == (block.text if block else ""):
            return False
        journal = Journal(store, action="core", actor=AUTHOR, now=now)
        if text:
            journal.set_core(LABEL, text, AUTHOR)
        else:
            journal.clear_core(LABEL)
        journal.record()
    return True
