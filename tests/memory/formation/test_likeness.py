"""Likeness: what two statements share, where they differ, what the new one says of a change."""

from __future__ import annotations

import pytest

from memcli.memory.formation.likeness import (
    NAMES,
    Statement,
    content,
    contradicts,
    corrects,
    likeness,
    names,
    persons,
)


def seen(old: str, new: str) -> dict[str, float]:
    found = likeness(Statement(old, "semantic"), Statement(new, "semantic", new), cosine=0.5, message_cosine=0.4)
    return dict(zip(NAMES, found, strict=True))


def test_two_sisters_differ_in_their_names() -> None:
    both = seen("my sister Ada rows", "my sister Eve rows")
    assert (both["names_new"], both["names_old"], both["same_person"], both["other_person"]) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("I take 20 mg", "I take 40 mg", "numbers_differ"),
        ("I run 5 km", "I swim 5 km", "numbers_shared"),
        ("I eat meat", "I don't eat meat", "negation_differs"),
        ("choir is on Monday", "choir is on Tuesday", "weekday_differs"),
        ("mail me at a@example.org", "mail me at b@example.org", "address_differs"),
        ("my boss is Petersen", "my boss is Pedersen", "misspelt"),
        ("my boss rows", "my sister rows", "other_person"),
        ("I live in Hull", "I moved to Leeds", "says_moved"),
        ("I live in Hull", "I no longer live in Hull", "message_ended"),
        ("my boss is Petersen", "sorry, I meant Pedersen", "says_mistaken"),
        ("I have a dog", "I also have a cat", "says_another"),
    ],
)
def test_a_difference_shows(old: str, new: str, name: str) -> None:
    assert seen(old, new)[name] == 1
    assert seen(old, old)[name] in (0, seen(new, new)[name] if name == "numbers_shared" else 0)


def test_the_same_text_shares_all_its_words() -> None:
    both = seen("my boss rows on Mondays", "my boss rows on Mondays")
    assert (both["shared_of_new"], both["shared_of_old"], both["contained"]) == (1, 1, 1)


def test_words_are_compared_without_plurals_and_genitives() -> None:
    assert content("The bees of Ann’s boss") == ["bee", "ann", "boss"]
    assert names("Then Ann and I met O'Neil") == {"ann", "o'neil"}
    assert persons("my old boss and her sister") == {"boss", "sister"}


def test_a_mistake_is_a_mistake_only_where_it_is_called_one() -> None:
    assert corrects("that was a typo, it's Pedersen")
    assert not corrects("I moved to Leeds")


@pytest.mark.parametrize(
    ("old", "new", "clash"),
    [("I eat meat", "I never eat meat", True), ("I have 2 cats", "I have 3 cats", True), ("I row", "I sing", False)],
)
def test_statements_contradict_each_other_in_polarity_or_numbers(old: str, new: str, clash: bool) -> None:
    assert contradicts(old, new) is clash
