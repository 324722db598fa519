"""Weights found on some conversations, and how they do on others.

Coordinate ascent from a neutral start: words and cosine at 0.5, a word nearby at a quarter of one in the turn itself,
all other features alike at 0.15, where those stay of which the conversations have no example. In every pass each
weight, in an order drawn from the seed, tries a few steps up and down and takes the best of them if it gains enough.
The weight of words stays at 0.5, for only proportions matter; that of memories does nothing here, as conversations hold
none.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace

from memcli.memory.ranking import WEIGHTS, Weights
from tests.benchmarks.conversations import Answer, Recalls, families
from tests.benchmarks.features import PLAIN, Features

NEUTRAL = replace(
    WEIGHTS, **dict.fromkeys((*PLAIN, "thread"), 0.15), words=0.5, cosine=0.5, near=(0.25,) * len(WEIGHTS.near)
)
STEPS = (0.05, -0.05, 0.15, -0.15, 0.3)
GAIN = 2e-4  # of the objective; less is chance
PASSES, SEED = 4, 1
COORDINATES = (
    *(f.name for f in fields(Weights) if f.name not in {"words", "near", "memory", "faded"}),
    *(f"near {turns}" for turns in range(1, len(WEIGHTS.near) + 1)),
)
SHARES = (2.0, 4.0, 1.0, 1.0)  # of recall at 5, 10, 25, 50 in the objective


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its features."""

    answer: Answer
    features: Features


@dataclass(frozen=True, slots=True)
class Fold:
    """Questions asked with weights that were found without them."""

    label: str
    train: list[Case]
    test: list[Case]


def objective(cases: Iterable[Case], weights: Weights) -> float:
    """Return the mean over families of (R@5 + 2 R@10 + R@25 / 2 + R@50 / 2) / 4."""
    by_family: dict[str, list[float]] = {}
    for case in cases:
        by_family.setdefault(case.answer.family, []).append(_worth(case.features.recalls(weights)))
    return statistics.mean(statistics.fmean(values) for values in by_family.values())


def _worth(recalls: Recalls) -> float:
    return sum(share * recall for share, recall in zip(SHARES, recalls, strict=True)) / sum(SHARES)


def fitted(cases: Sequence[Case], passes: int = PASSES, seed: int = SEED) -> Weights:
    """Return the weights that do best on `cases`, as far as single steps lead."""
    chance, weights = random.Random(seed), NEUTRAL
    best = objective(cases, weights)
    for _ in range(passes):
        before = best
        for name in chance.sample(COORDINATES, len(COORDINATES)):
            tried = [(objective(cases, other), other) for other in _moved(weights, name)]
            top, other = max(tried, key=lambda entry: entry[0])
            if top > best + GAIN:
                best, weights = top, other
        if best == before:
            break
    return weights


def value(weights: Weights, name: str) -> float:
    """Return one coordinate; "near 1" is the first of `near`."""
    return weights.near[_place(name)] if name.startswith("near ") else getattr(weights, name)


def _moved(weights: Weights, name: str) -> list[Weights]:
    most = 1.0 if name.startswith("near ") else float("inf")
    tried = {min(most, max(0.0, round(value(weights, name) + step, 3))) for step in STEPS}
    return [_with(weights, name, new) for new in sorted(tried)]


def _with(weights: Weights, name: str, new: float) -> Weights:
    if not name.startswith("near "):
        return replace(weights, **{name: new})
    place = _place(name)
    return replace(weights, near=(*weights.near[:place], new, *weights.near[place + 1 :]))


def _place(name: str) -> int:
    return int(name.removeprefix("near ")) - 1


SAME, ALL, OTHER = "the family's other conversations", "other conversations of all families", "the other families"


def folds(cases: Sequence[Case]) -> list[Fold]:
    """Return what is trained on and what is held out: each conversation in turn, then each family."""
    by_family: dict[str, dict[str, list[Case]]] = {}
    for case in cases:
        by_family.setdefault(case.answer.family, {}).setdefault(case.answer.conversation, []).append(case)
    made = []
    for held in by_family.values():
        for name, test in held.items():
            same = [case for other, known in held.items() if other != name for case in known]
            made.append(Fold(SAME, same, test))
    several = [list(held.items()) for held in by_family.values()] if len(by_family) > 1 else []
    for turn in range(max(map(len, several), default=0)):
        out = dict(held[turn] for held in several if turn < len(held))  # one of each family at a time
        rest = [case for case in cases if case.answer.conversation not in out]
        made.append(Fold(ALL, rest, [case for known in out.values() for case in known]))
    for family in by_family if several else ():
        test = [case for case in cases if case.answer.family == family]
        made.append(Fold(OTHER, [case for case in cases if case.answer.family != family], test))
    return [fold for fold in made if fold.train]


def cross_validate(folds: Iterable[Fold], passes: int = PASSES, seed: int = SEED) -> dict[str, list[Weights]]:
    """Grade every question with weights found without it; return those weights by what they were found on."""
    found: dict[str, list[Weights]] = {}
    for fold in folds:
        weights = fitted(fold.train, passes, seed)
        for case in fold.test:
            case.answer.recalls[trained_on(fold.label)] = case.features.recalls(weights)
        whole = "all of " if fold.label == OTHER else "part of "
        found.setdefault(whole + ", ".join(families(case.answer for case in fold.train)), []).append(weights)
    return found


def trained_on(label: str) -> str:
    return f"trained on {label}"
