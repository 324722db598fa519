"""Reconciling: what a candidate does to the memories that there are, as a pure function of numbers and records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memcli.memory.formation.extract import Candidate
from memcli.memory.formation.reconcile import (
    REPLACED,
    SAME,
    UNDECIDED,
    Decision,
    Relation,
    Step,
    reconcile,
    together,
)
from memcli.types import Kind, Memory, Trust

Rel = tuple[str, float, float]  # the old text, how likely it is the same, how likely it is replaced


def held(text: str, kind: Kind = Kind.SEMANTIC) -> Memory:
    return Memory(text, kind, text, Trust.USER, "2026-01-01T00:00:00Z")


def new(text: str, kind: Kind = Kind.SEMANTIC) -> Candidate:
    return Candidate(text, 0, len(text), kind, 0.9)


def decided(text: str, *olds: Rel, message: str = "", kind: Kind = Kind.SEMANTIC) -> tuple[Step, list[str]]:
    found = reconcile(new(text, kind), [Relation(held(old), same, gone) for old, same, gone in olds], message)
    return found.step, [memory.text for memory in found.memories]


HULL, LEEDS = "I live in Hull", "I live in Leeds"
CASES = [
    ("nothing is near", "I row", [], "", Step.ADD, []),
    ("what is near is about something else", "I row", [(HULL, 0.1, 0.1)], "", Step.ADD, []),
    ("it is said again", HULL, [("I'm from Hull", 0.8, 0.1)], "", Step.IGNORE, ["I'm from Hull"]),
    ("the text is equal but for its case", "i live in hull", [(HULL, 0.0, 0.9)], "", Step.IGNORE, [HULL]),
    ("of several equals the nearest grows", HULL, [("a", 0.6, 0), ("b", 0.9, 0)], "", Step.IGNORE, ["b"]),
    ("to say again goes before to replace", LEEDS, [(HULL, 0, 0.9), ("b", 0.9, 0)], "", Step.IGNORE, ["b"]),
    ("it has changed", LEEDS, [(HULL, 0.1, 0.8)], "I moved to Leeds", Step.SUPERSEDE, [HULL]),
    ("it was a mistake", LEEDS, [(HULL, 0.1, 0.8)], "sorry, that was wrong", Step.UPDATE, [HULL]),
    ("the statement calls it a mistake", "I meant Leeds", [(HULL, 0, 0.8)], "", Step.UPDATE, [HULL]),
    ("it says it all, and more", "I live in Hull by the docks", [(HULL, 0.1, 0.8)], "", Step.UPDATE, [HULL]),
    ("all that it replaces ends", LEEDS, [("a", 0, 0.7), (HULL, 0, 0.9)], "", Step.SUPERSEDE, [HULL, "a"]),
    ("of several the likeliest ends", LEEDS, [("a", 0, 0.5), (HULL, 0, 0.6)], "", Step.SUPERSEDE, [HULL]),
    ("other people are another matter", LEEDS, [("my sister lives in Hull", 0, 0.9)], "", Step.ADD, []),
    (
        "a name is put right",
        "Her name is Ines",
        [("I row with Inez", 0, 0.1)],
        "I spelt it wrong",
        Step.UPDATE,
        ["I row with Inez"],
    ),
    ("it says it all, and that it is over", "I no longer live in Hull", [(HULL, 0.1, 0.8)], "", Step.SUPERSEDE, [HULL]),
    ("it may contradict", "I never eat fish", [("I eat fish", 0.1, 0.3)], "", Step.CONFLICT, ["I eat fish"]),
    (
        "two doses, perhaps of one drug",
        "I take 40 mg",
        [("I take 20 mg", 0.1, 0.3)],
        "",
        Step.CONFLICT,
        ["I take 20 mg"],
    ),
    ("two doses of two drugs", "I take 40 mg of B", [("I take 20 mg of A", 0.1, 0.2)], "", Step.ADD, []),
    ("two sisters", "my sister Eve rows", [("my sister Ada rows", 0.3, 0.3)], "", Step.ADD, []),
    ("just the same", "x y", [("z", SAME, 0)], "", Step.IGNORE, ["z"]),
    ("just not the same", "x y", [("z", SAME - 0.01, 0)], "", Step.ADD, []),
    ("just replaced", "x y", [("z", 0, REPLACED)], "", Step.SUPERSEDE, ["z"]),
    ("just undecided", "not x", [("x", 0, UNDECIDED)], "", Step.CONFLICT, ["x"]),
    ("just decided", "not x", [("x", 0, UNDECIDED - 0.01)], "", Step.ADD, []),
]


@pytest.mark.parametrize(("why", "text", "olds", "message", "step", "memories"), CASES, ids=[case[0] for case in CASES])
def test_a_step_is_taken_because(
    why: str, text: str, olds: list[Rel], message: str, step: Step, memories: list[str]
) -> None:
    assert decided(text, *olds, message=message) == (step, memories)


def test_what_happened_twice_is_no_conflict() -> None:
    assert decided("I paid 5 pounds", ("I paid 6 pounds", 0, 0.3), kind=Kind.EPISODIC) == (Step.ADD, [])


TODAY = replace(new("I had a migraine today", Kind.EPISODIC), valid_from="2026-01-09")


def dated(day: str | None, said: str = "2026-01-03") -> Memory:
    return replace(held("I had a migraine today", Kind.EPISODIC), valid_from=day, created_at=f"{said}T09:00:00Z")


@pytest.mark.parametrize(("same", "replaced"), [(1.0, 0.0), (0.0, 0.9)])
def test_what_happened_on_another_day_is_neither_said_again_nor_replaced(same: float, replaced: float) -> None:
    assert reconcile(TODAY, [Relation(dated("2026-01-03"), same, replaced)]).step is Step.ADD


def test_what_happened_on_the_same_day_or_on_none_that_is_known_is_said_again() -> None:
    for day in ("2026-01-09", "2026-01", None):
        assert reconcile(TODAY, [Relation(dated(day), 1.0, 0.0)]).step is Step.IGNORE


def test_a_plan_may_be_moved_to_another_day_and_a_day_corrected() -> None:
    plan = replace(dated("2026-01-08"), text="dentist on the 8th")
    assert reconcile(TODAY, [Relation(plan, 0.0, 0.9)]).step is Step.SUPERSEDE
    past = Relation(dated("2026-01-03"), 0.0, 0.9)
    assert reconcile(TODAY, [past], "sorry, wrong day: I had a migraine today").step is Step.UPDATE


def test_an_event_does_not_refine_a_fact() -> None:
    told = decided("I live in Hull since today", (HULL, 0, 0.9), kind=Kind.EPISODIC)
    assert told == (Step.SUPERSEDE, [HULL])


def test_what_one_message_says_twice_is_kept_once() -> None:
    twice = [Decision(Step.ADD, new(HULL)), Decision(Step.ADD, new("i live in hull"))]
    assert together(twice) == twice[:1]


def test_what_is_said_again_while_the_old_one_is_replaced_is_kept_anew() -> None:
    old = held("I live in Hull and row")
    moved = Decision(Step.SUPERSEDE, new(LEEDS), (old,))
    assert together([moved, Decision(Step.IGNORE, new("I row"), (old,))]) == [moved, Decision(Step.ADD, new("I row"))]


def test_a_corrected_name_leaves_the_rest_of_the_old_text() -> None:
    known = Relation(held("My sister Inez is a vet"), 0, 0.1)
    found = reconcile(new("It is Ines"), [known], "I spelt that wrong. It is Ines")
    assert found.candidate.text == "My sister Ines is a vet"


def test_the_other_figures_of_a_list_stay_true() -> None:
    found = reconcile(new("rent is 915 now"), [Relation(held("rent 870, pay 2300, train 96"), 0, 0.9)])
    assert (found.step, found.rest) == (Step.SUPERSEDE, "pay 2300, train 96")
