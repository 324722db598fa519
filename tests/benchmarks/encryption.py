"""What does encryption cost? The same searches in a store and in its encrypted copy. Run by hand:

    python -m tests.benchmarks.encryption [--memories N] [--questions N] [--starts N]

A store of N pieces is made as `scale` makes it, copied, and the copy encrypted. Then both are searched in turns: in one
process that stays, in one that opens the store for every search, and by `memcli search` as a process of its own, which
searches by words alone, so that no model is loaded. Printed are medians and their ratio, and what conversions take.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from memcli.memory import recall
from memcli.store import cipher, convert
from memcli.store.database import Store
from memcli.types import Filters
from tests.benchmarks.scale import MOMENT, Given, asked, fill

SECRET = "correct horse battery"
Question = tuple[str, bytes]


def search(store: Store, question: Question) -> None:
    given = Given()
    given.next = question[1]
    assert recall.search(store, question[0], Filters(), embedder=given, now=MOMENT)


def opened(path: Path, secret: str | None) -> Store:
    return Store.open(path, key=None if secret is None else lambda: secret)


def open_and_search(path: Path, secret: str | None, question: Question) -> None:
    cipher._derived.cache_clear()  # as in a new process
    with opened(path, secret) as store:
        search(store, question)


def run_search(path: Path, secret_file: str, question: Question) -> None:
    words = [word for word in question[0].split() if not word.startswith("-")]
    command = [sys.executable, "-m", "memcli", "-q", "--db", str(path), "search", *words]
    environ = {**os.environ, "MEMCLI_PASSPHRASE_FILE": secret_file, "MEMCLI_EMBEDDER": "/nowhere"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"memcli search failed: {done.stderr}")


def seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.encryption", description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000, metavar="N")
    parser.add_argument("--questions", type=int, default=100, metavar="N")
    parser.add_argument("--starts", type=int, default=15, metavar="N")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        plain, encrypted, secret_file = (Path(folder) / name for name in ("plain.db", "encrypted.db", "secret"))
        secret_file.write_text(SECRET)
        secret_file.chmod(0o600)
        with Store.open(plain) as store:
            questions = list(asked(store, fill(store, chosen.memories), chosen.questions))
        shutil.copy(plain, encrypted)
        conversions = convert_all(encrypted)
        pairs = {
            "search, the store being open": in_one_process(plain, encrypted, questions),
            "open, then search": in_turns(
                lambda q: open_and_search(plain, None, q),
                lambda q: open_and_search(encrypted, SECRET, q),
                questions[: 2 * chosen.starts],
            ),
            "memcli search, a process": in_turns(
                lambda q: run_search(plain, "", q),
                lambda q: run_search(encrypted, str(secret_file), q),
                questions[: chosen.starts],
            ),
        }
        report(chosen.memories, plain.stat().st_size / 1e6, pairs, conversions)


def convert_all(path: Path) -> dict[str, float]:
    """Encrypt, rekey, decrypt and encrypt again; return the seconds of each."""
    took = {}
    steps = (("encrypt", None, "first secret"), ("rekey", "first secret", "second"), ("decrypt", "second", None))
    for what, before, after in (*steps, ("encrypt again", None, SECRET)):
        with opened(path, before) as store:
            took[what] = seconds(lambda store=store, after=after: convert.convert(store, after))
    return took


def in_one_process(plain: Path, encrypted: Path, questions: Sequence[Question]) -> tuple[list[float], list[float]]:
    with opened(plain, None) as one, opened(encrypted, SECRET) as other:
        in_turns(lambda q: search(one, q), lambda q: search(other, q), questions[:10])  # fills the caches
        return in_turns(lambda q: search(one, q), lambda q: search(other, q), questions)


def in_turns(
    plainly: Callable[[Question], None], encryptedly: Callable[[Question], None], questions: Sequence[Question]
) -> tuple[list[float], list[float]]:
    spent: tuple[list[float], list[float]] = ([], [])
    for question in questions:
        for do, times in zip((plainly, encryptedly), spent, strict=True):
            times.append(seconds(lambda do=do, question=question: do(question)))
    return spent


def report(
    pieces: int, size: float, pairs: dict[str, tuple[list[float], list[float]]], conversions: dict[str, float]
) -> None:
    table = Table(title=f"{pieces:,} pieces ({size:.0f} MB), p50", title_justify="left")
    for heading in ("milliseconds", "plain", "encrypted", "ratio"):
        table.add_column(heading, justify="left" if heading == "milliseconds" else "right")
    for what, spent in pairs.items():
        plain, encrypted = (statistics.median(times) for times in spent)
        table.add_row(what, f"{1e3 * plain:.1f}", f"{1e3 * encrypted:.1f}", f"{encrypted / plain:.2f}")
    Console().print(table)
    Console().print(", ".join(f"{what}: {took:.1f} s" for what, took in conversions.items()))


if __name__ == "__main__":
    main()
