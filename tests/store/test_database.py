"""Opening, creating, transactions: what every other part of the store stands on."""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from memcli.errors import (
    InputError,
    MemcliError,
    NotAStore,
    NothingFound,
    StoreDamaged,
    StoreLocked,
    StoreNewer,
    StoreUnwritable,
)
from memcli.store import core, health, memories, migrations
from memcli.store.database import Store
from tests.store.making import NOW, Filled, one_clear_line, python


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path: Path, kind: type[MemcliError], **options: object) -> MemcliError:
    """Open `path`, which must fail with `kind` and leave the folder as it is, and return the error."""
    before = snapshot(path.parent)
    with pytest.raises(kind) as caught:
        Store.open(path, busy_ms=50, **options)  # type: ignore[arg-type]
    assert type(caught.value) is kind
    assert one_clear_line(caught.value)
    assert snapshot(path.parent) == before
    return caught.value


def snapshot(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_new_store_and_its_folder_are_private(path: Path) -> None:
    old = os.umask(0)
    try:
        with Store.open(path) as store:
            core.put(store, "user", "text", NOW)
            modes = {file.name: mode(file) for file in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert modes == {"memcli.db": 0o600, "memcli.db-wal": 0o600, "memcli.db-shm": 0o600}
    assert mode(path.parent) == 0o700


def test_a_store_opens_again_with_what_was_written(path: Path) -> None:
    with Store.open(path) as store:
        core.put(store, "user", "likes tea", NOW)
    with Store.open(path, create=False) as store:
        assert [block.text for block in core.blocks(store)] == ["likes tea"]


def test_every_connection_is_durable_private_and_strict(path: Path) -> None:
    Store.open(path).close()
    with Store.open(path) as store:
        names = ("journal_mode", "synchronous", "fullfsync", "checkpoint_fullfsync", "foreign_keys", "secure_delete")
        names += ("temp_store", "auto_vacuum", "user_version", "application_id")
        found = [store.value(f"PRAGMA {name}") for name in names]
    assert found == ["wal", 2, 1, 1, 1, 1, 2, 2, migrations.NEWEST, int.from_bytes(b"mcli", "big")]


def test_each_migration_is_recorded_and_has_a_script(store: Store) -> None:
    rows = store.rows("SELECT number, name FROM migrations ORDER BY number")
    assert rows == list(enumerate(migrations.NAMES, 1))
    assert sorted(path.stem for path in Path(migrations.__file__).parent.glob("*.sql")) == list(migrations.NAMES)


def test_what_an_older_store_holds_was_asked_for_by_the_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as then:
        then.setattr(migrations, "NEWEST", 3)
        with Store.open(path) as store, store.atomic():
            store.run(
                "INSERT INTO memories (id, kind, text, trust, created_at) VALUES ('m', 'semantic', 'tea', 'user', ?)",
                (NOW,),
            )
            store.run("INSERT INTO chunks VALUES (1, 'memory', 'm', 0, 0, 3, 'tea', 0, NULL)")
            store.run("INSERT INTO core_blocks VALUES ('user', 'likes tea', ?)", (NOW,))
            store.run("INSERT INTO operations (at, action, actor, items) VALUES (?, 'add', 'remember', '[]')", (NOW,))
    with Store.open(path) as store:
        assert health.check(store) == []
        old = memories.get(store, "m")
        assert (old.formed_by, old.times_said, old.confirmed_at, old.conflicts) == (None, 1, None, ())
        assert [block.author for block in core.blocks(store)] == ["user"]
        assert store.rows("SELECT undone_at FROM operations") == [(None,)]


def test_opening_a_store_imports_neither_numpy_nor_the_standard_sqlite(path: Path) -> None:
    code = """
import sys
from pathlib import Path
from memcli.store.database import Store
Store.open(Path(sys.argv[1])).close()
print(sorted({"numpy", "sqlite_vec", "sqlite3"} & set(sys.modules)))
"""
    assert python(code, path).communicate()[0].strip() == "[]"


def test_an_empty_file_becomes_a_private_store(path: Path) -> None:
    path.parent.mkdir()
    path.touch(mode=0o644)
    Store.open(path).close()
    assert mode(path) == 0o600


def test_without_create_a_missing_store_is_not_made(path: Path) -> None:
    path.parent.mkdir()
    assert "there is no store" in refusal(path, NothingFound, create=False).message


@pytest.mark.parametrize(
    "content", [b"Dear diary,\n", b"\x89PNG\r\n\x1a\n" + bytes(200), bytes(4096), b"SQLite format 3\x00"]
)
def test_a_file_that_is_something_else_is_refused_untouched(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert "is not a memcli store" in refusal(path, NotAStore).message


def test_another_programs_database_is_refused_untouched(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.commit()
    other.close()
    assert "is not a memcli store" in refusal(path, NotAStore).message


def test_a_folder_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    assert "folder" in refusal(path, NotAStore).message


def test_a_path_below_a_file_is_refused(path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(StoreUnwritable) as caught:
        Store.open(path)
    assert one_clear_line(caught.value)


def test_a_newer_store_is_refused_untouched(path: Path) -> None:
    with Store.open(path) as store:
        store.run(f"PRAGMA user_version = {migrations.NEWEST + 1}")
    assert f"has schema {migrations.NEWEST + 1}" in refusal(path, StoreNewer).message


def test_a_newer_version_that_is_only_in_the_wal_is_seen(path: Path) -> None:
    with Store.open(path) as store:
        store.run("PRAGMA wal_checkpoint(TRUNCATE)")
        store.run(f"PRAGMA user_version = {migrations.NEWEST + 1}")
        assert int.from_bytes(path.read_bytes()[60:64], "big") == migrations.NEWEST
        with pytest.raises(StoreNewer):
            Store.open(path)


def test_a_truncated_store_is_reported_as_damaged(path: Path) -> None:
    Store.open(path).close()
    path.write_bytes(path.read_bytes()[:3000])
    assert str(path) in refusal(path, StoreDamaged).message


def test_damage_in_the_middle_is_reported_when_it_is_met(filled: Filled, path: Path) -> None:
    with filled.store.atomic():
        for number in range(300):
            filled.say(f"message number {number} " * 20)
    filled.store.close()
    data = bytearray(path.read_bytes())
    half = len(data) // 4096 // 2 * 4096
    data[half:] = b"\xa5" * (len(data) - half)
    path.write_bytes(data)
    with Store.open(path) as store, pytest.raises(StoreDamaged) as caught:
        store.rows("SELECT * FROM messages")
    assert one_clear_line(caught.value)


def test_a_store_that_another_process_holds_is_reported_as_locked(path: Path) -> None:
    Store.open(path).close()
    holder = apsw.Connection(str(path))
    holder.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").fetchall()
    assert str(path) in refusal(path, StoreLocked).message
    holder.close()


def test_a_write_waits_for_the_busy_timeout_and_then_says_locked(store: Store, path: Path) -> None:
    with Store.open(path, busy_ms=10) as other, store.atomic(), pytest.raises(StoreLocked), other.atomic():
        pytest.fail("two write transactions at once")


CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, PR_CAPBSET_DROP = 1, 2, 24  # linux/capability.h, linux/prctl.h

OPEN = """
import sys
from pathlib import Path
from memcli.errors import MemcliError
from memcli.store.database import Store
try:
    with Store.open(Path(sys.argv[1]), busy_ms=50) as store:
        with store.atomic():
            for n in range(2000):
                store.run("INSERT INTO core_blocks (label, text, updated_at) VALUES (?, ?, '')", (str(n), "x" * 1000))
except MemcliError as error:
    print(type(error).__name__, error.message, sep="|")
"""


def restrict(size: int | None) -> None:
    """Give up root's right to pass over file modes, and the right to write files larger than `size` bytes."""
    if os.getuid() == 0:
        for right in CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH:
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, right, 0, 0, 0)
    if size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def in_process(path: Path, size: int | None = None) -> str:
    """Open and fill the store in a process of its own, without root's rights, and return the name of its error."""
    process = python(OPEN, path, preexec_fn=lambda: restrict(size))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return said.partition("|")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "place"
    made.mkdir()
    yield made
    made.chmod(0o700)  # so that pytest can remove it


def test_a_folder_that_cannot_be_written_is_reported(folder: Path) -> None:
    folder.chmod(0o555)
    assert in_process(folder / "memcli.db") == "StoreUnwritable"
    assert in_process(folder / "new" / "memcli.db") == "StoreUnwritable"


def test_a_read_only_store_is_reported_and_left_alone(folder: Path) -> None:
    path = folder / "memcli.db"
    Store.open(path).close()
    path.chmod(0o444)
    before = snapshot(folder)
    assert in_process(path) == "StoreUnwritable"
    assert snapshot(folder) == before


def test_a_store_that_may_not_be_read_is_reported(folder: Path) -> None:
    path = folder / "memcli.db"
    Store.open(path).close()
    path.chmod(0o000)
    assert in_process(path) == "StoreUnwritable"


def test_a_creation_that_finds_no_space_leaves_nothing_behind(folder: Path) -> None:
    assert in_process(folder / "memcli.db", size=10_000) == "StoreUnwritable"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1000, 4096, 20_000, 40_000, 70_000])
def test_a_creation_that_runs_out_of_space_anywhere_can_be_repeated(folder: Path, size: int) -> None:
    path = folder / "memcli.db"
    assert in_process(path, size=size) == "StoreUnwritable"
    with Store.open(path) as store:
        assert health.check(store) == []


def test_a_full_disk_is_reported_and_keeps_what_was_committed(folder: Path) -> None:
    path = folder / "memcli.db"
    assert in_process(path, size=500_000) == "StoreUnwritable"
    assert path.stat().st_size > 0
    with Store.open(path) as store:
        assert core.blocks(store) == []
        assert store.value("PRAGMA integrity_check") == "ok"


def failing(store: Store, label: str, error: type[BaseException] = ZeroDivisionError) -> None:
    with store.atomic():
        core.put(store, label, "text", NOW)
        with store.atomic():
            core.put(store, f"{label} nested", "text", NOW)
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_a_transaction_is_all_or_nothing(store: Store, error: type[BaseException]) -> None:
    with pytest.raises(error):
        failing(store, "a", error)
    assert core.blocks(store) == []


def test_a_nested_transaction_rolls_back_alone(store: Store) -> None:
    with store.atomic():
        core.put(store, "before", "1", NOW)
        with pytest.raises(ZeroDivisionError):
            failing(store, "a")
        core.put(store, "behind", "4", NOW)
    assert [block.label for block in core.blocks(store)] == ["before", "behind"]


def test_a_mistake_in_sql_is_not_dressed_up_as_a_fault_of_the_store(store: Store) -> None:
    with pytest.raises(apsw.SQLError):
        store.run("SELEKT")


@pytest.mark.parametrize("ending", ["-wal", "-journal", "-converting", "-replaced"])
def test_no_store_is_made_under_a_name_by_which_another_one_would_remove_it(path: Path, ending: str) -> None:
    refused = refusal(path.with_name(f"{path.name}{ending}"), InputError)
    assert "a part of another store" in refused.message


@pytest.mark.parametrize("replaced", [False, True])
def test_a_store_that_is_no_longer_there_is_not_written_to(store: Store, replaced: bool) -> None:
    copy = store.path.with_name("copy.db")
    copy.write_bytes(store.path.read_bytes())
    if replaced:
        copy.replace(store.path)
    else:
        store.path.unlink()
    with pytest.raises(StoreUnwritable, match="removed or replaced"), store.atomic():
        raise AssertionError("what follows would be lost")
