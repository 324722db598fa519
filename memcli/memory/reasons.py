"""Say in words why an item was recalled, and what a near miss lacked. Pure.

Invariant: the contributions that are shown of one item sum to its score as it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memcli.types import Candidate, Hit

NEAR = 5  # near misses that are looked at
MOST_LACKED = 3  # features that are named where a near miss falls short


@dataclass(frozen=True, slots=True)
class Miss:
    """A hit below the cut; `lacks` says by how much each feature falls short of the last hit above, the most first."""

    hit: Hit
    lacks: dict[str, float]


def near_misses(hits: Sequence[Hit], limit: int) -> list[Miss]:
    """Return the first of the hits that `limit` cuts off, against the last that it lets through."""
    if not 0 < limit < len(hits):
        return []
    last = hits[limit - 1]
    return [Miss(hit, _lacks(hit.why, last.why)) for hit in hits[limit : limit + NEAR]]


def _lacks(why: Mapping[str, float], wanted: Mapping[str, float]) -> dict[str, float]:
    short = {name: wanted.get(name, 0.0) - why.get(name, 0.0) for name in wanted.keys() | why.keys()}
    return {name: value for name, value in _ordered(short) if value > 0}


def matched(terms: Sequence[str], item: Candidate) -> list[str]:
    """Return the terms of a question that `item` holds; they are in the order of its parts."""
    return [term for term, part in zip(terms, item.parts, strict=False) if part > 0]


def rounded(why: Mapping[str, float], decimals: int = 2) -> dict[str, float]:
    """Round contributions so that they sum to the rounded score: the largest remainders are rounded up."""
    unit = 10**decimals
    units = {name: math.floor(value * unit) for name, value in why.items()}
    over = round(round(math.fsum(why.values()), decimals) * unit) - sum(units.values())
    by_rest = sorted(why, key=lambda name: (units[name] - why[name] * unit, name))
    for name in by_rest[: max(over, 0)]:
        units[name] += 1
    return {name: count / unit for name, count in units.items()}


def explain(why: Mapping[str, float], decimals: int = 2) -> str:
    """Return contributions in words, largest first; they sum to the score of as many decimals."""
    return _in_words(rounded(why, decimals), decimals)


def lacking(miss: Miss, decimals: int = 2) -> str:
    """Return in words where a near miss falls short most, and what told against it."""
    if not miss.lacks:
        return "lacks nothing: of equal scores the newer comes first"
    most = dict(list(miss.lacks.items())[:MOST_LACKED])
    against = {name: miss.hit.why[name] for name in most if miss.hit.why.get(name, 0.0) < 0}
    shown = {name: round(value, decimals) for name, value in most.items() if name not in against}
    if against and not shown:
        return _in_words(against, decimals)
    lacks = f"lacks {_in_words(shown, decimals) or f'less than {10**-decimals}'}"
    return f"{lacks}; {_in_words(against, decimals)}" if against else lacks


def called(feature: str) -> str:
    """Return a feature's name as it is read."""
    return feature.replace("_", " ")


def _in_words(values: Mapping[str, float], decimals: int) -> str:
    return ", ".join(f"{called(name)} {value:.{decimals}f}" for name, value in _ordered(values) if value)


def _ordered(values: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
