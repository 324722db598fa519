"""Leaving a thread in a session: what was evaluated is kept."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from memcli.engines import ChatModel
from tests.fakes import ScriptedModel
from tests.repl.harness import Repl

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
