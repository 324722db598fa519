"""The summariser: keeps one memory for what happened on several days, besides the memories of each.

Invariants: what it says is borne out by every episode that it is about, and goes, or is said anew, with any of them;
an episode is in one summary at most, and none that others told is; what was taken back or edited is not said again;
thinking holds no transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from memcli.engines import ChatModel, Embedder
from memcli.memory import indexing
from memcli.memory.formation.episodes import Cluster, clusters, loose
from memcli.memory.formation.records import Summed
from memcli.memory.formation.telling import told
from memcli.memory.timeline import utc
from memcli.store import fresh, memories, operations
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import SUMMED_UP, Kind, Memory, Owner, Trust

ACTOR = "consolidate"
MARK = "summed"  # in meta: the operation up to which episodes were looked through for a chat model

Ask = Callable[[], ChatModel | None]  # loads the chat model; None where it cannot be


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done: say something of a cluster in place of `olds`, or without one, retire them."""

    cluster: Cluster | None
    olds: tuple[Memory, ...]


class Summariser:
    """Sums up episodes, a cluster at a time. `ask` is None where there is no chat model that may be asked.

    `check` is asked before each step, and raises Stopped where it is to end.
    """

    def __init__(
        self,
        store: Store,
        embedder: Embedder | None,
        clock: Callable[[], datetime],
        check: Callable[[], None],
        ask: Ask | None = None,
    ) -> None:
        self._store, self._embedder, self._clock, self._check, self._ask = store, embedder, clock, check, ask
        self.model: ChatModel | None = None  # once it was asked

    def steps(self) -> list[Step]:
        """Return what is to be done, clusters in the order of their first days, then what no longer holds."""
        held = [
            one for one in memories.current(self._store, now=self._now, kind=Kind.EPISODIC) if one.trust is Trust.USER
        ]
        found = clusters(held)
        known = _Known(self._store)
        if self._ask:
            found += self._loose(held, found)
        steps = [Step(cluster, olds) for cluster in found if (olds := known.news(cluster)) is not None]
        kept = {memory.id for memory in held}
        about = {member.id for cluster in found for member in cluster.members}
        stale = [old for old in known.current.values() if not (known.of[old.id] <= kept or known.of[old.id] & about)]
        return steps + [Step(None, (old,)) for old in stale]

    def done(self) -> None:
        """Note that the chat model was asked about all clusters there are."""
        if self._ask and (batches := self._fresh()):
            fresh.reach(self._store, MARK, batches[-1].operation)

    def take(self, step: Step) -> Summed | Memory | None:
        """Do a step: return what was written, or the memory that was retired; None where nothing is to be said.

        Raises Stopped; nothing is written then.
        """
        self._check()
        if step.cluster is None:
            return self._retire(step.olds[0])
        text = self._text(step.cluster)
        if not text:
            return None
        (ready,) = indexing.prepare([text], self._embedder)
        self._check()
        return self._write(step.cluster, text, ready, {old.id for old in step.olds})

    # --- thinking ---

    @property
    def _now(self) -> str:
        return utc(self._clock())

    def _fresh(self) -> list[fresh.Batch]:
        return fresh.batches(self._store, MARK, but=(operations.SUMMING,))

    def _loose(self, held: Iterable[Memory], found: Iterable[Cluster]) -> list[Cluster]:
        """Return clusters that only a chat model can say something of, and that it has not been asked about yet."""
        taken = {member.id for cluster in found for member in cluster.members}
        new = {id_ for batch in self._fresh() for id_ in batch.memories}
        others = loose(memory for memory in held if memory.id not in taken)
        return [cluster for cluster in others if any(member.id in new for member in cluster.members)]

    def _text(self, cluster: Cluster) -> str:
        sentence = self._told(cluster) or cluster.statement
        return cluster.told(sentence) if sentence else ""

    def _told(self, cluster: Cluster) -> str:
        if self._ask and self.model is None:
            self.model = self._ask()
            self._ask = self._ask if self.model else None
        if self.model is None:
            return ""
        texts = [member.text for member in cluster.members]
        sentence = told(self.model, texts, today=self._clock().date().isoformat())
        self._check()
        return sentence

    # --- writing ---

    def _retire(self, old: Memory) -> Memory | None:
        with self._store.atomic():
            held = memories.some(self._store, [old.id])
            if not held or held[0].retired_at:
                return None
            journal = Journal(self._store, action=operations.SUMMING, actor=ACTOR, now=self._now)
            journal.retire(old.id)
            journal.record()
        return old

    def _write(self, cluster: Cluster, text: str, ready: indexing.Indexed, olds: set[str]) -> Summed | None:
        """Write what sums up a cluster, if all is as it was when it was thought of."""
        with self._store.atomic():
            members = memories.some(self._store, [member.id for member in cluster.members])
            now = _Known(self._store).news(cluster)
            gone = len(members) < len(cluster.members) or any(member.retired_at for member in members)
            if gone or now is None or not {old.id for old in now} <= olds:
                return None
            journal = Journal(self._store, action=operations.SUMMING, actor=ACTOR, now=self._now)
            made = journal.add(
                kind=Kind.SEMANTIC,
                text=text,
                trust=Trust.USER,
                valid_from=cluster.days[0],
                sources=list(dict.fromkeys(source for member in members for source in member.sources)),
                formed_by=SUMMED_UP,
                importance=max(member.importance for member in members),
                pinned=any(old.pinned for old in now),
            )
            indexing.put(self._store, Owner.MEMORY, made.id, ready, self._embedder)
            for old in now:
                journal.supersede(old.id, made.id, valid_to=None)
            journal.record({"of": [member.id for member in members]})
        before = memories.some(self._store, [old.id for old in now])
        return Summed(memories.get(self._store, made.id), tuple(members), before[0] if before else None)


class _Known:
    """What sums up which episodes, as the log tells: what is current, and what was taken back."""

    def __init__(self, store: Store) -> None:
        self.current = {memory.id: memory for memory in memories.formed_by(store, SUMMED_UP)}
        made = _of(operations.of(store, operations.SUMMING, undone=False))
        self.of = {id_: made.get(id_, frozenset()) for id_ in self.current}
        self._standing = {id_: memories.standing(store, of) for id_, of in self.of.items()}
        taken_back = list(_of(operations.of(store, operations.SUMMING, undone=True)).values())
        # One that the user has edited is his from then on.
        edited = [of for id_, of in made.items() if memories.standing(store, [id_]) - self.current.keys()]
        self._left = [*taken_back, *edited]

    def news(self, cluster: Cluster) -> tuple[Memory, ...] | None:
        """Return what a new summary of a cluster takes the place of; None where none is to be made."""
        about = frozenset(member.id for member in cluster.members)
        if any(about & left for left in self._left):
            return None
        olds = tuple(old for id_, old in self.current.items() if self.of[id_] & about)
        # Of two that were one day's and have become one, the other is still there; what was edited is another episode.
        told = any(about <= self.of[old.id] and about == self._standing[old.id] for old in olds)
        return None if told else olds


def _of(made: Iterable[operations.Operation]) -> Mapping[str, frozenset[str]]:
    """Return the episodes of each summary that some operations made, by its id."""
    return {
        change["id"]: frozenset(operation.detail.get("of", ()))
        for operation in made
        for change in operation.changes
        if change["do"] == "add"
    }
