"""Typos: forgiven where the word as it was typed stands nowhere."""

from __future__ import annotations

import pytest

from memcli.store import purge, typos, words
from tests.store.making import NOW, Filled


def corrected(filled: Filled, *said: str) -> words.Query:
    query = words.query(said)
    assert query is not None
    return typos.corrected(filled.store, query)


@pytest.mark.parametrize(
    ("typed", "meant", "text"),
    [
        ("turng", "turing", "My dog is called Turing."),
        ("truing", "turing", "My dog is called Turing."),
        ("turingg", "turing", "My dog is called Turing."),
        ("iwth", "with", "I came with her"),
        ("zurch", "zurich", "a flat in Zürich"),
        ("lodx", "lodz", "born in Łódź"),
        ("москвв", "москва", "Я живу в городе Москва"),
        ("accomodtaion", "accommodation", "the accommodation was fine"),
        ("restaurnat", "restaurant", "a good restaurant"),
        ("recomendaton", "recommendation", "on her recommendation"),
    ],
)
def test_a_typo_finds_the_word_and_is_explained(filled: Filled, typed: str, meant: str, text: str) -> None:
    filled.say("something else altogether")
    said = filled.say(text)
    query = corrected(filled, typed)
    assert query == words.Query((words.Term(meant),), (words.Correction(typed, (meant,)),))
    assert typos.said(query.corrections) == [f"{typed} → {meant}"]
    found = words.search(filled.store, query, filters=words.Filters(), limit=5, now=NOW)
    assert [owner_id for _, owner_id, _, _ in found.best] == [said.id]


def test_a_word_that_is_found_is_never_corrected(filled: Filled) -> None:
    filled.say("the goats walked"), filled.say("a coat")
    assert corrected(filled, "coat", "walking").corrections == ()


def test_a_word_that_is_known_elsewhere_is_never_corrected(filled: Filled) -> None:
    filled.say("we gather here")
    query = words.query(["father"])
    assert query is not None
    assert typos.corrected(filled.store, query).terms == (words.Term("gather"),)
    assert typos.corrected(filled.store, query, lambda word: word == "father") == query


def test_short_words_numbers_and_scripts_without_spaces_are_taken_as_they_are(filled: Filled) -> None:
    filled.say("a cat, code 47112, 我在北京工作")
    for typed in ("cta", "47113", "在东京工"):
        assert corrected(filled, typed).corrections == ()


def test_two_slips_are_too_many_for_a_short_word(filled: Filled) -> None:
    filled.say("My dog is called Turing.")
    assert corrected(filled, "trunig").corrections == ()


def test_another_form_of_the_stem_does_not_make_a_word_that_was_never_said(filled: Filled) -> None:
    filled.say("giants everywhere")
    assert corrected(filled, "gianing").corrections == ()


def test_nothing_forgotten_comes_back_as_a_correction(filled: Filled) -> None:
    said = filled.say("the locker opens with Zanzibar")
    assert corrected(filled, "zanzibr").corrections
    purge.forget(filled.store, purge.closure_of(filled.store, [said.id]), NOW)
    assert corrected(filled, "zanzibr").corrections == ()
    assert filled.store.rows("SELECT term FROM chunks_terms") == []


def test_a_word_longer_than_any_is_not_corrected(filled: Filled) -> None:
    filled.say("tea")
    query = words.query(["a" * 100_000])
    assert query is not None
    assert typos.corrected(filled.store, query) == query
