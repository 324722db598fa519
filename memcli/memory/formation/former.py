"""The former: from one message of the user to what is kept of it.

    message --spans--> own words --clauses--> units --judge--> extract --> candidates --> reconcile --> memories

Invariants: only what the user said in his own words is kept, as he said it; thinking holds no transaction; a message
leaves the queue in the transaction that writes what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo

from memcli.engines import Embedder
from memcli.errors import NothingFound
from memcli.memory import fading, indexing
from memcli.memory.formation import kept
from memcli.memory.formation.clauses import Unit, units
from memcli.memory.formation.comparing import NEAR, Comparer
from memcli.memory.formation.extract import KEEP, Candidate, candidates
from memcli.memory.formation.judge import Embed, judge, knows
from memcli.memory.formation.reconcile import REPLACING, Decision, Step, reconcile, together
from memcli.memory.formation.records import Action, Change, Formed, Stopped
from memcli.memory.formation.vectors import AT_ONCE, Vectors
from memcli.memory.timeline import LOCAL, day, utc
from memcli.store import memories, messages, queue, workers
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Memory, Message, Owner, Role, Source, Trust

LISTENED = 6  # earlier messages of the thread that tell whether this is a game
PATIENCE_MS = 5000  # to wait for another process that writes, rather than think it all again
BARELY = 0.15  # a clause this probable is kept where it replaces something: "tea's just milk now"


@dataclass(frozen=True, slots=True)
class Read:
    """A message as it was read: its units in one text, and what is proposed to be kept."""

    own: str
    candidates: tuple[Candidate, ...]


class MessageFormer:
    """Implements records.Former. `embedder` is of this former's own thread; None goes by rules and words alone."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder | None,
        clock: Callable[[], datetime],
        zone: tzinfo = LOCAL,
    ) -> None:
        self.worker = workers.name()
        self._store, self._embedder, self._clock, self._zone = store, embedder, clock, zone
        self._vectors = Vectors(embedder) if embedder else None
        self._stopped = False
        self._comparer = Comparer(store, self._vectors, self._check)

    # --- the interface ---

    def form(self, message: Message) -> Formed:
        """See records.Former."""
        self._check()
        if message.trust is not Trust.USER or message.role is not Role.USER:
            return self._write(message, [], {})
        read = self.read(message)
        around = self._around(message, read.own) if read.candidates else []
        made = [self.decide(candidate, message, read.own, around) for candidate in read.candidates]
        decisions = together([one for one in made if one.candidate.keep >= KEEP or one.step in REPLACING])
        ready = self._prepared(decisions)
        self._check()
        return self._write(message, decisions, ready)

    def reconcile(self, memory: Memory, waiting: Collection[str]) -> tuple[Change, ...]:
        """See records.Former."""
        self._check()
        decision = kept.decide(memory, self._comparer, waiting=waiting)
        self._check()
        return kept.settle(self._store, memory, decision, now=utc(self._clock()), zone=self._zone)

    def stop(self) -> None:
        self._stopped = True
        if self._vectors:
            self._vectors.stop()

    def resume(self) -> None:
        self._stopped = False
        if self._vectors:
            self._vectors.resume()

    def close(self) -> None:
        """The embedder is its owner's."""

    # --- thinking ---

    @property
    def path(self) -> str:
        """What judged: for `show`, as in "rules+embedder"."""
        return "rules+embedder" if self._judging else "rules"

    @property
    def _judging(self) -> Embed | None:
        return self._vectors.of if self._vectors and knows(self._vectors.embedder.identity) else None

    def read(self, message: Message) -> Read:
        """Return what is proposed to be kept of a message."""
        found = units(message.content)
        if not found:
            return Read("", ())
        before = "\n".join(messages.said_before(self._store, message, Role.USER, LISTENED))
        verdicts = judge(found, message=message.content, before=before, embed=self._judging)
        said_at = datetime.fromisoformat(message.created_at).astimezone(self._zone)
        return Read(_joined(found), tuple(candidates(message.content, verdicts, said_at, bar=BARELY)))

    def _around(self, message: Message, own: str) -> list[str]:
        """Return the ids of the memories that resemble the whole message, and of the last ones of its thread."""
        alike = self._comparer.resembling(own, said_at=message.created_at)
        return [*alike, *memories.of_thread(self._store, message.thread_id, NEAR)]

    def decide(self, candidate: Candidate, message: Message, own: str, around: Iterable[str]) -> Decision:
        """Compare a candidate with the memories that may speak of the same thing."""
        near = self._comparer.near(candidate.text, said_at=message.created_at, around=around)
        return reconcile(candidate, self._comparer.relations(candidate.text, candidate.kind, own, near), own)

    def _prepared(self, decisions: Sequence[Decision]) -> dict[str, indexing.Indexed]:
        """Make what is to be added ready for the index, a few at a time, so that a stop is heard soon."""
        texts = [one.candidate.text for one in decisions if one.step is not Step.IGNORE]
        texts += [one.rest for one in decisions if one.rest]
        ready: dict[str, indexing.Indexed] = {}
        for start in range(0, len(texts), AT_ONCE):
            self._check()
            some = texts[start : start + AT_ONCE]
            ready |= zip(some, indexing.prepare(some, self._embedder), strict=True)
        return ready

    def _check(self) -> None:
        if self._stopped:
            raise Stopped

    # --- writing ---

    def _write(self, message: Message, decisions: Sequence[Decision], ready: Mapping[str, indexing.Indexed]) -> Formed:
        """Settle the message and write what was decided, waiting for other processes that write, but not for a stop."""

        def write() -> list[Change]:
            self._check()
            return self._written(message, decisions, ready)

        return Formed(message.id, tuple(self._store.patiently(write, at_most_ms=PATIENCE_MS)))

    def _written(
        self, message: Message, decisions: Sequence[Decision], ready: Mapping[str, indexing.Indexed]
    ) -> list[Change]:
        changes: list[Change] = []
        with self._store.atomic():
            queue.settle(self._store, message.id, self.worker)
            journal = Journal(self._store, action="form", actor="formation", now=utc(self._clock()))
            for decision in decisions:
                changes += self._apply(journal, decision, message, ready)
            journal.record({"message": message.id})
        return changes

    def _apply(
        self, journal: Journal, decision: Decision, message: Message, ready: Mapping[str, indexing.Indexed]
    ) -> list[Change]:
        """Write one decision. What has been retired or forgotten since it was made counts as not there."""
        candidate = decision.candidate
        sources = [Source(message.id, candidate.start, candidate.end)]
        olds = [held for old in decision.memories if (held := self._current(old.id))]
        if decision.step is Step.IGNORE:
            if not olds:
                return []
            at = max(message.created_at, olds[0].confirmed_at or olds[0].created_at)  # it may be formed late
            journal.strengthen(olds[0].id, sources, at=at)
            return [Change(Action.STRENGTHENED, memories.get(self._store, olds[0].id))]
        if candidate.text not in message.content and olds:  # a respelt one: its words are the old one's
            sources += olds[0].sources
        made = journal.add(
            kind=candidate.kind,
            text=candidate.text,
            trust=Trust.USER,
            valid_from=candidate.valid_from,
            valid_to=candidate.valid_to,
            sources=sources,
            formed_by=self.path,
            created_at=message.created_at,
            importance=_importance(decision, olds),
        )
        indexing.put(self._store, Owner.MEMORY, made.id, ready[candidate.text], self._embedder)
        if decision.rest and olds:
            self._add_rest(journal, decision.rest, olds[0], ready)
        return self._settled(journal, decision, made, olds, message)

    def _settled(
        self, journal: Journal, decision: Decision, made: Memory, olds: Sequence[Memory], message: Message
    ) -> list[Change]:
        if not olds or decision.step is Step.ADD:
            return [Change(Action.ADDED, made)]
        if decision.step is Step.CONFLICT:
            journal.conflict(made.id, olds[0].id)
            return [Change(Action.CONFLICT, made, olds[0])]
        ends = decision.step is Step.SUPERSEDE
        action = Action.SUPERSEDED if ends else Action.UPDATED
        newer = [old for old in olds if old.created_at > message.created_at]
        if newer:  # an old message that is formed late: what was said since holds
            journal.supersede(made.id, newer[0].id, valid_to=_known(newer[0], self._zone) if ends else None)
            return [Change(action, newer[0], memories.get(self._store, made.id))]
        until = (made.valid_from or day(message.created_at, self._zone)) if ends else None
        for old in olds:
            journal.supersede(old.id, made.id, valid_to=until, at=message.created_at)
        return [Change(action, made, memories.get(self._store, old.id)) for old in olds]

    def _add_rest(self, journal: Journal, rest: str, old: Memory, ready: Mapping[str, indexing.Indexed]) -> None:
        """Keep what the old memory said besides what has changed."""
        held = journal.add(
            kind=old.kind,
            text=rest,
            trust=old.trust,
            tags=old.tags,
            valid_from=old.valid_from,
            valid_to=old.valid_to,
            sources=old.sources,
            formed_by=self.path,
            created_at=old.created_at,
            importance=old.importance,
        )
        indexing.put(self._store, Owner.MEMORY, held.id, ready[rest], self._embedder)

    def _current(self, id_: str) -> Memory | None:
        with suppress(NothingFound):
            held = memories.get(self._store, id_)
            return held if held.retired_at is None else None
        return None


def _importance(decision: Decision, olds: Sequence[Memory]) -> float:
    """Return how important what is formed is: no less than what it takes the place of."""
    replaced = [old.importance for old in olds] if decision.step in REPLACING else []
    return max([fading.importance(decision.candidate.keep), *replaced])


def _joined(found: Iterable[Unit]) -> str:
    return " ".join(unit.text for unit in found)


def _known(memory: Memory, zone: tzinfo) -> str:
    """Return since when a memory is known to be true."""
    return memory.valid_from or day(memory.created_at, zone)
