"""How long does it take to forget one item of a large store, proof included? Run by hand:

    python -m tests.benchmarks.forgetting [--memories N] [--rounds N]

A store of N pieces is made as `scale` makes it; then `memcli forget ID --yes` runs as a process of its own, again and
again, while another process searches. Printed are medians of seconds, of the steps as well, and of searches beside it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.table import Table

from memcli.memory import recall
from memcli.store import cleaning, proof, purge, traces, vocabulary, words
from memcli.store.closure import closure_of
from memcli.store.database import Store
from memcli.types import Filters
from tests.benchmarks.scale import MOMENT, NOW, Given, Space, asked, fill

STEPS: tuple[tuple[object, str, str], ...] = (
    (proof, "manifest", "write down what goes"),
    (purge, "_delete", "delete the rows"),
    (vocabulary, "stale", "look for words left in the index"),
    (words, "rebuild", "make the index anew, where needed"),
    (cleaning, "clean", "clean the files, the index included"),
    (traces, "look", "read every byte"),
    (proof, "prove", "prove, bytes included"),
    (traces, "mentions", "look for kept mentions"),
)


@contextmanager
def timing(spent: dict[str, list[float]]) -> Iterator[None]:
    """Time the steps while this lasts."""

    def timed(function: Callable[..., object], what: str) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                spent.setdefault(what, []).append(time.perf_counter() - start)

        return call

    patches = [mock.patch.object(m, name, timed(getattr(m, name), what)) for m, name, what in STEPS]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def some_memory(store: Store) -> str:
    return str(store.value("SELECT id FROM memories ORDER BY random() LIMIT 1"))


def searching(path: Path, space: Space, stop: threading.Event, spent: list[float]) -> None:
    """Search over and over, on a connection of its own."""
    given = Given()
    with Store.open(path) as store:
        questions = list(asked(store, space, 20))
        while not stop.is_set():
            for question, vector in questions:
                given.next = vector
                start = time.perf_counter()
                found = recall.search(store, question, Filters(), embedder=given, now=MOMENT)
                spent.append(time.perf_counter() - start)
                assert found


def forget_in_a_process(path: Path, id_: str) -> float:
    """Return the seconds of `memcli forget`, from its start to its end; its own receipt must tell of no trace."""
    command = [sys.executable, "-m", "memcli", "--db", str(path), "forget", id_, "--yes", "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode or json.loads(done.stdout)["traces"]:
        sys.exit(f"memcli forget failed: {done.stderr or done.stdout}")
    return seconds


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.forgetting", description=__doc__)
    parser.add_argument("--memories", type=int, default=100_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    chosen = parser.parse_args(arguments)
    steps: dict[str, list[float]] = {}
    whole, alone, beside = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.db"
        with Store.open(path) as store:
            space = fill(store, chosen.memories)
            for _ in range(chosen.rounds):
                with timing(steps):
                    start = time.perf_counter()
                    assert purge.forget(store, closure_of(store, [some_memory(store)]), NOW).traces == 0
                    alone.append(time.perf_counter() - start)
            size = path.stat().st_size / 1e6
            stop = threading.Event()
            reader = threading.Thread(target=searching, args=(path, space, stop, beside))
            reader.start()
            whole = [forget_in_a_process(path, some_memory(store)) for _ in range(chosen.rounds)]
            stop.set()
            reader.join()
    report(chosen.memories, size, {"in this process, nothing beside it": alone, **steps}, whole, beside)


def report(
    memories: int, size: float, steps: dict[str, list[float]], whole: Sequence[float], beside: Sequence[float]
) -> None:
    table = Table(title=f"forget one of {memories:,} pieces ({size:.0f} MB)", title_justify="left")
    for heading in ("seconds", "median", "longest"):
        table.add_column(heading, justify="left" if heading == "seconds" else "right")
    rows = {"memcli forget ID --yes, beside searches": whole, **steps, "a search beside it": beside}
    for what, seconds in rows.items():
        table.add_row(what, f"{statistics.median(seconds):.3f}", f"{max(seconds):.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
