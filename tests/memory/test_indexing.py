from pathlib import Path

from memcli.memory import indexing
from memcli.memory.remember import remember
from memcli.store import index
from memcli.store.database import Store
from tests.fakes import HashingEmbedder

NOW = "2026-11-21T12:00:00Z"


def test_what_was_stored_without_an_embedder_gets_its_vectors_when_there_is_one(tmp_path: Path) -> None:
    embedder = HashingEmbedder()
    with Store.open(tmp_path / "m.db") as store:
        remember(store, ["I like tea."], embedder=embedder, now=NOW)
        remember(store, ["I like rain.", "I like snow."], embedder=None, now=NOW)
        assert index.missing(store) == 2
        indexing.catch_up(store, embedder)
        assert index.missing(store) == 0


def test_progress_counts_pieces_up_to_all_of_them() -> None:
    heard: list[tuple[int, int]] = []
    texts = [f"text number {i}" for i in range(indexing.BATCH + 1)]
    indexing.prepare(texts, HashingEmbedder(), lambda done, total: heard.append((done, total)))
    assert heard == [(indexing.BATCH, indexing.BATCH + 1), (indexing.BATCH + 1, indexing.BATCH + 1)]
