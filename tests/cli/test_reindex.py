"""Reindexing through the front door: what a user types, reads, and may interrupt."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from memcli import config
from memcli.errors import ConfigError, EmbedderError
from memcli.memory import indexing, reindexing
from memcli.store import health, index
from memcli.store.database import Store
from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, OtherEmbedder
from tests.program import Program

MANY = 300
LONG = "One sentence about tea. Another about the long rain in Bergen. A third one about the bicycle of my aunt."


@pytest.fixture
def other(memcli: Program, embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch) -> OtherEmbedder:
    """Install a second embedder, called "other", beside the default one."""
    second = OtherEmbedder()
    folder = memcli.paths.models / "other"
    folder.mkdir(parents=True)
    (folder / "modules.json").write_text("[]")
    monkeypatch.setattr(Workspace, "_load_embedder", lambda self, name: second if name.endswith("other") else embedder)
    return second


def filled(memcli: Program, count: int = MANY) -> None:
    said = ({"thread": "t", "role": "user", "content": f"note {i} on tea"} for i in range(count - 1))
    records = [*said, {"thread": "t", "role": "user", "content": LONG}]
    assert memcli("import", "-", stdin="".join(json.dumps(r) + "\n" for r in records)).status == 0


def interrupting(monkeypatch: pytest.MonkeyPatch, embedder: HashingEmbedder, error: BaseException, after: int) -> None:
    """Let the embedder fail by `error` at its call number `after`."""
    real = embedder.embed
    calls = iter(range(1, 10_000))

    def embed(texts: Sequence[str]) -> list[bytes]:
        if next(calls) == after:
            raise error
        return real(texts)

    monkeypatch.setattr(embedder, "embed", embed)


def during(monkeypatch: pytest.MonkeyPatch, embedder: HashingEmbedder, action: Callable[[], object]) -> None:
    """Have something happen once, while the embedder works on the first batch."""
    real = embedder.embed

    def embed(texts: Sequence[str]) -> list[bytes]:
        if len(texts) >= indexing.BATCH:
            monkeypatch.setattr(embedder, "embed", real)
            action()
        return real(texts)

    monkeypatch.setattr(embedder, "embed", embed)


def cosine_of_best(memcli: Program, query: str) -> float:
    return float(memcli("search", query, "--explain", "--json").json["results"][0]["why"]["cosine"])


def check_whole(memcli: Program, embedder: HashingEmbedder) -> None:
    """Every chunk is cut as the embedder counts and has its vector; nothing else has one."""
    with Store.open(memcli.paths.store) as store:
        assert (index.identity(store), index.missing(store), health.check(store)) == (embedder.identity, 0, [])
        assert max(embedder.count(text) for (text,) in store.rows("SELECT text FROM chunks")) <= embedder.window
        vector = embedder.embed([LONG.split(". ")[1] + "."])[0]
        assert len(vector) == 4 * (index.dimension(store) or 0)


def test_there_is_nothing_to_do_with_the_same_embedder(memcli: Program, embedder: HashingEmbedder) -> None:
    filled(memcli)
    embedder.embedded.clear()
    assert memcli("reindex").out == f"all {MANY} chunks have vectors by hashing:64: there was nothing to do\n"
    assert len(embedder.embedded) == reindexing.SAMPLE + 1
    assert memcli("reindex", "--json").json == {
        "embedder": "hashing:64", "dimension": 64, "chunks": MANY, "items": 0,
    }  # fmt: skip


def test_an_empty_store_is_bound_to_the_embedder(memcli: Program, other: OtherEmbedder) -> None:
    assert "nothing to index yet" in memcli("reindex", "--embedder", "other").out
    memcli("remember", "I like tea.")
    check_whole(memcli, other)


def test_another_embedder_makes_all_vectors_anew_and_is_the_one_in_force(memcli: Program, other: OtherEmbedder) -> None:
    filled(memcli)
    done = memcli("reindex", "--embedder", "other")
    assert done.out == f"all {MANY + 3} chunks have vectors by other:32\n"
    assert f"the setting embedder is now other ({memcli.paths.config_file})" in done.err
    check_whole(memcli, other)
    found = memcli("search", "bicycle")
    assert (found.status, found.err) == (0, "")
    assert cosine_of_best(memcli, "bicycle") > 0


def test_a_changed_setting_means_words_only_until_the_vectors_are_made_anew(
    memcli: Program, other: OtherEmbedder
) -> None:
    filled(memcli)
    memcli("config", "set", "embedder", "other")
    found = memcli("search", "bicycle")
    assert "searching by words only: the store's vectors are by hashing:64" in found.err
    assert "'memcli reindex'" in found.err
    assert cosine_of_best(memcli, "bicycle") == 0
    assert memcli("reindex").status == 0
    check_whole(memcli, other)


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(
    memcli: Program, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli)
    with monkeypatch.context() as patch:
        interrupting(patch, other, KeyboardInterrupt(), after=3)
        stopped = memcli("reindex", "--embedder", "other")
    assert stopped.status == 130
    assert f"interrupted: {indexing.BATCH} of {MANY} chunks have vectors; the same command goes on" in stopped.err
    assert "until it is done search goes by words" in stopped.err
    found = memcli("search", "bicycle")
    assert f"searching by words only: {MANY - indexing.BATCH} chunks wait for vectors" in found.err
    assert cosine_of_best(memcli, "tea") == 0
    other.embedded.clear()
    assert memcli("reindex", "--json").json["items"] == MANY - indexing.BATCH
    assert not {f"note {i} on tea" for i in range(MANY // 10)} <= set(other.embedded)
    check_whole(memcli, other)


def test_what_the_interrupted_reindex_left_over_is_made_by_the_next_command_if_it_is_little(
    memcli: Program, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli, indexing.BATCH + 20)
    with monkeypatch.context() as patch:
        interrupting(patch, other, KeyboardInterrupt(), after=3)
        memcli("reindex", "--embedder", "other")
    assert memcli("search", "bicycle").err == ""
    check_whole(memcli, other)


def test_an_embedder_that_does_not_run_costs_the_store_nothing(
    memcli: Program, embedder: HashingEmbedder, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli)
    with monkeypatch.context() as patch:
        interrupting(patch, other, EmbedderError("it is broken", "mend it"), after=1)
        assert memcli("reindex", "--embedder", "other", "--json").error["code"] == "embedder"
    assert memcli("config", "get", "embedder").out != "other\n"
    check_whole(memcli, embedder)


def test_what_an_open_chat_keeps_meanwhile_with_the_old_embedder_is_indexed_with_the_new(
    memcli: Program, embedder: HashingEmbedder, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memcli.memory.recall import search
    from memcli.memory.remember import remember
    from memcli.types import Filters

    filled(memcli)
    now = "2026-03-01T09:30:00Z"
    with Store.open(memcli.paths.store) as chat:

        def talk() -> None:
            remember(chat, ["My violin stands in the attic."], embedder=embedder, now=now)
            hits = search(chat, "violin", Filters(), embedder=embedder, now=datetime.fromisoformat(now))
            assert [hit.item.cosine for hit in hits] == [0]

        during(monkeypatch, other, talk)
        assert memcli("reindex", "--embedder", "other").status == 0
        check_whole(memcli, other)
        assert cosine_of_best(memcli, "violin") > 0
        talk_on = remember(chat, ["My flute is in the attic too."], embedder=embedder, now=now)
        assert index.missing(chat) == 1
        hits = search(chat, "flute", Filters(), embedder=embedder, now=datetime.fromisoformat(now))
    assert [hit.item.id for hit in hits if hit.item.words] == [talk_on[0].memory.id]
    assert max(hit.item.cosine for hit in hits) == 0, "vectors of two embedders are never compared"
    memcli("search", "anything")
    check_whole(memcli, other)


def test_what_is_forgotten_meanwhile_stays_forgotten(
    memcli: Program, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli)
    during(monkeypatch, other, lambda: memcli("forget", "--query", "bicycle", "--yes"))
    assert memcli("reindex", "--embedder", "other", "--json").json["chunks"] == MANY - 1
    assert "bicycle" not in memcli("search", "bicycle").out
    assert b"bicycle" not in b"".join(file.read_bytes() for file in memcli.paths.data.iterdir())


def test_a_reindex_with_another_embedder_meanwhile_ends_this_one(
    memcli: Program, embedder: HashingEmbedder, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli)
    during(monkeypatch, other, lambda: memcli("reindex", "--embedder", "all-MiniLM-L6-v2"))
    done = memcli("reindex", "--embedder", "other", "--json")
    assert (done.status, done.error["code"]) == (1, "embedder_changed")
    check_whole(memcli, embedder)


def test_texts_are_cut_anew_where_chunks_have_become_smaller(
    memcli: Program, embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli, 20)
    monkeypatch.setattr(indexing, "CHUNK_TOKENS", 12)
    assert memcli("reindex", "--json").json["chunks"] > 20
    assert "nothing to do" in memcli("reindex").out
    check_whole(memcli, embedder)
    with Store.open(memcli.paths.store) as store:
        assert max(embedder.count(text) for (text,) in store.rows("SELECT text FROM chunks")) <= 12


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM chunks_vec WHERE chunk_id = 3",
        "UPDATE chunks SET has_vector = 0 WHERE id = 3",
        "UPDATE chunks_vec SET embedding = (SELECT embedding FROM chunks_vec WHERE chunk_id = 20)",
        "INSERT INTO chunks_fts (chunks_fts) VALUES ('delete-all')",
    ],
)
def test_lost_stray_and_changed_vectors_and_lost_words_are_mended(
    memcli: Program, embedder: HashingEmbedder, damage: str
) -> None:
    filled(memcli, 20)
    with Store.open(memcli.paths.store) as store:
        store.run(damage)
    assert memcli("reindex").status == 0
    check_whole(memcli, embedder)
    assert "bicycle" in memcli("search", "bicycle").out
    assert cosine_of_best(memcli, "bicycle") > 0


def test_a_full_disk_is_said_and_nothing_is_lost(
    memcli: Program, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli)
    settled = Store._settle

    def cramped(self: Store) -> None:
        settled(self)
        self.run(f"PRAGMA max_page_count = {self.value('PRAGMA page_count')}")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "_settle", cramped)
        other.dimension, other.identity = 4096, "other:4096"
        done = memcli("reindex", "--embedder", "other", "--json")
    assert (done.status, done.error["code"]) == (1, "store_unwritable")
    assert len(memcli("threads", "show", "t", "--json").json["said"]) == MANY
    assert memcli("reindex").status == 0
    assert "nothing to do" in memcli("reindex").out


def test_a_setting_that_cannot_be_written_is_told_and_does_not_stop_it(
    memcli: Program, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(memcli)

    def refuse(*_: object) -> None:
        raise ConfigError("cannot write config.toml: Read-only file system")

    monkeypatch.setattr(config, "write_value", refuse)
    done = memcli("reindex", "--embedder", "other")
    assert done.status == 0
    assert "set it yourself: embedder = 'other'" in done.err
    check_whole(memcli, other)


def test_a_folder_is_set_by_its_full_path(
    memcli: Program, other: OtherEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "another").mkdir()
    (tmp_path / "another" / "modules.json").write_text("[]")
    monkeypatch.chdir(tmp_path)
    assert memcli("reindex", "--embedder", "./another").status == 0
    assert memcli("config", "get", "embedder").out == f"{tmp_path / 'another'}\n"


def test_a_variable_that_names_another_embedder_is_pointed_out(memcli: Program, other: OtherEmbedder) -> None:
    memcli.environ["MEMCLI_EMBEDDER"] = "all-MiniLM-L6-v2"
    assert "MEMCLI_EMBEDDER is set and wins" in memcli("reindex", "--embedder", "other").err


def test_a_terminal_sees_how_far_it_has_come(memcli: Program, other: OtherEmbedder) -> None:
    filled(memcli)
    memcli.environ["TERM"] = "xterm"
    assert f"{MANY + 3}/{MANY + 3}" in memcli("reindex", "--embedder", "other", tty=True).err


def test_a_store_filled_without_an_embedder_is_searched_by_words_until_it_has_its_vectors(
    memcli: Program, embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "_open_embedder", lambda self: None)
        filled(memcli)
    assert "chunks wait for vectors ('memcli reindex' makes them)" in memcli("remember", "I like tea.").err
    assert cosine_of_best(memcli, "tea") == 0
    assert memcli("reindex").status == 0
    assert cosine_of_best(memcli, "tea") > 0
    check_whole(memcli, embedder)


def test_doctor_names_the_command_while_chunks_wait(
    memcli: Program, other: OtherEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vectors() -> dict[str, object]:
        (found,) = (f for f in memcli("doctor", "--json").json["findings"] if f["topic"] == "vectors")
        return found

    filled(memcli)
    assert vectors() == {"topic": "vectors", "detail": "made by hashing:64", "ok": True, "hint": ""}
    memcli("config", "set", "embedder", "other")
    assert vectors()["hint"] == "memcli reindex"
    with monkeypatch.context() as patch:
        interrupting(patch, other, KeyboardInterrupt(), after=3)
        memcli("reindex")
    found = vectors()
    assert (found["ok"], found["hint"]) == (False, "memcli reindex")
    assert f"made by other:32; {MANY - indexing.BATCH} chunks wait for theirs" in str(found["detail"])
    memcli("reindex")
    assert vectors()["ok"]
