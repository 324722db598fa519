"""Back up the store while others read and write it: copied beside its place, checked there, put there in one step.

Invariants: at the place stands what stood there before, or a whole copy that was checked; it needs no file beside it,
and is 0600; nothing is in it that was forgotten before it was put there.

The copy is made of one view of the store, held until it is done. So writers neither wait for it nor make it begin anew;
what they write meanwhile is not in it, and the -wal file grows until then.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from memcli.errors import (
    InputError,
    MemcliError,
    NotAStore,
    StoreDamaged,
    StoreLocked,
    StoreUnwritable,
    WrongPassphrase,
)
from memcli.paths import named
from memcli.store import cipher, cleaning, derived, gate, header, migrations, words, workers
from memcli.store.checks import structure
from memcli.store.checks.record import problems
from memcli.store.database import LONG_WAIT_MS, Store
from memcli.store.faults import Translated, damaged
from memcli.store.header import APPLICATION_ID, holds_store

PAGES = 512  # copied at a time, 2 MiB: between two such steps Ctrl-C is heard and progress shown
TRIES = 3  # copies made, where something is forgotten during each
COMPANIONS = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file that is in use
_FEW = 3  # problems told of a copy that is not sound
_PART = ".memcli-part"

Progress = Callable[[int, int], None]

# The copy is thrown away if anything fails, and synced as a whole: it needs no journal of its own.
_UNJOURNALED = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE"


@dataclass(frozen=True, slots=True)
class Backup:
    """Where the copy is, its size in bytes, and how many rows each table has."""

    path: Path
    size: int
    rows: dict[str, int]


def write(store: Store, target: Path, *, replace: bool = False, progress: Progress = lambda done, of: None) -> Backup:
    """Write a backup of the store to `target`. Not to be called inside a transaction.

    Raises InputError where `target` is no place for it, StoreDamaged where the copy is not sound, StoreLocked where
    something is just being forgotten, StoreUnwritable where the copy cannot be written. `progress` hears pages.
    """
    target = Path(os.path.realpath(named(target)))
    require_place(store, target, replace=replace)
    store.patiently(lambda: _finish_forgetting(store), at_most_ms=LONG_WAIT_MS)
    for _ in range(TRIES):
        try:
            return _written(store, target, replace, progress)
        except derived.Forgotten:
            continue  # what is gone from the store is in the copy
    raise StoreLocked("things are being forgotten while the copy is made", "try again when that is over")


def keep_as_it_is(store: Store, target: Path) -> None:
    """Copy the store to `target`, where nothing is yet, whatever is wrong with it.

    Raises InputError, StoreLocked, StoreUnwritable.
    """
    target = Path(os.path.realpath(target))
    since = _generation(store)
    require_place(store, target, replace=False)
    with _scratch(target) as scratch, Translated(target):
        with _destination(scratch, target, store.secret) as copy:
            with store.atomic("BEGIN"):
                store.rows("SELECT 1 FROM sqlite_schema LIMIT 1")  # the view begins with the first look
                _copy(store, copy, lambda done, of: None)
            _close_log(copy)
        _sync(scratch, target)
        with _unforgotten(store, since):
            _put(scratch, target)


def _generation(store: Store) -> int | None:
    """Return the store's generation; None where its log cannot be read, so that nothing can be forgotten either."""
    try:
        return derived.generation(store)
    except (StoreDamaged, apsw.SQLError):
        return None


@contextmanager
def _unforgotten(store: Store, since: int | None) -> Iterator[None]:
    if since is None:
        yield
        return
    try:
        with derived.unforgotten(store, since):
            yield
    except derived.Forgotten:
        raise StoreLocked("something was forgotten while the copy was made", "try again") from None


def _finish_forgetting(store: Store) -> None:
    """Clean up after a forgetting, unless somebody is at it. Raises StoreLocked where it is not over."""
    cleaning.finish(store)
    cleaning.require_clean(store)


def require_place(store: Store, target: Path, *, replace: bool) -> None:
    """Raise InputError unless a backup may be written at `target`: over an older one only with `replace`."""
    if target.name.endswith(gate.TAKEN):
        raise InputError(f"{target.name} would be taken for a part of another store", "choose another name")
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {target.parent}", "make it first, or choose another place")
    for companion in (target.with_name(target.name + ending) for ending in COMPANIONS):
        if companion.exists() and not _same(target, store.path):
            raise InputError(f"{target} is in use, or was not closed: there is {companion.name}", "choose another name")
    if not os.path.lexists(target):
        return
    if _same(target, store.path):
        raise InputError(f"{target} is the store itself", "choose another place for its backup")
    if target.is_dir():
        raise InputError(f"{target} is a folder", f"name a file in it: {target / 'memcli-backup.db'}")
    if not _is_backup(store, target):
        raise InputError(f"{target} is no backup of memcli, and is not replaced", "choose another name")
    if not replace:
        raise InputError(f"there is a backup at {target} already", "choose another name, or give --force")


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _is_backup(store: Store, target: Path) -> bool:
    """Tell whether a file is a store, or holds nothing yet. Raises InputError where only its passphrase would tell."""
    try:
        if not target.is_file() or not (target.stat().st_size == 0 or holds_store(target)):
            return False
        if header.is_encrypted(target):
            header.refuse_wrong_key(target, store.secret or "")
    except WrongPassphrase:
        what = f"{target} is encrypted with another passphrase than the store, so it cannot be told to be a backup"
        raise InputError(f"{what}, and is not replaced", "choose another name, or delete it yourself") from None
    except NotAStore:
        return False
    except OSError as error:
        raise _unwritable(target, error) from error
    return True


def _written(store: Store, target: Path, replace: bool, progress: Progress) -> Backup:
    """Make one copy and put it in its place. Raises Forgotten where something was forgotten meanwhile."""
    with _scratch(target) as scratch, Translated(target):
        with _destination(scratch, target, store.secret) as copy:
            with store.atomic("BEGIN"):
                cleaning.require_clean(store)
                since, rows = derived.generation(store), _count(store)
                _copy(store, copy, progress)
            _close_log(copy)
            _verify(copy, rows)
        size = _sync(scratch, target)
        with derived.unforgotten(store, since):
            require_place(store, target, replace=replace)
            _put(scratch, target)
    return Backup(target, size, rows)


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """Make an empty file (0600) beside `target`, and take away whatever is left of it, and of those of the dead."""
    own = target.with_name(f".{target.name}.{platform.node()}.{os.getpid()}{_PART}")
    try:
        for left in (*leftovers(target.parent), own):
            _remove(left)
        os.close(os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        yield own
    finally:
        _remove(own)


def leftovers(folder: Path) -> list[Path]:
    """Return what backups in a folder have left behind whose processes were killed. Raises OSError."""
    found = []
    for path in folder.iterdir():
        name, _, process = path.name.removesuffix(_PART).rpartition(".")
        own = path.name.endswith(_PART) and name.endswith(f".{platform.node()}")
        if own and workers.dead(f"{platform.node()}:{process}:"):
            found.append(path)
    return found


def _remove(scratch: Path) -> None:
    for ending in ("", *COMPANIONS):
        scratch.with_name(scratch.name + ending).unlink(missing_ok=True)


@contextmanager
def _destination(scratch: Path, target: Path, secret: str | None) -> Iterator[Store]:
    """Open the file that the copy goes to, which is encrypted as the store is."""
    db = apsw.Connection(str(scratch), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        if secret is not None:
            cipher.unlock(db, secret)
        db.execute(_UNJOURNALED)
        yield Store(target, db, 0)
    finally:
        db.close(True)


def _copy(store: Store, copy: Store, progress: Progress) -> None:
    try:
        with copy.db.backup("main", store.db, "main") as running:
            while not running.done:
                running.step(PAGES)
                progress(running.page_count - running.remaining, running.page_count)
    except apsw.CorruptError as error:  # a page of the store: the copy has none of its own yet
        raise damaged(store.path, "a page cannot be read") from error


def _close_log(copy: Store) -> None:
    """Have the file say that it needs no write-ahead log, which the store's own says it does."""
    if copy.value("PRAGMA journal_mode = DELETE") != "delete":
        raise StoreUnwritable(f"{copy.path} cannot be closed", "try again")


def _verify(copy: Store, rows: dict[str, int]) -> None:
    """Raise StoreDamaged unless nothing is wrong with the copy and each of its tables has as many rows as it should."""
    problems = _problems(copy)
    if not problems and _count(copy) != rows:
        problems = ["it has not the rows of the store"]
    if problems:
        shown = "; ".join(" ".join(text.split()) for text in problems[:_FEW])
        raise StoreDamaged(f"the copy for {copy.path} is not sound, and is not kept: {shown}", "run: memcli doctor")


def _problems(copy: Store) -> list[str]:
    found = [text for (text,) in copy.rows(f"PRAGMA integrity_check({_FEW})") if text != "ok"]
    if copy.value("PRAGMA application_id") != APPLICATION_ID or copy.value("PRAGMA user_version") != migrations.NEWEST:
        found.append("its header is not that of a memcli store")
    if not found and not words.intact(copy):
        found.append("its full-text index does not agree with its chunks")
    return found or [line for one in (structure.SCHEMA, structure.TEXTS) for line in problems(copy, one)]


def _count(store: Store) -> dict[str, int]:
    """Return how many rows each table has, those included in which the indexes keep what they hold."""
    sql = """
        SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
        AND name NOT GLOB 'sqlite_*' ORDER BY name
    """
    return {name: int(store.value(f'SELECT count(*) FROM "{name}"')) for (name,) in store.rows(sql)}


def _sync(scratch: Path, target: Path) -> int:
    """Have the copy on the disk, and return its size."""
    try:
        gate.sync_path(scratch)
        return scratch.stat().st_size
    except OSError as error:
        raise _unwritable(target, error) from error


def _put(scratch: Path, target: Path) -> None:
    try:
        scratch.replace(target)
        gate.sync_path(target.parent)  # the new name, too
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> MemcliError:
    reason = (error.strerror or "it cannot be used").lower()
    return StoreUnwritable(f"no backup was written at {target}: {reason}", "check the place: its rights, and its space")
