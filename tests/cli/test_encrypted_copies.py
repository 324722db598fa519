"""Copies of an encrypted store: backups, what `doctor --fix` keeps and salvages, and exports."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import apsw
import pytest

from memcli.store import cipher, header
from memcli.store.database import Store
from tests.program import Program
from tests.test_privacy import listed

SECRET = "correct horse battery"
OTHER = "another six random words"
MARKER = "Popocatepetl"
PAGE = 4096


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in one round: how many there are is another test's business."""
    monkeypatch.setattr(cipher, "_ROUNDS", 1)


def hand_over(memcli: Program, variable: str, secret: str) -> None:
    path = memcli.home / variable.lower()
    path.write_text(f"{secret}\n")
    path.chmod(0o600)
    memcli.environ[variable] = str(path)


@pytest.fixture
def locked(memcli: Program) -> Program:
    """Return a program with a chat and a memory in an encrypted store."""
    memcli("chat", stdin="My dog is called Turing.\n")
    memcli("remember", f"I was on {MARKER}.")
    hand_over(memcli, "MEMCLI_PASSPHRASE_FILE", SECRET)
    assert memcli("encrypt").status == 0
    return memcli


def is_locked(path: Path) -> bool:
    data = path.read_bytes()
    return cipher.is_encrypted(data) and MARKER.encode() not in data


def harm(memcli: Program, sql: str) -> None:
    with Store.open(memcli.paths.store, key=lambda: SECRET) as store:
        store.run(sql)


def beside(store: Path, what: str) -> list[Path]:
    return sorted(store.parent.glob(f"{store.name}.{what}-*"))


# --- backups --------------------------------------------------------------------------------------------------------


def test_a_backup_is_encrypted_and_opens_with_the_passphrase_that_held_when_it_was_made(
    locked: Program, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    assert locked("backup", target).status == 0
    assert is_locked(target)
    assert MARKER in locked("--db", target, "list").out
    hand_over(locked, "MEMCLI_NEW_PASSPHRASE_FILE", OTHER)
    assert locked("rekey").status == 0
    assert MARKER in locked("--db", target, "list").out
    hand_over(locked, "MEMCLI_PASSPHRASE_FILE", OTHER)
    assert locked("--db", target, "list").status == 5
    assert MARKER in locked("list").out


def test_a_backup_takes_the_place_of_an_older_one_plain_or_encrypted(locked: Program, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    for _ in range(2):
        assert locked("backup", target, "--force").status == 0
    assert is_locked(target)
    assert locked("decrypt", "--yes").status == 0
    plain = tmp_path / "plain.db"
    assert locked("backup", plain).status == 0
    assert locked("encrypt").status == 0
    assert locked("backup", plain, "--force").status == 0
    assert is_locked(plain)


@pytest.mark.parametrize("secret", [SECRET, "a passphrase of theirs"])
@pytest.mark.parametrize("store_is", ["encrypted", "plain"])
def test_an_encrypted_database_that_may_be_somebody_elses_is_never_replaced(
    locked: Program, tmp_path: Path, secret: str, store_is: str
) -> None:
    target = tmp_path / "theirs.db"
    db = apsw.Connection(str(target))
    cipher.unlock(db, secret)
    db.execute("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)")
    db.close()
    if store_is == "plain":
        assert locked("decrypt", "--yes").status == 0
    data = target.read_bytes()
    done = locked("backup", target, "--force")
    assert (done.status, "not replaced" in done.err) == (1, True)
    assert target.read_bytes() == data


# --- doctor ---------------------------------------------------------------------------------------------------------


def test_the_copy_from_before_a_mending_is_encrypted_and_goes_with_a_forgetting(locked: Program) -> None:
    store = locked.paths.store
    harm(locked, "UPDATE threads SET window_start = 99")
    assert locked("doctor", "--fix").status == 0
    (kept,) = beside(store, "before-fix")
    assert is_locked(kept)
    assert MARKER in locked("--db", kept, "list").out
    assert locked("forget", "--query", MARKER, "--yes").status == 0
    assert beside(store, "before-fix") == []


def test_what_can_be_read_of_a_damaged_encrypted_store_is_salvaged_encrypted(locked: Program) -> None:
    store = locked.paths.store
    with Store.open(store, key=lambda: SECRET) as held:
        page = held.value("SELECT rootpage FROM sqlite_schema WHERE name = 'messages_by_time'")
    data = bytearray(store.read_bytes())
    data[PAGE * (page - 1) + 100] ^= 0xFF
    store.write_bytes(data)
    done = locked("doctor", "--fix")
    assert (done.status, "not mended" in done.out, "1 memories, 2 messages" in done.out) == (5, True, True), done
    assert store.read_bytes() == bytes(data)
    (saved,) = beside(store, "salvaged")
    assert is_locked(saved)
    assert MARKER in locked("--db", saved, "list").out
    assert "nothing is wrong" in locked("--db", saved, "doctor", "--fix").out


def test_of_an_encrypted_store_that_was_cut_off_what_is_left_is_salvaged_encrypted(locked: Program) -> None:
    store = locked.paths.store
    data = store.read_bytes()[:-PAGE]
    store.write_bytes(data)
    done = locked("doctor", "--fix")
    assert (done.status, "1 memories, 2 messages" in done.out, store.read_bytes()) == (5, True, data), done
    (saved,) = beside(store, "salvaged")
    assert is_locked(saved)
    assert MARKER in locked("--db", saved, "list").out


def test_a_salvaged_store_that_stays_plain_is_named_when_the_store_is_encrypted(locked: Program) -> None:
    assert locked("decrypt", "--yes").status == 0
    saved = Path(f"{locked.paths.store}.salvaged-2026-01-01T00-00-00Z")
    saved.write_bytes(locked.paths.store.read_bytes())
    done = locked("encrypt")
    assert (done.status, f"{saved} is a store of its own, and is not encrypted" in done.err) == (0, True)
    assert saved.exists(), "it may be all that is left of the store before"


def test_no_page_of_an_encrypted_store_can_be_damaged_unseen_or_stop_the_doctor(locked: Program) -> None:
    store = locked.paths.store
    sound = store.read_bytes()
    for page in range(2, len(sound) // PAGE, 7):
        data = bytearray(sound)
        data[PAGE * page + 50] ^= 1
        store.write_bytes(data)
        done = locked("doctor", "--fix")
        assert done.status == 5, (page, done)
        assert store.read_bytes() == bytes(data), page
        for left in (*beside(store, "salvaged"), *beside(store, "before-fix")):
            left.unlink()


# --- exports --------------------------------------------------------------------------------------------------------


def test_an_export_of_an_encrypted_store_makes_an_equal_one_and_lies_in_no_folder_of_memcli(
    locked: Program, tmp_path: Path
) -> None:
    file, again = tmp_path / "all.jsonl", tmp_path / "again.jsonl"
    done = locked("export", "-o", file)
    assert done.status == 0
    assert "which is not encrypted as the store is" in done.err
    other = tmp_path / "other.db"
    assert locked("--db", other, "import", file).status == 0
    assert locked("--db", other, "encrypt").status == 0
    assert is_locked(other)
    assert locked("--db", other, "export", "-o", again).status == 0
    assert again.read_bytes() == file.read_bytes()
    assert locked("export", "-o", locked.paths.data / "all.jsonl").status == 1


@pytest.mark.parametrize("format_", ["jsonl", "markdown"])
def test_an_export_never_takes_the_place_of_a_store_or_a_backup(locked: Program, tmp_path: Path, format_: str) -> None:
    copy = tmp_path / "copy.md"
    assert locked("backup", copy).status == 0
    data = copy.read_bytes()
    done = locked("export", "--format", format_, "-o", copy, "--force")
    assert (done.status, "not replaced" in done.err) == (1, True)
    assert copy.read_bytes() == data


# --- what lies in the temporary folder for a moment -----------------------------------------------------------------


def test_what_a_wrong_passphrase_is_tried_on_is_encrypted_private_and_listed_in_the_readme(
    locked: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[Path, tuple[int, bytes]] = {}
    look = header._looked

    def looking(uri: str, flags: int, secret: str, **how: bool) -> tuple[int, int] | None:
        folder = Path(unquote(urlsplit(uri).path)).parent
        if folder != locked.paths.data:
            seen.update({each: (each.stat().st_mode & 0o777, each.read_bytes()) for each in folder.iterdir()})
        return look(uri, flags, secret, **how)

    monkeypatch.setattr(header, "_looked", looking)
    with Store.open(locked.paths.store, key=lambda: SECRET) as held:  # the log is there
        held.run("UPDATE threads SET name = ?", (MARKER,))
        hand_over(locked, "MEMCLI_PASSPHRASE_FILE", OTHER)
        assert locked("list").status == 5
    assert {each.name for each in seen} == {"memcli.db", "memcli.db-wal"}
    assert {mode for mode, _ in seen.values()} == {0o600}
    assert not [each for each, (_, data) in seen.items() if MARKER.encode() in data or each.exists()]
    patterns = [one.pattern for one in listed()]
    for each in seen:
        assert any(one.fullmatch(f"tmp/{each.parent.name}/{each.name}") for one in patterns), each
