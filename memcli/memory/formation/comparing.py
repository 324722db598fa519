"""Comparing: how a new statement stands to the memories that may speak of the same thing. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from memcli.memory import recall
from memcli.memory.formation.judge import knows, model
from memcli.memory.formation.likeness import Statement, likeness
from memcli.memory.formation.phrases import spoken
from memcli.memory.formation.reconcile import Relation
from memcli.memory.formation.vectors import Vectors, similarity
from memcli.memory.ranking import WEIGHTS
from memcli.store import memories
from memcli.store.database import Store
from memcli.types import SUMMED_UP, Filters, Kind, Memory, Trust

UNFADED = replace(WEIGHTS, faded=0.0)  # what has faded is said again or replaced like anything else
NEAR = 12  # memories that a statement is compared with, from each way of finding them


class Comparer:
    """Finds what a statement may say again or replace, and weighs it; by words alone without `vectors`.

    `check` is asked between the steps, and raises Stopped where they are to end.
    """

    def __init__(self, store: Store, vectors: Vectors | None, check: Callable[[], None]) -> None:
        self._store, self._vectors, self._check = store, vectors, check

    def resembling(self, text: str, *, said_at: str) -> list[str]:
        """Return the ids of the memories that are nearest to a text."""
        self._check()
        embedder = self._vectors.embedder if self._vectors else None
        now = datetime.fromisoformat(said_at)
        hits = recall.search(self._store, text, Filters(kinds=tuple(Kind)), embedder=embedder, now=now, weights=UNFADED)
        return [hit.item.id for hit in sorted(hits, key=lambda hit: -hit.item.cosine)[:NEAR]]

    def near(self, text: str, *, said_at: str, around: Iterable[str] = ()) -> list[Memory]:
        """Return the user's current memories that resemble a text, and those of `around` it, by id.

        What sums up others is none: another day of the same is a memory of its own. Nor is what others said: it is not
        the user who says it again, and he takes back his own words only.
        """
        found = dict.fromkeys([*self.resembling(text, said_at=said_at), *around])
        held = memories.some(self._store, found)
        current = [memory for memory in held if memory.retired_at is None and memory.formed_by != SUMMED_UP]
        return [memory for memory in current if memory.trust is Trust.USER]

    def relations(self, text: str, kind: Kind, own: str, near: Sequence[Memory]) -> list[Relation]:
        """Return how a statement, said among the words `own`, stands to each of some memories and their versions."""
        if not near:
            return []
        new = Statement(text, kind, own)
        past = memories.before(self._store, [memory.id for memory in near])
        versions = [(memory, version) for memory in near for version in (memory, *past.get(memory.id, ()))]
        near_to = self._similarities((text, own), [version.text for _, version in versions])
        found: dict[str, Relation] = {}
        for (memory, version), nearness in zip(versions, near_to, strict=True):
            shares = weighed(Statement(version.text, version.kind), new, nearness)
            same = shares["same"] if version is memory else 0.0  # what was so before is not said again
            known = found.get(memory.id, Relation(memory, same, 0.0))
            found[memory.id] = replace(known, replaced=max(known.replaced, shares["replace"]))
        return list(found.values())

    def _similarities(self, new: tuple[str, str], olds: Sequence[str]) -> Sequence[tuple[float, float] | None]:
        if self._vectors is None or not knows(self._vectors.embedder.identity):
            return [None] * len(olds)
        text, own, *held = self._vectors.of([*new, *olds])
        return [(similarity(one, text), similarity(one, own)) for one in held]


def weighed(old: Statement, new: Statement, nearness: tuple[float, float] | None) -> dict[str, float]:
    """Return how likely a new statement says the same as an old one, replaces it, or is about something else.

    `nearness` has the cosines of the old text with the new one and with its message, by the default embedder; None goes
    by sight alone.
    """
    cosine, of_message = nearness or (0.0, 0.0)
    weigh = model("relation" if nearness else "relation_by_sight")
    return weigh(likeness(old, new, cosine=cosine, message_cosine=of_message), spoken(new.text, new.message))
