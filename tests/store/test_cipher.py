"""Encrypted stores: who opens them, and what a wrong passphrase leaves as it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.errors import NoPassphrase, NotAStore, StoreDamaged, StoreNewer, WrongPassphrase
from memcli.store import cipher, convert, header, health, migrations, traces
from memcli.store.cipher import HEAD, MAGIC
from memcli.store.database import Store
from tests.store.making import Filled

SECRET = "correct horse battery"
SAID = "the locker code is 4711-Zanzibar"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in one round: how many there are is another test's business."""
    monkeypatch.setattr(cipher, "_ROUNDS", 1)


def secret() -> str:
    return SECRET


@pytest.fixture
def encrypted(path: Path) -> Path:
    with Store.open(path) as store:
        filled = Filled(store)
        filled.keep("a memory", of=[filled.say(SAID)])
        convert.convert(store, SECRET)
    return path


def bytes_and_times(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.iterdir()}


def test_an_encrypted_store_is_told_by_its_head_and_says_nothing_else(encrypted: Path) -> None:
    data = encrypted.read_bytes()
    assert cipher.is_encrypted(data[:HEAD])
    assert header.is_encrypted(encrypted)
    assert SAID.encode() not in data
    assert b"CREATE TABLE" not in data
    assert data[16:18] == b"\x10\x00", "a page of 4096 bytes"


@given(st.binary(max_size=100))
def test_other_bytes_are_no_encrypted_store(data: bytes) -> None:
    assert not cipher.is_encrypted(data) or data[20:24] == b"\x20\x40\x20\x20"
    assert not cipher.is_encrypted(MAGIC + data)


def test_the_passphrase_opens_it_and_the_write_ahead_log_is_encrypted_too(encrypted: Path) -> None:
    with Store.open(encrypted, key=secret) as store:
        assert store.secret == SECRET
        assert store.value("SELECT content FROM messages") == SAID
        store.run("INSERT INTO meta VALUES ('other', 'Timbuktu-0815 is the other code')")
        beside = [path for path in traces.files(store) if path != encrypted]
        assert [path.name for path in beside] == ["memcli.db-wal", "memcli.db-shm"]
        assert not any(b"Timbuktu" in path.read_bytes() for path in beside)
        assert beside[0].stat().st_size > 4096
        assert health.check(store) == []


def test_any_program_with_the_cipher_opens_it_by_its_passphrase(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with Store.open(path) as store:
        convert.convert(store, "Grüße aus Köln")
    db = apsw.Connection(str(path))
    db.pragma("cipher", "chacha20")
    db.pragma("key", "Grüße aus Köln")
    assert db.pragma("application_id") == header.APPLICATION_ID
    db.close()


def test_further_connections_and_copies_hold_the_same(encrypted: Path) -> None:
    with Store.open(encrypted, key=secret) as store, store.another(busy_ms=20) as other, store.copy() as copy:
        assert [s.value("SELECT content FROM messages") for s in (store, other, copy)] == [SAID] * 3
        copy.run("DELETE FROM messages")
        assert store.value("SELECT count(*) FROM messages") == 1


def test_nobody_is_asked_for_the_passphrase_of_a_plain_store(store: Store, path: Path) -> None:
    def asked() -> str:
        raise AssertionError

    with Store.open(path, key=asked) as other:
        assert other.secret is None
    assert store.secret is None


def test_without_a_passphrase_an_encrypted_store_is_left_alone(encrypted: Path) -> None:
    before = bytes_and_times(encrypted.parent)
    with pytest.raises(NoPassphrase) as raised:
        Store.open(encrypted)
    assert (raised.value.exit_status, raised.value.code) == (5, "no_passphrase")
    assert "MEMCLI_PASSPHRASE_FILE" in raised.value.hint
    assert bytes_and_times(encrypted.parent) == before


def test_a_wrong_passphrase_touches_nothing(encrypted: Path) -> None:
    before = bytes_and_times(encrypted.parent)
    with pytest.raises(WrongPassphrase) as raised:
        Store.open(encrypted, key=lambda: "another one")
    assert (raised.value.exit_status, raised.value.code) == (5, "passphrase")
    assert "another one" not in raised.value.message
    assert list(before) == ["memcli.db"]
    assert bytes_and_times(encrypted.parent) == before


def test_a_wrong_passphrase_leaves_what_a_killed_process_had_in_the_log(encrypted: Path) -> None:
    if (child := os.fork()) == 0:
        store = Store.open(encrypted, key=secret)
        store.run("UPDATE messages SET content = 'committed'")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    before = bytes_and_times(encrypted.parent)
    assert "memcli.db-wal" in before
    with pytest.raises(WrongPassphrase):
        Store.open(encrypted, key=lambda: "another one")
    assert bytes_and_times(encrypted.parent) == before
    with Store.open(encrypted, key=secret) as store:
        assert store.value("SELECT content FROM messages") == "committed"


def test_a_first_page_that_a_power_cut_hit_is_taken_from_the_log(encrypted: Path) -> None:
    if (child := os.fork()) == 0:
        store = Store.open(encrypted, key=secret)
        store.run("CREATE TABLE more (a)")  # the first page is in the log
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    data = bytearray(encrypted.read_bytes())
    data[2000] ^= 1
    encrypted.write_bytes(data)
    before = bytes_and_times(encrypted.parent)
    with pytest.raises(WrongPassphrase):
        Store.open(encrypted, key=lambda: "another one")
    assert bytes_and_times(encrypted.parent) == before
    with Store.open(encrypted, key=secret) as store:
        assert store.value("SELECT content FROM messages") == SAID
        assert store.value("SELECT count(*) FROM more") == 0


@pytest.mark.parametrize(
    ("pragmas", "error"),
    [
        ("", NotAStore),
        (f"PRAGMA application_id = {header.APPLICATION_ID}; PRAGMA user_version = {migrations.NEWEST + 1}", StoreNewer),
    ],
)
def test_another_or_a_newer_encrypted_database_is_refused_untouched(
    path: Path, pragmas: str, error: type[Exception]
) -> None:
    path.parent.mkdir()
    db = apsw.Connection(str(path))
    cipher.unlock(db, SECRET)
    db.execute(f"{pragmas}; CREATE TABLE other (a)")
    db.close()
    before = bytes_and_times(path.parent)
    with pytest.raises(error):
        Store.open(path, key=secret)
    assert bytes_and_times(path.parent) == before


def test_a_page_that_was_changed_on_the_disk_is_damage_and_no_text(encrypted: Path) -> None:
    data = bytearray(encrypted.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 + 100] ^= 1
    encrypted.write_bytes(data)
    with pytest.raises(StoreDamaged):
        Store.open(encrypted, key=secret)


def test_a_first_page_that_was_changed_is_told_from_a_wrong_passphrase(encrypted: Path) -> None:
    data = bytearray(encrypted.read_bytes())
    data[2000] ^= 1
    encrypted.write_bytes(data)
    with pytest.raises(StoreDamaged, match="the checksum of its first page is wrong"):
        Store.open(encrypted, key=secret)
    with pytest.raises(WrongPassphrase):
        Store.open(encrypted, key=lambda: "another passphrase")
    assert encrypted.read_bytes() == data


def test_a_first_page_that_is_lost_looks_like_a_wrong_passphrase(encrypted: Path) -> None:
    data = bytearray(encrypted.read_bytes())
    data[24:4096] = bytes(4072)
    encrypted.write_bytes(data)
    with pytest.raises(WrongPassphrase) as raised:
        Store.open(encrypted, key=secret)
    assert "lost" in raised.value.hint


def test_a_residue_in_a_free_page_of_an_encrypted_store_is_found(encrypted: Path) -> None:
    with Store.open(encrypted, key=secret) as store:
        store.run("PRAGMA secure_delete = OFF")
        store.run("CREATE TABLE scratch (text)")
        store.run("INSERT INTO scratch VALUES (?)", ("Kilimanjaro-1234 " * 600,))
        store.run("DROP TABLE scratch")
        store.run("PRAGMA wal_checkpoint(TRUNCATE)")
        assert b"Kilimanjaro" not in encrypted.read_bytes()
        found = traces.look(store, ["Kilimanjaro-1234"])
        assert (found.texts, found.files) == (1, (encrypted,))
        store.run("VACUUM")
        store.run("PRAGMA wal_checkpoint(TRUNCATE)")
        assert traces.look(store, ["Kilimanjaro-1234"]).texts == 0
