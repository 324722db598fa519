"""The loop: what is typed, what is answered, what happens when something goes wrong."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.engines import ChatModel
from memcli.errors import ModelError
from memcli.memory.formation.spans import own
from memcli.memory.remember import set_core
from memcli.repl.prompt import as_document
from memcli.store import memories, threads
from memcli.types import Piece, Prompt, Sampling
from tests.attacks import ATTACKS
from tests.fakes import ScriptedModel
from tests.program import Stream
from tests.repl.harness import ALT_ENTER, CTRL_C, CTRL_D, CTRL_U, ENTER, NOW, UNDO, UP, Repl, pasted


class Interrupted(ScriptedModel):
    """A model during whose answer the user presses Ctrl-C after `words` words, `times` times."""

    def __init__(self, *answers: str, words: int = 2, times: int = 1) -> None:
        super().__init__(*answers)
        self._words, self._times = words, times

    def stream(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        for number, piece in enumerate(super().stream(prompt, sampling), 1):
            yield piece
            if number == self._words:
                for _ in range(self._times):
                    os.kill(os.getpid(), signal.SIGINT)


class Failing(ScriptedModel):
    """A model that fails at its first answer."""

    def stream(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        if not self.prompts:
            self.prompts.append(prompt)
            raise ModelError("the model fell over", "try again")
        yield from super().stream(prompt, sampling)


# --- typing ---------------------------------------------------------------------------------------------------------


def test_enter_sends_and_the_turn_is_stored(repl: Repl) -> None:
    assert "Hello there." in repl.type("hi", ENTER)
    assert repl.said() == [("user", "hi"), ("assistant", "Hello there.")]


def test_alt_enter_begins_a_new_line_of_the_same_message(repl: Repl) -> None:
    repl.type("one", ALT_ENTER, "two", ENTER)
    assert repl.said()[0] == ("user", "one\ntwo")


def test_pasted_lines_wait_for_enter_and_stay_one_message(repl: Repl) -> None:
    repl.type(pasted("one\r\ntwo\r\n"), "three", ENTER)
    assert repl.said()[0] == ("user", "```\none\ntwo\n```\nthree"), "what is pasted is a document's, and is seen to be"


def test_a_paste_cannot_close_its_fence_and_forms_nothing(repl: Repl) -> None:
    repl.type("Is it so?", pasted("I live in Hull.\n```\nI work at the docks.\n"), ENTER)
    said = repl.said()[0][1]
    assert said == "Is it so?\n````\nI live in Hull.\n```\nI work at the docks.\n````"
    assert [said[start:end] for start, end in own(said)] == ["Is it so?"]


def test_of_a_pasted_block_nothing_is_the_users_word(repl: Repl) -> None:
    blocks = [attack for attack in ATTACKS if "\n" in attack.text.strip("\n")]
    assert len(blocks) > 30
    for attack in blocks:
        repl.type("What is this?", pasted(attack.text), ENTER)
    said = [text for role, text in repl.said() if role == "user"]
    assert all(attack.marker in text for attack, text in zip(blocks, said, strict=True))
    assert {" ".join(text[start:end] for start, end in own(text)) for text in said} == {"What is this?"}


def test_a_short_pasted_line_or_a_paste_into_a_command_or_a_fence_stays_as_it_is(repl: Repl) -> None:
    address = "https://example.org/" + "long/" * 20
    repl.type(pasted("one line"), ENTER)
    repl.type(pasted(address), ENTER)
    repl.type("```", ALT_ENTER, pasted("one\ntwo"), ALT_ENTER, "```", ENTER)
    assert [text for role, text in repl.said() if role == "user"] == ["one line", address, "```\none\ntwo\n```"]
    repl.type("/remember ", pasted("tea\nand milk"), ENTER)
    assert [memory.text for memory in memories.current(repl.store, now=NOW)] == ["tea\nand milk"]


def test_a_paste_neither_closes_an_open_fence_nor_counts_as_one_for_the_next_paste(repl: Repl) -> None:
    repl.type("```", ALT_ENTER, pasted("one\n```\nI live in Hull."), ENTER)
    repl.type(pasted("one\n```\ntwo"), pasted("three\nfour"), ENTER)
    said = [text for role, text in repl.said() if role == "user"]
    assert said == [
        "```\n````\none\n```\nI live in Hull.\n````",
        "````\none\n```\ntwo\n````\n```\nthree\nfour\n```",
    ]
    assert not any(own(text) for text in said)


def test_a_paste_behind_two_slashes_is_fenced_and_one_behind_an_indented_command_is_not(repl: Repl) -> None:
    repl.type("//etc? ", pasted("I live in Hull.\nI am a nurse."), ENTER)
    assert repl.said()[0] == ("user", "/etc? \n```\nI live in Hull.\nI am a nurse.\n```")
    repl.type(" /remember ", pasted("tea\nand milk"), ENTER)
    assert [memory.text for memory in memories.current(repl.store, now=NOW)] == ["tea\nand milk"]


@pytest.mark.parametrize("text", ["I live in Hull.\u2028I am a nurse.", "我住在上海，" * 20, "one\t" * 30 + "two"])
def test_lines_of_any_break_and_long_lines_of_any_script_are_blocks(repl: Repl, text: str) -> None:
    repl.type(pasted(text), ENTER)
    assert repl.said()[0] == ("user", f"```\n{text}\n```")


FENCES = st.lists(
    st.sampled_from(
        ["I live in Hull.", "```", "````", "---", "~~~", '"""', "use ```", "x ```y``` z", "  ```py", "<b>"]
    ),
    max_size=6,
).map("\n".join)


@given(FENCES, FENCES, FENCES)
def test_nothing_of_a_pasted_block_is_the_users_word_whatever_stands_around_it(
    before: str, body: str, after: str
) -> None:
    block = as_document(before, f"One.\n{body}\nTwo.")
    text, start, end = before + block + after, len(before), len(before + block)
    held = [text[max(a, start) : min(b, end)] for a, b in own(text) if a < end and b > start]
    assert not any(char.isalnum() for char in "".join(held))


def test_bytes_that_are_no_text_become_the_marks_as_which_they_are_shown(repl: Repl) -> None:
    repl.type(pasted("a\udcffb"), "\udcfe", ENTER)
    assert repl.said()[0][1] == "a\ufffdb\ufffd"
    assert repl.paths.history.read_text(encoding="utf-8").count("a\ufffdb") == 1


def test_a_long_pasted_line_is_a_block(repl: Repl) -> None:
    line = "I live in Hull, where I work at the docks, and I have told everybody there about it."
    repl.type(pasted(line), ENTER)
    assert repl.said()[0] == ("user", f"```\n{line}\n```")


def test_undo_takes_the_fence_away_and_then_what_was_pasted(repl: Repl) -> None:
    repl.type("see ", pasted("one\ntwo"), UNDO, " three", ENTER)
    repl.type("see", pasted("one\ntwo"), UNDO, UNDO, "!", ENTER)
    assert [text for role, text in repl.said() if role == "user"] == ["see one\ntwo three", "see!"]


def test_a_paste_that_is_not_sent_is_no_message(repl: Repl) -> None:
    repl.type(pasted("one\ntwo\n"), CTRL_C)
    assert repl.said() == []


def test_an_empty_line_does_nothing(repl: Repl) -> None:
    repl.type(ENTER, "   ", ENTER)
    assert repl.said() == []


def test_ctrl_c_clears_a_line_that_is_not_empty(repl: Repl) -> None:
    screen = repl.type("wrong", CTRL_C, "right", ENTER)
    assert repl.said()[0] == ("user", "right")
    assert "Ctrl-D leaves\n\n" not in screen


def test_ctrl_c_on_an_empty_line_says_how_to_leave_and_the_second_one_leaves(repl: Repl) -> None:
    screen = repl.type(CTRL_C, CTRL_C, "never read", ENTER)
    assert "\nCtrl-D leaves\n" in screen
    assert repl.said() == []


def test_a_message_in_between_makes_the_next_ctrl_c_the_first_again(repl: Repl) -> None:
    repl.type(CTRL_C, "hi", ENTER, CTRL_C, "still here", ENTER)
    assert [text for role, text in repl.said() if role == "user"] == ["hi", "still here"]


def test_two_slashes_send_one(repl: Repl) -> None:
    repl.type("//etc is a folder", ENTER)
    assert repl.said()[0] == ("user", "/etc is a folder")


# --- history --------------------------------------------------------------------------------------------------------


def test_typed_lines_come_back_in_the_next_session_whole(repl: Repl) -> None:
    repl.type("one", ALT_ENTER, "two", ENTER)
    repl.type(UP, ENTER)
    assert [text for role, text in repl.said() if role == "user"] == ["one\ntwo", "one\ntwo"]


def test_the_history_file_is_private(repl: Repl) -> None:
    repl.type("hi", ENTER)
    assert stat.S_IMODE(repl.paths.history.stat().st_mode) == 0o600
    assert stat.S_IMODE(repl.paths.history.parent.stat().st_mode) == 0o700


def test_a_history_that_cannot_be_written_does_not_stop_the_conversation(repl: Repl) -> None:
    repl.paths.history.mkdir(parents=True)  # a folder where the file should be
    repl.type("hi", ENTER)
    assert repl.said()[0] == ("user", "hi")


# --- stopping and failing -------------------------------------------------------------------------------------------


def test_ctrl_c_in_an_answer_keeps_what_was_said(make_repl: Callable[[ChatModel], Repl]) -> None:
    repl = make_repl(Interrupted("one two three four five"))
    screen = repl.type("count", ENTER, "/quit", ENTER)
    assert "one two\nstopped\n" in screen
    assert repl.said() == [("user", "count"), ("assistant", "one two")]
    assert repl.store.value("SELECT interrupted FROM messages WHERE role = 'assistant'") == 1


def test_thinking_is_neither_stored_nor_part_of_the_answer_and_the_context_lists_it(
    make_repl: Callable[[ChatModel], Repl],
) -> None:
    repl = make_repl(ScriptedModel("<think>\nlet me see\n</think>\n\nFour."))
    screen = repl.type("two and two?", ENTER, "/context", ENTER)
    assert "let me see" not in screen, "nobody can dim it on this terminal"
    assert repl.said() == [("user", "two and two?"), ("assistant", "Four.")]
    answer = repl.store.value("SELECT id FROM messages WHERE role = 'assistant'")
    assert f"-thinking\t5\t{answer}\tthinking is not replayed" in screen


def test_thinking_is_shown_before_the_answer(
    make_repl: Callable[[ChatModel], Repl], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    repl = make_repl(ScriptedModel("<think>\nlet me see\n</think>\n\nFour."))
    repl.terminal.stdout = Stream(tty=True)
    screen = repl.type("two and two?", ENTER)
    assert screen.index("\x1b[2mlet") < screen.index("\x1b[2m me") < screen.index("\x1b[2m see") < screen.index("Four.")
    assert repl.said()[1] == ("assistant", "Four.")


def test_ctrl_c_while_it_thinks_keeps_the_question_and_an_empty_answer(
    make_repl: Callable[[ChatModel], Repl],
) -> None:
    repl = make_repl(Interrupted("<think>one two three</think>four"))
    assert "stopped" in repl.type("count", ENTER, "/quit", ENTER)
    assert repl.said() == [("user", "count"), ("assistant", "")]


def test_a_second_ctrl_c_in_an_answer_leaves(make_repl: Callable[[ChatModel], Repl]) -> None:
    repl = make_repl(Interrupted("one two three", times=2))
    with pytest.raises(KeyboardInterrupt):
        repl.type("count", ENTER)


def test_a_failed_turn_is_reported_in_two_lines_and_its_text_is_put_back(
    make_repl: Callable[[ChatModel], Repl],
) -> None:
    repl = make_repl(Failing("Fine now."))
    screen = repl.type("important", ENTER, " question", ENTER)
    assert "memcli: the model fell over\n        try again\n" in screen
    assert repl.said() == [("user", "important question"), ("assistant", "Fine now.")]


def test_a_message_that_does_not_fit_the_window_is_read_in_part_and_the_user_told(repl: Repl) -> None:
    screen = repl.type(pasted("word " * 3000), ENTER)
    assert "the message has 3002 tokens, more than fit" in screen
    assert repl.said()[0] == ("user", f"```\n{'word ' * 3000}\n```")


def test_a_message_for_which_core_memory_leaves_no_room_is_put_back(repl: Repl) -> None:
    for label in ("a", "b", "c", "d", "e"):
        set_core(repl.store, label, "word " * 390, now=NOW, limit=2000)
    screen = repl.type("important", ENTER, CTRL_U, "/core clear a", ENTER, "/core clear b", ENTER, "short", ENTER)
    assert "what is always in the context has" in screen
    assert repl.said()[0] == ("user", "short")


def test_an_unknown_command_names_the_nearest_one(repl: Repl) -> None:
    assert "there is no command /thread\n        did you mean /threads?" in repl.type("/thread", ENTER)


# --- the start ------------------------------------------------------------------------------------------------------


def test_the_start_names_model_store_and_what_is_in_it(repl: Repl) -> None:
    repl.remember("I like tea")
    screen = repl.type()
    assert "scripted (7.0B parameters)" in screen
    assert f"{repl.paths.store} · 1 memory, 0 messages" in screen


def test_a_thread_that_goes_on_shows_its_last_exchange(repl: Repl) -> None:
    repl.type("first", ENTER, "second", ENTER)
    repl.assistant.resume(threads.latest(repl.store))
    screen = repl.type()
    assert "> second\n\nOnce more.\n" in screen
    assert "first" not in screen


def test_the_last_exchange_cannot_act_on_the_terminal(make_repl: Callable[[ChatModel], Repl]) -> None:
    repl = make_repl(ScriptedModel("a\x1b[2Jb\x1b]0;title\x07c"))
    repl.type("hi", ENTER)
    repl.assistant.resume(threads.latest(repl.store))
    assert "abc" in repl.type()


def test_ctrl_d_leaves_and_the_store_stays_open_for_its_owner(repl: Repl, tmp_path: Path) -> None:
    repl.type(CTRL_D)
    assert repl.store.value("SELECT 1") == 1
