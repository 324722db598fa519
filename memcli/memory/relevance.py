"""Relevance: the probability that an item belongs to a question, on measures that need no comparison with other items.

A score says which item fits best; relevance says whether any fits at all, so that nothing is recalled for a question
about something that was never spoken of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from memcli.types import Candidate


@dataclass(frozen=True, slots=True)
class Logistic:
    """Weights of a logistic regression.

    Fitted on LoCoMo and BEAM development conversations: the best 8 candidates of questions put to the store of another
    conversation against the evidence among the best 8 of their own; docs/RECALL.md has the trade.
    """

    cosine: float = 8.3
    words: float = 1.5  # the share of the question's words, by weight, that the item holds
    nearby_words: float = 5.0  # the same of the item and the turns around it together
    nearby_cosine: float = 4.4  # of the better of the turns next to it
    speaker: float = 4.3  # said by the person whom the question names
    # A text of its own, kept on purpose. By 20 questions with their answers among 42 memories and 18 that none of them
    # answers: at a bar of 0.2 they recall 19 of the answers, and nothing.
    memory: float = 2.5
    bias: float = -8.3
    # Where there are no vectors: the share of words nearby alone.
    words_only: float = 7.8
    words_only_bias: float = -3.1


LOGISTIC = Logistic()


def relevance(
    c: Candidate, nearby: Sequence[tuple[int, Candidate]], telling: Sequence[float], *, by_named: bool = False
) -> float:
    """Return in 0..1 how likely the item belongs to the question.

    `nearby` are the turns around it with their distance, 0 for the next one; `telling` is the weight of each of the
    question's words, in the order of a candidate's parts; `by_named` says that the person named in the question said
    it. What stands alone, as a memory does, is its own surroundings.
    """
    m = LOGISTIC
    whole = math.fsum(telling) or 1.0
    own = math.fsum(weight for weight, part in zip(telling, c.parts, strict=True) if part) / whole
    parts = [c.parts, *(o.parts for _, o in nearby if o.words)]
    around = math.fsum(w for w, *held in zip(telling, *parts, strict=True) if any(held)) / whole if parts[1:] else own
    if not c.cosine:
        return _sigmoid(m.words_only_bias + m.words_only * around)
    beside = [o.cosine for distance, o in nearby if distance == 0] if nearby else [c.cosine]
    return _sigmoid(
        m.bias
        + m.cosine * c.cosine
        + m.words * own
        + m.nearby_words * around
        + m.nearby_cosine * max(beside, default=0.0)
        + m.speaker * by_named
        + m.memory * (c.kind != "message")
    )


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
