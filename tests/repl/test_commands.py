"""What the slash commands do."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from memcli.engines import ChatModel
from memcli.errors import NoModel
from memcli.repl.commands import COMMANDS
from memcli.store import core, memories, threads
from memcli.types import Kind
from tests.fakes import ScriptedModel
from tests.repl.harness import ENTER, NOW, Repl


def test_help_lists_every_command_with_its_arguments(repl: Repl) -> None:
    screen = repl.type("/help", ENTER)
    assert all(f"  /{c.name} {c.usage}".rstrip() in screen and c.help in screen for c in COMMANDS)


def test_help_for_one_command_shows_that_one(repl: Repl) -> None:
    screen = repl.type("/help /forget", ENTER)
    assert "/forget ID..." in screen
    assert "/search" not in screen


@pytest.mark.parametrize("name", ["/quit", "/exit", "/q"])
def test_quit_has_the_names_that_people_try(repl: Repl, name: str) -> None:
    repl.type(name, ENTER, "not read", ENTER)
    assert repl.said() == []


# --- context and why ------------------------------------------------------------------------------------------------


def test_context_before_any_turn_shows_what_an_empty_turn_would_hold(repl: Repl) -> None:
    screen = repl.type("/context", ENTER)
    assert "system\t" in screen
    assert "\nrecall\t" not in screen


def test_context_after_a_turn_is_that_turns_ledger(repl: Repl) -> None:
    repl.remember("my dog is called Rex")
    repl.type("what is my dog called?", ENTER, "/context", ENTER)
    screen = repl.type("/context", ENTER)
    assert "\nrecall\t" in screen
    assert repl.assistant.last is not None
    assert f"total\t{repl.assistant.last.prepared.ledger.total}\t" in screen


def test_context_of_a_message_shows_what_it_would_recall_and_stores_nothing(repl: Repl) -> None:
    repl.remember("my dog is called Rex")
    assert "\nrecall\t" in repl.type("/context what is my dog called?", ENTER)
    assert repl.said() == []


def test_context_raw_is_the_exact_text(repl: Repl) -> None:
    screen = repl.type("hi", ENTER, "/context raw", ENTER)
    assert "<user>hi<assistant>" in screen


def test_context_diff_compares_the_last_turn_with_the_one_before(repl: Repl) -> None:
    repl.type("one", ENTER, "two", ENTER)
    screen = repl.type("/context diff", ENTER)
    last = repl.assistant.last
    assert last is not None
    assert last.prepared.before is not None
    assert f"=\t\t{last.prepared.before.total}\t" in screen
    assert "+\tmessage\t1\tnew\t\ttwo\n" in screen
    assert "the prefix goes on" in screen
    assert "+\tmessage\t1\tnew\t\tthree\n" in repl.type("/context diff three", ENTER)


def test_context_diff_in_a_new_thread_says_that_there_is_nothing_to_compare(repl: Repl) -> None:
    assert "there is no earlier turn to compare with" in repl.type("one", ENTER, "/context diff", ENTER)


def test_context_diff_of_a_resumed_thread_compares_with_its_last_turn(repl: Repl) -> None:
    repl.type("/new work", ENTER, "one", ENTER, "/new play", ENTER)
    screen = repl.type("/resume work", ENTER, "/context diff two", ENTER)
    assert "the prefix goes on" in screen
    assert "+\tmessage\t1\tnew\t\ttwo\n" in screen


def test_context_full_shows_the_same_ledger(repl: Repl) -> None:
    repl.type("one", ENTER)
    screen = repl.type("/context", ENTER)
    assert repl.type("/context full", ENTER) == screen


def test_stats_tell_of_this_thread_and_of_all(repl: Repl) -> None:
    repl.type("/new work", ENTER, "one", ENTER, "/new play", ENTER, "two", ENTER, "three", ENTER)
    screen = repl.type("/stats", ENTER)
    _, thread, everything = re.split(r"in this thread\n|in all\n", screen)
    assert "turns\t2\n" in thread
    assert "turns\t3\n" in everything
    assert "messages\t6, 3 waiting for formation\n" in screen


def test_why_names_each_note_with_what_spoke_for_it(repl: Repl) -> None:
    dog = repl.remember("my dog is called Rex")
    screen = repl.type("what is my dog called?", ENTER, "/why", ENTER)
    assert "looked up\tdog, called\n" in screen
    id_, score, line, why, relevance, has = next(
        line.split("\t") for line in screen.splitlines() if line.startswith(dog.id[:6])
    )
    assert dog.id.startswith(id_)
    assert "my dog is called Rex" in line
    assert sum(float(value) for value in re.findall(r"-?\d\.\d+", why)) == pytest.approx(float(score))
    assert 0 <= float(relevance) <= 1
    assert has == "dog, called"


def test_why_lists_near_misses_with_the_reason(repl: Repl) -> None:
    for number in range(12):
        repl.remember(f"dog number {number} is called Rex")
    screen = repl.type("what is my dog called?", ENTER, "/why", ENTER)
    rows = [line.split("\t") for line in screen.splitlines() if line.startswith("-")]
    assert len(rows) == 4
    assert all(row[-1] == "left out: over the limit of 8 notes" for row in rows)
    assert all("words 0." in row[3] for row in rows)


def test_search_explained_shows_what_each_feature_gave(repl: Repl) -> None:
    for number in range(12):
        repl.remember(f"dog number {number} is called Rex")
    screen = repl.type("/search --explain dog called", ENTER)
    assert "\nlooked up\tdog, called\n" in screen
    assert screen.count("words 0.") >= 10
    assert len([line for line in screen.splitlines() if line.startswith("-")]) == 2
    assert "words 0." not in repl.type("/search dog", ENTER)
    assert "/search [--explain] QUERY" in repl.type("/search --explain", ENTER)


def test_why_before_an_answer_says_so(repl: Repl) -> None:
    assert "nothing has been answered here yet" in repl.type("/why", ENTER)


# --- remembering ----------------------------------------------------------------------------------------------------


def test_remember_keeps_the_text_verbatim_and_prints_id_and_kind(repl: Repl) -> None:
    screen = repl.type("/remember --kind procedural  Answer  in French", ENTER)
    kept = memories.current(repl.store, now=NOW)
    assert [(m.text, m.kind, m.sources) for m in kept] == [("Answer  in French", Kind.PROCEDURAL, ())]
    assert f"{kept[0].id}  procedural" in screen


def test_remember_with_an_unknown_kind_keeps_nothing(repl: Repl) -> None:
    assert "'nonsense' is not a kind of memory" in repl.type("/remember --kind=nonsense x", ENTER)
    assert memories.count(repl.store) == 0


def test_search_finds_memories_and_messages(repl: Repl) -> None:
    repl.remember("my dog is called Rex")
    screen = repl.type("the dog barks", ENTER, "/search dog", ENTER)
    assert "my dog is called Rex" in screen
    assert screen.count("the dog barks") == 1


def test_list_shows_one_kind(repl: Repl) -> None:
    repl.remember("my dog is called Rex", Kind.SEMANTIC)
    repl.remember("Answer in French", Kind.PROCEDURAL)
    screen = repl.type("/list procedural", ENTER)
    assert "Answer in French" in screen
    assert "Rex" not in screen


def test_core_is_set_appended_shown_and_cleared(repl: Repl) -> None:
    screen = repl.type("/core set user I live in Oslo", ENTER, "/core append user with Rex", ENTER, "/core", ENTER)
    assert "user\tI live in Oslo with Rex" in screen
    repl.type("/core clear user", ENTER)
    assert core.blocks(repl.store) == []


def test_core_without_a_label_says_how_it_is_used(repl: Repl) -> None:
    assert "/core [show|set|append|clear] LABEL TEXT" in repl.type("/core set", ENTER)


# --- forgetting -----------------------------------------------------------------------------------------------------


def test_forget_shows_asks_and_prints_a_receipt(repl: Repl) -> None:
    dog = repl.remember("my dog is called Rex", Kind.SEMANTIC)
    screen = repl.type(f"/forget {dog.id[:6]}", ENTER, "y", ENTER)
    assert f"to be forgotten (1):\n  {dog.id} semantic my dog is called Rex" in screen
    assert "traces left: 0" in screen
    assert memories.count(repl.store) == 0


def test_forget_keeps_everything_unless_the_answer_is_yes(repl: Repl) -> None:
    dog = repl.remember("my dog is called Rex")
    assert "nothing was forgotten" in repl.type(f"/forget {dog.id}", ENTER, ENTER)
    assert memories.count(repl.store) == 1


def test_forget_takes_the_text_out_of_the_typed_lines_too(repl: Repl) -> None:
    repl.type("/remember my dog is called Rex", ENTER, "unrelated", ENTER)
    dog = memories.current(repl.store, now=NOW)[0]
    screen = repl.type(f"/forget {dog.id}", ENTER, "y", ENTER)
    typed = repl.paths.history.read_text()
    assert "Rex" not in typed
    assert "unrelated" in typed
    assert str(repl.paths.history) in screen


def test_after_forgetting_the_next_turn_does_not_see_it(make_repl: Callable[[ChatModel], Repl]) -> None:
    model = ScriptedModel("Noted.")
    repl = make_repl(model)
    repl.type("my pin is 4711-Rex", ENTER)
    said = repl.store.value("SELECT id FROM messages WHERE role = 'user'")
    screen = repl.type(f"/forget {said}", ENTER, "y", ENTER, "/why", ENTER, "what now?", ENTER)
    assert "nothing has been answered here yet" in screen
    assert "4711" not in model.prompts[-1].text


def test_the_thread_may_be_gone_when_talk_goes_on(repl: Repl) -> None:
    repl.type("hello", ENTER)
    assert repl.assistant.thread is not None
    gone = repl.assistant.thread.id
    repl.store.run("DELETE FROM threads WHERE id = ?", (gone,))
    dog = repl.remember("my dog is called Rex")
    repl.type(f"/forget {dog.id}", ENTER, "y", ENTER, "go on", ENTER)
    assert [t.id for t in threads.all_threads(repl.store)] != [gone]
    assert repl.said()[0] == ("user", "go on")


# --- undoing --------------------------------------------------------------------------------------------------------


def test_undo_shows_asks_and_takes_back(repl: Repl) -> None:
    dog = repl.remember("my dog is called Rex")
    screen = repl.type("/undo", ENTER, "y", ENTER)
    assert f"to be taken back (1):\n  add by you, {NOW}\n    retire  {dog.id} my dog is called Rex\n" in screen
    assert f"taken back: add by you, {NOW}\n" in screen
    assert memories.count(repl.store) == 0


def test_undo_keeps_everything_unless_the_answer_is_yes(repl: Repl) -> None:
    repl.remember("my dog is called Rex")
    assert "nothing was taken back" in repl.type("/undo", ENTER, ENTER)
    assert memories.count(repl.store) == 1


def test_undo_takes_back_as_many_operations_as_are_named(repl: Repl) -> None:
    screen = repl.type("/remember one", ENTER, "/core set user Ann", ENTER, "/undo 2", ENTER, "y", ENTER)
    assert "to be taken back (2)" in screen
    assert (memories.count(repl.store), core.blocks(repl.store)) == (0, [])
    assert "there is nothing to undo" in repl.type("/undo", ENTER)


@pytest.mark.parametrize("n", ["0", "-1", "all"])
def test_undo_of_something_else_says_how_it_is_used(repl: Repl, n: str) -> None:
    assert "/undo [N]" in repl.type(f"/undo {n}", ENTER)


def test_after_an_undo_the_next_turn_does_not_see_it(make_repl: Callable[[ChatModel], Repl]) -> None:
    model = ScriptedModel("Noted.")
    repl = make_repl(model)
    repl.remember("my dog is called Rex")
    repl.type("what is my dog called?", ENTER)
    assert "Rex" in model.prompts[-1].text
    repl.type("/undo", ENTER, "y", ENTER, "and my dog?", ENTER)
    assert "Rex" not in model.prompts[-1].text


# --- threads and models ---------------------------------------------------------------------------------------------


def test_new_begins_a_thread_with_the_given_name(repl: Repl) -> None:
    repl.type("one", ENTER, "/new trip to Oslo", ENTER, "two", ENTER)
    assert [t.name for t in threads.all_threads(repl.store)] == ["trip to Oslo", None]


def test_new_refuses_a_name_that_is_taken(repl: Repl) -> None:
    assert "named 'work' already" in repl.type("/new work", ENTER, "one", ENTER, "/new work", ENTER)


def test_resume_goes_on_in_a_thread_and_shows_where_it_stands(repl: Repl) -> None:
    repl.type("/new work", ENTER, "one", ENTER, "/new play", ENTER, "two", ENTER)
    screen = repl.type("/resume work", ENTER, "three", ENTER)
    assert "> one\n" in screen
    work = threads.find(repl.store, "work")
    assert work is not None
    assert work.messages == 4


def test_resume_of_an_unknown_thread_says_where_they_are_listed(repl: Repl) -> None:
    assert "there is no thread 'nowhere'\n        /threads lists them" in repl.type("/resume nowhere", ENTER)


def test_threads_lists_them_with_their_openings(repl: Repl) -> None:
    assert "tell me about Oslo" in repl.type("tell me about Oslo", ENTER, "/threads", ENTER)


@dataclass(frozen=True)
class _Found:
    path: Path
    name: str
    origin: str = "installed"
    size: int = 100_000_000


def test_model_lists_what_is_installed_with_the_present_one_marked(repl: Repl, monkeypatch: pytest.MonkeyPatch) -> None:
    big, small = _Found(Path("/m/big.gguf"), "big"), _Found(Path("/m/small.gguf"), "small")
    monkeypatch.setattr("memcli.inference.catalog.list_models", lambda paths: [big, small])
    monkeypatch.setattr("memcli.inference.catalog.find", lambda name, paths: small)
    monkeypatch.setattr(_Found, "is_starter", False, raising=False)
    repl.workspace.model_path = small.path
    screen = repl.type("/model", ENTER)
    assert "\nbig\t" in screen.replace("\n\tbig", "\nbig")
    assert "*\tsmall\t" in screen


def test_model_switches_and_the_next_answer_is_the_new_ones(repl: Repl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repl.workspace, "_load_model", lambda name: ScriptedModel(f"I am {name}."))
    assert "I am other." in repl.type("/model other", ENTER, "who are you?", ENTER)


def test_a_model_that_cannot_be_loaded_leaves_the_present_one(repl: Repl, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> ChatModel:
        raise NoModel(f"there is no model {name!r}")

    monkeypatch.setattr(repl.workspace, "_load_model", fail)
    screen = repl.type("/model other", ENTER, "\x15hi", ENTER)
    assert "there is no model 'other'" in screen
    assert "Hello there." in screen
