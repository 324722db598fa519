"""The whole program on a real terminal, with the real starter model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pexpect
import pytest

from memcli.paths import Paths
from memcli.store.database import Store
from tests.repl.harness import ALT_ENTER, CTRL_C, CTRL_D, ENTER, PROMPT_UP, TAB, pasted

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("compiled_embedder")]

MARKED = "\x1b[?2004h"  # the terminal is asked to mark what is pasted
STOPPED = "(SELECT interrupted FROM messages WHERE role = 'assistant' ORDER BY seq DESC LIMIT 1)"


class Talk:
    """`memcli chat` in a pseudo-terminal of 100 by 30 cells. `ahead` is typed while the model is loaded."""

    def __init__(self, ahead: str = "") -> None:
        env = {**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        argv = ["-m", "memcli", "chat", "--temperature", "0"]
        self.child = pexpect.spawn(sys.executable, argv, env=env, dimensions=(30, 100), encoding="utf-8", timeout=60)
        if ahead:
            self.child.expect_exact(MARKED)
            self.type(ahead)
        self.greeting = self.answered()

    def answered(self) -> str:
        """Wait until the next prompt reads keys, and return what was printed before it."""
        self.child.expect(PROMPT_UP)
        return self.child.before or ""

    def type(self, *keys: str) -> None:
        self.child.send("".join(keys))


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk()
    yield made
    made.child.close(force=True)


def said() -> list[tuple[str, str]]:
    with Store.open(Paths.default().store) as store:
        return [(role, text) for role, text in store.rows("SELECT role, content FROM messages ORDER BY seq")]


def test_a_session_from_the_first_turn_to_ctrl_d(talk: Talk) -> None:
    child = talk.child
    talk.type("My dog", ALT_ENTER, "is called Rex.", ENTER)
    child.expect_exact("is called Rex.")
    talk.type("/thr")  # keys pressed meanwhile do not show, and wait for the prompt
    assert "/thr" not in talk.answered()
    assert said()[0] == ("user", "My dog\nis called Rex.")
    child.expect_exact("the conversations")  # the menu
    talk.type(TAB)
    child.expect_exact("/threads")
    talk.type(ENTER)
    child.expect_exact("My dog is called Rex.")  # the title of the thread

    talk.type("Write a long story about a dragon and a dog.", ENTER)
    child.expect_exact("thinking")
    child.expect(r"[a-z]{3,} [a-z]{2,} [a-z]{2,} ")
    child.sendintr()
    child.expect_exact("stopped")
    talk.answered()
    role, text = said()[-1]
    assert role == "assistant"
    assert text
    with Store.open(Paths.default().store) as store:
        assert store.value(f"SELECT {STOPPED}") == 1

    talk.type("/why", ENTER)
    child.expect_exact("nothing was recalled")
    talk.type("/context", ENTER)
    child.expect(r"\d+ of 4,096 tokens")
    talk.type("/context raw", ENTER)
    child.expect_exact("\x1b[7m<|im_start|>\x1b[0massistant")

    talk.type(CTRL_D)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_what_is_pasted_while_an_answer_is_written_waits_as_one_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMCLI_ANSWER_TOKENS", "10")
    talk, block = Talk(), f"Look:\n```\nI live in Hull.\n{'x' * 5000}\n```"
    talk.type("Write a long story about a dragon and a dog.", ENTER)
    talk.child.expect_exact(MARKED)  # by which a terminal that pastes now says so
    talk.type(pasted(block.replace("\n", "\r")))
    talk.answered()
    talk.child.expect_exact("````")  # it stands at the prompt
    assert [role for role, _ in said()] == ["user", "assistant"], "nothing was sent without Enter"
    talk.type(ENTER)
    talk.answered()
    assert said()[2] == ("user", f"````\n{block}\n````")
    talk.child.close(force=True)


def test_what_is_pasted_while_the_model_is_loaded_or_a_command_runs_waits_as_one_text() -> None:
    talk = Talk(pasted("I live in Hull.\rI am a nurse."))
    talk.child.expect_exact("```")  # it stands at the prompt
    talk.type(CTRL_C, "/threads", ENTER)
    talk.child.expect_exact("/threads")
    talk.child.expect_exact(MARKED)
    talk.type(pasted("I live in Leeds.\rI am a nurse."))
    talk.answered()
    talk.child.expect_exact("```")
    assert said() == []
    talk.child.close(force=True)


def test_the_screen_says_which_model_it_is_and_how_to_get_a_better_one(talk: Talk) -> None:
    assert "This small starter model shows that the memory works" in talk.greeting
    assert "memcli models pull" in talk.greeting
    talk.type("/quit", ENTER)
    talk.child.expect(pexpect.EOF)
