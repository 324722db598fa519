"""Reconcile: what a candidate does to the memories that there are. Pure: numbers and records in, a decision out.

said again            -> ignore      the old one grows stronger, its provenance longer
the old one was wrong -> update      the new one takes its place; the old one was never true
it says it all, and more -> update
it stopped being true -> supersede   the old one is closed with `valid_to` and stays as history
cannot be decided     -> conflict    both stay, and each names the other
anything else         -> add
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from memcli.memory.formation.extract import Candidate
from memcli.memory.formation.likeness import apart, besides, changes, content, contradicts, corrects, respelt
from memcli.types import Kind, Memory

# Probabilities of the relation model from which it is believed; docs/FORMATION.md has what other bars do. Losing a
# memory to a wrong guess is worse than keeping an old one beside the new one.
SAME = 0.5
REPLACED = 0.35
REPLACED_TOO = 0.65  # for more than the one that fits best
UNDECIDED = 0.25

LONGEST = 400  # characters, as of a note: a longer text is a document, which replaces nothing and is not replaced
_DAY = len("2026-03-01")


class Step(StrEnum):
    """What is to be done with a candidate."""

    ADD = "add"
    UPDATE = "update"
    SUPERSEDE = "supersede"
    IGNORE = "ignore"
    CONFLICT = "conflict"


REPLACING = (Step.UPDATE, Step.SUPERSEDE)


@dataclass(frozen=True, slots=True)
class Relation:
    """How likely a candidate says the same as a memory, or replaces it; the rest is that it is about something else."""

    memory: Memory
    same: float
    replaced: float


@dataclass(frozen=True, slots=True)
class Decision:
    """A step for a candidate; `memories` are those it says again, replaces or contradicts.

    `rest` is what the first of them said besides, which is as true as before.
    """

    step: Step
    candidate: Candidate
    memories: tuple[Memory, ...] = ()
    rest: str = ""


def reconcile(candidate: Candidate, relations: Sequence[Relation], message: str = "") -> Decision:
    """Decide what `candidate`, said in `message`, does to the memories that it was compared with."""
    same = [
        one
        for one in relations
        if (one.same >= SAME or one.memory.text.casefold() == candidate.text.casefold())
        and not _another_day(one.memory, candidate)
    ]
    if same:
        best = max(same, key=lambda one: one.same)
        return Decision(Step.IGNORE, candidate, (best.memory,))
    message = message or candidate.text
    mistaken = [one for one in relations if corrects(message) and respelt(one.memory.text, candidate.text)]
    replaced = mistaken or _replaced(candidate, relations, message)
    if replaced:
        return _replacing(candidate, tuple(one.memory for one in replaced), message)
    undecided = [one.memory for one in relations if one.replaced >= UNDECIDED and _clashes(one.memory, candidate)]
    return Decision(Step.CONFLICT, candidate, tuple(undecided[:1])) if undecided else Decision(Step.ADD, candidate)


def together(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the decisions on the candidates of one message, each of which was made without the others.

    What is said twice is kept once, and what an old memory said is said by no memory where another candidate replaces
    that: it becomes one of its own.
    """
    replaced = {old.id for one in decisions if one.step in REPLACING for old in one.memories}
    found: dict[str, Decision] = {}
    for one in decisions:
        if one.step is Step.IGNORE and any(old.id in replaced for old in one.memories):
            found.setdefault(one.candidate.text.casefold(), Decision(Step.ADD, one.candidate))
        else:
            found.setdefault(one.candidate.text.casefold(), one)
    return list(found.values())


def _replaced(candidate: Candidate, relations: Sequence[Relation], message: str) -> list[Relation]:
    """Return what the candidate takes the place of, the surest first; more than one thing only where that is sure."""
    fitting = [
        one
        for one in relations
        if not apart(one.memory.text, candidate.text)
        and (corrects(message) or not (_happened(one.memory) and _another_day(one.memory, candidate)))
    ]
    likely = sorted((one for one in fitting if one.replaced >= REPLACED), key=lambda one: -one.replaced)
    return [one for place, one in enumerate(likely) if place == 0 or one.replaced >= REPLACED_TOO]


def _replacing(candidate: Candidate, olds: tuple[Memory, ...], message: str) -> Decision:
    first = olds[0]
    if corrects(message):
        mended = respelt(first.text, candidate.text)
        if mended:  # "her surname is spelled Nowak": all else that was said of her holds
            return Decision(Step.UPDATE, replace(candidate, text=mended, kind=first.kind), olds[:1])
        return Decision(Step.UPDATE, candidate, olds)
    if _refines(first, candidate):
        return Decision(Step.UPDATE, candidate, olds)
    return Decision(Step.SUPERSEDE, candidate, olds, rest=besides(first.text, candidate.text))


def _refines(old: Memory, candidate: Candidate) -> bool:
    """Tell whether the candidate says all that the memory says, and that it is so still."""
    longer = set(content(old.text)) <= set(content(candidate.text)) and candidate.kind == old.kind
    return longer and not changes(candidate.text) and not contradicts(old.text, candidate.text)


def _another_day(old: Memory, candidate: Candidate) -> bool:
    """Tell whether both happened, on two days: a migraine today is another one than that of last week."""
    days = (old.valid_from or "", candidate.valid_from or "")
    dated = all(len(day) >= _DAY for day in days) and days[0][:_DAY] != days[1][:_DAY]
    return dated and old.kind is candidate.kind is Kind.EPISODIC


def _happened(memory: Memory) -> bool:
    """Tell whether it was over when it was told: no later event changes that, as it may what is yet to come."""
    return (memory.valid_from or memory.created_at)[:_DAY] <= memory.created_at[:_DAY]


def _clashes(old: Memory, candidate: Candidate) -> bool:
    """Tell whether both cannot be so. What happened on two occasions can always be."""
    return Kind.EPISODIC not in (old.kind, candidate.kind) and contradicts(old.text, candidate.text)
