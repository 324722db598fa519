"""Record a turn: both messages, their notes, chunks and vectors, what it cost and where the window now begins.

Invariants: all of it is written in one transaction; nothing is written that quotes what was forgotten while the model
answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from memcli.engines import Embedder
from memcli.memory import indexing, outlines, summary
from memcli.memory.condensing import Condensed
from memcli.memory.context import freeze
from memcli.store import core, derived, messages, operations, purge, queue, summaries, threads, turns
from memcli.store.database import Store
from memcli.turn import Done, Prepared
from memcli.types import Answer, Message, Owner, Role, Thread, Trust

_WORD = re.compile(r"\w+")
_STEM = 5  # letters of a word that its forms share


@dataclass(frozen=True, slots=True)
class Recorder:
    """Writes turns at the time `now`; without `use_memory` a thread has no frozen prefix and forms no memories."""

    store: Store
    embedder: Embedder | None
    now: str
    use_memory: bool

    def record(self, prepared: Prepared, answer: Answer, thread: Thread | None, name: str | None) -> Done:
        """Write the turn into `thread`, or into a new one called `name`."""
        texts = [*(a.kept for a in prepared.attachments), prepared.text, answer.text.strip()]
        ready = indexing.prepare(texts, self.embedder)
        with self.store.atomic():
            thread = self._own_thread(thread, name)
            self._move_window(thread, prepared)
            attached = self._add_attachments(thread, prepared, ready)
            own = prepared.shown.excerpt
            cut = own.text if own else None
            question = self._add(thread, Role.USER, prepared.trust, prepared.text, ready[-2], excerpt=cut)
            messages.set_recalled(self.store, question.id, prepared.plan.notes)
            if prepared.trust is Trust.USER and self.use_memory:
                queue.enqueue(self.store, question.id, self.now)
            if self._quotes_what_is_forgotten(prepared, question, answer):
                answer, ready[-1] = replace(answer, text="", ids=()), indexing.Indexed((), None)
            reply = self._add(
                thread, Role.ASSISTANT, Trust.ASSISTANT, answer.text.strip(), ready[-1], answer, prepared.model
            )
            turns.add(self.store, reply.id, _cost(prepared, answer))
            stored = {"new": question.id} | ({"stdin": attached[0]} if attached else {})
            self._keep_outline(thread, prepared, stored, reply.id, answer)
        return Done(prepared, answer, thread, reply.id)

    def _add_attachments(self, thread: Thread, prepared: Prepared, ready: Sequence[indexing.Indexed]) -> list[str]:
        """Store what came with the question, and return the ids."""
        added = []
        for attachment, indexed, made in zip(prepared.attachments, ready, prepared.shown.excerpts, strict=False):
            cut = made.text if made and attachment.kept == attachment.text else None
            added.append(self._add(thread, Role.USER, Trust.DOCUMENT, attachment.kept, indexed, excerpt=cut).id)
        return added

    def _quotes_what_is_forgotten(self, prepared: Prepared, question: Message, answer: Answer) -> bool:
        """Tell whether a note that the answer was drawn with has been forgotten since, or whether it has a word that in
        the window only stood in what has been.
        """
        if purge.generation(self.store) == prepared.generation:
            return False
        kept = messages.recalled(self.store, [question.id]).get(question.id, [])
        segments, gone = prepared.plan.prompt.segments, self._forgotten(prepared)
        lost = _stems(s.text for s in segments if s.origin in gone)
        lost -= _stems(s.text for s in segments if s.origin not in gone)
        return len(kept) < len(prepared.plan.notes) or not lost.isdisjoint(_stems([answer.text]))

    def _forgotten(self, prepared: Prepared) -> set[str]:
        """Return the origins of what stood in the window and has been forgotten since."""
        segments = prepared.plan.prompt.segments
        told = {s.origin.removeprefix("core:") for s in segments if s.origin.startswith("core:")}
        known = {block.label for block in (*core.blocks(self.store), *core.earlier(self.store, told))}
        summed = {s.origin for s in segments if s.label == summary.LABEL}
        return (
            operations.items(self.store, derived.FORGETTING, since=prepared.generation)
            | {f"core:{label}" for label in told - known}
            | {id_ for id_ in summed if not summaries.text(self.store, id_)}
        )

    def _own_thread(self, thread: Thread | None, name: str | None) -> Thread:
        """Return the thread to write to; one that was forgotten by another process meanwhile begins anew.

        Another process may have begun a thread of the same name while this one answered: then both write to it.
        """
        existing = threads.with_id(self.store, thread.id) if thread else None
        if existing is None and name:
            existing = threads.named(self.store, name)
        return existing or threads.create(self.store, now=self.now, name=name)

    def _move_window(self, thread: Thread, prepared: Prepared) -> None:
        """Write where the window begins and with what; the next turn makes a new prefix where that is not known."""
        plan = prepared.plan
        forgotten = purge.generation(self.store) != prepared.generation  # the frozen side may quote it
        start = threads.window_start(self.store, thread.id)
        overtaken = start != prepared.start  # another process has evicted something from this thread meanwhile
        if forgotten or overtaken or (plan.evicted and not self.use_memory):
            threads.set_prefix(self.store, thread.id, None)
        elif self.use_memory:
            threads.set_prefix(self.store, thread.id, freeze(plan.side))
        if prepared.condensed and not forgotten:
            summaries.add(self.store, _summary(prepared.condensed, thread, self.now))
        if plan.evicted:
            first = messages.next_seq(self.store) if plan.first is None else plan.first
            threads.set_window_start(self.store, thread.id, max(first, start))

    def _keep_outline(
        self, thread: Thread, prepared: Prepared, stored: dict[str, str], reply_id: str, answer: Answer
    ) -> None:
        """Keep what now stands in the window; not the names of what has been forgotten meanwhile."""
        if purge.generation(self.store) != prepared.generation:
            threads.set_ledger(self.store, thread.id, None)
            return
        asked = outlines.of_ledger(prepared.plan.ledger, prepared.model, stored)
        threads.set_ledger(self.store, thread.id, outlines.freeze(outlines.answered(asked, reply_id, answer)))

    def _add(
        self,
        thread: Thread,
        role: Role,
        trust: Trust,
        text: str,
        indexed: indexing.Indexed,
        answer: Answer | None = None,
        model: str | None = None,
        excerpt: str | None = None,
    ) -> Message:
        message = messages.add(
            self.store,
            thread_id=thread.id,
            role=role,
            content=text,
            trust=trust,
            now=self.now,
            model=model,
            tokens=answer.ids if answer else (),
            interrupted=bool(answer and answer.stopped),
            excerpt=excerpt,
        )
        indexing.put(self.store, Owner.MESSAGE, message.id, indexed, self.embedder)
        return message


def _cost(prepared: Prepared, answer: Answer) -> turns.Cost:
    return turns.Cost(
        context=prepared.plan.ledger.total,
        evaluated=answer.evaluated,
        generated=answer.generated,
        thought=answer.thought,
        restored=answer.restored,
        evicted=len(prepared.plan.evicted),
        first_token=answer.first_token,
        seconds=answer.total,
    )


def _summary(made: Condensed, thread: Thread, now: str) -> summaries.Summary:
    return summaries.Summary(made.id, thread.id, made.to_seq, summary.dump(made.lines), made.made_by, now)


def _stems(texts: Iterable[str]) -> set[str]:
    """Return the words of some texts, as far as their forms share them."""
    return {word[:_STEM] for text in texts for word in _WORD.findall(text.casefold())}
