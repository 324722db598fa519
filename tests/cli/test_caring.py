"""consolidate makes one memory of several that say the same, and sums up what happened on several days."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from memcli.engines import ChatModel
from memcli.errors import ModelError
from memcli.memory.formation.merger import Merger
from memcli.memory.formation.records import Merged
from memcli.store import health, memories
from memcli.store.database import Store
from memcli.types import SUMMED_UP
from memcli.workspace import Workspace
from tests.fakes import ScriptedModel
from tests.inference import gguf_files
from tests.program import Program
from tests.store.making import python

CLIMBS = (
    ("I went climbing with Mara yesterday.", "2026-03-04"),
    ("I went climbing with Mara again today.", "2026-03-09"),
    ("I went climbing with Mara on Sunday.", "2026-03-18"),
)
SUMMARY = "I went climbing with Mara: 3 times, 2026-03-03 to 2026-03-15"
CAT, BOAT = ("I have a cat", "i have a cat."), ("My boat is red", "My boat is red!", "my boat is red")


@pytest.fixture
def kept(memcli: Program) -> Program:
    """Return a program whose user asked to keep some texts more than once."""
    lines = "".join(f"{text}\n" for text in (*CAT, *BOAT, "My boat is old"))
    assert memcli("remember", "--lines", stdin=lines).status == 0
    return memcli


def tell(memcli: Program) -> None:
    lines = (
        {"thread": day, "role": "user", "content": text, "created_at": f"{day}T12:00:00Z", "id": day}
        for text, day in CLIMBS
    )
    assert memcli("import", "-", stdin="".join(json.dumps(line) + "\n" for line in lines)).status == 0


def texts(memcli: Program) -> list[str]:
    return [memory["text"] for memory in memcli("list", "--json").json["memories"]]


def test_it_says_in_a_line_what_was_merged_and_summarised(kept: Program) -> None:
    tell(kept)
    done = kept("consolidate")
    assert done.status == 0
    assert done.out.startswith("3 messages read: 3 remembered; 3 merged, 1 summarised; core memory user refreshed")
    assert kept("consolidate").out == "no message waits\n"
    assert SUMMARY in texts(kept)
    assert [text for text in texts(kept) if "boat" in text] == ["my boat is red", "My boat is old"]


def test_json_has_all_ids(kept: Program) -> None:
    tell(kept)
    before = {memory["id"] for memory in kept("list", "--json").json["memories"]}
    done = kept("consolidate", "--json").json
    (summary,) = done["summarised"]
    assert (summary["memory"]["text"], summary["before"], len(summary["episodes"])) == (SUMMARY, None, 3)
    assert summary["memory"]["formed_by"] == SUMMED_UP
    assert sorted(one["kept"]["text"] for one in done["merged"]) == ["i have a cat.", "my boat is red"]
    gone = [id_ for one in done["merged"] for id_ in one["superseded"]]
    assert len(gone) == 3
    now = {memory["id"] for memory in kept("list", "--json").json["memories"]}
    assert before - now == set(gone)
    assert (done["dropped"], done["core"]) == ([], ["user"])


def test_a_dry_run_shows_the_whole_plan_and_changes_nothing(kept: Program) -> None:
    tell(kept)
    before = kept("list", "--all", "--json").out
    shown = kept("consolidate", "--dry-run")
    rows = [line.split("\t")[1:] for line in shown.out.splitlines()]
    assert ["merged", "I have a cat (into: i have a cat.)"] in rows
    assert ["merged", "My boat is red! (into: my boat is red)"] in rows
    assert ["summarised", f"{SUMMARY} (from 3 memories)"] in rows
    assert ["refreshed", "core memory user"] in rows
    assert shown.out.endswith("3 would be merged, 1 would be summarised; core memory user would be refreshed\n")
    planned = kept("consolidate", "--dry-run", "--json").json
    assert (len(planned["merged"]), len(planned["summarised"]), planned["dry_run"]) == (2, 1, True)
    assert kept("list", "--all", "--json").out == before


def test_each_step_is_taken_back_by_undo_and_told_by_history(kept: Program) -> None:
    tell(kept)
    done = kept("consolidate", "--json").json
    undone = kept("undo", "4", "--yes", "--json").json["undone"]
    assert [(one["action"], one["actor"]) for one in undone] == [
        ("core", "consolidate"),
        ("summarise", "consolidate"),
        ("merge", "consolidate"),
        ("merge", "consolidate"),
    ]
    steps = [{step["do"] for step in one["steps"]} for one in undone]
    assert steps[1:] == [{"retire"}, {"reopen", "weaken"}, {"reopen", "weaken"}]
    assert len([text for text in texts(kept) if "cat" in text]) == 2
    again = kept("consolidate", "--json").json
    assert (again["merged"], again["summarised"]) == ([], [])
    assert len(done["merged"]) == 2


def test_history_tells_who_merged(kept: Program) -> None:
    done = kept("consolidate", "--json").json
    told = kept("history", done["merged"][0]["kept"]["id"], "--json").json["versions"]
    assert {version["superseded"]["action"] for version in told if version["superseded"]} == {"merge"}


def test_what_was_merged_leaves_the_core_block(memcli: Program) -> None:
    assert memcli("remember", "I live in Bonn").status == 0
    memcli("consolidate")
    assert memcli("remember", "i live in Bonn!").status == 0
    assert "1 merged; core memory user refreshed" in memcli("consolidate").out
    assert memcli("core", "show", "user").out == "user\ti live in Bonn!\tkept by consolidate\n"


# --- interrupted ---


def test_ctrl_c_between_two_merges_keeps_the_first_and_the_same_command_goes_on(
    kept: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge = Merger.merge

    def interrupted(self: Merger, id_: str) -> Merged | None:
        made = merge(self, id_)
        if made:
            signal.raise_signal(signal.SIGINT)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(Merger, "merge", interrupted)
        stopped = kept("consolidate")
    assert stopped.status == 130
    assert stopped.err == "interrupted: no message waits; 1 merged; the same command goes on\n"
    assert "2 merged" in kept("consolidate").out
    assert sorted(texts(kept)) == ["My boat is old", "i have a cat.", "my boat is red"]


# Runs one command line whose merges are told as they are made, slowly.
RUN = """
import sys, time
from pathlib import Path
from memcli.memory.formation.merger import Merger
from memcli.workspace import Workspace
from tests import fakes
from tests.program import Program

merge = Merger.merge
def slowly(self, id_):
    made = merge(self, id_)
    print("merged" if made else "compared", flush=True)
    time.sleep(0.01)
    return made

Merger.merge = slowly
Workspace._load_embedder = lambda self, name: fakes.HashingEmbedder()
print("ended", Program(Path(sys.argv[1]), {})("consolidate").status, flush=True)
"""
MANY = 12


def note(number: int) -> str:
    return f"the {number}th note is of a{number}, b{number}, c{number} and d{number}"


@pytest.fixture
def home(memcli: Program) -> Path:
    """A home with MANY texts, each kept three times."""
    lines = "".join(f"{note(n)}{end}\n" for n in range(MANY) for end in ("", ".", "!"))
    assert memcli("remember", "--lines", stdin=lines).status == 0
    return memcli.home


def check_each_is_kept_once(home: Path) -> None:
    with Store.open(Program(home, {}).paths.store) as store:
        assert [m.text for m in memories.current(store, now="2026-03-01")] == [f"{note(n)}!" for n in range(MANY)]
        retired = store.rows("SELECT superseded_by IS NOT NULL FROM memories WHERE retired_at IS NOT NULL")
        assert retired == [(1,)] * (2 * MANY)
        assert health.check(store) == []


def test_killed_in_the_midst_and_run_again_each_text_is_kept_once(home: Path) -> None:
    for _ in range(3):
        process = python(RUN, home)
        assert process.stdout
        while process.stdout.readline() not in ("merged\n", ""):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    out, _ = python(RUN, home).communicate(timeout=120)
    assert out.endswith("ended 0\n")
    check_each_is_kept_once(home)


def test_two_processes_share_the_work(home: Path) -> None:
    both = [python(RUN, home) for _ in range(2)]
    assert all(process.communicate(timeout=120)[0].endswith("ended 0\n") for process in both)
    check_each_is_kept_once(home)


# --- the chat model ---


def large(memcli: Program, tmp_path: Path, layers: int) -> None:
    file = gguf_files.llama(tmp_path / "some.gguf", layers=layers, layer_bytes=64, output_bytes=32)
    memcli.environ["MEMCLI_MODEL"] = str(file)


def test_a_large_model_is_asked_and_believed_where_every_day_bears_it_out(
    memcli: Program, tmp_path: Path, model: ScriptedModel
) -> None:
    tell(memcli)
    large(memcli, tmp_path, 40)
    model.answers = ["I went far with Mara."]
    memcli("consolidate")
    assert len(model.prompts) == 1
    assert SUMMARY in texts(memcli)  # "far" stands nowhere


def test_a_small_model_is_not_even_loaded(memcli: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Workspace, name: str) -> ChatModel:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr(Workspace, "_load_model", never)
    tell(memcli)
    large(memcli, tmp_path, 2)
    assert "1 summarised" in memcli("consolidate").out


def test_its_sentence_takes_the_place_of_the_users(memcli: Program, tmp_path: Path, model: ScriptedModel) -> None:
    tell(memcli)
    large(memcli, tmp_path, 40)
    model.answers = ["I went climbing and Mara went climbing."]
    memcli("consolidate")
    assert "I went climbing and Mara went climbing: 3 times, 2026-03-03 to 2026-03-15" in texts(memcli)


def test_a_large_model_is_not_loaded_where_there_is_nothing_to_say(
    kept: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: Workspace, name: str) -> ChatModel:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr(Workspace, "_load_model", never)
    large(kept, tmp_path, 40)
    assert kept("consolidate").status == 0


def test_a_model_that_does_not_load_is_done_without(
    memcli: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Workspace, name: str) -> ChatModel:
        raise ModelError("it is damaged")

    monkeypatch.setattr(Workspace, "_load_model", broken)
    tell(memcli)
    large(memcli, tmp_path, 40)
    done = memcli("consolidate")
    assert "1 summarised" in done.out
    assert done.err == "the model is not asked: it is damaged\n"
