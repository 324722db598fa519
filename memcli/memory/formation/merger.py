"""The merger: finds current memories that say the same, each among those nearest to it, and makes one of them.

Invariants: the text that is kept is one that was there; thinking holds no transaction, and what was decided is written
only as far as it still holds; a cluster is an operation of its own; what was taken back once is not done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import combinations

from memcli.engines import Embedder
from memcli.memory.formation.comparing import NEAR, weighed
from memcli.memory.formation.judge import knows
from memcli.memory.formation.likeness import Statement, content
from memcli.memory.formation.merging import SAME, cluster_of, mergeable, worth_weighing
from memcli.memory.formation.records import Merged
from memcli.memory.formation.wording import identical
from memcli.memory.timeline import utc
from memcli.store import fresh, index, memories, operations, rebinding, vectors, words
from memcli.store.database import Store
from memcli.store.fresh import Batch
from memcli.store.journal import Journal
from memcli.types import Filters, Memory, Owner

ACTION, ACTOR = "merge", "consolidate"
MARK = "merged"  # in meta: the operation up to which memories were compared with all others
# Operations by which memcli itself has one memory take the place of another; undone, they are not done again.
_REPLACING = (ACTION, "reconcile", "form")

Near = tuple[str, float | None]  # a memory's id, and its cosine where vectors can be compared


class Merger:
    """Compares memories one at a time. `check` is asked before each step, and raises Stopped where it is to end."""

    def __init__(
        self, store: Store, embedder: Embedder | None, clock: Callable[[], datetime], check: Callable[[], None]
    ) -> None:
        self._store, self._embedder, self._clock, self._check = store, embedder, clock, check
        self._apart = _taken_back(store)

    def waiting(self) -> list[Batch]:
        """Return what has not been compared with the others yet, by the operation that brought it into force."""
        self._apart = _taken_back(self._store)
        return fresh.batches(self._store, MARK, but=(ACTION, operations.SUMMING))

    def done(self, batch: Batch) -> None:
        """Note that all memories of a batch were compared."""
        fresh.reach(self._store, MARK, batch.operation)

    def merge(self, id_: str) -> Merged | None:
        """Compare a memory with those nearest to it, and make one of those that say the same; None where none does.

        Raises Stopped; nothing is written then.
        """
        self._check()
        cluster = self._cluster(id_)
        self._check()
        return self._write(*cluster) if cluster else None

    # --- thinking ---

    def _cluster(self, id_: str) -> tuple[Memory, tuple[Memory, ...]] | None:
        held = memories.some(self._store, [id_])
        if not held or not mergeable(held[0]):
            return None
        memory = held[0]
        near = dict(self._near(memory))
        alike = [
            (other, likely)
            for other in memories.some(self._store, near)
            if worth_weighing(memory, other)
            and frozenset((id_, other.id)) not in self._apart
            and (likely := _likely(memory, other, near[other.id])) >= SAME
        ]
        ordered = [other for other, _ in sorted(alike, key=lambda pair: (-pair[1], pair[0].created_at, pair[0].order))]
        return cluster_of(memory, ordered, self._fit)

    def _fit(self, one: Memory, other: Memory) -> bool:
        return worth_weighing(one, other) and frozenset((one.id, other.id)) not in self._apart

    def _near(self, memory: Memory) -> Iterator[Near]:
        """Yield the memories of the same kind that are nearest: by their vectors, or by words where it has none."""
        now, filters = utc(self._clock()), Filters(kinds=(memory.kind,))
        vector = index.vector(self._store, Owner.MEMORY, memory.id) if self._comparable else None
        if vector is not None:
            judged = self._embedder is not None and knows(self._embedder.identity)
            for _, id_, _, cosine in vectors.by_vector(self._store, vector, filters, NEAR + 1, now=now):
                yield id_, cosine if judged else None
        elif query := words.query(content(memory.text) or [memory.text]):
            for _, id_, *_ in words.search(self._store, query, filters, NEAR + 1, now=now).best:
                yield id_, None

    @property
    def _comparable(self) -> bool:
        return self._embedder is not None and rebinding.ready(self._store, self._embedder.identity)

    # --- writing ---

    def _write(self, kept: Memory, olds: Iterable[Memory]) -> Merged | None:
        """Merge as far as all is as it was when it was decided."""
        with self._store.atomic():
            held = {memory.id: memory for memory in memories.some(self._store, [kept.id, *(old.id for old in olds)])}
            now = held.get(kept.id)
            gone = [old for old in held.values() if old.id != kept.id and now and worth_weighing(now, old)]
            if now is None or not gone:
                return None
            journal = Journal(self._store, action=ACTION, actor=ACTOR, now=utc(self._clock()))
            journal.absorb(now.id, gone)
            for other in sorted({other for old in gone for other in old.conflicts} - {old.id for old in gone}):
                journal.conflict(now.id, other)
            for old in gone:
                journal.supersede(old.id, now.id, valid_to=None)
            journal.record()
        found = memories.some(self._store, [kept.id, *(old.id for old in gone)])
        return Merged(found[0], tuple(found[1:]))


def _likely(memory: Memory, other: Memory, cosine: float | None) -> float:
    """Return how likely two memories say the same, whichever of them was said first."""
    if identical(memory.text, other.text):
        return 1.0
    nearness = None if cosine is None else (cosine, cosine)
    one, two = (Statement(m.text, m.kind, m.text) for m in (memory, other))
    return min(weighed(one, two, nearness)["same"], weighed(two, one, nearness)["same"])


def _taken_back(store: Store) -> set[frozenset[str]]:
    """Return the pairs of memories that were one, until that was undone."""
    found: set[frozenset[str]] = set()
    for operation in operations.of(store, *_REPLACING, undone=True):
        replaced = [(change["id"], change["by"]) for change in operation.changes if change["do"] == "supersede"]
        found |= {frozenset(pair) for pair in replaced}
        if operation.action == ACTION:
            found |= {frozenset(pair) for pair in combinations(operation.items, 2)}
    return found
