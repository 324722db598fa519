"""A chat model's sentence counts only where every episode bears it out."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from memcli.inference import catalog
from memcli.inference.chat import LlamaChat
from memcli.memory.formation.telling import GRAMMAR, holds, told
from memcli.types import Role, Sampling, Segment, Turn
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


def test_who_it_was_is_said_by_all() -> None:
    assert holds("I climbed with Mara", ["Mara and I climbed", "climbed, Mara fell"])
    assert not holds("I climbed with Mara", ["Mara and I climbed", "she climbed with Mara"])


def test_names_are_not_taken_for_one_another_by_how_they_begin() -> None:
    assert not holds("I flew to Austria", ["I flew to Australia"])
    assert holds("I met Mara's boss", ["At Mara's I met the boss"])


@pytest.mark.model
def test_a_real_model_takes_the_grammar_and_says_one_sentence(tmp_path: Path) -> None:
    found = catalog.starter()
    assert found is not None
    with closing(LlamaChat.load(found.path, context_size=512, log=tmp_path / "log")) as model:
        turns = [Turn(Role.USER, (Segment("message", "", "Name 3 towns. List them."),))]
        sampling = Sampling(temperature=0.0, max_tokens=40, max_thinking=0, grammar=GRAMMAR)
        said = "".join(piece.text for piece in model.stream(model.render(turns, today="2026-03-01"), sampling))
    assert re.fullmatch(r"[^\n.!?:0-9]+\.?", said)
