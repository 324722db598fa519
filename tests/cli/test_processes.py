"""Long work in one process while it is killed, repeated, or watched by another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.memory import intake
from memcli.store import health, index
from memcli.store.database import Store
from memcli.workspace import Workspace
from tests.fakes import OtherEmbedder
from tests.program import Program
from tests.store.making import python

MANY = 600
# Runs one command line; says "working" at each call of the embedder, and how the command ended.
RUN = """
import sys, time
from pathlib import Path
from memcli.workspace import Workspace
from tests import fakes
from tests.program import Program

class Slow(getattr(fakes, sys.argv[2])):
    def embed(self, texts):
        print("working", flush=True)
        time.sleep(0.0005 * len(texts))
        return super().embed(texts)

embedder = Slow()
Workspace._load_embedder = lambda self, name: embedder
done = Program(Path(sys.argv[1]), {})(*sys.argv[3:])
print("ended", done.status, repr(done.err), flush=True)
"""


def start(home: Path, embedder: str, *args: object) -> subprocess.Popen[str]:
    return python(RUN, home, embedder, *args)


def working(process: subprocess.Popen[str], times: int) -> None:
    """Wait until the embedder has been called so many times."""
    assert process.stdout
    for _ in range(times):
        assert process.stdout.readline() == "working\n"


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def status(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=60)
    return out.splitlines()[-1].split()[1]


def said_of(what: str, number: int) -> str:
    """Return a text that is one piece to one embedder, and three to the other: of four, five and five words."""
    return f"{what} {number} on tea. It rained on day {number}. Nobody came to the garden."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    said = [{"id": str(i), "thread": f"t{i % 3}", "role": "user", "content": said_of("note", i)} for i in range(MANY)]
    kept = [{"type": "memory", "text": f"Fact number {i}.", "tags": ["one"]} for i in range(MANY // 2)]
    made = tmp_path / "records.jsonl"
    made.write_text("".join(json.dumps(record) + "\n" for record in [*said, *kept]))
    return made


def contents(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all that an import writes, without what differs between any two imports: made ids and times."""
    wanted = {
        "messages": "SELECT external_id, role, content, trust, t.name FROM messages AS m"
        " JOIN threads AS t ON t.id = m.thread_id ORDER BY m.seq",
        "memories": "SELECT text, kind, tag FROM memories JOIN memory_tags ON memory_id = id ORDER BY text",
        "chunks": 'SELECT text, start, "end", has_vector FROM chunks ORDER BY text, start',
        "queue": "SELECT external_id FROM formation_queue JOIN messages ON id = message_id ORDER BY seq",
    }
    with Store.open(Program(home, {}).paths.store) as store:
        assert health.check(store) == []
        return {name: store.rows(sql) for name, sql in wanted.items()}


def test_an_import_that_was_killed_and_repeated_equals_one_that_was_not(tmp_path: Path, file: Path) -> None:
    assert status(start(tmp_path / "clean", "HashingEmbedder", "import", file)) == "0"
    for batches in (1, 2, 5):
        process = start(tmp_path / "killed", "HashingEmbedder", "import", file)
        working(process, batches)
        kill(process)
    assert status(start(tmp_path / "killed", "HashingEmbedder", "import", file)) == "0"
    assert contents(tmp_path / "killed") == contents(tmp_path / "clean")


def test_two_imports_of_a_file_at_once_equal_one(tmp_path: Path, file: Path) -> None:
    both = [start(tmp_path / "twice", "HashingEmbedder", "import", file) for _ in range(2)]
    assert [status(process) for process in both] == ["0", "0"]
    assert status(start(tmp_path / "clean", "HashingEmbedder", "import", file)) == "0"
    twice, clean = contents(tmp_path / "twice"), contents(tmp_path / "clean")
    assert sorted(twice.pop("messages")) == sorted(clean.pop("messages"))
    assert sorted(twice.pop("queue")) == sorted(clean.pop("queue"))
    assert twice == clean


@pytest.fixture
def home(tmp_path: Path, file: Path) -> Path:
    """A home with a filled store."""
    assert status(start(tmp_path / "home", "HashingEmbedder", "import", file)) == "0"
    return tmp_path / "home"


@pytest.fixture
def other(home: Path, memcli: Program, monkeypatch: pytest.MonkeyPatch) -> Iterator[OtherEmbedder]:
    second = OtherEmbedder()
    monkeypatch.setattr(Workspace, "_load_embedder", lambda self, name: second)
    yield second
    with Store.open(memcli.paths.store) as store:
        assert (index.identity(store), index.missing(store), health.check(store)) == (second.identity, 0, [])
        texts = store.rows("SELECT text FROM chunks WHERE owner = 'message'")
        assert {len(text.split()) for (text,) in texts} == {4, 5}, "every message is cut as the new embedder counts"


def test_a_search_beside_an_import_finds_what_is_in_by_then(tmp_path: Path, memcli: Program, file: Path) -> None:
    process = start(tmp_path / "home", "HashingEmbedder", "import", file)
    working(process, MANY // 2 // intake.BATCH + 3)
    found = memcli("search", "note", "0", "--json")
    assert found.status == 0
    assert found.err == ""
    assert ["0"] in [result["refs"] for result in found.json["results"]]
    assert status(process) == "0"


def test_a_killed_reindex_goes_on_and_its_store_is_searched_by_words_until_it_is_done(
    memcli: Program, home: Path, other: OtherEmbedder
) -> None:
    process = start(home, "OtherEmbedder", "reindex")
    working(process, 6)  # a trial, the first batch in three calls, and some of the second
    found = memcli("search", "note", "--explain", "--json")
    assert "searching by words only" in found.err
    assert {result["why"]["cosine"] for result in found.json["results"]} == {0}
    kill(process)
    assert "searching by words only" in memcli("search", "note").err
    assert 0 < memcli("reindex", "--json").json["items"] < MANY + MANY // 2
    assert memcli("search", "note").err == ""


def test_two_reindexes_at_once_do_each_other_no_harm(home: Path, other: OtherEmbedder) -> None:
    both = [start(home, "OtherEmbedder", "reindex") for _ in range(2)]
    assert [status(process) for process in both] == ["0", "0"]


def test_an_import_and_a_forgetting_beside_a_reindex_end_well(
    memcli: Program, home: Path, other: OtherEmbedder, tmp_path: Path
) -> None:
    process = start(home, "OtherEmbedder", "reindex")
    working(process, 3)
    late = ({"thread": "late", "role": "user", "content": said_of("late", i)} for i in range(200))
    file = tmp_path / "more.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in late))
    old = start(home, "HashingEmbedder", "import", file)
    assert memcli("forget", "--query", "note 599 on", "--yes", "--json").json["traces"] == 0
    assert (status(process), status(old)) == ("0", "0")
    assert memcli("reindex").status == 0
    assert memcli("search", "late", "77", "--json").json["results"]
    with Store.open(memcli.paths.store) as store:
        assert not store.rows("SELECT 1 FROM chunks WHERE text LIKE 'note 599 on%'")
