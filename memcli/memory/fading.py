"""Fading: how strong a memory is at a time, by an exponential forgetting curve that every use makes flatter. Pure.

    R = exp(-t / S)                  t: whole days since the last use, S: the memory's stability in days
    S <- S * (1 + GAIN * (1 - R))    at each use; R is what was left just before it

The curve is Ebbinghaus's (Über das Gedächtnis, 1885). That retrievability and stability are two things, and that a use
adds most to stability where least was left (the spacing effect), is the model of Wozniak, Gorzelanczyk and Murakowski
(Two components of long-term memory, Acta Neurobiologiae Experimentalis 55, 1995); the rule for S is the simplest one of
that form. Since 1 - R <= t / S, a use adds at most GAIN times the days since the one before: many at once add nothing.

Days are those of UTC: within one nothing fades, so that the same turns, a second sooner or later, are ranked alike.

Invariants: strength lies in 0..1, falls with time alone, never by a use, and does not depend on the order in which
uses are given. It is derived whenever it is read, and stored nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from memcli.memory import timeline
from memcli.types import Kind, Uses


@dataclass(frozen=True, slots=True)
class Curve:
    """How fast memories fade. There is no data to fit this to: chosen by the year in `tests/benchmarks/year.py`."""

    # Days of stability of what the user asked to keep. Formed of a sure clause and said once, what is so is half gone
    # after six months, and what happened after two: the one is asked about for longer than the other.
    semantic: float = 360.0
    episodic: float = 120.0
    # What was used week by week for three months and then no more holds, after nine months, as well as what was said
    # once half a year ago. With 2, stability grows by at most two days for each day that a memory stays in use.
    gain: float = 2.0
    unimportant: float = 0.5  # share of these days for what has no importance at all
    formed: float = 0.5  # importance of what formation is sure of: what the user asked to keep has twice that


CURVE = Curve()

FADED = 0.5  # a memory has faded that has less than half of what it had when it was last used


def importance(keep: float) -> float:
    """Return in 0..1 how important a memory is that formation judged worth keeping with this probability."""
    return CURVE.formed * keep


def strength(uses: Uses, now: str) -> float:
    """Return in 0..1 how strong a memory is at `now`, a UTC time. What is pinned and what is a rule does not fade."""
    if uses.pinned or uses.kind is Kind.PROCEDURAL:
        return 1.0
    days = sorted({_day(at) for at in (*uses.said, *uses.recalled)})
    if not days:
        return 1.0
    held, last = stability(uses.kind, uses.importance), days[0]
    for day in days[1:]:
        held *= 1 + CURVE.gain * (1 - retained(day - last, held))
        last = day
    return retained(max(0, _day(now) - last), held)


def strengths(uses: Mapping[str, Uses], now: str) -> dict[str, float]:
    """Return how strong each of some memories is, by their ids."""
    return {id_: strength(one, now) for id_, one in uses.items()}


def retained(days: int, held: float) -> float:
    """Return what is left of a memory with the stability `held` after so many days."""
    return math.exp(-days / held)


def stability(kind: Kind, important: float) -> float:
    """Return the days of stability that a memory begins with."""
    whole = CURVE.episodic if kind is Kind.EPISODIC else CURVE.semantic
    return whole * (CURVE.unimportant + (1 - CURVE.unimportant) * important)


def reason(uses: Uses, now: str) -> str:
    """Say in words why a memory is as strong as it is: "said twice, recalled 5 times, last 12 days ago"."""
    told = [f"said {_times(max(uses.times_said, 1))}"]
    if uses.recalled:
        told.append(f"recalled {_times(len(uses.recalled))}")
    if uses.last:
        told.append(f"last {_ago(_day(timeline.day(now)) - _day(timeline.day(uses.last)))}")
    always = "pinned" if uses.pinned else "a rule in force" if uses.kind is Kind.PROCEDURAL else ""
    return f"{always}, does not fade; {', '.join(told)}" if always else ", ".join(told)


def _day(at: str) -> int:
    """Return the number of the day that a time begins with."""
    return date.fromisoformat(at[:10]).toordinal()


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


# Days from which a time is told in the next larger unit, and that unit's days.
_UNITS = ((730, "years", 365), (60, "months", 30), (2, "days", 1))


def _ago(days: int) -> str:
    for least, unit, size in _UNITS:
        if days >= least:
            return f"{days // size} {unit} ago"
    return "yesterday" if days >= 1 else "today"
