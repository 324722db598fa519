"""Several processes on one store, and processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from memcli.store import health, messages, queue, threads
from memcli.store.database import Store
from tests.store.making import NOW, python

WRITER = """
import sys
from pathlib import Path
from memcli.store import index, messages, queue, threads
from memcli.store.database import Store
from memcli.types import Owner, Role, Trust
now = "2026-03-01T09:30:00Z"
path, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Store.open(path, busy_ms=20_000) as store:
    with store.atomic():
        thread = threads.find(store, "shared") or threads.create(store, now=now, name="shared")
    for n in range(count):
        with store.atomic():
            made = messages.add(
                store, thread_id=thread.id, role=Role.USER, content=f"{name} {n}", trust=Trust.USER, now=now
            )
            index.add(store, Owner.MESSAGE, made.id, [index.Piece(0, len(made.content), made.content)])
            queue.enqueue(store, made.id, now)
        print(n, flush=True)
"""


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return python(WRITER, path, name, count)


def test_processes_that_create_the_store_at_once_share_it(path: Path) -> None:
    writers = [writer(path, f"writer{n}", 20) for n in range(4)]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with Store.open(path) as store:
        said = [message.content for message in messages.of_thread(store, threads.get(store, "shared").id)]
        assert sorted(said) == sorted(f"writer{w} {n}" for w in range(4) for n in range(20))
        assert [thread.name for thread in threads.all_threads(store)] == ["shared"]
        assert health.check(store) == []


def test_what_a_killed_process_had_committed_is_there_and_whole(path: Path) -> None:
    Store.open(path).close()
    for round_ in range(3):
        process = writer(path, f"round{round_}", 100_000)
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(10 + 7 * round_)]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with Store.open(path) as store:
            thread = threads.get(store, "shared")
            said = {message.content for message in messages.of_thread(store, thread.id)}
            assert {f"round{round_} {line.strip()}" for line in told} <= said
            assert queue.waiting(store) == messages.count(store)
            assert health.check(store) == []


def test_a_reader_sees_the_store_while_another_writes(store: Store, path: Path) -> None:
    with Store.open(path) as reader, store.atomic():
        threads.create(store, now=NOW, name="unfinished")
        start = time.monotonic()
        assert threads.all_threads(reader) == []
        assert time.monotonic() - start < 1
