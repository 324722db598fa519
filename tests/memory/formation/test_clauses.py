"""Clauses: a message is cut where a new thought begins, into pieces of itself."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.formation.clauses import MOST_UNITS, units

PIECES = [
    *("I live in Hull", " and I ", ", so ", "when I ", "Dr. ", " so my ", "我住在这里", "，", "。"),
    *(" ", ", ", ". ", "! ", "?", "\n", "- ", "1. ", " — ", "...", '"', "(", ")", ";"),
]
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES)).map("".join))


def cut(text: str) -> list[str]:
    return [unit.text for unit in units(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I bake. Do you? Yes!", ["I bake", "Do you", "Yes"]),
        ("I see Dr. Okoro on 3.5 acres at 5 a.m. daily", ["I see Dr. Okoro on 3.5 acres at 5 a.m. daily"]),
        ("My boss is J. Okoro... she bakes", ["My boss is J. Okoro", "she bakes"]),
        ("I bake — she eats; we share", ["I bake", "she eats", "we share"]),
        ("I'm a nurse, so what shoes should I buy?", ["I'm a nurse", "so what shoes should I buy"]),
        ("Ann, Bob and Eve bake", ["Ann, Bob and Eve bake"]),
        ("I bake bread and I keep hens", ["I bake bread", "and I keep hens"]),
        ("I'm broke so what can I cook", ["I'm broke", "so what can I cook"]),
        ("When I say soup, list five", ["When I say soup, list five"]),
        ("About me:\n- I bake\n- I row\n2) I sing", ["About me", "I bake", "I row", "I sing"]),
        ("我住在上海。你好吗？我喜欢喝茶，也喜欢咖啡", ["我住在上海", "你好吗", "我喜欢喝茶", "也喜欢咖啡"]),
        ("...!?", []),
        ("", []),
    ],
)
def test_a_message_is_cut_where_a_new_clause_begins(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_a_unit_knows_its_sentence_and_what_ends_it() -> None:
    first, second, third = units("I'm a nurse, so which shoes? Blue ones")
    assert (first.sentence, first.stop, first.last) == (second.sentence, "?", False)
    assert second.last
    assert (third.stop, third.sentence > second.sentence) == ("", True)


def test_a_full_width_question_mark_asks_too() -> None:
    assert [unit.stop for unit in units("你好吗？好")] == ["?", ""]


def test_only_the_first_units_of_a_long_message_count() -> None:
    assert len(units("I bake. " * 1000)) == MOST_UNITS


@given(TEXTS)
def test_units_are_slices_of_the_text_in_order(text: str) -> None:
    behind = 0
    for unit in units(text):
        assert behind <= unit.start < unit.end <= len(text)
        assert text[unit.start : unit.end] == unit.text
        assert any(char.isalnum() for char in unit.text)
        behind = unit.end


@pytest.mark.parametrize(
    "piece", [" ", "!", "!)", "…", "a、", "when so i ", "I live in Hull. ", "and i ", ", and ", " - "]
)
@pytest.mark.parametrize("end", ["", "x"])
def test_the_time_grows_with_the_length_only(piece: str, end: str) -> None:
    times = []
    for size in (25_000, 200_000):
        text = f"I live {piece * (size // len(piece))}{end}"
        began = time.process_time()
        units(text)
        times.append(time.process_time() - began)
    assert times[1] < max(24 * times[0], 0.5)  # 64 times where it were quadratic
