"""A chat model's sentence counts only where every episode bears it out."""

from __future__ import annotations

import pytest

from memcli.memory.formation.telling import GRAMMAR, holds, told
from tests.fakes import ScriptedModel

TEXTS = ("Mara and I climbed in Sintra", "climbed the wall, Mara fell", "so tired: Mara and me climbed Monte Leão")


def test_a_sentence_that_all_bear_out_is_kept_without_its_full_stop() -> None:
    model = ScriptedModel("I climbed with Mara.")
    assert told(model, TEXTS, today="2026-03-01") == "I climbed with Mara"
    assert all(text in model.prompts[0].text for text in TEXTS)


@pytest.mark.parametrize(
    "sentence",
    [
        "I climbed with Mara in Sintra.",  # one of them says so
        "I climbed with Mara every week.",
        "I climbed with Tom.",
        "I climbed with Mary.",
        "I climbed 3 times with Mara.",
        "I never climbed with Mara.",
        "I climbed.",
        "",
    ],
)
def test_a_sentence_that_any_of_them_does_not_bear_out_is_not(sentence: str) -> None:
    assert told(ScriptedModel(sentence), TEXTS, today="2026-03-01") == ""


def test_a_window_without_room_asks_nothing() -> None:
    model = ScriptedModel("I climbed with Mara.", window=40)
    assert told(model, TEXTS, today="2026-03-01") == ""
    assert model.prompts == []


def test_names_are_not_taken_for_one_another_by_how_they_begin() -> None:
    assert not holds("I flew to Austria", ["I flew to Australia"])
    assert holds("I met Mara's boss", ["At Mara's I met the boss"])


def test_the_grammar_holds_one_sentence() -> None:
    from llama_cpp import LlamaGrammar

    LlamaGrammar.from_string(GRAMMAR, verbose=False)
