"""Which memories may become one, and which of them is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest

from memcli.memory.formation.merging import cluster_of, covers, kept_of, worth_weighing
from memcli.types import SUMMED_UP, Kind, Memory, Trust
from tests.store.making import NOW, at


def memory(text: str, id_: str = "", **more: Any) -> Memory:
    made = Memory(id_ or text, Kind.SEMANTIC, text, Trust.USER, NOW, formed_by="rules")
    return replace(made, **more)


ONE, OTHER = memory("I'm a vegetarian"), memory("still vegetarian")


def test_what_says_the_same_is_worth_weighing() -> None:
    assert worth_weighing(ONE, OTHER)
    assert not worth_weighing(ONE, ONE)


@pytest.mark.parametrize(
    "more",
    [
        {"kind": Kind.PROCEDURAL},
        {"trust": Trust.ASSISTANT},
        {"expires_at": at(9)},
        {"retired_at": at(2)},
        {"conflicts": (ONE.id,)},
        {"formed_by": SUMMED_UP},
        {"text": "still vegetarian " + "and well " * 60},
    ],
)
def test_what_is_of_another_sort_is_not(more: dict[str, Any]) -> None:
    other = replace(OTHER, **more)
    one = replace(ONE, conflicts=(OTHER.id,)) if "conflicts" in more else ONE
    assert not worth_weighing(one, other)
    assert not worth_weighing(other, one)


def test_what_happened_on_another_day_is_something_else() -> None:
    today = memory("I had a migraine", "a", kind=Kind.EPISODIC, valid_from="2026-03-01")
    again = replace(today, id="b", text="had a migraine")
    assert worth_weighing(today, again, UTC)
    assert not worth_weighing(today, replace(again, valid_from="2026-03-02"), UTC)
    undated = replace(again, valid_from=None)
    assert worth_weighing(today, undated, UTC)
    assert not worth_weighing(today, replace(undated, created_at=at(4)), UTC)


def test_two_texts_that_the_user_asked_to_keep_must_be_identical_up_to_case_and_punctuation() -> None:
    asked, too = replace(ONE, formed_by=None), replace(OTHER, formed_by=None)
    assert worth_weighing(asked, OTHER)
    assert not worth_weighing(asked, too)
    assert worth_weighing(asked, replace(too, text="i'm a Vegetarian."))


def test_the_newest_that_the_user_asked_for_is_kept_whatever_else_is_there() -> None:
    first = memory("I'm a vegetarian", "a", formed_by=None)
    second = memory("I'm a vegetarian!", "b", formed_by=None, created_at=at(2))
    formed = memory("I am a vegetarian these days", "c", created_at=at(3))
    assert kept_of([first, formed, second]) is second


def test_of_formed_ones_the_fullest_is_kept_and_of_equals_the_newest() -> None:
    short, full = memory("still vegetarian", created_at=at(9)), memory("I'm a vegetarian")
    wordy = memory("well, I'm actually a vegetarian", created_at=at(2))
    assert kept_of([short, full]) is full
    assert kept_of([short, full, wordy]) is wordy


def test_the_kept_one_has_the_tags_and_days_of_the_others() -> None:
    tagged = replace(ONE, tags=("Diet", "me"))
    assert covers(tagged, replace(OTHER, tags=("diet",)))
    assert not covers(ONE, tagged)
    dated = replace(ONE, valid_from="2020")
    assert covers(dated, OTHER)
    assert not covers(ONE, dated)
    assert not covers(ONE, replace(OTHER, valid_to="2025"))


def test_a_cluster_holds_only_what_is_the_same_as_all_of_it() -> None:
    a, b, c = (memory("I'm a vegetarian", id_, order=place) for place, id_ in enumerate("abc"))
    assert cluster_of(a, [b, c], lambda *_: True) == (c, (a, b))
    assert cluster_of(a, [b, c], lambda *_: False) == (b, (a,))
    assert cluster_of(a, [], lambda *_: True) is None
    tagged = replace(a, tags=("diet",))
    assert cluster_of(tagged, [b], lambda *_: True) is None
