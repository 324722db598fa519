"""Leaving a thread in a session: what was evaluated is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from memcli.engines import ChatModel
from memcli.repl.history import TypedHistory
from memcli.store import purge, typed
from memcli.store.database import Store
from memcli.types import Piece, Prompt, Sampling
from tests.fakes import ScriptedModel
from tests.repl.harness import NOW, Repl

LONG = "The locker code is zebra-4711. " + "word " * 60


@pytest.mark.parametrize("keys", [(), ("/quit\r",), ("/new\r",), ("/model other\r",)])
def test_a_session_keeps_the_thread_that_it_leaves(
    make_repl: Callable[[ChatModel], Repl],
    keys: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ScriptedModel("Yes, indeed.")
    repl = make_repl(model)
    repl.assistant.states = repl.workspace.states
    seen: list[int] = []

    def switched(name: str) -> ChatModel:
        seen.append(len(os.listdir(repl.paths.states)))
        return ScriptedModel("Another.")

    monkeypatch.setattr(repl.workspace, "switch_model", switched)
    repl.type(f"{LONG}\r", *keys)
    assert len(os.listdir(repl.paths.states)) == 1
    assert seen == ([1] if "/model" in "".join(keys) else [])


def test_resuming_in_a_session_takes_the_state_of_the_thread(make_repl: Callable[[ChatModel], Repl]) -> None:
    model = ScriptedModel("Yes, indeed.")
    repl = make_repl(model)
    repl.assistant.states = repl.workspace.states
    repl.assistant.resume(None, name="first")
    repl.type(f"{LONG}\r", "/new second\r", "Something else entirely\r", "/resume first\r", "And now?\r")
    assert repl.assistant.last
    assert repl.assistant.last.answer.restored > 60


def test_forgetting_in_a_session_leaves_no_state(make_repl: Callable[[ChatModel], Repl]) -> None:
    repl = make_repl(ScriptedModel("Yes, indeed."))
    repl.assistant.states = repl.workspace.states
    kept_one = repl.remember("My dog is called Turing.")
    repl.type(f"{LONG}\r", "/new\r", f"/forget {kept_one.id}\r", "y\r")
    assert os.listdir(repl.paths.states) == []


class Forgetting(ScriptedModel):
    """While it answers for the second time, another process has all forgotten that speaks of Turing."""

    store: Path

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[Piece, None, None]:
        if len(self.prompts) == 1:
            with Store.open(self.store) as other:
                assert purge.forget(other, purge.closure_matching(other, "Turing"), NOW).traces == 0
        return super().stream(prompt, sampling)


def test_a_session_drops_what_another_process_has_had_forgotten(make_repl: Callable[[ChatModel], Repl]) -> None:
    model = Forgetting("Turing is a fine name.", "Hello.")
    repl = make_repl(model)
    model.store = repl.paths.store
    screen = repl.type("My dog is called Turing.\r", "And now?\r", "/context\r")
    before, _, after = screen.partition("Hello.")
    assert "Turing" in before
    assert "And now?" in after
    assert "Turing" not in after
    assert repl.assistant.thread
    assert [text for _, text in repl.said()] == ["And now?", "Hello."]


def test_typed_lines_are_those_of_the_file_again_once_something_was_forgotten(
    make_repl: Callable[[ChatModel], Repl],
) -> None:
    history = TypedHistory(make_repl(ScriptedModel()).paths.history)
    for line in ("/search Turing", "hello"):
        history.append_string(line)
    history.path.write_text(typed.written(["hello"]))
    assert "/search Turing" in history.get_strings()
    history.reload()
    assert history.get_strings() == ["hello"]
