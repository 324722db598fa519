"""Search by vector in a large store: what two stages find, and that signatures follow their vectors."""

from __future__ import annotations

import contextlib
import itertools
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memcli.store import health, index, messages, migrations, purge, signatures, threads, traces, vectors
from memcli.store.database import Store
from memcli.types import Filters, Owner, Role, Trust
from tests.store.making import EMBEDDER, NOW, Filled, at, python

ANY = Filters()


@pytest.fixture
def two_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every store count as large, and the first stage choose few."""
    monkeypatch.setattr(vectors, "_SCANNED", -1)
    monkeypatch.setattr(vectors, "_COMPARED", 60)


class Space:
    """A store whose messages have given vectors; ids are their numbers."""

    def __init__(self, store: Store, dimension: int) -> None:
        self.store = store
        self.thread = threads.create(store, now=NOW)
        index.adopt(store, "given", dimension)

    def put(self, number: int, vector: NDArray[np.float32], *, thread: str | None = None, now: str = NOW) -> str:
        message = messages.add(
            self.store,
            thread_id=thread or self.thread.id,
            role=Role.USER,
            content="text",
            trust=Trust.USER,
            now=now,
            id=f"item{number:06}",
        )
        index.add(self.store, Owner.MESSAGE, message.id, [index.Piece(0, 4, "text")], [data(vector)])
        return message.id

    def put_all(self, made: NDArray[np.float32]) -> None:
        with self.store.atomic():
            for number, vector in enumerate(made):
                self.put(number, vector)

    def nearest(self, vector: NDArray[np.float32], limit: int, filters: Filters = ANY) -> list[str]:
        return [hit[1] for hit in vectors.by_vector(self.store, data(vector), filters, limit, now=NOW)]


def data(vector: NDArray[np.float32]) -> bytes:
    return vector.astype("<f4").tobytes()


def clustered(count: int, dimension: int, seed: int = 1) -> NDArray[np.float32]:
    """Return unit vectors in clusters of about 20."""
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((count // 20 + 1, dimension), dtype=np.float32)
    made = centres[chance.integers(0, len(centres), count)] + chance.standard_normal((count, dimension), np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def truly_nearest(made: NDArray[np.float32], vector: NDArray[np.float32], count: int) -> set[str]:
    return {f"item{number:06}" for number in np.argsort(-(made @ vector))[:count]}


@pytest.mark.usefixtures("two_stages")
@pytest.mark.parametrize("dimension", [192, 250, 384, 1024])
def test_two_stages_find_what_is_truly_nearest_in_any_dimension(store: Store, dimension: int) -> None:
    made, questions = clustered(1500, dimension), clustered(40, dimension, seed=2)
    space = Space(store, dimension)
    space.put_all(made)
    questions = (made[:40] + 0.5 * questions).astype(np.float32)
    found = [len(set(space.nearest(q, 10)) & truly_nearest(made, q, 10)) for q in questions]
    assert sum(found) >= 0.98 * 10 * len(questions)


@pytest.mark.usefixtures("two_stages")
@pytest.mark.parametrize("dimension", [1, 2, 7, 64, 65])
def test_small_dimensions_and_vectors_without_a_positive_component_are_found(store: Store, dimension: int) -> None:
    space = Space(store, dimension)
    chance = np.random.default_rng(1)
    made = np.concatenate([-np.ones((1, dimension)), np.ones((1, dimension)), chance.normal(size=(30, dimension))])
    space.put_all(made.astype(np.float32))
    assert "item000000" in space.nearest(made[0], 31)
    assert "item000001" in space.nearest(made[1], 31)


@pytest.mark.usefixtures("two_stages")
def test_scores_are_exact_and_those_of_a_scan(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    space, made = Space(store, 384), clustered(500, 384)
    space.put_all(made)
    staged = vectors.by_vector(store, data(made[3]), ANY, 10, now=NOW)
    monkeypatch.setattr(vectors, "_SCANNED", 100)
    assert staged == vectors.by_vector(store, data(made[3]), ANY, 10, now=NOW)
    assert staged[0][3] == pytest.approx(1)


@pytest.mark.usefixtures("two_stages")
def test_filters_lose_nothing_that_passes_however_few_or_many_do(store: Store) -> None:
    space, made = Space(store, 384), clustered(1200, 384)
    threads_ = {share: threads.create(store, now=NOW).id for share in (2, 5, 300)}
    with store.atomic():
        for number, vector in enumerate(made):
            share = next((s for s in (300, 5, 2) if number % s == 0), None)
            space.put(number, vector, thread=threads_.get(share or 0), now=at(1 + number % 28))
    question = made[7]
    for share, thread_id in threads_.items():
        passing = {row[0] for row in store.rows("SELECT id FROM messages WHERE thread_id = ?", (thread_id,))}
        found = space.nearest(question, 4, Filters(thread_id=thread_id))
        best = [name for name in order(made, question) if name in passing][:4]
        assert set(found) <= passing
        assert len(set(found) & set(best)) >= (4 if share == 300 else 3)
    late = space.nearest(question, 20, Filters(since=at(28)))
    assert late == [name for name in order(made, question) if int(name[4:]) % 28 == 27][:20]
    assert space.nearest(question, 10, Filters(thread_id="none")) == []
    assert space.nearest(question, 10, Filters(kinds=("semantic",))) == []


def order(made: NDArray[np.float32], vector: NDArray[np.float32]) -> list[str]:
    return [f"item{number:06}" for number in np.argsort(-(made @ vector))]


@pytest.mark.usefixtures("two_stages")
def test_as_many_as_wanted_come_back_where_so_many_pass(store: Store) -> None:
    space, made = Space(store, 384), clustered(900, 384)
    other = threads.create(store, now=NOW).id
    with store.atomic():
        for number, vector in enumerate(made):
            space.put(number, vector, thread=other if number % 2 else None)
    assert len(space.nearest(made[0], 300, Filters(thread_id=other))) == 300
    assert len(space.nearest(made[0], 800)) == 800


@pytest.mark.usefixtures("two_stages")
def test_what_two_stages_find_does_not_depend_on_ids(tmp_path: Path) -> None:
    made = clustered(300, 64)
    made[100:220] = made[5]  # equals, more of them than are compared
    seen = []
    for turn in range(3):
        with Store.open(tmp_path / f"{turn}.db") as store:
            space = Space(store, 64)
            names = random.Random(turn).sample(range(300), 300)
            with store.atomic():
                stored = [space.put(name, vector) for name, vector in zip(names, made, strict=True)]
            seen.append([[stored.index(id_) for id_ in space.nearest(made[n], 5)] for n in (5, 50)])
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == [219, 218, 217, 216, 215]


@pytest.mark.usefixtures("two_stages")
def test_what_is_deleted_does_not_come_back_and_its_place_can_be_taken(store: Store) -> None:
    space, made = Space(store, 384), clustered(700, 384)
    space.put_all(made)
    held = set(range(0, 700, 7))
    gone = [f"item{number:06}" for number in range(700) if number not in held]
    purge.forget(store, purge.closure_of(store, gone), NOW)
    question = made[7]
    kept = [name for name in order(made, question) if int(name[4:]) in held]
    assert space.nearest(question, 200) == kept
    space.put(9000, made[8])
    assert space.nearest(made[8], 1) == ["item009000"]
    assert health.check(store) == []


def test_a_row_of_signatures_goes_with_the_last_of_its_chunks(store: Store) -> None:
    space = Space(store, 384)
    space.put_all(clustered(600, 384))
    assert signatures.rows(store) == 3
    store.run("DELETE FROM messages WHERE id >= 'item000255'")
    assert (signatures.rows(store), signatures.taken(store)) == (1, set(range(1, 256)))
    store.run("DELETE FROM messages")
    assert signatures.rows(store) == 0


def test_no_byte_of_a_forgotten_vector_or_its_signature_stays(store: Store) -> None:
    space, made = Space(store, 384), clustered(600, 384)
    space.put_all(made)
    marks = [signatures.signature(data(made[7])).tobytes(), data(made[7])]
    store.run("PRAGMA wal_checkpoint(TRUNCATE)")
    assert all(mark in everything(store) for mark in marks)
    purge.forget(store, purge.closure_of(store, ["item000007"]), NOW)
    assert not any(mark in everything(store) for mark in marks)
    assert signatures.taken(store) == set(range(1, 601)) - {8}


def everything(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in traces.files(store))


def test_the_stored_signature_is_the_one_that_a_search_compares_with(store: Store) -> None:
    space, made = Space(store, 100), clustered(3, 100)
    space.put_all(made)
    bits = store.value("SELECT bits FROM signatures")
    for number, vector in enumerate(made, 1):
        assert bits[16 * number : 16 * (number + 1)] == signatures.signature(data(vector)).tobytes()


def test_a_failed_transaction_leaves_no_signature(store: Store) -> None:
    space = Space(store, 8)
    space.put(1, np.ones(8, np.float32))
    with contextlib.suppress(ZeroDivisionError), store.atomic():
        space.put(2, np.ones(8, np.float32))
        raise ZeroDivisionError
    assert signatures.taken(store) == {1}


@pytest.mark.usefixtures("two_stages")
def test_dropping_the_vectors_leaves_none_and_makes_room_for_those_of_another_embedder(store: Store) -> None:
    space = Space(store, 8)
    space.put(1, np.ones(8, np.float32))
    with store.atomic():
        index.drop_vectors(store)
    assert (index.identity(store), index.missing(store), signatures.rows(store)) == (None, 1, 0)
    assert space.nearest(np.ones(8, np.float32), 1) == []
    with store.atomic():
        index.make_vectors(store, "another", 100)
    index.fill(store, [1], [data(np.ones(100, np.float32))])
    assert space.nearest(np.ones(100, np.float32), 1) == ["item000001"]
    assert health.check(store) == []


OLD_VECTORS = """
    CREATE VIRTUAL TABLE chunks_vec USING vec0(
        chunk_id integer primary key, embedding float[64] distance_metric=cosine);
    CREATE TRIGGER chunks_vector_out AFTER DELETE ON chunks WHEN old.has_vector BEGIN
        DELETE FROM chunks_vec WHERE chunk_id = old.id; END;
    INSERT INTO meta VALUES ('embedder', 'hashing:64'), ('dimension', '64');
    INSERT INTO threads (id, created_at, updated_at) VALUES ('t', '2026-03-01T09:30:00Z', '2026-03-01T09:30:00Z');
"""


def make_old(path: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a store as the first schema had it."""
    with monkeypatch.context() as then:
        then.setattr(migrations, "NEWEST", 1)
        with Store.open(path) as store, store.atomic():
            store.run(OLD_VECTORS if texts else "SELECT 1")
            for number, text in enumerate(texts, 1):
                sql = (
                    "INSERT INTO messages (id, thread_id, role, content, trust, created_at) VALUES (?, 't', ?, ?, ?, ?)"
                )
                store.run(sql, (f"m{number}", "user", text, "user", NOW))
                sql = """INSERT INTO chunks VALUES (?, 'message', ?, 0, 0, ?, ?, 1)"""
                store.run(sql, (number, f"m{number}", len(text), text))
                store.run("INSERT INTO chunks_vec VALUES (?, ?)", (number, EMBEDDER.embed([text])[0]))


@pytest.mark.usefixtures("two_stages")
def test_a_store_of_the_first_schema_gets_signatures_of_its_vectors(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(path, [f"number{n} of many" for n in range(300)], monkeypatch)
    with Store.open(path) as store:
        assert health.check(store) == []
        for number in (1, 150, 300):
            vector = EMBEDDER.embed([f"number{number - 1} of many"])[0]
            hits = vectors.by_vector(store, vector, ANY, 300, now=NOW)
            assert hits[0][3] == pytest.approx(1)
            assert f"m{number}" in {hit[1] for hit in itertools.takewhile(lambda hit: hit[3] > 0.999, hits)}
        store.run("DELETE FROM messages WHERE id = 'm150'")
        assert health.check(store) == []


def test_a_store_of_the_first_schema_without_vectors_is_upgraded_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(path, [], monkeypatch)
    with Store.open(path) as store:
        assert signatures.rows(store) == 0
        filled = Filled(store)
        filled.say("tea")
        assert health.check(store) == []


WRITER = """
import struct, sys
from pathlib import Path
from memcli.store import index, messages, threads
from memcli.store.database import Store
from memcli.types import Owner, Role, Trust
now = "2026-03-01T09:30:00Z"
path, number, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with Store.open(path, busy_ms=20_000) as store:
    index.adopt(store, "given", 100)
    for n in range(count):
        with store.atomic():
            thread = threads.create(store, now=now)
            made = messages.add(store, thread_id=thread.id, role=Role.USER, content="x", trust=Trust.USER, now=now)
            vector = struct.pack("<100f", *(1.0 if (bit * 7 + number + n) % 3 else -1.0 for bit in range(100)))
            index.add(store, Owner.MESSAGE, made.id, [index.Piece(0, 1, "x")], [vector])
        if n % 5 == 4:
            store.run("DELETE FROM messages WHERE id = ?", (made.id,))
"""


def test_writers_at_once_keep_signatures_and_vectors_in_step(path: Path) -> None:
    writers = [python(WRITER, path, number, 40) for number in range(3)]
    for process in writers:
        process.communicate(timeout=60)
        assert process.returncode == 0
    with Store.open(path) as store:
        assert health.check(store) == []
        assert len(signatures.taken(store)) == 3 * 32
        for chunk_id, vector in store.rows("SELECT chunk_id, embedding FROM chunks_vec"):
            block, slot = divmod(chunk_id, signatures.SLOTS)
            bits = store.value("SELECT bits FROM signatures WHERE block = ?", (block,))
            assert bits[16 * slot : 16 * (slot + 1)] == signatures.signature(vector).tobytes()


def test_a_small_store_is_searched_without_numpy(path: Path) -> None:
    with Store.open(path) as store:
        Space(store, 2).put(1, np.array([1, 0], np.float32))
    code = """
import struct, sys
from pathlib import Path
from memcli.store import vectors
from memcli.store.database import Store
from memcli.types import Filters
with Store.open(Path(sys.argv[1])) as store:
    found = vectors.by_vector(store, struct.pack("<2f", 1, 0), Filters(), 5, now="2026-03-01T09:30:00Z")
print(len(found), "numpy" in sys.modules)
"""
    assert python(code, path).communicate()[0].split() == ["1", "False"]


def test_a_vector_of_zeros_is_stored_and_never_found_in_two_stages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_SCANNED", -1)
    space = Space(store, 4)
    space.put(1, np.zeros(4, np.float32))
    space.put(2, np.ones(4, np.float32))
    assert space.nearest(np.ones(4, np.float32), 5) == ["item000002"]
    assert vectors.by_vector(store, struct.pack("<4f", 0, 0, 0, 0), ANY, 5, now=NOW) == []
