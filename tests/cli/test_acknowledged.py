"""Two writers and a chat that are killed at any moment: what one of them has acknowledged is there afterwards, once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from memcli.store import backup, health
from memcli.store.database import Store
from tests.program import Program
from tests.store.making import python

# Runs command lines as they are given, one a line; their output goes out as soon as it is made.
RUN = """
import json, sys
from pathlib import Path
from memcli.cli import main
from memcli.paths import Paths
from memcli.ui.terminal import Terminal
from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, ScriptedModel
from tests.program import Stream

embedder, model = HashingEmbedder(), ScriptedModel()
Workspace._load_embedder = lambda self, name: embedder
Workspace._load_model = lambda self, name: model
paths = Paths(*(Path(sys.argv[1]) / name for name in ("data", "config", "cache", "state")))
sys.stdout.reconfigure(line_buffering=True)
for line in sys.stdin:
    args, given, label = json.loads(line)
    status = main.run(args, Terminal(Stream(given), sys.stdout, sys.stderr, {}), paths)
    print("acknowledged" if status == 0 else "failed", json.dumps(label), flush=True)
"""


class Writer:
    """Has a process run commands, and another one when that is killed; knows which were acknowledged.

    A command that was cut short is given to the next process again, as a user would.
    """

    def __init__(self, home: Path, commands: Iterable[tuple[list[str], str, list[str]]]) -> None:
        self.home = home
        self.left = list(commands)
        self.texts: set[str] = set()
        self.process = self._start()
        self.failed: list[str] = []
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _start(self) -> subprocess.Popen[str]:
        return python(RUN, self.home, stdin=subprocess.PIPE)

    def _work(self) -> None:
        while self.left:
            if not self._one(*self.left[0]):
                self.process.communicate()
                self.process = self._start()
            else:
                self.left.pop(0)
        self.process.communicate()

    def _one(self, args: list[str], given: str, texts: list[str]) -> bool:
        """Run one command; False where the process was killed meanwhile."""
        try:
            self.process.stdin.write(json.dumps([args, given, texts]) + "\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            return False
        for line in self.process.stdout or ():
            if line.startswith("acknowledged "):
                self.texts.update(json.loads(line.removeprefix("acknowledged ")))
                return True
            if line.startswith("failed "):
                self.failed.append(line)
                return True
        return False

    @property
    def working(self) -> bool:
        return self.thread.is_alive()


def remembering(count: int, at_once: int) -> list[tuple[list[str], str, list[str]]]:
    facts = [f"Fact number {n} about jazz." for n in range(count)]
    parts = [facts[n : n + at_once] for n in range(0, count, at_once)]
    return [(["remember", "--lines"], "\n".join(part), part) for part in parts]


def importing(count: int, at_once: int) -> list[tuple[list[str], str, list[str]]]:
    made = []
    for start in range(0, count, at_once):
        texts = [f"Imported note {n} on tea." for n in range(start, min(count, start + at_once))]
        said = ({"thread": "notes", "id": text, "role": "user", "content": text} for text in texts)
        made.append((["import", "-"], "".join(json.dumps(one) + "\n" for one in said), texts))
    return made


def chatting(count: int) -> list[tuple[list[str], str, list[str]]]:
    turns = [f"Turn {n}: the key is under stone {n}." for n in range(count)]
    return [(["chat", "--thread", "diary"], f"{turn}\n", [turn]) for turn in turns]


def check_kills(home: Path, *, facts: int, notes: int, turns: int, pause: float, at_once: int = 3) -> None:
    writers = [
        Writer(home, remembering(facts, at_once)),
        Writer(home, importing(notes, at_once)),
        Writer(home, chatting(turns)),
    ]
    kills = 0
    while not any(writer.texts for writer in writers):
        threading.Event().wait(0.001)  # the first dies in mid-work, however quick the machine is
    while any(writer.working for writer in writers):
        victim = random.choice([writer for writer in writers if writer.working] or writers)
        if victim.working and victim.process.poll() is None:
            os.kill(victim.process.pid, signal.SIGKILL)
            kills += 1
            threading.Event().wait(pause)  # all get on a little between two deaths
        threading.Event().wait(random.uniform(0, 2 * pause))
    for writer in writers:
        writer.thread.join()
    assert kills > 0  # how many there is time for depends on the machine
    assert [writer.failed for writer in writers] == [[], [], []]
    check_store(home, set().union(*(writer.texts for writer in writers)), facts + notes + turns)


def check_store(home: Path, acknowledged: set[str], count: int) -> None:
    assert len(acknowledged) == count
    with Store.open(Program(home, {}).paths.store) as store:
        assert health.check(store) == []
        kept = Counter(text for (text,) in store.rows("SELECT text FROM memories"))
        said = Counter(text for (text,) in store.rows("SELECT content FROM messages WHERE role = 'user'"))
        assert acknowledged <= kept.keys() | said.keys()
        assert max(kept.values()) == 1, "an exact repeat is the same memory"
        assert max(n for text, n in said.items() if text.startswith("Imported")) == 1
        assert (
            store.value(
                "SELECT count(*) FROM messages WHERE thread_id IN (SELECT id FROM threads WHERE name = 'diary')"
            )
            % 2
            == 0
        ), "turns are whole"
        assert store.value("SELECT count(*) FROM chunks WHERE NOT has_vector") == 0
        backup.write(store, home / "copy.db")
    with Store.open(home / "copy.db") as copy:
        assert health.check(copy) == []


def test_what_was_acknowledged_survives_kills_at_any_moment(tmp_path: Path) -> None:
    check_kills(tmp_path / "home", facts=18, notes=18, turns=6, pause=0.6)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_acknowledged_writes_survive_kills_at_any_moment(tmp_path: Path) -> None:
    check_kills(tmp_path / "home", facts=450, notes=450, turns=100, pause=0.8)
