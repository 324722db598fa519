"""Superseding: what was said before it changed stands below what took its place. Pure.

An update may resemble a question less than the words that it replaced do: "Where do I live?" is nearer to "I live in
Rome" than to "Moved to Oslo for good". So it inherits what they have, and they lose some.

Invariants: contributions still sum to the score; the order of candidates and links does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from memcli.types import Hit

# None of these is fitted: no benchmark has facts that were formed and superseded.
AS_WELL = 0.7  # share of a message's match that its outdated words must have alone: else something else in it was found
ABOVE = 0.01  # by how much an update stands above the best of what it replaces, at least
OUTDATED = 0.3  # what a message loses that says what is no longer so: about what being long enough is worth
STALE = 0.1  # share of its relevance that such a message keeps: below every bar


def settled(hits: Sequence[Hit], replaced: Mapping[str, str]) -> list[Hit]:
    """Return hits so that each message in `replaced` stands below the memory that it names, which is among them."""
    best: dict[str, tuple[float, float]] = {}
    for hit in hits:
        if successor := replaced.get(hit.item.id):
            score, relevance = best.get(successor, (hit.score, hit.relevance))
            best[successor] = max(score, hit.score), max(relevance, hit.relevance)
    return [_settled(hit, replaced.get(hit.item.id), best.get(hit.item.id)) for hit in hits]


def _settled(hit: Hit, successor: str | None, inherited: tuple[float, float] | None) -> Hit:
    if successor:
        lowered = _with(hit, "outdated", -OUTDATED)
        return replace(lowered, relevance=STALE * hit.relevance, replaced_by=successor)
    if inherited:
        score, relevance = inherited
        lifted = _with(hit, "replaces", score + ABOVE - hit.score) if hit.score < score + ABOVE else hit
        return replace(lifted, relevance=max(hit.relevance, relevance))
    return hit


def _with(hit: Hit, name: str, value: float) -> Hit:
    why = hit.why | {name: value}
    return replace(hit, why=why, score=math.fsum(why.values()))
