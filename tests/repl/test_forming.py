"""What the REPL says about memories that are formed while the user reads or types."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from memcli.engines import ChatModel
from memcli.memory.formation.records import Former
from memcli.repl import toolbar
from memcli.store import memories, queue
from memcli.store.database import Store
from tests.fakes import ScriptedFormer, ScriptedModel
from tests.repl.harness import CTRL_D, ENTER, NOW, PAUSE, PROMPT_UP, Repl

TOLD = "remembered: I like tea · /undo"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Repl]]:
    made: list[Repl] = []

    def build(form: Callable[[Store], Former] = ScriptedFormer, model: ChatModel | None = None) -> Repl:
        made.append(Repl(tmp_path, model or ScriptedModel("Hello."), form))
        return made[-1]

    yield build
    for repl in made:
        repl.store.close()


def test_what_was_remembered_is_said_once_and_is_on_disk(make: Callable[..., Repl]) -> None:
    repl = make()
    screen = repl.type("I like tea", ENTER, PAUSE, "/list", ENTER)
    assert screen.count(TOLD) == 1
    assert screen.index("Hello.") < screen.index(TOLD)
    assert [m.text for m in memories.current(repl.store, now=NOW)] == ["I like tea"]
    assert queue.waiting(repl.store) == 0


def test_nothing_is_said_where_nothing_was_kept(make: Callable[..., Repl]) -> None:
    repl = make()
    assert "/undo" not in repl.type("how are you?", ENTER, PAUSE)
    assert (queue.waiting(repl.store), memories.count(repl.store)) == (0, 0)


def test_what_waits_when_the_user_leaves_is_formed_by_the_next_session(make: Callable[..., Repl]) -> None:
    repl = make(lambda store: ScriptedFormer(store, seconds=60))
    begun = time.monotonic()
    assert "/undo" not in repl.type("I like tea", ENTER, PAUSE)
    assert time.monotonic() - begun < 20, "leaving does not wait for what is being formed"
    assert queue.waiting(repl.store) == 1
    repl.workspace.former = ScriptedFormer  # type: ignore[method-assign, assignment]
    assert TOLD in repl.type(PAUSE)


class Watching(ScriptedModel):
    """Looks at what is formed while an answer is written."""

    formers: list[ScriptedFormer]

    def stream(self, *args, **more):  # type: ignore[no-untyped-def]
        before = [former._stopped.is_set() for former in self.formers]
        assert all(before), "a turn stops what is being formed"
        yield from super().stream(*args, **more)


def test_nothing_is_formed_beside_an_answer_or_a_command(make: Callable[..., Repl]) -> None:
    model, formers = Watching("Hello."), []

    def form(store: Store) -> ScriptedFormer:
        formers.append(ScriptedFormer(store, seconds=60))
        return formers[-1]

    model.formers = formers
    repl = make(form, model)
    repl.type("I like tea", ENTER, PAUSE, "and milk", ENTER, PAUSE, "/list", ENTER)
    assert len(formers) == 1
    assert formers[0].thinking.is_set()
    assert [text for role, text in repl.said() if role == "user"] == ["I like tea", "and milk"]


def test_another_model_is_talked_with_after_the_former_has_let_go_of_the_present_one(
    make: Callable[..., Repl], monkeypatch: pytest.MonkeyPatch
) -> None:
    formers: list[ScriptedFormer] = []

    def form(store: Store) -> ScriptedFormer:
        formers.append(ScriptedFormer(store))
        return formers[-1]

    def load(name: str) -> ChatModel:
        assert [former.closed for former in formers] == [True]
        return ScriptedModel("I am other.")

    repl = make(form)
    monkeypatch.setattr(repl.workspace, "_load_model", load)
    screen = repl.type("I like tea", ENTER, PAUSE, "/model other", ENTER, "I like milk", ENTER, PAUSE)
    assert "I am other." in screen
    assert "remembered: I like milk · /undo" in screen


@pytest.mark.parametrize("switch", ["setting", "option"])
def test_a_chat_without_formation_leaves_the_queue_alone(make: Callable[..., Repl], switch: str) -> None:
    repl = make()
    queue_before = repl.type("I like tea", ENTER)
    assert TOLD in queue_before or queue.waiting(repl.store) == 1
    if switch == "setting":
        repl.workspace.config.values["formation"] = "off"  # type: ignore[index]
    else:
        repl.assistant.use_memory = False
    waiting = queue.waiting(repl.store)
    repl.type("I like milk", ENTER, PAUSE)
    assert memories.count(repl.store) + waiting == 1
    assert queue.waiting(repl.store) == waiting + (switch == "setting"), "without memory nothing is even queued"


def test_the_toolbar_tells_what_waits_and_why(make: Callable[..., Repl]) -> None:
    repl = make(lambda store: ScriptedFormer(store, seconds=60))
    repl.type("I like tea", ENTER)
    session = repl.session()
    assert "0 memories, 1 waiting" in toolbar.line(session.chat)
    assert session.chat.worker is not None
    session.chat.worker.trouble = "the model fell over"
    assert toolbar.line(session.chat).endswith("0 memories, 1 waiting (the model fell over)")


def test_the_toolbar_follows_while_the_prompt_is_up(make: Callable[..., Repl], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = toolbar.line
    monkeypatch.setattr(toolbar, "line", lambda chat: read.append(real(chat)) or read[-1])
    make(lambda store: ScriptedFormer(store, seconds=0.2)).type("I like tea", ENTER, PAUSE)
    assert [line.split(" · ")[-1] for line in read] == ["0 memories", "0 memories, 1 waiting", "1 memory"]


# A chat with stand-ins for the models, in a terminal of its own.
CHAT = """
import sys
from memcli.cli import main
from memcli.workspace import Workspace
from tests import fakes
Workspace._load_embedder = lambda self, name: fakes.HashingEmbedder()
Workspace._load_model = lambda self, name: fakes.ScriptedModel("Hello.")
Workspace.former = lambda self, store=None: fakes.ScriptedFormer(store or self.store, seconds=float(sys.argv[1]))
main.main(["chat"])
"""


def chat(seconds: float, term: str) -> pexpect.spawn:
    root = str(Path(__file__).parents[2])
    env = {**os.environ, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONPATH": root}
    argv = ["-c", CHAT, str(seconds)]
    return pexpect.spawn(sys.executable, argv, env=env, dimensions=(30, 100), encoding="utf-8", timeout=30)


def test_the_line_appears_above_what_is_being_typed() -> None:
    child = chat(5.0, "xterm-256color")
    child.expect_exact("Ctrl-D leaves")
    child.send("I like tea" + ENTER)
    child.expect_exact("Hello.")
    child.send("half a sent")
    child.expect_exact(TOLD)
    child.expect_exact("half a sent")  # drawn again below it, in one piece; while it was typed there may be several
    child.send("ence." + ENTER)
    child.expect_exact("Hello.")
    child.send("/threads" + ENTER)
    child.expect_exact("  4  ")  # messages: the sentence was sent whole
    child.expect(PROMPT_UP)  # the next prompt is up
    child.send(CTRL_D)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_a_dumb_terminal_gets_the_line_before_the_next_prompt() -> None:
    child = chat(0.0, "dumb")
    child.expect_exact("Ctrl-D leaves")
    child.send("I like tea" + ENTER)
    child.expect_exact("Hello.")
    time.sleep(1)
    child.send("half a sentence" + ENTER)
    child.expect_exact(TOLD)
    assert TOLD not in (child.before or "")
    child.expect_exact(">")
    child.send(CTRL_D)
    child.expect(pexpect.EOF)
