"""Terms of full text: made as the index makes them, counted, and gone with the last chunk that has them."""

from __future__ import annotations

from memcli.store import index, vocabulary, words
from memcli.types import Owner
from tests.store.making import Filled


def test_a_text_has_the_terms_that_the_index_makes_of_it(filled: Filled) -> None:
    filled.say("Running to Zürich's 4711 Würste")
    made = vocabulary.terms(filled.store, [filled.store.value("SELECT words FROM chunks")])
    held = {term for (term,) in filled.store.rows("SELECT term FROM chunks_terms")}
    assert set(made) == held
    assert {"run", "4711"} <= held


def test_terms_tell_which_texts_have_them(filled: Filled) -> None:
    assert vocabulary.terms(filled.store, ["tea and milk", "", "more tea"]) == {
        "tea": {0, 2},
        "and": {0},
        "milk": {0},
        "more": {2},
    }


def test_reading_terms_leaves_nothing_behind(filled: Filled) -> None:
    with filled.store.atomic():
        vocabulary.terms(filled.store, ["tea"])
    assert filled.store.rows("SELECT name FROM temp.sqlite_schema") == []


def test_terms_that_only_some_chunks_have_are_told_from_others(filled: Filled) -> None:
    filled.say("green tea")
    gone = filled.say("tea with xylitol, xylitol!")
    found = vocabulary.terms(filled.store, [gone.content])
    everywhere = vocabulary.counts(filled.store, found)
    assert everywhere == {"tea": 2, "with": 1, "xylitol": 1}
    assert vocabulary.only_of(found, everywhere) == ["with", "xylitol"]
    (chunk,) = filled.store.one("SELECT id FROM chunks WHERE owner_id = ?", (gone.id,)) or ()
    assert vocabulary.chunks_with(filled.store, ["xylitol", "nothing"]) == {"xylitol": {chunk}}


def test_an_index_that_keeps_the_beginning_of_a_deleted_word_is_stale_until_it_is_rebuilt(filled: Filled) -> None:
    _, secrets = filled.say_rare_words()
    assert not vocabulary.stale(filled.store)
    index.remove(filled.store, Owner.MESSAGE, [message.id for message in secrets])
    assert vocabulary.stale(filled.store)
    words.rebuild(filled.store)
    assert not vocabulary.stale(filled.store)
