"""The same candidates ranked by other weights, quickly: scores are taken apart once and put together as arrays.

What each feature gives comes from `ranking.rank` itself, asked with all weights at one. Only the two that are no sums,
words nearby and a thread's best turn, are computed here as well; `test_recall` compares the result with `rank`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from memcli.memory.ranking import WEIGHTS, Weights, rank
from tests.benchmarks.conversations import KS, Recalls, Search

Floats = NDArray[np.float64]

PLAIN = tuple(f.name for f in fields(Weights) if f.name not in {"words", "cosine", "near", "thread"})
ONES = replace(WEIGHTS, **dict.fromkeys((*PLAIN, "words", "cosine", "thread"), 1.0))


class Features:
    """The candidates of one question, in the order that breaks ties."""

    def __init__(self, search: Search, evidence: Sequence[str]) -> None:
        whys = {hit.item.id: hit.why for hit in rank(search.asked, search.found, search.around, ONES)}
        items = sorted(search.found, key=lambda c: c.id)
        items.sort(key=lambda c: c.created_at, reverse=True)
        self._columns = {
            name: np.array([whys[c.id].get(name, 0.0) for c in items]) for name in (*PLAIN, "words", "cosine")
        }
        place = {c.seq: i for i, c in enumerate(items) if c.seq}
        most = max((c.words for c in items), default=0.0) or 1.0
        # The last row is nobody's: what a message has at the edge of its thread.
        self._parts = np.array([*(c.parts for c in items), [0.0] * len(search.asked.telling)]) / most
        beside = [[self._two(search.around.get(c.seq, ()), d, place) for d in range(len(WEIGHTS.near))] for c in items]
        self._beside = np.array(beside).reshape(len(items), len(WEIGHTS.near), 2)
        threads = {key: i for i, key in enumerate(dict.fromkeys(c.thread_id if c.seq else c.id for c in items))}
        self._thread = np.array([threads[c.thread_id if c.seq else c.id] for c in items], dtype=int)
        ref_of = {ref: i for i, c in enumerate(items) for ref in c.refs}
        self._evidence = np.array([ref_of[ref] for ref in evidence if ref in ref_of], dtype=int)
        self._wanted = len(evidence)
        self._near: tuple[tuple[float, ...], Floats] | None = None

    @staticmethod
    def _two(around: Sequence[Sequence[int]], distance: int, place: dict[int, int]) -> list[int]:
        seqs = around[distance] if distance < len(around) else ()
        return ([place.get(seq, -1) for seq in seqs] + [-1, -1])[:2]

    def scores(self, weights: Weights) -> Floats:
        """Return what `rank` gives to the candidates with these weights."""
        by_words = self._columns["words"] + self._nearby(weights.near)
        matching = weights.words * by_words + weights.cosine * self._columns["cosine"]
        best = np.zeros(len(matching))
        np.maximum.at(best, self._thread, matching)
        total = matching + weights.thread * best[self._thread]
        for name in PLAIN:
            if weight := getattr(weights, name):
                total += weight * self._columns[name]
        return total

    def _nearby(self, near: tuple[float, ...]) -> Floats:
        if self._near is None or self._near[0] != near:
            best = self._parts[:-1]
            for distance, share in enumerate(near):
                for side in (0, 1):
                    best = np.maximum(best, share * self._parts[self._beside[:, distance, side]])
            self._near = near, (best - self._parts[:-1]).sum(axis=1)
        return self._near[1]

    def recalls(self, weights: Weights) -> Recalls:
        """Return the recall at each of KS."""
        if not len(self._evidence):
            return (0.0,) * len(KS)
        scores = self.scores(weights)
        own = scores[self._evidence]
        before = (scores[None] > own[:, None]).sum(axis=1)
        for i, place in enumerate(self._evidence):
            before[i] += (scores[:place] == own[i]).sum()
        return tuple(float((before < k).sum()) / self._wanted for k in KS)
