"""How quickly is a large store searched? Run by hand: python -m tests.benchmarks.scale [--memories N ...]

A store of N pieces (two messages of a thread for each memory) is made in a temporary folder, then searched through
`recall.search` as the program does it, less the embedding of the question. Vectors lie in clusters, so that there are
near neighbours and far ones; texts have words by Zipf's law and the lengths of what people type.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from memcli.memory import asking, recall
from memcli.store import index, memories, messages, search, signatures, threads, vectors, words
from memcli.store.database import Store
from memcli.types import Filters, Kind, Owner, Role, Trust

DIMENSION = 384
TOPICS, IN_CLUSTER = 200, 40  # how many broad themes there are; how many pieces are close neighbours
SPREAD, FOCUS = 0.9, 0.75  # of a cluster in its topic and of a piece in its cluster: cosines of 0.3 and 0.6
BATCH = 1000  # pieces in a transaction
VOCABULARY, TYPICAL_LENGTH, LENGTHS_VARY = 30_000, 20, 0.8  # words; the length is log-normal
QUESTION = 5  # words of a stored text
TOP = 10
NOW = "2026-01-01T12:00:00Z"
MOMENT = datetime.fromisoformat(NOW)
MONTH = Filters(since="2025-12-01T00:00:00Z")
EVERYTHING = Filters(retired=True)

# What is timed within a search, and where it is looked up when it is called.
STAGES: dict[str, tuple[Any, str]] = {
    "words": (words, "search"),
    "vectors: signatures": (signatures, "distances"),
    "vectors: exact": (vectors, "compare"),
    "vectors of the rest": (search, "cosines"),
    "hydrate": (search, "hydrate"),
    "gather, all of the above": (recall, "gather"),
    "turns nearby": (messages, "around"),
    "ranking": (recall, "rank"),
}


@dataclass(slots=True)
class Figures:
    """Seconds by what was timed, one for each question, and what else was found out."""

    pieces: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    overlap: float = 0.0  # of the best ten by vector with the ten that are truly nearest
    megabytes: float = 0.0
    inserted: float = 0.0  # pieces in a second

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds.setdefault(what, []).append(time.perf_counter() - start)


class Texts:
    """Texts of invented words with English function words among the most frequent, as Zipf's law has it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        invented = {"".join(chance.choices("aeioulnrstkmdp", k=chance.randint(4, 9))) for _ in range(VOCABULARY)}
        self._words = [*sorted(asking.STOP_WORDS), *sorted(invented, key=len)]
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._words) + 1)))

    def make(self) -> str:
        length = max(3, round(TYPICAL_LENGTH * self._chance.lognormvariate(0, LENGTHS_VARY)))
        return " ".join(self._chance.choices(self._words, cum_weights=self._weights, k=length))


class Space:
    """Unit vectors in clusters, which lie in topics."""

    def __init__(self, pieces: int) -> None:
        self._chance = np.random.default_rng(1)
        topics = self._directions(TOPICS)
        clusters = max(1, pieces // IN_CLUSTER)
        own = topics[self._chance.integers(0, TOPICS, clusters)] + SPREAD * self._directions(clusters)
        self._clusters = own / np.linalg.norm(own, axis=1, keepdims=True)

    def make(self, count: int) -> list[bytes]:
        chosen = self._clusters[self._chance.integers(0, len(self._clusters), count)]
        return self.near(chosen)

    def near(self, of: NDArray[np.float32]) -> list[bytes]:
        moved = of + FOCUS * self._directions(len(of))
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        return [row.astype("<f4").tobytes() for row in moved]

    def _directions(self, count: int) -> NDArray[np.float32]:
        made = self._chance.standard_normal((count, DIMENSION), dtype=np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)


class Given:
    """An embedder whose next vector is known: embedding is not what is measured here."""

    identity, engine, dimension, window = "given", "none", DIMENSION, 512

    def __init__(self) -> None:
        self.next = b""

    def count(self, text: str) -> int:
        return len(text.split())

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return [self.next for _ in texts]


def measure(pieces: int, questions: int, folder: Path) -> Figures:
    """Make a store of so many pieces, ask so many questions of it, and return what it took."""
    figures = Figures(pieces)
    with Store.open(folder / f"{pieces}.db") as store:
        start = time.perf_counter()
        space = fill(store, pieces)
        figures.inserted = pieces / (time.perf_counter() - start)
        store.run("PRAGMA wal_checkpoint(TRUNCATE)")
        figures.megabytes = store.path.stat().st_size / 1e6
        overlaps = [ask(store, question, vector, figures) for question, vector in asked(store, space, questions)]
    figures.overlap = statistics.mean(overlaps)
    return figures


def fill(store: Store, pieces: int) -> Space:
    """Fill the store with messages and memories of two years, a third of them memories."""
    chance = random.Random(1)
    texts, space = Texts(chance), Space(pieces)
    with store.atomic():
        index.adopt(store, Given.identity, DIMENSION)
    for start in range(0, pieces, BATCH):
        with store.atomic():
            thread = threads.create(store, now=NOW)
            for vector in space.make(min(BATCH, pieces - start)):
                when = f"202{chance.randint(4, 5)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T12:00:00Z"
                put(store, thread.id, texts.make(), vector, when, memory=chance.random() < 1 / 3)
    return space


def put(store: Store, thread_id: str, text: str, vector: bytes, when: str, *, memory: bool) -> None:
    if memory:
        owner, id_ = Owner.MEMORY, memories.add(store, kind=Kind.SEMANTIC, text=text, trust=Trust.USER, now=when).id
    else:
        message = messages.add(store, thread_id=thread_id, role=Role.USER, content=text, trust=Trust.USER, now=when)
        owner, id_ = Owner.MESSAGE, message.id
    index.add(store, owner, id_, [index.Piece(0, len(text), text)], [vector])


def asked(store: Store, space: Space, questions: int) -> Iterator[tuple[str, bytes]]:
    """Yield questions: some words of a stored text, with a vector near to its own."""
    chance = random.Random(2)
    last = store.value("SELECT max(id) FROM chunks")
    for _ in range(questions):
        sql = "SELECT c.text, v.embedding FROM chunks AS c JOIN chunks_vec AS v ON v.chunk_id = c.id WHERE c.id = ?"
        ((text, vector),) = store.rows(sql, (chance.randint(1, last),))
        words = chance.sample(text.split(), min(QUESTION, len(text.split())))
        yield " ".join(words), space.near(np.frombuffer(vector, "<f4")[None])[0]


def ask(store: Store, question: str, vector: bytes, figures: Figures) -> float:
    """Search for `question` in all the ways that are compared; return the overlap of its best ten with the truth."""
    given = Given()
    given.next = vector
    with staged(figures), figures.timing("the whole search"):
        recall.search(store, question, Filters(), embedder=given, now=MOMENT)
    for name, filters in (("... of one month", MONTH), ("... of one thread", of_some_thread(store))):
        with figures.timing(name):
            recall.search(store, question, filters, embedder=given, now=MOMENT)
    with figures.timing("sqlite-vec's own scan"):
        rows = store.rows("SELECT chunk_id FROM chunks_vec WHERE embedding MATCH ? AND k = ?", (vector, TOP))
    truth = {chunk_id for (chunk_id,) in rows}
    found = vectors.by_vector(store, vector, EVERYTHING, recall.BREADTH_OF_LARGE, now=NOW)[:TOP]
    return len(truth & {chunk_id for _, _, chunk_id, _ in found}) / len(truth)


def of_some_thread(store: Store) -> Filters:
    return Filters(thread_id=store.value("SELECT id FROM threads ORDER BY id LIMIT 1"))


@contextmanager
def staged(figures: Figures) -> Iterator[None]:
    """Time the calls of every stage's function while this lasts."""
    originals = {what: getattr(module, name) for what, (module, name) in STAGES.items()}
    try:
        for what, (module, name) in STAGES.items():
            setattr(module, name, timed(originals[what], what, figures))
        yield
    finally:
        for what, (module, name) in STAGES.items():
            setattr(module, name, originals[what])


def timed(function: Callable[..., Any], what: str, figures: Figures) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        with figures.timing(what):
            return function(*args, **kwargs)

    return call


def report(figures: Figures, console: Console) -> None:
    table = Table(title=f"{figures.pieces:,} pieces", title_justify="left")
    for heading in ("milliseconds", "p50", "p95"):
        table.add_column(heading, justify="left" if heading == "milliseconds" else "right")
    for what, seconds in figures.seconds.items():
        table.add_row(what, f"{1e3 * quantile(seconds, 0.5):.1f}", f"{1e3 * quantile(seconds, 0.95):.1f}")
    console.print(table)
    console.print(
        f"overlap with the exact top {TOP}: {figures.overlap:.3f}; file: {figures.megabytes:.0f} MB;"
        f" written: {figures.inserted:,.0f} pieces a second\n"
    )


def quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--memories", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    parser.add_argument("--questions", type=int, default=50, metavar="N")
    chosen = parser.parse_args(arguments)
    for pieces in chosen.memories:
        with tempfile.TemporaryDirectory() as folder:
            report(measure(pieces, chosen.questions, Path(folder)), Console())


if __name__ == "__main__":
    main()
