"""What is marked in a message, and how much of it is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from memcli.ui.past import AROUND, marked


def shown(content: str, *spans: tuple[int, int]) -> str:
    return "".join(f">>{text}<<" if stands_out else text for text, stands_out in marked(content, spans))


def test_the_span_is_marked_and_the_message_stands_on_one_line() -> None:
    assert shown("I moved\nto Porto, yes.", (2, 16)) == "I >>moved to Porto<<, yes."


def test_spans_that_overlap_are_one_and_empty_ones_mark_nothing() -> None:
    assert shown("abcdef", (3, 5), (1, 4), (6, 6)) == "a>>bcde<<f"
    assert shown("abcdef", (0, 0)) == "abcdef"
    assert shown("abcdef", (4, 99)) == "abcd>>ef<<"


def test_what_is_far_from_all_spans_is_left_out() -> None:
    far = "x" * 1000
    text = f"{far} one {far} two {far}"
    first, second = text.index("one"), text.index("two")
    near = "x" * (AROUND - 1)
    assert shown(text, (first, first + 3), (second, second + 3)) == (f"…{near} >>one<< {near} … {near} >>two<< {near}…")


def test_nothing_that_a_terminal_acts_on_is_shown() -> None:
    assert shown("a\x1b[31mb\u202ec", (0, 8)) == ">>ab<<c"


@given(st.text(max_size=600), st.lists(st.tuples(st.integers(-5, 700), st.integers(-5, 700)), max_size=4))
def test_any_span_of_any_text_can_be_shown(text: str, spans: list[tuple[int, int]]) -> None:
    assert "\n" not in shown(text, *spans)
