"""`backup` and `doctor --fix` from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest

from memcli.errors import StoreLocked
from memcli.store import backup as copying
from memcli.store import health, memories
from memcli.store.database import Store
from memcli.store.purge import Receipt
from memcli.workspace import Workspace
from tests.fakes import OtherEmbedder
from tests.program import Program


@pytest.fixture
def store(memcli: Program) -> Path:
    memcli("chat", "--thread", "diary", stdin="My dog is called Turing.\n")
    memcli("remember", "I like green tea.")
    return memcli.paths.store


def harm(store: Path, sql: str) -> None:
    db = apsw.Connection(str(store))
    db.execute(sql)
    db.close()


def copies(store: Path) -> list[str]:
    return [name for name in os.listdir(store.parent) if not name.startswith(store.name + "-") and name != store.name]


# --- backup ---------------------------------------------------------------------------------------------------------


def test_a_backup_tells_where_it_is_and_what_it_has(memcli: Program, store: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    done = memcli("backup", target, "--json").json
    assert done == {
        "path": str(target), "bytes": target.stat().st_size, "memories": 1, "messages": 2, "threads": 1
    }  # fmt: skip
    assert "1 memories, 2 messages, 1 threads; checked" in memcli("backup", tmp_path / "again.db").out


def test_memcli_works_on_a_backup_and_the_store_stays_as_it_is(memcli: Program, store: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    memcli("backup", target)
    memcli("--db", target, "remember", "I like rain.")
    assert "I like rain." in memcli("--db", target, "list").out
    assert "I like rain." not in memcli("list").out


def test_a_backup_over_an_older_one_needs_force(memcli: Program, store: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    memcli("backup", target)
    refused = memcli("backup", target)
    assert (refused.status, "--force" in refused.err) == (1, True)
    memcli("remember", "I like rain.")
    assert memcli("backup", target, "--force").status == 0
    assert "I like rain." in memcli("--db", target, "list").out


def test_there_is_no_backup_of_a_store_that_is_not_there(memcli: Program, tmp_path: Path) -> None:
    assert memcli("backup", tmp_path / "copy.db").status == 3
    assert not memcli.paths.store.exists()


def test_an_interrupted_backup_says_that_there_is_none(
    memcli: Program, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "safe").mkdir()
    monkeypatch.setattr(copying, "_copy", interrupt)
    done = memcli("backup", tmp_path / "safe" / "copy.db")
    assert (done.status, done.err) == (130, "interrupted: no backup was written\n")
    assert os.listdir(tmp_path / "safe") == []


# --- doctor --fix ---------------------------------------------------------------------------------------------------


def test_of_a_sound_store_the_doctor_says_so_and_copies_nothing(memcli: Program, store: Path) -> None:
    done = memcli("doctor", "--fix")
    assert (done.status, done.out) == (0, "nothing is wrong with the store\n")
    assert copies(store) == []


def test_what_is_mended_is_told_with_where_the_file_as_it_was_is_kept(memcli: Program, store: Path) -> None:
    harm(store, "UPDATE threads SET window_start = 99")
    assert memcli("doctor").status == 5
    assert copies(store) == [], "the doctor only looks"
    done = memcli("doctor", "--fix")
    assert done.status == 0
    (kept,) = copies(store)
    assert done.out.splitlines() == [
        "  windows: 1 threads begin their window behind the last message",
        "  -> mended: they begin with their first message again",
        f"The file as it was is kept at {store.parent / kept}",
        "Delete it when all is well; the next forgetting does so, too.",
        "all is well now",
    ]
    assert memcli("doctor", "--fix", "--json").json == {
        "found": [], "kept": None, "salvaged": None, "waiting": 0, "ok": True
    }  # fmt: skip


def test_lost_vectors_are_made_anew_by_the_stores_own_embedder_alone(
    memcli: Program, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harm(store, "UPDATE chunks SET has_vector = 0")
    monkeypatch.setattr(Workspace, "_load_embedder", lambda self, name: OtherEmbedder())
    done = memcli("doctor", "--fix")
    assert (done.status, "3 chunks wait for vectors" in done.err) == (0, True)
    monkeypatch.undo()


def test_what_cannot_be_mended_is_salvaged_beside_the_damaged_file_which_stays(memcli: Program, store: Path) -> None:
    db = apsw.Connection(str(store))
    (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages_by_time'").fetchone()
    db.close()
    data = bytearray(store.read_bytes())
    data[4096 * (page - 1) : 4096 * page] = b"\xa5" * 4096
    store.write_bytes(data)
    done = memcli("doctor", "--fix")
    assert (done.status, "not mended" in done.out) == (5, True)
    assert store.read_bytes() == bytes(data)
    salvaged, kept = sorted(copies(store), reverse=True)
    assert f"{store.parent / salvaged}, with 1 memories, 2 messages, 1 threads" in done.out
    assert kept in done.out
    assert "I like green tea." in memcli("--db", store.parent / salvaged, "list").out


def test_of_a_file_that_was_cut_off_what_is_left_is_salvaged(memcli: Program, store: Path) -> None:
    data = store.read_bytes()[:-4096]
    store.write_bytes(data)
    assert memcli("list").status == 5
    done = memcli("doctor", "--fix")
    assert (done.status, store.read_bytes()) == (5, data)
    (salvaged,) = copies(store)
    assert f"{store.parent / salvaged}, with 1 memories, 2 messages, 1 threads" in done.out
    assert "I like green tea." in memcli("--db", store.parent / salvaged, "list").out
    assert memcli("--db", store.parent / salvaged, "doctor", "--fix").status == 0


def test_of_a_file_that_cannot_be_opened_a_backup_is_said_to_be_needed(memcli: Program, store: Path) -> None:
    data = store.read_bytes()
    store.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    done = memcli("doctor", "--fix")
    assert (done.status, done.out) == (5, "")
    assert "restore a backup" in done.err


def test_traces_that_damage_keeps_from_a_forgetting_are_no_bug(
    memcli: Program, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Receipt, "traces", 4)
    forget = ("forget", "--query", "green tea", "--yes")
    harm(store, "UPDATE threads SET window_start = 99")
    done = memcli(*forget)
    assert (done.status, "4 traces are left" in done.err, "damaged" in done.err) == (5, True, True)


def test_a_bug_in_a_damaged_store_is_told_as_damage_and_in_a_sound_one_as_a_bug(
    memcli: Program, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise ValueError("oh")

    def locked(store: Store) -> list[str]:
        raise StoreLocked("another process has it")

    monkeypatch.setattr(memories, "current", broken)
    assert memcli("list").status == 70
    with monkeypatch.context() as patched:
        patched.setattr(health, "check", locked)
        assert memcli("list").status == 70, "whether the store is damaged cannot be told"
    harm(store, "UPDATE threads SET window_start = 99")
    done = memcli("list")
    assert (done.status, "doctor --fix" in done.err, "ValueError" in memcli.paths.log.read_text()) == (5, True, True)


# --- the head of the file ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 16, 18, 19, 21, 68])
def test_a_store_whose_head_is_damaged_is_mended_and_works_on(memcli: Program, store: Path, place: int) -> None:
    spoilt = bytearray(store.read_bytes())
    spoilt[place] ^= 0x40
    store.write_bytes(spoilt)
    before = memcli("list")
    assert before.status == 5
    assert "doctor --fix" in before.err
    assert store.read_bytes() == spoilt, "who only reads mends nothing"
    done = memcli("doctor", "--fix")
    assert done.status == 0
    assert "head: 1 bytes are not those of a store" in done.out
    assert "I like green tea." in memcli("list").out
    (kept,) = [name for name in copies(store) if "before-fix" in name]
    assert store.with_name(kept).read_bytes() == spoilt


def test_doctor_fix_leaves_what_was_never_a_store_alone(memcli: Program, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("My notes. " * 50)
    done = memcli("--db", notes, "doctor", "--fix")
    assert done.status == 5
    assert "is not a memcli store" in done.err
    assert notes.read_text() == "My notes. " * 50
    assert not list(tmp_path.glob("*before-fix*"))
