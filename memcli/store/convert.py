"""Convert a store: encrypt it, decrypt it, or give it another passphrase, all in the same way.

A copy is made beside the store under the new passphrase, compared row by row, and takes the store's name; then the old
file is overwritten and removed.

Invariants: nobody else has the store open meanwhile, nor gets in before it is over; whatever happens, the store's name
is that of a whole store, the old one or the new one, and whoever opens it next removes what is left of the other; no
connection to the old file writes once the new one has its name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import apsw

from memcli.errors import InputError, StoreDamaged, StoreLocked, StoreUnwritable
from memcli.store import cipher, gate, marks
from memcli.store.database import Store, load_vectors
from memcli.store.faults import Translated
from memcli.store.header import unwritable

Progress = Callable[[int, int], None]
STEPS = 3  # copied, compared, exchanged

_NUMBERS = ("application_id", "user_version", "auto_vacuum", "page_size", "encoding")
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"


@dataclass(frozen=True, slots=True)
class Converted:
    """What was compared between the old file and the new one, and the size of the new one."""

    tables: int
    rows: int
    bytes: int


def convert(
    store: Store,
    secret: str | None,
    *,
    before_exchange: Callable[[], None] = lambda: None,
    progress: Progress = lambda done, of: None,
) -> Converted:
    """Replace the file of `store` by a copy under `secret`, None: not encrypted.

    The store is closed then, whatever happens, and as it was if anything is raised, but for a KeyboardInterrupt after
    the exchange. `before_exchange` is called when nothing else is to be done first, and may still raise. Raises
    StoreLocked where another process has the store open, StoreUnwritable where there is no room, StoreDamaged,
    InputError where the file has a second name.
    """
    path = store.path
    try:
        with gate.alone(path, store.busy_ms):
            _refuse(store)
            _leave_log(store)
            store.close()
            with Translated(path), closing(_alone(path, store.secret)) as old:
                done = _exchange(old, path, secret, before_exchange, progress)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        store.close()
    with suppress(StoreLocked):  # whoever has it open by now has brought it back to its write-ahead log
        Store.open(path, busy_ms=store.busy_ms, create=False, key=None if secret is None else lambda: secret).close()
    progress(STEPS, STEPS)
    return done


def _refuse(store: Store) -> None:
    """Raise where the store cannot be converted now."""
    if marks.held(store) is not None:
        raise StoreLocked("a forgetting is not finished", "close every memcli, then try again")
    if store.path.stat().st_nlink > 1:
        raise InputError(
            f"{store.path} has a second name (a hard link), which would keep the old file", "remove the link first"
        )


def _leave_log(store: Store) -> None:
    """Bring everything from the write-ahead log into the file, which works only where nobody else has it open.

    The connection is not to be used any more: SQLite keeps the pages that it has read before, although another process
    may have written until now (seen with 3.54.0: one write in six that came at this moment was not in the copy).
    """
    try:
        store.patiently(lambda: store.run("PRAGMA journal_mode = DELETE"))
    except StoreLocked:
        raise StoreLocked(f"{store.path} is open in another memcli", "close it, then try again") from None


def _alone(path: Path, secret: str | None) -> apsw.Connection:
    """Connect to the store in a way that keeps everybody else out, programs that know no gate too."""
    db = _connected(path, secret, apsw.SQLITE_OPEN_READWRITE)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT")
        if db.pragma("journal_mode") != "delete":
            raise StoreLocked(f"{path} is in use by another program", "close it, then try again")
    except BaseException:
        db.close(True)
        raise
    return db


def _exchange(
    db: apsw.Connection, path: Path, secret: str | None, before_exchange: Callable[[], None], progress: Progress
) -> Converted:
    """Make the copy, compare it, give it the name, and remove the old file; the copy, where that fails."""
    copy, old = (path.with_name(path.name + ending) for ending in (gate.COPY, gate.OLD))
    number = path.stat().st_ino
    try:
        _copy(db, path, copy, secret)
        progress(1, STEPS)
        done = _compare(db, copy, secret)
        progress(2, STEPS)
        gate.sync_path(copy)
        os.link(path, old)  # so that the old bytes are found again, whatever happens
        before_exchange()
        copy.replace(path)
    finally:
        if path.stat().st_ino == number:
            gate.clean_up(path)
    gate.sync_path(path.parent)
    gate.overwrite(old)
    old.unlink()
    gate.sync_path(path.parent)
    return done


def _copy(db: apsw.Connection, path: Path, copy: Path, secret: str | None) -> None:
    size = db.pragma("page_count") * db.pragma("page_size")
    free = shutil.disk_usage(copy.parent).free
    if free < size:
        raise StoreUnwritable(
            f"there is no room for a copy of {path}: it takes {size / 1e6:.1f} MB, {free / 1e6:.1f} MB are free",
            "free some space, then try again",
        )
    gate.clean_up(path)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # SQLite fills an empty file
    db.execute("VACUUM INTO ?", (cipher.address(copy, secret),))


def _compare(db: apsw.Connection, copy: Path, secret: str | None) -> Converted:
    """Raise StoreDamaged unless the copy is sound and has the same rows in the same order."""
    with closing(_connected(copy, secret, apsw.SQLITE_OPEN_READONLY)) as other:
        with Translated(copy):
            faults = [text for (text,) in other.execute("PRAGMA integrity_check") if text != "ok"]
        same = all(db.pragma(name) == other.pragma(name) for name in _NUMBERS)
        if faults or not same or db.execute(_SCHEMA).fetchall() != other.execute(_SCHEMA).fetchall():
            raise _unlike(faults[0] if faults else "its schema differs")
        tables = [name for (name,) in db.execute(_TABLES)]
        rows = sum(1 for name in tables for _ in _same_rows(db, other, name))
    return Converted(len(tables), rows, copy.stat().st_size)


def _same_rows(db: apsw.Connection, other: apsw.Connection, table: str) -> Iterator[None]:
    sql = f'SELECT * FROM "{table}"'
    for row, copied in zip_longest(db.execute(sql), other.execute(sql)):
        if row != copied:
            raise _unlike(f"{table} differs")
        yield


def _unlike(how: str) -> StoreDamaged:
    return StoreDamaged(f"the copy is not like the store: {how}", "nothing was changed; run: memcli doctor")


def _connected(path: Path, secret: str | None, flags: int) -> apsw.Connection:
    db = apsw.Connection(str(path), flags=flags | apsw.SQLITE_OPEN_URI)
    if secret is not None:
        cipher.unlock(db, secret)
    load_vectors(db)
    return db
