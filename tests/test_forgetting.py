"""Forgetting through the front door: of three hundred marked items a third goes, and none of it stays in any file."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from memcli.paths import append_private
from memcli.repl.history import TypedHistory
from memcli.store import cleaning, health
from memcli.store.database import Store
from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, ScriptedModel
from tests.program import Program
from tests.store.making import python

ITEMS = 300
# Runs one command line, or a chat whose lines come from stdin, and says how it ended.
RUN = """
import sys
from pathlib import Path
from memcli.workspace import Workspace
from tests.test_forgetting import Echo, HashingEmbedder, Program

model, embedder = Echo(), HashingEmbedder()
Workspace._load_embedder = lambda self, name: embedder
Workspace._load_model = lambda self, name: model
if sys.argv[2] == "chat":
    from memcli.cli import main
    from memcli.ui.terminal import Terminal
    program = Program(Path(sys.argv[1]), {})
    print("ended", main.run(sys.argv[2:], Terminal(sys.stdin, sys.stdout, sys.stderr, {}), program.paths), flush=True)
else:
    done = Program(Path(sys.argv[1]), {})(*sys.argv[2:])
    print("ended", done.status, done.out, done.err, flush=True)
"""


class Echo(ScriptedModel):
    """Answers with the notes that it is shown."""

    def __init__(self) -> None:
        super().__init__("Well.", window=900)

    def stream(self, prompt, sampling):  # type: ignore[no-untyped-def]
        notes = " ".join(s.text.strip("- \n") for s in prompt.segments if s.label == "recall")
        self.answers = [f"You told me: {notes}" if notes else "Well."]
        return super().stream(prompt, sampling)


def marker(number: int) -> str:
    """Return a word that nothing else has, of letters, as full text cuts words at digits' sides only."""
    chance = random.Random(number)
    return "".join(chance.choices("bcdfghjklmnpqrstvwxz", k=4)) + "".join(chance.choices("aeiou", k=4)) + f"q{number}"


@dataclass
class Lived:
    """A home in which much was said; the markers by what holds them, and the ids of what was kept with them."""

    program: Program
    ids: dict[str, str] = field(default_factory=dict)  # by marker
    themes: dict[str, str] = field(default_factory=dict)  # a word to ask for it by


def live(program: Program) -> Lived:
    """Say, keep, correct, recall, sum up, type and log until every kind of file has markers in it."""
    lived = Lived(program)
    texts = {marker(n): f"The theme{n} thing is {marker(n)} and number {n}." for n in range(ITEMS)}
    markers = list(texts)
    said = [
        {"id": m, "thread": f"t{n % 6}", "role": "user" if n % 3 else "assistant", "content": texts[m]}
        for n, m in enumerate(markers[:150])
    ]
    path = program.home / "said.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in said))
    assert program("import", str(path)).status == 0
    path.unlink()
    assert program("remember", "--lines", stdin="\n".join(texts[m] for m in markers[150:])).status == 0
    kept = program("list", "--json").json["memories"]
    lived.ids = {m: memory["id"] for m in markers[150:] for memory in kept if m in memory["text"]}
    for m in markers[290:]:  # superseded: both versions have the marker
        assert program("edit", lived.ids[m], f"Now {texts[m]}").status == 0
    asked = [f"What is the theme{n} thing?" for n in range(150, 290, 4)]
    assert program("chat", "--thread", "talk", stdin="\n".join(asked)).status == 0
    history = TypedHistory(program.paths.history)
    for m in markers[::5]:
        history.store_string(f"/search {m}\nand more")
    history.store_string("/search weather")
    append_private(program.paths.log, "".join(f"no such text: {m}\n" for m in markers[::7]) + "something else\n")
    left = program.paths.state / "edit-left"
    left.mkdir()
    (left / "memory.txt").write_text(texts[markers[151]])
    return lived


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    model, embedder = Echo(), HashingEmbedder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "_load_embedder", lambda self, name: embedder)
        patch.setattr(Workspace, "_load_model", lambda self, name: model)
        return live(Program(tmp_path_factory.mktemp("lived") / "home", {}))


@pytest.fixture
def model() -> ScriptedModel:
    return Echo()


@pytest.fixture
def lived(once: Lived, memcli: Program, tmp_path: Path) -> Lived:
    """Return a home of this test's own in which all of that has happened."""
    for name in ("data", "state", "cache"):
        shutil.rmtree(tmp_path / "home" / name, ignore_errors=True)
        shutil.copytree(once.program.home / name, tmp_path / "home" / name)
    return Lived(memcli, once.ids)


MARKERS = [marker(n) for n in range(ITEMS)]
GONE = MARKERS[1::3]
STAYS = [m for m in MARKERS if m not in GONE]


def named(lived: Lived) -> list[str]:
    """Return the ids of what is to be forgotten."""
    with Store.open(lived.program.paths.store) as store:
        said = dict(store.rows("SELECT external_id, id FROM messages WHERE external_id IS NOT NULL"))
    return [lived.ids.get(m) or said[m] for m in GONE]


def in_files(program: Program, markers: Sequence[str]) -> dict[str, list[str]]:
    """Return which markers, or their first eight letters, can be read in which of memcli's files."""
    found: dict[str, list[str]] = {}
    for folder in (program.paths.data, program.paths.state, program.paths.cache):
        for path in sorted(folder.rglob("*")):
            data = path.read_bytes().lower() if path.is_file() else b""
            there = [m for m in markers if m.encode() in data or m[:8].encode() in data]
            if there:
                found[path.name] = there
    return found


def missed(program: Program, markers: Sequence[str]) -> list[str]:
    """Return the markers that a search does not find."""
    done = program("search", "--batch", "--json", "--limit", "20", stdin="\n".join(markers))
    results = [json.loads(line)["results"] for line in done.out.splitlines()]
    return [m for m, hits in zip(markers, results, strict=True) if not any(m in hit["text"] for hit in hits)]


def check_clean(program: Program) -> None:
    assert in_files(program, GONE) == {}
    assert missed(program, STAYS) == []
    with Store.open(program.paths.store) as store:
        assert health.check(store) == []
        assert not cleaning.unclean(store)


def test_what_was_lived_is_in_every_kind_of_file(lived: Lived) -> None:
    where = in_files(lived.program, MARKERS)
    assert set(where) == {"memcli.db", "history", "memcli.log", "memory.txt"}
    assert len(where["memcli.db"]) == ITEMS
    assert any(lived.program.paths.states.iterdir())
    with Store.open(lived.program.paths.store) as store:
        for table in ("recalled", "summaries", "turns"):
            assert store.value(f"SELECT count(*) FROM {table}"), table
        repeated = store.rows("SELECT content FROM messages WHERE role = 'assistant' AND external_id IS NULL")
        assert any(m in text for (text,) in repeated for m in GONE)
    assert missed(lived.program, MARKERS) == []


def test_no_marker_of_a_forgotten_third_is_left_in_any_file_and_all_others_are_found(lived: Lived) -> None:
    done = lived.program("forget", *named(lived), "--yes", "--json")
    assert done.status == 0
    assert done.json["traces"] == 0
    assert {k: v for k, v in done.json["proof"].items() if k in ("rows", "terms", "texts")} == {
        "rows": 0,
        "terms": 0,
        "texts": 0,
    }
    assert done.json["proof"]["bytes_looked_through"] > 100_000
    check_clean(lived.program)
    assert "/search weather" in lived.program.paths.history.read_text()
    assert "something else" in lived.program.paths.log.read_text()
    assert lived.program("undo", "--yes").status in (0, 3)
    assert in_files(lived.program, GONE) == {}


def test_forgetting_by_query_leaves_no_marker_either(lived: Lived) -> None:
    for m in GONE[::20]:
        receipt = lived.program("forget", "--query", m, "--yes", "--json").json
        assert (receipt["traces"], receipt["proof"]["files"]) == (0, [])
    assert in_files(lived.program, GONE[::20]) == {}
    assert missed(lived.program, STAYS) == []


@pytest.mark.parametrize("rounds", [1, pytest.param(25, marks=pytest.mark.long)])
def test_a_forgetting_that_is_killed_is_undone_or_finished_by_the_next_start(lived: Lived, rounds: int) -> None:
    before = lived.program.home.with_name("before")
    shutil.copytree(lived.program.home, before)
    wanted, chance = named(lived), random.Random(rounds)
    start = time.monotonic()
    run(lived.program, "forget", *wanted, "--yes").communicate()
    longest = time.monotonic() - start
    ends = set()
    for _ in range(rounds):
        shutil.rmtree(lived.program.home)
        shutil.copytree(before, lived.program.home)
        process = run(lived.program, "forget", *wanted, "--yes")
        time.sleep(longest * chance.uniform(0.3, 1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert lived.program("list", "--json").status == 0
        left = {m for there in in_files(lived.program, GONE).values() for m in there}
        ends.add(len(left))
        assert len(left) in (0, len(GONE)), "all or nothing"
        if left:
            assert missed(lived.program, MARKERS) == []
        else:
            check_clean(lived.program)
    assert ends


def test_a_chat_that_is_open_meanwhile_writes_none_of_it(lived: Lived) -> None:
    chat = run(lived.program, "chat", "--thread", "talk", stdin=subprocess.PIPE)
    assert chat.stdin
    assert chat.stdout
    chat.stdin.write("What is the theme151 thing?\n")
    chat.stdin.flush()
    assert marker(151) in chat.stdout.readline()
    assert lived.program("forget", *named(lived), "--yes", "--json").json["traces"] == 0
    chat.stdin.write("What is the theme151 thing, and the theme154 thing?\n")
    chat.stdin.close()
    answers = chat.stdout.read()
    assert "ended 0" in answers
    assert marker(151) not in answers
    assert chat.wait() == 0
    check_clean(lived.program)


def test_a_search_beside_a_forgetting_finds_what_stays(lived: Lived) -> None:
    process = run(lived.program, "forget", *named(lived), "--yes")
    while process.poll() is None:
        assert missed(lived.program, STAYS[::40]) == []
    assert "ended 0" in process.communicate()[0]


def run(program: Program, *args: str, **options: int) -> subprocess.Popen[str]:
    return python(RUN, program.home, *args, **options, cwd=os.getcwd())
