"""One queue, several processes, and processes that die: no message is lost, and none is formed twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from memcli.store import health, queue
from memcli.store.database import Store
from tests.program import Program
from tests.store.making import python

MANY = 60
# Runs one command line with a former that says which message it is at, and how the command ended.
RUN = """
import sys
from pathlib import Path
from memcli.workspace import Workspace
from tests import fakes
from tests.program import Program

class Saying(fakes.ScriptedFormer):
    def form(self, message):
        print(message.content, flush=True)
        return super().form(message)

Workspace._load_embedder = lambda self, name: fakes.HashingEmbedder()
Workspace.former = lambda self, store=None: Saying(store or self.store, seconds=float(sys.argv[2]))
done = Program(Path(sys.argv[1]), {})(*sys.argv[3:])
print("ended", done.status, repr(done.err), flush=True)
"""


def start(home: Path, seconds: float, *args: object) -> subprocess.Popen[str]:
    return python(RUN, home, seconds, *args)


def ended(process: subprocess.Popen[str]) -> list[str]:
    """Wait for the end, which must be good, and return which messages it was at."""
    out, _ = process.communicate(timeout=120)
    *at, last = out.splitlines()
    assert last.startswith("ended 0 "), last
    return at


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home where MANY messages wait."""
    said = ({"id": str(n), "thread": "t", "role": "user", "content": f"note {n}"} for n in range(MANY))
    file = tmp_path / "said.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in said))
    ended(start(tmp_path / "home", 0, "import", file))
    return tmp_path / "home"


def check_all_formed_once(home: Path) -> None:
    with Store.open(Program(home, {}).paths.store) as store:
        made = Counter(text for (text,) in store.rows("SELECT text FROM memories"))
        assert made == Counter(f"note {n}" for n in range(MANY))
        sources = store.rows("SELECT message_id, count(*) FROM memory_sources GROUP BY message_id")
        assert {count for _, count in sources} == {1}
        assert len(sources) == MANY
        assert (queue.waiting(store), queue.set_aside(store)) == (0, 0)
        assert health.check(store) == []


def test_two_processes_share_the_queue(home: Path) -> None:
    both = [ended(process) for process in [start(home, 0.01, "consolidate") for _ in range(2)]]
    check_all_formed_once(home)
    assert all(both), "both had a part in it"
    assert sorted(both[0] + both[1]) == sorted(f"note {n}" for n in range(MANY)), "none was thought about twice"


def test_a_worker_that_lost_its_lease_writes_nothing(home: Path) -> None:
    slow = start(home, 3.0, "consolidate")
    assert slow.stdout
    assert slow.stdout.readline() == "note 0\n"
    with Store.open(Program(home, {}).paths.store) as store:
        store.run("UPDATE formation_queue SET leased_until = '' WHERE leased_by IS NOT NULL")  # as time would
    at = ended(start(home, 0, "consolidate"))
    assert at[0] == "note 0"
    ended(slow)
    check_all_formed_once(home)


def check_kills(home: Path, times: int) -> None:
    """Kill consolidate at random moments, sometimes with another one beside it, then let one end."""
    for number in range(times):
        process = start(home, 0.005, "consolidate")
        beside = start(home, 0.005, "consolidate") if number % 3 == 2 else None
        assert process.stdout
        for _ in range(random.randint(0, max(1, MANY // times))):
            process.stdout.readline()
        time.sleep(random.uniform(0, 0.01))
        for victim in filter(None, (process, beside)):
            os.kill(victim.pid, signal.SIGKILL)
            victim.communicate()
    ended(start(home, 0, "consolidate", "--retry"))
    check_all_formed_once(home)


def test_killed_at_random_moments_and_run_again_each_message_is_formed_once(home: Path) -> None:
    check_kills(home, 3)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("round_", range(20))
def test_killed_many_times_each_message_is_formed_once(home: Path, round_: int) -> None:
    check_kills(home, 12)


def test_a_crash_repeats_at_most_one_message(home: Path) -> None:
    process = start(home, 0.005, "consolidate")
    assert process.stdout
    before = [process.stdout.readline().strip() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    after = ended(start(home, 0, "consolidate"))
    assert len({*before, *rest.splitlines()} & set(after)) <= 1
    check_all_formed_once(home)
