from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.chunking import chunk


def count(text: str) -> int:
    return len(text.split()) + 2


def test_a_short_text_is_one_piece_of_itself() -> None:
    assert [p.text for p in chunk("My dog is called Turing.", count, 20)] == ["My dog is called Turing."]


def test_a_blank_text_has_no_pieces() -> None:
    assert chunk(" \n\t ", count, 20) == []


def test_a_long_text_is_cut_between_sentences_with_one_sentence_of_overlap() -> None:
    text = " ".join(f"Sentence number {i} is here." for i in range(12))
    pieces = chunk(text, count, 16)
    assert len(pieces) > 3
    assert all(p.text.startswith("Sentence") and p.text.endswith("here.") for p in pieces)
    assert all(after.start < before.end for before, after in pairwise(pieces))


def test_a_sentence_longer_than_the_window_is_cut_at_spaces() -> None:
    pieces = chunk(" ".join(["word"] * 100), count, 12)
    assert all(count(p.text) <= 12 and set(p.text.split()) == {"word"} for p in pieces)


@given(st.text(max_size=400), st.integers(4, 40))
def test_pieces_cover_every_visible_character_and_say_where_they_stand(text: str, window: int) -> None:
    pieces = chunk(text, count, window)
    covered = {i for p in pieces for i in range(p.start, p.end)}
    assert all(i in covered for i, char in enumerate(text) if not char.isspace())
    assert all(text[p.start : p.end] == p.text for p in pieces)


@given(st.lists(st.sampled_from(["one", "two.", "three!\n", "четыре?", "五。"]), max_size=120))
def test_no_piece_is_larger_than_the_window(words: list[str]) -> None:
    assert all(count(p.text) <= 12 for p in chunk(" ".join(words), count, 12))
