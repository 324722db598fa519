"""What stands in the core block about the user."""

from __future__ import annotations

import itertools

import pytest

from memcli.memory.portrait import LONGEST, portrait
from memcli.types import Kind, Memory, Trust
from tests.store.making import at

_ids = itertools.count()


def memory(text: str, day: int = 1, **more: object) -> Memory:
    given = {"kind": Kind.SEMANTIC, "trust": Trust.USER, "formed_by": "rules", **more}
    return Memory(id=f"m{next(_ids):03}", text=text, created_at=at(day), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "I live in Lisbon",
        "My name is Ann",
        "I was born in 1987",
        "Ich wohne in Bern",
        "Vivo en Sevilla",
        "Mon fils s'appelle Luc",
        "私は大阪に住んでいます",
        "저는 서울에 살아요",
        "The dog next door is mine",
    ],
)
def test_a_short_statement_of_the_user_about_himself_is_in_it(text: str) -> None:
    assert portrait([memory(text)], 250).rstrip(".") == text


@pytest.mark.parametrize(
    ("why", "left_out"),
    [
        ("it is about the world", memory("The cabin has a red door")),
        ("it happened once", memory("I moved house", kind=Kind.EPISODIC)),
        ("it is at hand as a rule", memory("Call me Captain", kind=Kind.PROCEDURAL)),
        ("it is at hand as a preference", memory("I don't eat meat")),
        ("a document says it", memory("I live in Rome", trust=Trust.DOCUMENT)),
        ("it holds for a while", memory("I am in Rome", expires_at=at(9))),
        ("it is over", memory("I lived in Rome", valid_to="2020")),
        ("it is retired", memory("I live in Rome", retired_at=at(2))),
        ("it is disputed", memory("I live in Rome", conflicts=("x",))),
        ("it is long", memory("I " + "really " * 20 + "live in Rome")),
        ("it is a number to look up", memory("My locker code is 4711")),
        ("it is a code to look up", memory("My password is hunter2")),
    ],
)
def test_what_else_is_kept_is_not_in_it(why: str, left_out: Memory) -> None:
    assert portrait([left_out], 250) == "", why


@pytest.mark.parametrize(
    ("why", "wins", "other"),
    [
        ("said more often", memory("My dog is Bo", 1, times_said=2), memory("I live in Rome", 2)),
        ("asked for", memory("My dog is Bo", 1, formed_by=None), memory("I live in Rome", 2)),
        ("about himself", memory("I live in Rome", 1), memory("My dog is called Bo", 2)),
        ("newer", memory("I am a vet", 2), memory("I live in Rome", 1)),
        ("said again lately", memory("I am a vet", 1, confirmed_at=at(9)), memory("I live in Rome", 2)),
    ],
)
def test_where_there_is_room_for_one_the_stronger_is_in_it(why: str, wins: Memory, other: Memory) -> None:
    assert portrait([wins, other], 16).rstrip(".") == wins.text, why
    assert portrait([other, wins], 16).rstrip(".") == wins.text, why


def test_what_has_faded_leaves_room_for_what_is_used() -> None:
    faded, used = memory("I live in Rome", times_said=3), memory("My dog is Bo")
    assert portrait([faded, used], 16, {faded.id: 0.6, used.id: 0.9}) == "I live in Rome."
    assert portrait([faded, used], 16, {faded.id: 0.4, used.id: 0.9}) == "My dog is Bo."
    assert portrait([faded], 16, {faded.id: 0.4}) == "I live in Rome."


def test_it_keeps_to_its_limit_and_fills_it_with_what_is_shorter() -> None:
    many = [memory(f"I know {'o' * n}", n) for n in range(1, 29)]
    for limit in range(0, 300, 7):
        assert len(portrait(many, limit)) <= limit
    assert portrait(many, 250)
    assert portrait(many, 0) == ""


def test_it_is_one_line_oldest_first_whatever_order_the_memories_come_in() -> None:
    said = [memory("I live in\nLisbon", 2), memory("I'm an organ builder!", 1), memory("My dog is Bo.", 3)]
    for order in itertools.permutations(said):
        assert portrait(order, 250) == "I'm an organ builder! I live in Lisbon. My dog is Bo."


def test_what_a_stronger_statement_says_already_is_not_said_twice() -> None:
    assert (
        portrait([memory("I live in Lisbon", times_said=2), memory("I live in Lisbon now")], 250) == "I live in Lisbon."
    )


def test_a_statement_is_not_cut() -> None:
    assert portrait([memory("I " + "x" * (LONGEST - 2))], LONGEST) == ""
    assert portrait([memory("I " + "x" * (LONGEST - 2))], LONGEST + 1) != ""
