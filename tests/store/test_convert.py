"""Conversions: the new file has every row in its order, nothing of the old one is left, and no kill loses the store."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest

from memcli.errors import InputError, MemcliError, StoreDamaged, StoreLocked, StoreUnwritable, WrongPassphrase
from memcli.store import cipher, convert, gate, health, marks
from memcli.store.database import Store
from tests.store.making import Filled, one_clear_line, python

OLD, NEW = "the old passphrase", "the new passphrase"
WAYS = {"encrypt": (None, NEW), "rekey": (OLD, NEW), "decrypt": (OLD, None)}
MARKER = "Popocatepetl-4711"
EVERYTHING = "SELECT rowid, * FROM messages", "SELECT rowid, id, text FROM memories", "SELECT * FROM chunks ORDER BY id"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in one round: how many there are is another test's business."""
    monkeypatch.setattr(cipher, "_ROUNDS", 1)


def opened(path: Path, secret: str | None) -> Store:
    return Store.open(path, busy_ms=300, key=(lambda: secret) if secret else None)


def fill(path: Path, secret: str | None) -> None:
    with opened(path, None) as store:
        filled = Filled(store)
        said = [filled.say(f"{MARKER} number {n}") for n in range(30)]
        kept = [filled.keep(f"{MARKER} kept {n}", of=said[n : n + 1]) for n in range(8)]
        store.run("DELETE FROM memories WHERE id = ?", (kept[3].id,))
        store.run("DELETE FROM messages WHERE id = ?", (said[7].id,))
        if secret:
            convert.convert(store, secret)


def content(store: Store) -> list[list[tuple[object, ...]]]:
    messages, memories, chunks = (store.rows(sql) for sql in EVERYTHING)
    return [messages, [row[1:] for row in memories], chunks]  # memories are numbered anew, in the same order


def raw(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


@pytest.mark.parametrize("way", WAYS)
def test_a_conversion_keeps_every_row_and_leaves_one_private_file(way: str, path: Path) -> None:
    before, after = WAYS[way]
    fill(path, before)
    store = opened(path, before)
    was = content(store)
    done = convert.convert(store, after)
    store.close()
    assert os.listdir(path.parent) == ["memcli.db"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert (MARKER.encode() in raw(path.parent)) is (after is None)
    assert done.bytes == path.stat().st_size
    with opened(path, after) as store:
        assert content(store) == was
        assert health.check(store) == []
        assert store.value("PRAGMA journal_mode") == "wal"
        assert store.value("PRAGMA auto_vacuum") == 2
        tables = [name for (name,) in store.rows(convert._TABLES)]
        assert {"chunks_vec_vector_chunks00", "chunks_fts_data", "messages"} <= set(tables)
        assert (done.tables, done.rows) == (
            len(tables),
            sum(store.value(f'SELECT count(*) FROM "{table}"') for table in tables),
        )


def test_who_still_has_the_old_file_open_finds_zeros_in_it(path: Path) -> None:
    fill(path, None)
    with path.open("rb") as old:
        size = path.stat().st_size
        with opened(path, None) as store:
            convert.convert(store, NEW)
        assert old.read() == bytes(size)


def test_a_link_to_the_store_stays_one(path: Path, tmp_path: Path) -> None:
    fill(path, None)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with opened(link, None) as store:
        convert.convert(store, NEW)
    assert link.is_symlink()
    with opened(link, NEW) as store:
        assert store.path == path.resolve()


# --- what keeps it from beginning, or from ending -------------------------------------------------------------------


def refused(path: Path, error: type[MemcliError]) -> MemcliError:
    """Try to encrypt; assert that it is refused with one clear line, and that the store is as it was and in use."""
    with opened(path, None) as store:
        was = content(store)
        with pytest.raises(error) as raised:
            convert.convert(store, NEW)
    assert one_clear_line(raised.value)
    assert os.listdir(path.parent) == ["memcli.db"]
    with opened(path, None) as store:
        assert content(store) == was
        assert store.value("PRAGMA journal_mode") == "wal"
    return raised.value


def test_a_store_that_another_process_has_open_is_not_converted(path: Path) -> None:
    fill(path, None)
    code = "import sys; from pathlib import Path; from memcli.store.database import Store\n"
    code += "with Store.open(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    read, write = os.pipe()
    process = python(code, path, stdin=read)
    assert process.stdout is not None
    process.stdout.readline()
    with opened(path, None) as store, pytest.raises(StoreLocked) as raised:
        convert.convert(store, NEW)
    assert "another memcli" in raised.value.message
    with opened(path, None) as store:
        assert len(content(store)[0]) == 29
    os.close(write)
    assert process.wait() == 0
    os.close(read)
    process.stdout.close()
    with opened(path, None) as store:
        convert.convert(store, NEW)
    with opened(path, NEW) as store:
        assert len(content(store)[0]) == 29


def test_a_full_disk_is_told_before_anything_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, None)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    assert "no room" in refused(path, StoreUnwritable).message


def test_a_disk_that_fills_up_meanwhile_leaves_the_store_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, None)

    def full(db: apsw.Connection, path: Path, copy: Path, secret: str | None) -> None:
        copy.write_bytes(b"half of a copy")
        raise apsw.FullError("database or disk is full")

    monkeypatch.setattr(convert, "_copy", full)
    assert "full" in refused(path, StoreUnwritable).message


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE messages SET content = content || ' ' WHERE seq = 11",
        "DELETE FROM memory_sources WHERE memory_id = (SELECT max(memory_id) FROM memory_sources)",
        "UPDATE chunks_vec_vector_chunks00 SET vectors = zeroblob(length(vectors))",
        "PRAGMA user_version = 3",
        "CREATE TABLE more (a)",
    ],
)
def test_a_copy_that_is_not_like_the_store_does_not_take_its_place(
    change: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path, None)
    copy = convert._copy

    def tampered(db: apsw.Connection, path: Path, target: Path, secret: str | None) -> None:
        copy(db, path, target, secret)
        other = apsw.Connection(str(target))
        cipher.unlock(other, NEW)
        other.execute(change)
        other.close()

    monkeypatch.setattr(convert, "_copy", tampered)
    assert "not like the store" in refused(path, StoreDamaged).message


def test_a_file_with_a_second_name_is_not_converted(path: Path, tmp_path: Path) -> None:
    fill(path, None)
    (tmp_path / "second").hardlink_to(path)
    assert "second name" in refused(path, InputError).message


def test_an_unfinished_forgetting_comes_first(path: Path) -> None:
    fill(path, None)
    with opened(path, None) as store:
        store.run("INSERT INTO meta VALUES (?, 'left 0')", (marks.UNCLEAN,))
    assert "forgetting" in refused(path, StoreLocked).message


def test_what_is_to_be_done_before_may_fail(path: Path) -> None:
    fill(path, None)

    def failing() -> None:
        raise StoreUnwritable("the history cannot be removed", "remove it")

    with opened(path, None) as store, pytest.raises(StoreUnwritable):
        convert.convert(store, NEW, before_exchange=failing)
    with opened(path, None) as store:
        assert len(content(store)[0]) == 29
    assert os.listdir(path.parent) == ["memcli.db"]


# --- others beside it -----------------------------------------------------------------------------------------------


def test_who_opens_the_store_meanwhile_waits_and_writes_to_the_new_file(path: Path) -> None:
    fill(path, None)
    began = threading.Event()
    opening = []

    def write() -> None:
        began.wait()
        with Store.open(path, busy_ms=20_000, key=lambda: NEW) as store:
            opening.append(store.secret)
            store.run("INSERT INTO meta VALUES ('written', 'meanwhile')")

    writer = threading.Thread(target=write)
    writer.start()

    def wait_for_writer() -> None:
        began.set()
        time.sleep(0.1)  # it is at the gate by now
        assert opening == []

    with opened(path, None) as store:
        convert.convert(store, NEW, before_exchange=wait_for_writer)
    writer.join()
    assert opening == [NEW]
    with opened(path, NEW) as store:
        assert store.value("SELECT value FROM meta WHERE key = 'written'") == "meanwhile"


def test_what_another_connection_writes_at_the_last_moment_is_in_the_new_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path, None)
    leave = convert._leave_log
    code = "import sys; from pathlib import Path; from memcli.store.database import Store; import apsw\n"
    code += "db = apsw.Connection(sys.argv[1]); db.execute(\"INSERT INTO meta VALUES ('last', 'moment')\"); db.close()"

    def late(store: Store) -> None:
        assert store.rows("SELECT * FROM meta")  # its pages are held from here on
        assert python(code, path).wait() == 0
        leave(store)

    monkeypatch.setattr(convert, "_leave_log", late)
    with opened(path, None) as store:
        convert.convert(store, NEW)
    with opened(path, NEW) as store:
        assert store.value("SELECT value FROM meta WHERE key = 'last'") == "moment"


def test_who_cannot_wait_so_long_gets_a_clear_error(path: Path) -> None:
    fill(path, None)
    with gate.alone(path, 0):
        with pytest.raises(StoreLocked) as raised:
            Store.open(path, busy_ms=30)
        assert one_clear_line(raised.value)
        with pytest.raises(StoreLocked), gate.alone(path, 30):
            pass
    opened(path, None).close()


# --- kills ----------------------------------------------------------------------------------------------------------

_EVENTS = {"open", "os.link", "os.rename", "os.remove", "fcntl.flock"}


def killed_at(point: int, path: Path, before: str | None, after: str | None) -> bool:
    """Convert in a process that kills itself at its n-th touch of a file, or while it copies; tell whether it did."""
    if (child := os.fork()) == 0:
        store = opened(path, before)
        left = [point]

        def step(event: str = "open", arguments: object = ()) -> None:
            if event in _EVENTS:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        connected = convert._connected

        def watched(path: Path, secret: str | None, flags: int) -> apsw.Connection:
            db = connected(path, secret, flags)
            db.set_progress_handler(lambda: bool(step()), 2_000)
            return db

        convert._connected = watched
        sys.addaudithook(step)
        convert.convert(store, after)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("way", WAYS)
def test_a_kill_at_any_step_leaves_a_whole_store_and_nothing_else(way: str, path: Path) -> None:
    before, after = WAYS[way]
    fill(path, before)
    whole = path.read_bytes()
    with opened(path, before) as store:
        was = content(store)
    forms = set()
    for point in count():
        if not killed_at(point, path, before, after):
            break
        form = _form(path, before, after)
        forms.add(form)
        with opened(path, form) as store:
            assert content(store) == was, point
            assert gate.left_over(path) == [], point
        if form is not None:
            assert MARKER.encode() not in raw(path.parent)
        path.write_bytes(whole)
    assert forms == {before, after}, "there were kills before and after the exchange"


def _form(path: Path, before: str | None, after: str | None) -> str | None:
    """Return the passphrase that opens the store by now; the other one must leave what the kill left."""
    left = gate.left_over(path)
    for secret, other in ((before, after), (after, before)):
        if secret is None or other is None:
            encrypted = cipher.is_encrypted(path.read_bytes()[:100])
            return (secret or other) if encrypted else None
        try:
            opened(path, secret).close()
        except WrongPassphrase:
            assert gate.left_over(path) == left
            continue
        return secret
    raise AssertionError("no passphrase opens it")


def test_the_journal_that_a_kill_left_of_a_copy_goes_too(path: Path) -> None:
    fill(path, NEW)
    left = path.with_name(f"{path.name}{gate.COPY}-journal")
    left.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(1016))  # as one of a kill in VACUUM INTO
    with opened(path, NEW) as store:
        assert not left.exists()
        assert store.path == path


def test_what_a_kill_left_of_a_plain_store_is_overwritten_before_it_goes(path: Path) -> None:
    fill(path, NEW)
    old = path.with_name(path.name + gate.OLD)
    old.write_bytes(MARKER.encode() * 100_000)
    with old.open("rb") as reader:
        opened(path, NEW).close()
        assert set(reader.read()) == {0}
    assert os.listdir(path.parent) == ["memcli.db"]


def test_what_is_left_of_a_store_that_is_missing_stays(path: Path) -> None:
    fill(path, None)
    old = path.with_name(path.name + gate.OLD)
    path.rename(old)
    Store.open(path).close()
    assert MARKER.encode() in old.read_bytes()


def test_ctrl_c_after_the_exchange_leaves_the_new_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path, None)

    def interrupted(folder: Path) -> None:
        if folder.is_dir():
            raise KeyboardInterrupt

    monkeypatch.setattr(gate, "sync_path", interrupted)
    with pytest.raises(KeyboardInterrupt), opened(path, None) as store:
        convert.convert(store, NEW)
    monkeypatch.undo()
    with opened(path, NEW) as store:
        assert len(content(store)[0]) == 29
        assert store.value("PRAGMA journal_mode") == "wal"
    assert os.listdir(path.parent) == ["memcli.db"]


def test_a_second_name_that_a_kill_left_is_no_old_file(path: Path) -> None:
    fill(path, None)
    path.with_name(path.name + gate.OLD).hardlink_to(path)
    with opened(path, None) as store:
        assert len(content(store)[0]) == 29
    assert os.listdir(path.parent) == ["memcli.db"]
