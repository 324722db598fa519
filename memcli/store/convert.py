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
    """Replace the file of `store` by a copy under `secret`, None: not encrypted, and close the store.

    `before_exchange` is called when nothing else is to be done first, and may still raise. Where anything is raised,
    the store stays open as it was, but for a KeyboardInterrupt after the exchange. Raises StoreLocked where another
    process has the store open, StoreUnwritable where there is no room, StoreDamaged, InputError where the file has a
    second name.
    """
    path = store.path
    copy, old = (path.with_name(path.name + ending) for ending in (gate.COPY, gate.OLD))
    try:
        with gate.alone(path, store.busy_ms):
            number = path.stat().st_ino
            _refuse(store)
            try:
                _take(store)
                _copy(store, copy, secret)
                progress(1, STEPS)
                done = _compare(store, copy, secret)
                progress(2, STEPS)
                gate.sync_path(copy)
                os.link(path, old)  # so that the old bytes are found again, whatever happens
                before_exchange()
                copy.replace(path)
            finally:
                if path.stat().st_ino == number:
                    _put_back(store)
            gate.sync_path(path.parent)
            _remove(old)
            store.close()
    except OSError as error:
        raise unwritable(path, error) from error
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


def _take(store: Store) -> None:
    """Leave the write-ahead log, which works only where nobody else has the store open, and keep everybody out."""
    try:
        store.patiently(lambda: store.run("PRAGMA journal_mode = DELETE"))
    except StoreLocked:
        raise StoreLocked(f"{store.path} is open in another memcli", "close it, then try again") from None
    store.run("PRAGMA locking_mode = EXCLUSIVE")
    store.run("BEGIN EXCLUSIVE")
    store.run("COMMIT")


def _put_back(store: Store) -> None:
    """Undo what was begun: the old file has its name still."""
    gate.clean_up(store.path)
    store.run("PRAGMA locking_mode = NORMAL")
    store.run("PRAGMA journal_mode = WAL")


def _copy(store: Store, copy: Path, secret: str | None) -> None:
    size = store.value("PRAGMA page_count") * store.value("PRAGMA page_size")
    free = shutil.disk_usage(copy.parent).free
    if free < size:
        raise StoreUnwritable(
            f"there is no room for a copy of {store.path}: it takes {size / 1e6:.1f} MB, {free / 1e6:.1f} MB are free",
            "free some space, then try again",
        )
    gate.clean_up(store.path)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # SQLite fills an empty file
    store.run("VACUUM INTO ?", (cipher.address(copy, secret),))


def _compare(store: Store, copy: Path, secret: str | None) -> Converted:
    """Raise StoreDamaged unless the copy is sound and has the same rows in the same order."""
    with Translated(copy), closing(_connected(copy, secret)) as db:
        faults = [text for (text,) in db.execute("PRAGMA integrity_check") if text != "ok"]
        same = all(store.db.pragma(name) == db.pragma(name) for name in _NUMBERS)
        if faults or not same or store.rows(_SCHEMA) != db.execute(_SCHEMA).fetchall():
            raise _unlike(store, faults[0] if faults else "its schema differs")
        tables = [name for (name,) in store.rows(_TABLES)]
        rows = sum(1 for name in tables for _ in _same_rows(store, db, name))
    return Converted(len(tables), rows, copy.stat().st_size)


def _same_rows(store: Store, db: apsw.Connection, table: str) -> Iterator[None]:
    sql = f'SELECT * FROM "{table}"'
    with Translated(store.path):
        for mine, other in zip_longest(store.db.execute(sql), db.execute(sql)):
            if mine != other:
                raise _unlike(store, f"{table} differs")
            yield


def _unlike(store: Store, how: str) -> StoreDamaged:
    return StoreDamaged(f"the copy of {store.path} is not like it: {how}", "nothing was changed; run: memcli doctor")


def _connected(copy: Path, secret: str | None) -> apsw.Connection:
    db = apsw.Connection(str(copy), flags=apsw.SQLITE_OPEN_READONLY)
    if secret is not None:
        cipher.unlock(db, secret)
    load_vectors(db)
    return db


def _remove(old: Path) -> None:
    gate.overwrite(old)
    old.unlink()
    gate.sync_path(old.parent)
