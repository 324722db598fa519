"""What a statement says, without how it says it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.formation.wording import identical, same, wording
from tests.benchmarks.merging import APART


def says_the_same(one: str, other: str) -> bool:
    found = same(wording(one), wording(other))
    assert found == same(wording(other), wording(one))
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I'm a vegetarian", "still vegetarian"),
        ("I can't stand coriander", "I really hate coriander, you know"),
        ("I have a peanut allergy", "I'm allergic to peanuts"),
        ("My dog's name is Rex", "I have a dog called Rex"),
        ("I have two cats", "I've got 2 cats."),
        ("On Tuesday evenings I have yoga", "I have yoga on Tuesday evenings"),
        ("I take 50mg of iron each morning", "I take 50 mg iron every morning"),
        ("Please answer in French", "Answer in French."),
        ("私は猫が好きです", "私は猫が好きです。"),
    ],
)
def test_other_words_for_the_same_say_the_same(one: str, other: str) -> None:
    assert says_the_same(one, other)


@pytest.mark.parametrize("texts", APART)
def test_what_is_nearly_the_same_is_not(texts: tuple[str, ...]) -> None:
    assert [(a, b) for a in texts for b in texts if a != b and says_the_same(a, b)] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", ""),
        ("!?", "!?"),
        ("Do I like tea?", "Do I like tea?"),
        ("I drink tea with milk", "I drink tea to milk"),
        ("私は猫が好きです", "私は犬が好きです"),
    ],
)
def test_what_says_nothing_or_asks_is_like_nothing(one: str, other: str) -> None:
    assert not says_the_same(one, other)


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        ("I live in Bonn", "i live  in bonn!", True),
        ("Ich wohne in Köln", "ich wohne in KÖLN", True),
        ("I live in Bonn", "I live at Bonn", False),
        ("my code is aB3", "my code is Ab3", False),
        ("write to a.b@c.de", "write to ab@c.de", False),
        ("it costs 1.50", "it costs 150", False),
        ("I live in Bonn", "I live in Bonn?", False),
        ("...", "!!", False),
    ],
)
def test_texts_are_identical_up_to_case_punctuation_and_spaces_where_these_are_not_the_point(
    one: str, other: str, are: bool
) -> None:
    assert identical(one, other) is are


@given(st.text(), st.text())
def test_any_texts_can_be_compared(one: str, other: str) -> None:
    assert says_the_same(one, other) == says_the_same(other, one)
    assert identical(one, other) == identical(other, one)
