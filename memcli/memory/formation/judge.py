"""Judge clauses: is this worth keeping for weeks, and as what kind. A linear model over what is seen and what is meant.

Its weights are fitted by `training/fit.py` to conversations that were written for it, and shipped as numbers. The
embeddings are those of the default embedder; with another one, or none, a second set of weights goes by sight alone.
"""

from __future__ import annotations

import json
import math
import struct
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from memcli.memory.formation.clauses import Unit
from memcli.memory.formation.features import features
from memcli.memory.formation.phrases import phrases
from memcli.memory.formation.roles import planted, plays, steps_out
from memcli.types import Kind

WEIGHTS = Path(__file__).parent / "weights"

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]  # unit vectors of the default embedder


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is thought of a unit: the probability of each kind; they sum to `keep`, the rest is "not worth keeping"."""

    unit: Unit
    kinds: dict[Kind, float]

    @property
    def keep(self) -> float:
        return sum(self.kinds.values())

    @property
    def kind(self) -> Kind:
        return max(self.kinds, key=lambda kind: self.kinds[kind])


@dataclass(frozen=True, slots=True)
class Linear:
    """A multinomial logistic model: `weights` has a row of numbers for each of `labels`."""

    labels: tuple[str, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    embedder: str = ""  # the identity of the one whose vectors it weighs
    phrases: Mapping[str, Sequence[float]] = field(default_factory=dict)  # a weight for each label

    def __call__(self, numbers: Sequence[float], said: Iterable[str] = ()) -> dict[str, float]:
        """Return each label's probability. Raises ValueError for another count of numbers than it was fitted to."""
        if len(numbers) != len(self.weights[0]):
            raise ValueError(f"{len(numbers)} numbers for a model of {len(self.weights[0])}")
        sums = [sum(map(float.__mul__, row, numbers)) + bias for row, bias in zip(self.weights, self.bias, strict=True)]
        for phrase in sorted(phrase for phrase in said if phrase in self.phrases):  # sums depend on the order
            sums = [one + weight for one, weight in zip(sums, self.phrases[phrase], strict=True)]
        high = max(sums)
        shares = [math.exp(one - high) for one in sums]
        total = sum(shares)
        return {label: share / total for label, share in zip(self.labels, shares, strict=True)}


@cache
def model(name: str) -> Linear:
    """Return the shipped model called `name`. Raises FileNotFoundError where there is none."""
    held: dict[str, Any] = json.loads((WEIGHTS / f"{name}.json").read_text("utf-8"))
    labels = tuple(held["labels"])
    flat, spoken = _unpacked(held["weights"]), _unpacked(held["phrase_weights"])
    size, width = len(labels), len(flat) // len(labels)
    return Linear(
        labels,
        tuple(flat[at * width : (at + 1) * width] for at in range(size)),
        tuple(held["bias"]),
        held["embedder"],
        {phrase: spoken[at * size : (at + 1) * size] for at, phrase in enumerate(held["phrases"])},
    )


def _unpacked(text: str) -> tuple[float, ...]:
    """Read little-endian half floats, which are precise to a thousandth: enough for a weight."""
    packed = b64decode(text)
    return struct.unpack(f"<{len(packed) // 2}e", packed)


def knows(embedder: str) -> bool:
    """Tell whether the models can weigh the vectors of this embedder."""
    return embedder == model("judge").embedder


def judge(units: Sequence[Unit], *, message: str, before: str = "", embed: Embed | None = None) -> list[Verdict]:
    """Return a verdict on each unit of a message. `before` is what the user said earlier in the thread."""
    games = plays(message, before)
    numbers = [features(units, place, message=message, before=before) for place in range(len(units))]
    if embed is not None:
        vectors = embed([*(unit.text for unit in units), *(context(units, place) for place in range(len(units)))])
        numbers = [[*one, *vectors[place], *vectors[len(units) + place]] for place, one in enumerate(numbers)]
    weigh = model("judge_by_sight" if embed is None else "judge")
    said = (phrases(unit.text, unit.stop if unit.last else "") for unit in units)
    found = [weigh(one, spoken) for one, spoken in zip(numbers, said, strict=True)]
    return [
        Verdict(unit, {kind: 0.0 if _not_his(unit, message, games) else shares[kind] for kind in Kind})
        for unit, shares in zip(units, found, strict=True)
    ]


def _not_his(unit: Unit, message: str, games: bool) -> bool:
    """Tell whether the user does not mean himself: no judgement is asked for then."""
    return planted(unit.text) or (games and not steps_out(message, unit.start))


def context(units: Sequence[Unit], place: int) -> str:
    """Return the unit with its neighbours on either side, as they were said."""
    return " ".join(one.text + (one.stop if one.last else ",") for one in units[max(place - 1, 0) : place + 2])
