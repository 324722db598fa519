"""What is wrong with a store is found and mended, kind by kind, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.errors import StoreDamaged, StoreLocked
from memcli.memory import indexing, mending
from memcli.memory.mending import Outcome
from memcli.store import backup, cleaning, core, health, messages, operations, purge, queue, summaries
from memcli.store.database import Store
from memcli.store.summaries import Summary
from memcli.types import Kind, Owner, Recalled, Role
from tests.fakes import HashingEmbedder
from tests.store.making import NOW, Filled

LONG_TEXT = " ".join(f"Sentence number {n} says that tea is good, and that Zürich is far away." for n in range(40))


class Kept(Filled):
    """A store with something of everything."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.said = [self.say("I like green tea"), self.say(LONG_TEXT), self.say("Zürich is far")]
        self.old = self.keep("likes black tea", of=[self.said[0]])
        self.new = self.keep("likes green tea", of=[self.said[0]])
        self.rule = self.keep("always answer in French", kind=Kind.PROCEDURAL)
        self.supersede(self.old, self.new)
        self.answer = self.say("Noted.", role=Role.ASSISTANT, tokens=(1, 2, 3))
        messages.set_recalled(store, self.said[2].id, [Recalled(self.new.id, "semantic", "- likes tea", 1.0, {})])
        summaries.add(
            store, Summary("s1", self.thread.id, self.said[1].seq, '[["2026-03-01", "tea", 1]]', "extract", NOW)
        )
        queue.enqueue(store, self.said[0].id, NOW)
        operations.record(store, action="add", actor="user", items=[self.new.id], now=NOW)
        core.put(store, "user", "likes tea", NOW)

    def index(self, owner: Owner, owner_id: str, texts: list[str]) -> None:  # type: ignore[override]
        embedder = HashingEmbedder()
        with self.store.atomic():
            indexing.put(self.store, owner, owner_id, indexing.prepare(texts, embedder)[0], embedder)

    @property
    def texts(self) -> list[tuple[object, ...]]:
        return self.store.rows("SELECT id, content FROM messages UNION ALL SELECT id, text FROM memories ORDER BY 1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "place" / "memcli.db"


@pytest.fixture
def kept(path: Path) -> Iterator[Kept]:
    with Store.open(path, busy_ms=300) as store:
        with store.atomic():
            made = Kept(store)
        yield made


def mend(kept: Filled, embedder: HashingEmbedder | None = None) -> Outcome:
    return mending.mend(kept.store, embedder or HashingEmbedder(), NOW, progress=lambda done, of: None)


def test_a_sound_store_is_left_alone_and_not_copied(kept: Kept, path: Path) -> None:
    before = path.read_bytes()
    assert mend(kept) == Outcome(())
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir() if "before-fix" in p.name] == []


UNCHECKED = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; "
FIRST = "(SELECT min(id) FROM chunks)"
# What is done to the store, and what is said of it. Texts of messages and memories are the same afterwards.
DAMAGE: dict[str, tuple[str, str]] = {
    "missing trigger": ("DROP TRIGGER messages_chunks_out", "the trigger messages_chunks_out is missing"),
    "missing index": ("DROP INDEX messages_by_time", "the index messages_by_time is missing"),
    "other trigger": (
        "DROP TRIGGER memories_chunks_out;"
        " CREATE TRIGGER memories_chunks_out AFTER DELETE ON memories BEGIN SELECT 1; END",
        "the trigger memories_chunks_out is not what it should be",
    ),
    "strange trigger": (
        "CREATE TRIGGER odd AFTER INSERT ON messages BEGIN DELETE FROM memories; END",
        "the trigger odd does not belong there",
    ),
    "history": ("DELETE FROM migrations WHERE number = 3", "the history of the schema is not that of its number"),
    "queue": (
        "INSERT INTO formation_queue VALUES ('gone', '', NULL, NULL, 0)",
        "formation_queue row 2 refers to a missing",
    ),
    "source of nothing": ("INSERT INTO memory_sources VALUES ('gone', 'gone', 0, 1)", "memory_sources row None refers"),
    "tag of nothing": ("INSERT INTO memory_tags VALUES ('gone', 'x')", "memory_tags row None refers to a missing row"),
    "note of nothing": (
        "INSERT INTO recalled VALUES ('gone', 0, 'x', 'semantic', '-', 1, '{}')",
        "recalled row 2 refers to a missing row of messages",
    ),
    "lost successor": (
        "UPDATE memories SET superseded_by = 'gone' WHERE retired_at IS NOT NULL",
        "memories row 1 refers to a missing row of memories",
    ),
    "full text": ("INSERT INTO chunks_fts (chunks_fts) VALUES ('delete-all')", "the full-text index does not agree"),
    "coarse deletion": (
        "INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('secure-delete', 0)",
        "the full-text index keeps words of what is deleted",
    ),
    "name of the store": ("DELETE FROM meta WHERE key = 'store'", "the store does not note its store"),
    "half an embedder": (
        "DELETE FROM meta WHERE key = 'dimension'",
        "the store notes only a part of who made its vectors",
    ),
    "time": (
        "UPDATE messages SET created_at = '2026-03-01T09:3\x05:00Z' WHERE seq = 2",
        "1 rows of messages have no time",
    ),
    "unreadable log": ("UPDATE operations SET items = '[\"'", "1 operations of the log cannot be read"),
    "text in the log": (
        'UPDATE operations SET detail = \'{"text": "my locker code"}\'',
        "1 operations of the log hold texts",
    ),
    "circle": (
        "UPDATE memories SET retired_at = '2026-03-01T09:30:00Z', superseded_by ="
        " (SELECT id FROM memories WHERE text = 'likes black tea') WHERE text = 'likes green tea'",
        "1 chains of memories go round in a circle",
    ),
    "not retired": ("UPDATE memories SET retired_at = NULL", "1 memories are superseded and not retired"),
    "undone": (
        "UPDATE memories SET undone = 1 WHERE kind = 'procedural'",
        "1 memories were undone and are not retired",
    ),
    "rule of a document": (
        "DROP TRIGGER memories_rule_change; UPDATE memories SET trust = 'document' WHERE kind = 'procedural'",
        "1 rules are not the user's own words",
    ),
    "span": ('UPDATE memory_sources SET "end" = 9999', "2 sources are characters that their message does not have"),
    "numbers": ("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'messages'", "number of a message is higher"),
    "window": ("UPDATE threads SET window_start = 99", "1 threads begin their window behind the last message"),
    "prefix": ("UPDATE threads SET prefix = '[[\"'", "1 threads hold a context that cannot be read"),
    "tokens": ("UPDATE messages SET tokens = x'010203' WHERE role = 'assistant'", "1 answers have broken tokens"),
    "note of the forgotten": ("UPDATE recalled SET item_id = 'gone'", "1 notes are of nothing that is kept"),
    "summary": ("UPDATE summaries SET to_seq = 0", "1 summaries have outlived their messages"),
    "queue of others": (
        "INSERT INTO formation_queue SELECT id, '', NULL, NULL, 0 FROM messages WHERE role = 'assistant'",
        "1 messages wait for formation that are not the user's own words",
    ),
    "tables of vectors": (
        "UPDATE chunks_vec_chunks SET rowids = zeroblob(3)",
        "the vectors' own tables do not fit together",
    ),
    "places of vectors": (
        "UPDATE chunks_vec_rowids SET chunk_offset = 9",
        "the vectors' own tables do not fit together",
    ),
    "orphan": (
        "INSERT INTO chunks VALUES (99, 'memory', 'gone', 0, 0, 3, 'tea', 0, NULL)",
        "1 chunks belong to no message or memory",
    ),
    "missing chunks": (
        "DELETE FROM chunks WHERE owner = 'memory'",
        "3 messages or memories are not indexed as a whole",
    ),
    "missing piece": (
        "DELETE FROM chunks WHERE position = 1",
        "1 messages or memories are indexed with other words than theirs",
    ),
    "other words": (
        f"UPDATE chunks SET text = 'coffee' WHERE id = {FIRST}",
        "1 messages or memories are indexed with other words than theirs",
    ),
    "spelling": (
        "UPDATE chunks SET spelled = 'basel' WHERE text = 'Zürich is far'",
        "1 chunks are not spelled as full text needs them",
    ),
    "lost vector": (f"DELETE FROM chunks_vec WHERE chunk_id = {FIRST}", "1 chunks have lost their vector"),
    "lost flag": (f"UPDATE chunks SET has_vector = 0 WHERE id = {FIRST}", "1 vectors belong to no chunk"),
    "lost signatures": ("DELETE FROM signatures", "have lost their signature"),
    "wrong signature": (
        "UPDATE signatures SET bits = CAST(zeroblob(2056) || x'0101010101010101' || substr(bits, 2065) AS BLOB)",
        "signatures are not those of their vectors",
    ),
    "no vector": (
        f"UPDATE chunks_vec SET embedding = CAST(zeroblob(252) || x'0000807f' AS BLOB) WHERE chunk_id = {FIRST}",
        "1 vectors are none that an embedder makes",
    ),
    "bytes of a tag": (
        "INSERT INTO memory_tags SELECT id, CAST(x'41ff' AS TEXT) FROM memories WHERE kind = 'procedural'",
        "1 texts hold bytes that are no characters",
    ),
    "bytes of a note": (
        "UPDATE meta SET value = CAST(x'41ff' AS TEXT) WHERE key = 'created_by'",
        "1 texts hold bytes that are no characters",
    ),
    "forgotten text": (
        "INSERT INTO forgetting VALUES ('my locker code', 0)",
        "1 texts are still noted that were forgotten",
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_and_mended_and_every_text_stays(kept: Kept, kind: str) -> None:
    harm, found = DAMAGE[kind]
    texts, chunks = kept.texts, kept.store.value("SELECT count(*) FROM chunks")
    kept.store.run(UNCHECKED + harm)
    kept.store.run("PRAGMA foreign_keys = ON; PRAGMA ignore_check_constraints = OFF")
    assert any(found in line for line in health.check(kept.store)), health.check(kept.store)
    done = mend(kept)
    assert [one.left for one in done.mended if one.left] == []
    assert health.check(kept.store) == []
    assert (done.well, done.waiting, kept.texts) == (True, 0, texts)
    assert kept.store.value("SELECT count(*) FROM chunks WHERE has_vector") == chunks
    assert kept.said[0].id in kept.found("green tea")


def test_the_file_as_it_was_is_kept_beside_the_store(kept: Kept, path: Path) -> None:
    kept.store.run("UPDATE threads SET window_start = 99")
    done = mend(kept)
    assert done.kept
    assert (done.kept.parent, done.kept.stat().st_mode & 0o777) == (path.parent, 0o600)
    with Store.open(done.kept) as before:
        assert before.rows("SELECT window_start FROM threads") == [(99,)]
    assert kept.store.rows("SELECT window_start FROM threads") == [(0,)]
    kept.store.run("UPDATE threads SET window_start = 99")
    again = mend(kept).kept
    assert again != done.kept, "no copy is written over an older one"


def test_that_copy_goes_with_the_next_forgetting(kept: Kept, path: Path) -> None:
    kept.store.run("UPDATE threads SET window_start = 99")
    done = mend(kept)
    receipt = purge.forget(kept.store, purge.closure_of(kept.store, [kept.said[0].id]), NOW)
    assert str(done.kept) in receipt.files
    assert (receipt.traces, [p.name for p in path.parent.iterdir() if "before-fix" in p.name]) == (0, [])


def test_no_copy_is_kept_of_what_is_forgotten_while_it_is_made(
    kept: Kept, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = backup._close_log

    def close(copy: Store) -> None:
        real(copy)
        with kept.store.another(busy_ms=300) as other:
            purge.forget(other, purge.closure_of(other, [kept.said[0].id]), NOW)

    monkeypatch.setattr(backup, "_close_log", close)
    kept.store.run("UPDATE threads SET window_start = 99")
    with pytest.raises(StoreLocked, match="something was forgotten"):
        mend(kept)
    assert [p.name for p in path.parent.iterdir() if "before-fix" in p.name or "part" in p.name] == []


def test_a_forgetting_is_finished_before_the_file_is_copied(kept: Kept) -> None:
    cleaning.mark(kept.store, ["my locker code is 4711"])
    kept.store.run("UPDATE meta SET value = 'left' WHERE key = 'unclean'; UPDATE threads SET window_start = 99")
    done = mend(kept)
    assert done.well
    assert done.kept
    assert b"4711" not in done.kept.read_bytes()


def test_what_was_set_aside_waits_again(kept: Kept) -> None:
    kept.store.run("UPDATE formation_queue SET attempts = 3")
    assert (queue.waiting(kept.store), health.check(kept.store)) == (0, []), "it is no damage"
    assert mend(kept).well
    assert queue.waiting(kept.store) == 1


def test_without_the_stores_embedder_lost_vectors_wait_and_their_chunks_are_found_by_words(kept: Kept) -> None:
    kept.store.run("DELETE FROM chunks_vec")
    done = mending.mend(kept.store, None, NOW, progress=lambda done, of: None)
    assert done.well
    assert done.waiting == kept.store.value("SELECT count(*) FROM chunks")
    assert kept.said[0].id in kept.found("green tea")


def test_a_mending_that_fails_is_told_and_changes_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> list[object]:
        raise StoreDamaged("this text cannot be read", "")

    kept.store.run("DELETE FROM chunks WHERE owner = 'memory'")
    monkeypatch.setattr(indexing, "cut", lambda text, embedder: broken(text))
    before = kept.store.rows("SELECT * FROM chunks")
    done = mend(kept)
    assert [(one.check.name, one.failed) for one in done.mended] == [("chunks", "this text cannot be read")]
    assert not done.well
    assert kept.store.rows("SELECT * FROM chunks") == before


def test_every_check_says_what_must_hold_and_what_is_done(kept: Kept) -> None:
    names = [one.name for one in health.CHECKS]
    assert len(set(names)) == len(names)
    assert all(one.invariant.endswith(".") and one.how for one in health.CHECKS)
