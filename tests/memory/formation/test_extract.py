"""Extracting: candidates are short slices of the message, each of which says something by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.formation.clauses import units
from memcli.memory.formation.extract import Candidate, candidates, fits
from memcli.memory.formation.judge import Verdict
from memcli.types import Kind

SAID_AT = datetime(2025, 5, 15, 14, 30, tzinfo=UTC)  # a Thursday
PIECES = [
    "I bake",
    " ",
    ", ",
    ". ",
    "\n",
    "it is ",
    "and my ",
    "lol",
    " so ",
    "btw ",
    '"one two three four five" ',
    "我烤面包",
    "，",
    "x" * 90,
]


def keeping(message: str, kinds: Sequence[Kind | None] = (), *, keep: float = 0.9) -> list[Candidate]:
    """Return the candidates where the units are judged to be of `kinds`, the last one for all that follow."""
    verdicts = []
    for place, unit in enumerate(units(message)):
        kind = kinds[min(place, len(kinds) - 1)] if kinds else Kind.SEMANTIC
        verdicts.append(Verdict(unit, {one: keep if one is kind else 0.0 for one in Kind}))
    return candidates(message, verdicts, SAID_AT)


def texts(message: str, *kinds: Kind | None) -> list[str]:
    return [one.text for one in keeping(message, kinds)]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("By the way, I bake bread", ["I bake bread"]),
        ("just so you know, electric ovens burn bread lol", ["electric ovens burn bread"]),
        ("I bake bread, thanks!", ["I bake bread"]),
        ("Always.", []),
        ("My sister rows. She is fourteen.", ["My sister rows. She is fourteen"]),
        ("My sister rows. My brother sings.", ["My sister rows", "My brother sings"]),
    ],
)
def test_a_candidate_stands_by_itself(message: str, expected: list[str]) -> None:
    assert texts(message) == expected


def test_what_refers_to_a_clause_that_is_not_kept_stays_alone() -> None:
    assert texts("Is rowing hard? She is fourteen.", None, Kind.SEMANTIC) == ["She is fourteen"]


def test_what_somebody_else_said_between_two_clauses_is_not_kept_with_them() -> None:
    message = 'My sister wrote "all rowers of the world are thieves". She is fourteen.'
    assert texts(message) == ["My sister wrote", "She is fourteen"]


def test_an_order_and_a_fact_are_kept_apart() -> None:
    assert texts("I bake. Never suggest cakes", Kind.SEMANTIC, Kind.PROCEDURAL) == ["I bake", "Never suggest cakes"]


def test_a_long_clause_is_cut_where_a_new_part_of_it_begins() -> None:
    long = "in ovens of the shed behind the house of the aunt of a neighbour " * 2
    (text,) = texts(f"I bake bread with rye and spelt flour from the mill, {long}")
    assert text == "I bake bread with rye and spelt flour from the mill"


@pytest.mark.parametrize("word", ["bread ", "面包", "ขนมปัง", "x" * 300])
def test_nothing_longer_than_a_statement_is_kept(word: str) -> None:
    assert all(fits(text) for text in texts(f"I bake {word * 200}"))


def test_a_long_text_without_spaces_is_cut_at_its_punctuation() -> None:
    (text,) = texts("我每天早上都在家里烤面包(" + "因为我非常喜欢新鲜的面包和咖啡" * 5)
    assert text == "我每天早上都在家里烤面包"


def test_what_happened_has_a_date_and_what_is_so_has_none() -> None:
    (happened,) = keeping("Yesterday I sold my oven", [Kind.EPISODIC])
    assert (happened.kind, happened.valid_from) == (Kind.EPISODIC, "2025-05-14")
    (so,) = keeping("I bake on Sundays", [Kind.SEMANTIC])
    assert (so.kind, so.valid_from, so.valid_to) == (Kind.SEMANTIC, None, None)


def test_an_order_is_never_dated() -> None:
    (order,) = keeping("Always greet me with yesterday's news", [Kind.PROCEDURAL])
    assert (order.kind, order.valid_from) == (Kind.PROCEDURAL, None)


def test_what_is_probably_not_worth_keeping_is_not_proposed() -> None:
    assert keeping("I bake bread", keep=0.1) == []


@given(st.lists(st.sampled_from(PIECES)).map("".join), st.lists(st.sampled_from([*Kind, None]), min_size=1))
def test_candidates_are_short_slices_of_the_message_in_order(message: str, kinds: list[Kind | None]) -> None:
    behind = 0
    for one in keeping(message, kinds):
        assert behind <= one.start < one.end <= len(message)
        assert message[one.start : one.end] == one.text
        assert "one two three four five" not in one.text
        assert fits(one.text)
        behind = one.start  # a few words that end a sentence may be kept by themselves as well
