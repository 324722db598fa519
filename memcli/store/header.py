"""What a file is, before it is opened as the store: nothing is locked or written, and no log is begun.

Invariant: a file that is not a store of this program, by its head or, where it is encrypted, by its first page under
the passphrase, is left exactly as it is.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import closing
from pathlib import Path

import apsw

from memcli import __version__
from memcli.errors import (
    MemcliError,
    NotAStore,
    NothingFound,
    StoreNewer,
    StoreUnwritable,
    WrongPassphrase,
)
from memcli.paths import named
from memcli.store import cipher, migrations, peek
from memcli.store.cipher import MAGIC
from memcli.store.faults import Translated, damaged

APPLICATION_ID = int.from_bytes(b"mcli", "big")
_SIZE = 100  # bytes; https://sqlite.org/fileformat.html#the_database_header
_BEGINNING = 1 << 16  # bytes: the largest first page
_WRITTEN = 18  # place of the kind of journal that a writer has to know
_LOGS = ("-wal", "-journal")
# Without it SQLite reads nothing of a file that is shorter than its first page says, nor beside a table that makes no
# sense.
READ_SHORT = "PRAGMA writable_schema = ON"


def refuse_others(path: Path) -> bool:
    """Raise unless `path` is an empty file, a store that this program knows, or one that may be such under its cipher.

    SQLite is not let near it. Return whether it is encrypted.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise NotAStore(f"{path} is {what}, not a memcli store", "name a file: --db FILE")
        head = peek.head(path, _SIZE)
    except FileNotFoundError:
        raise NothingFound(f"there is no store at {path}", "it is made by: memcli remember TEXT") from None
    except OSError as error:
        raise unwritable(path, error) from error
    if not head:
        return False
    if cipher.is_encrypted(head):
        return True
    if not _is_ours(head):
        raise not_a_store(path)
    if head[_WRITTEN] not in cipher.JOURNALS:
        raise damaged(path, "its kind of journal is none")  # SQLite takes it for a file that it may only read
    refuse_newer(path, int.from_bytes(head[60:64], "big"))
    return False


def refuse_wrong_key(path: Path, secret: str, *, checked: bool = True) -> None:
    """Raise unless `secret` opens the file and there is a store in it, without a lock, a log or a byte written.

    Unless it is to be `checked`, the first page may be damaged. SQLite itself would take a log that it cannot decrypt
    for an empty one, and others would believe it.
    """
    alone = f"{path.as_uri()}?immutable=1"
    with Translated(path):
        found = _looked(alone, apsw.SQLITE_OPEN_READONLY, secret) or _recovered(path, secret)
    if found is None:
        unchecked = _looked(alone, apsw.SQLITE_OPEN_READONLY, secret, checked=False)
        if unchecked and unchecked[0] == APPLICATION_ID:
            if not checked:
                return
            raise damaged(path, "the checksum of its first page is wrong")
        raise WrongPassphrase(
            f"the passphrase does not open {path}", "try another one; a first page that is lost looks the same"
        )
    ours, version = found
    if ours != APPLICATION_ID:
        raise not_a_store(path)
    refuse_newer(path, version)


def _looked(uri: str, flags: int, secret: str, *, checked: bool = True) -> tuple[int, int] | None:
    """Return whose database it is and its version, None where `secret` does not open it."""
    wrong = apsw.NotADBError if checked else apsw.Error  # of a page that is not checked anything may be wrong
    with closing(apsw.Connection(uri, flags=flags | apsw.SQLITE_OPEN_URI)) as db:
        cipher.unlock(db, secret, checked=checked)
        db.execute(READ_SHORT)
        try:
            return db.pragma("application_id"), db.pragma("user_version")
        except wrong:
            return None


def _recovered(path: Path, secret: str) -> tuple[int, int] | None:
    """Look at a copy of the beginning, brought up to date from a log that is there.

    A power cut may have hit the first page while it was written; another process may be just writing it.
    """
    logs = [log for ending in _LOGS if (log := path.with_name(path.name + ending)).exists()]
    if not logs:
        return None
    import tempfile

    with tempfile.TemporaryDirectory(prefix="memcli-") as folder:
        copy = Path(folder, path.name)
        for each in (path, *logs):
            os.close(os.open(copy.with_name(each.name), os.O_WRONLY | os.O_CREAT, 0o600))
        copy.write_bytes(peek.head(path, _BEGINNING))
        os.truncate(copy, path.stat().st_size)
        for log in logs:
            shutil.copyfile(log, copy.with_name(log.name))
        return _looked(copy.as_uri(), apsw.SQLITE_OPEN_READWRITE, secret)


def holds_store(path: Path) -> bool:
    """Tell whether a file that is there is a store, or an encrypted database. Raises OSError."""
    head = peek.head(path, _SIZE)
    return _is_ours(head) or cipher.is_encrypted(head)


def is_encrypted(path: Path) -> bool:
    """Tell whether the store at `path` is encrypted. Raises NothingFound, NotAStore, StoreNewer, StoreUnwritable."""
    return refuse_others(Path(os.path.realpath(named(path))))


def _is_ours(head: bytes) -> bool:
    return head.startswith(MAGIC) and int.from_bytes(head[68:72], "big") == APPLICATION_ID


def refuse_newer(path: Path, version: int) -> None:
    if version > migrations.NEWEST:
        raise StoreNewer(
            f"{path} has schema {version}; this memcli {__version__} knows {migrations.NEWEST}", "use a newer memcli"
        )


def not_a_store(path: Path) -> MemcliError:
    hint = "name another file: --db FILE; if it was one, run: memcli doctor --fix, or restore a backup"
    return NotAStore(f"{path} is not a memcli store", hint)


def unwritable(path: Path, error: OSError) -> MemcliError:
    reason = (error.strerror or "it cannot be used").lower()
    return StoreUnwritable(
        f"{path} cannot be used: {reason}", "check the rights of the file and of its folder, or use --db"
    )
