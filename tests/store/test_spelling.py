"""Spelling: one form for what people write in several ways."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.store import spelling


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Inês", "ines"),
        ("Zürich", "zurich"),
        ("Łódź", "lodz"),
        ("Straße", "strasse"),
        ("Ørsted", "orsted"),
        ("İSTANBUL", "istanbul"),
        ("ısı", "isi"),
        ("ΟΔΥΣΣΕΎΣ", "οδυσσευσ"),
        ("Οδυσσεύς", "οδυσσευσ"),
        ("Ёлка", "елка"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("ＡＢＣ ｶﾞｽ", "abc ガス"),
        ("한국", "한국"),
    ],
)
def test_case_accents_and_width_make_no_difference(written: str, folded: str) -> None:
    assert spelling.fold(written) == spelling.fold(unicodedata.normalize("NFD", written)) == folded


def test_what_changes_the_word_is_kept() -> None:
    assert spelling.fold("がく") != spelling.fold("かく")
    assert spelling.words("हिन्दी की किताब") == ["हिन्दी", "की", "किताब"]


def test_a_text_that_the_tokenizer_reads_rightly_is_not_stored_twice() -> None:
    assert spelling.spelled("It’s “plain” — isn’t it? → $5") is None
    assert spelling.spelled("el café") == "el cafe"


def test_scripts_without_spaces_are_cut_into_overlapping_pieces() -> None:
    assert spelling.spelled("去北京。iPhone手机") == "去北 北京 京 iphone 手机 机"
    assert spelling.spelled("학교에 간다") == "학교 교에 에 간다 다"
    assert spelling.spelled("ไทย") == "ไทย ทย ย"


def test_a_query_has_the_pieces_of_the_index_and_a_short_run_begins_one() -> None:
    assert list(spelling.pieces("去北京 3月")) == [("去北", False), ("北京", False), ("3", False), ("月", True)]


@given(st.text())
def test_every_piece_of_a_text_finds_that_text(text: str) -> None:
    indexed = (spelling.spelled(text) or spelling.fold(text)).split()
    held = indexed if spelling.spelled(text) is not None else spelling.words(" ".join(indexed))
    for piece, begins in spelling.pieces(text):
        assert any(word.startswith(piece) if begins else word == piece for word in held)
