"""Backups: whole or not there, of one view of the store, without what was forgotten."""

from __future__ import annotations

import os
import platform
import re
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from memcli.errors import InputError, StoreDamaged, StoreLocked
from memcli.store import backup, cleaning, convert, health, purge, workers
from memcli.store.database import Store
from tests.store.making import NOW, Filled

ROOT = "rootpage FROM sqlite_schema WHERE name = 'messages'"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "safe").mkdir()
    return tmp_path / "safe" / "copy.db"


def many(filled: Filled, count: int = 300) -> None:
    with filled.store.atomic():
        for number in range(count):
            filled.say(f"message number {number} " * 20)


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    with Store.open(path, create=False) as store:
        assert health.check(store) == []
        return store.rows(sql)


def test_a_backup_is_a_store_with_the_same_rows_that_needs_no_file_beside_it(filled: Filled, target: Path) -> None:
    filled.keep("likes tea", of=[filled.say("I like tea")])
    made = backup.write(filled.store, target)
    assert os.listdir(target.parent) == [target.name]
    assert (stat.S_IMODE(target.stat().st_mode), made.size) == (0o600, target.stat().st_size)
    assert target.read_bytes()[18:20] == b"\1\1", "no write-ahead log"
    assert (made.rows["memories"], made.rows["messages"], made.rows["chunks"]) == (1, 1, 2)
    assert rows(target, "SELECT text FROM memories") == [("likes tea",)]


def test_what_is_written_meanwhile_neither_disturbs_the_copy_nor_is_in_it(filled: Filled, target: Path) -> None:
    many(filled)
    steps: list[int] = []
    with Store.open(filled.store.path) as other:

        def write(done: int, of: int) -> None:
            steps.append(done)
            other.run("INSERT INTO meta VALUES (?, 'late')", (f"late {len(steps)}",))

        backup.PAGES, before = 20, backup.PAGES
        try:
            backup.write(filled.store, target, progress=write)
        finally:
            backup.PAGES = before
    assert steps == sorted(steps), "it never begins anew"
    assert len(steps) > 5
    assert rows(target, "SELECT count(*) FROM meta WHERE value = 'late'") == [(0,)]
    assert rows(filled.store.path, "SELECT count(*) FROM meta WHERE value = 'late'") == [(len(steps),)]


def test_what_is_forgotten_while_the_copy_is_made_is_not_in_it(filled: Filled, target: Path) -> None:
    many(filled)
    secret = filled.say("my locker code is 4711-Zanzibar")
    forgotten: list[purge.Receipt] = []
    with Store.open(filled.store.path, busy_ms=100) as other:

        def forget(done: int, of: int) -> None:
            if not forgotten:
                forgotten.append(purge.Receipt())
                with pytest.raises(StoreLocked):  # the view holds the log; the next memcli cleans up
                    purge.forget(other, purge.closure_of(other, [secret.id]), NOW)

        with pytest.raises(StoreLocked, match="a forgetting is not over"):
            backup.write(filled.store, target, progress=forget)
        assert not target.exists()
        backup.write(filled.store, target)
    assert b"4711-Zanzibar" not in target.read_bytes()
    assert rows(target, "SELECT 1 FROM messages WHERE content LIKE '%Zanzibar%'") == []


def test_an_unfinished_forgetting_is_finished_first(filled: Filled, target: Path) -> None:
    filled.say("tea")
    cleaning.mark(filled.store, ["my locker code"])
    filled.store.run("UPDATE meta SET value = 'left' WHERE key = 'unclean'")
    backup.write(filled.store, target)
    assert rows(target, "SELECT 1 FROM meta WHERE key = 'unclean' UNION SELECT 1 FROM forgetting") == []


def test_while_another_process_forgets_no_backup_is_written(
    filled: Filled, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "LONG_WAIT_MS", 50)
    monkeypatch.setattr(workers, "dead", lambda worker: False)
    cleaning.mark(filled.store)
    with pytest.raises(StoreLocked):
        backup.write(filled.store, target)
    assert os.listdir(target.parent) == []


def test_an_older_backup_is_replaced_only_when_told(filled: Filled, target: Path) -> None:
    backup.write(filled.store, target)
    before = target.read_bytes()
    filled.say("tea")
    with pytest.raises(InputError, match="there is a backup"):
        backup.write(filled.store, target)
    assert target.read_bytes() == before
    backup.write(filled.store, target, replace=True)
    assert rows(target, "SELECT content FROM messages") == [("tea",)]


@pytest.mark.parametrize(
    "kind", ["itself", "link", "hard link", "folder", "text", "database", "log", "replaced", "used", "nowhere"]
)
def test_a_place_that_is_something_else_is_refused_and_left_as_it_is(filled: Filled, target: Path, kind: str) -> None:
    store, safe = filled.store, target.parent
    if kind == "itself":
        target = store.path
    elif kind == "link":
        target.symlink_to(store.path)
    elif kind == "hard link":
        target.hardlink_to(store.path)
    elif kind == "folder":
        target.mkdir()
    elif kind == "text":
        target.write_text("My notes.")
    elif kind == "database":
        apsw.Connection(str(target)).execute("CREATE TABLE t (x)")
    elif kind == "log":
        target = safe / "copy.db-wal"
    elif kind == "replaced":  # a file that the next memcli overwrites
        target = safe / "copy.db-replaced"
    elif kind == "nowhere":
        target = safe / "none" / "copy.db"
    elif kind == "used":
        backup.write(store, target)
        target.with_name("copy.db-wal").write_bytes(b"log")
    before = {path: path.read_bytes() for path in safe.iterdir() if path.is_file()}
    with pytest.raises(InputError) as refused:
        backup.write(store, target, replace=True)
    assert refused.value.hint
    assert {path: path.read_bytes() for path in safe.iterdir() if path.is_file()} == before
    assert health.check(store) == []


def test_a_link_to_an_older_backup_stays_a_link(filled: Filled, target: Path, tmp_path: Path) -> None:
    backup.write(filled.store, target)
    link = tmp_path / "latest.db"
    link.symlink_to(target)
    filled.say("tea")
    made = backup.write(filled.store, link, replace=True)
    assert link.is_symlink()
    assert made.path == target
    assert rows(target, "SELECT content FROM messages") == [("tea",)]


def test_what_is_interrupted_leaves_the_older_backup_and_nothing_else(filled: Filled, target: Path) -> None:
    backup.write(filled.store, target)
    before = target.read_bytes()
    many(filled)

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.write(filled.store, target, replace=True, progress=stop)
    assert os.listdir(target.parent) == [target.name]
    assert target.read_bytes() == before
    filled.say("the store is writable as before")


def test_what_a_killed_backup_left_goes_with_the_next_one_and_that_of_a_living_one_stays(
    filled: Filled, target: Path
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, living = (
        target.with_name(f".copy.db.{platform.node()}.{pid}.memcli-part") for pid in (ended.pid, os.getppid())
    )
    for path in (left, left.with_name(f"{left.name}-wal"), living):
        path.write_bytes(b"half a store")
    backup.write(filled.store, target)
    assert sorted(os.listdir(target.parent)) == sorted([target.name, living.name])


def test_a_page_of_an_encrypted_store_that_cannot_be_copied_is_said_to_be_the_stores(
    filled: Filled, path: Path, target: Path
) -> None:
    many(filled)
    convert.convert(filled.store, "correct horse")
    with Store.open(path, key=lambda: "correct horse") as store:
        root, size = store.value(f"SELECT {ROOT}"), store.value("PRAGMA page_size")
    held = bytearray(path.read_bytes())
    held[root * size - 1] ^= 1  # of its checksum
    path.write_bytes(held)
    with (
        Store.open(path, key=lambda: "correct horse") as store,
        pytest.raises(StoreDamaged, match=re.escape(f"{path} is damaged")),
    ):
        backup.write(store, target)
    assert os.listdir(target.parent) == []


def test_a_copy_that_is_not_sound_is_not_kept(filled: Filled, target: Path) -> None:
    filled.say("tea")
    filled.store.run("INSERT INTO chunks_fts (chunks_fts) VALUES ('delete-all')")
    with pytest.raises(StoreDamaged, match="full-text"):
        backup.write(filled.store, target)
    assert os.listdir(target.parent) == []
