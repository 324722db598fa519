"""The one file: open it, or make it, and run statements and transactions on it.

Invariants: a file that is not a memcli store is never written; the store and its -wal and -shm are 0600; what a
transaction wrote survives a power cut once `atomic` is left; callers see MemcliError for anything but a bug.

The only clock read here is SQLite's own, for the record of which migration ran when.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import apsw

from memcli import __version__
from memcli.errors import InputError, NoPassphrase, StoreError, StoreLocked, StoreUnwritable
from memcli.paths import Paths, make_private, named
from memcli.store import cipher, gate, header, migrations
from memcli.store.cipher import Key
from memcli.store.faults import Translated, damaged

_JOURNAL = slice(18, 20)  # of the header: 1 for a rollback journal, 2 for a write-ahead log
_NOW = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"

# fullfsync makes "written" true on macOS; secure_delete overwrites what is deleted; temp tables never reach a disk;
# a cache of 64 MiB at most, where the default of 2 MiB makes a search among 100,000 chunks read pages over and over.
_EVERY_CONNECTION = """
    PRAGMA foreign_keys = ON;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = 1;
    PRAGMA checkpoint_fullfsync = 1;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -65536;
"""

LONG_WAIT_MS = 60_000  # for work that takes minutes itself: a forgetting elsewhere rewrites the whole file

Params = Sequence[Any] | Mapping[str, Any]
Row = tuple[Any, ...]
T = TypeVar("T")


class Store:
    """An open store. Use it as a context manager, in one thread at a time.

    `paths` are the folders with other files that may quote it, None where there are none: see derived.py and traces.py.
    `secret` is the passphrase that it is encrypted with, None where it is not: then nothing may quote it in plain text.
    """

    def __init__(
        self, path: Path, db: apsw.Connection, busy_ms: int, paths: Paths | None = None, secret: str | None = None
    ) -> None:
        self.path = path
        self.paths = paths
        self.secret = secret
        self.db = db
        self.busy_ms = busy_ms
        self._depth = 0
        self._file: tuple[int, int] | None = None  # which one was opened, where it is to be the one at `path`
        self._translated = Translated(path)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        busy_ms: int = 5000,
        create: bool = True,
        paths: Paths | None = None,
        key: Key | None = None,
    ) -> Store:
        """Open the store at `path`, bringing an older schema up to date; make it where there is none and `create`.

        `key` is asked for the passphrase of an encrypted store, and not otherwise. Raises NothingFound (no file, and
        not `create`), InputError (a name for none), NotAStore, StoreNewer, StoreDamaged, StoreLocked, StoreUnwritable,
        NoPassphrase, WrongPassphrase.
        """
        path = Path(os.path.realpath(named(path)))
        made = _make_empty(path) if create else False
        try:
            secret: str | None = None
            while (store := cls._let_in(path, busy_ms, paths, secret, clean=not made)) is None:
                secret = _ask(path, key) if secret is None else None
            return store
        except StoreLocked:
            raise  # another process is just making a store of the file
        except BaseException:
            if made:
                _remove_if_empty(path)
            raise

    @classmethod
    def _let_in(cls, path: Path, busy_ms: int, paths: Paths | None, secret: str | None, *, clean: bool) -> Store | None:
        """Open the store with the gate held; None where it is encrypted and has no `secret` yet, or the other way.

        Then `clean` up after a conversion, but not where the store is missing of which something is left.
        """
        with gate.passing(path, busy_ms) as held:
            if header.refuse_others(path) != (secret is not None):
                return None
            if secret is not None:
                header.refuse_wrong_key(path, secret)
            with Translated(path):
                store = cls(path, _connect(path, busy_ms, secret), busy_ms, paths, secret)
            store._settle()
            store._file = _identity(path)
            if held and clean:
                gate.clean_up(path)
            return store

    @classmethod
    def unsettled(cls, path: Path, *, busy_ms: int = 5000, key: Key | None = None) -> Store:
        """Open a damaged store to read what can be read of it; no page is checked, and nothing brought up to date.

        Raises as `open`, but for StoreDamaged, which reading raises.
        """
        path = Path(os.path.realpath(named(path)))
        secret = _ask(path, key) if header.refuse_others(path) else None
        if secret is not None:
            header.refuse_wrong_key(path, secret, checked=False)
        with gate.passing(path, busy_ms), Translated(path):
            store = cls(path, _connect(path, busy_ms, secret, checked=False), busy_ms, secret=secret)
            store.run(header.READ_SHORT)
            load_vectors(store.db)
        return store

    def another(self, *, busy_ms: int, path: Path | None = None) -> Store:
        """Open the store once more, for a thread of its own; or what was made `like` it at `path`."""
        secret = self.secret
        key = None if secret is None else lambda: secret
        return Store.open(path or self.path, busy_ms=busy_ms, create=False, key=key)

    def like(self, path: Path) -> Store:
        """Make an empty store at `path`, where nothing is yet, encrypted as this one is."""
        path = Path(os.path.realpath(path))
        _make_empty(path)
        with Translated(path):
            made = Store(path, _connect(path, self.busy_ms, self.secret), self.busy_ms, secret=self.secret)
        made._settle()
        return made

    def _settle(self) -> None:
        """Bring schema and connection into the state that everything else relies on; close on failure."""
        try:
            with self._translated:
                version = self.one("PRAGMA user_version")
                load_vectors(self.db)
                if version != (migrations.NEWEST,):
                    _migrate(self)
                self.patiently(lambda: self.run("PRAGMA journal_mode = WAL"))
                self.run(_EVERY_CONNECTION)
        except apsw.SQLError as error:  # its schema, or what SQLite needs to read it, is none that memcli writes
            self.db.close(True)
            raise damaged(self.path, str(error)) from error
        except BaseException:
            self.db.close(True)  # force: the first error is the one to report
            raise

    def close(self) -> None:
        # Where the log cannot be written back into the file it stays beside it, whole, for the next who opens them.
        with suppress(StoreUnwritable), self._translated:
            self.db.close()

    def image(self) -> bytes:
        """Return all pages, decrypted where the store is encrypted."""
        with self._translated:
            return self.db.serialize("main")

    def copy(self) -> Store:
        """Return a copy in memory: whatever is done to it never reaches the disk."""
        data = bytearray(self.image())
        data[_JOURNAL] = b"\x01\x01"  # a database in memory has no write-ahead log
        with self._translated:
            db = apsw.Connection(":memory:")
            db.deserialize("main", bytes(data))
            load_vectors(db)
        made = Store(self.path, db, self.busy_ms)
        made.run(_EVERY_CONNECTION)
        return made

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(StoreUnwritable), self._translated:
            self.db.close(error is not None)  # force, where another error is on its way: that one is to be seen

    def rows(self, sql: str, params: Params = ()) -> list[Row]:
        """Run `sql` and return all its rows; no read stays open, which would keep the WAL from being truncated."""
        with self._translated:
            return self.db.execute(sql, params).fetchall()

    def each(self, sql: str) -> None:
        """Run `sql` and read each of its rows, keeping none."""
        with self._translated:
            for _ in self.db.execute(sql):
                pass

    def one(self, sql: str, params: Params = ()) -> Row | None:
        """Run `sql` and return its first row."""
        rows = self.rows(sql, params)
        return rows[0] if rows else None

    def value(self, sql: str, params: Params = ()) -> Any:
        """Run `sql`, which yields a row, and return that row's first column."""
        return self.rows(sql, params)[0][0]

    def run(self, sql: str, params: Params = ()) -> None:
        """Run `sql` for its effect."""
        self.rows(sql, params)

    def run_many(self, sql: str, params: Iterable[Params]) -> None:
        """Run `sql` once for each of `params`."""
        with self._translated:
            self.db.executemany(sql, params).fetchall()

    @contextmanager
    def atomic(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        """All or nothing: a write transaction, or a savepoint inside one. Any exception, Ctrl-C too, rolls back."""
        depth, outer = self._depth, self._depth == 0
        if outer and self._file not in (None, _identity(self.path)):
            raise StoreUnwritable(
                f"{self.path} was removed or replaced while it was open: nothing more is written to it",
                "leave, and start memcli again",
            )
        try:
            self.run(begin if outer else f"SAVEPOINT nested_{depth}")
            self._depth = depth + 1
            yield
            self.run("COMMIT" if outer else f"RELEASE nested_{depth}")
        except BaseException:
            # SQLite rolls back by itself on a full disk; then there is nothing left to undo.
            if self.db.in_transaction and (outer or self._depth > depth):
                self.run("ROLLBACK" if outer else f"ROLLBACK TO nested_{depth}; RELEASE nested_{depth}")
            raise
        finally:
            self._depth = depth

    def patiently(self, step: Callable[[], T], *, at_most_ms: int | None = None) -> T:
        """Return `step()`, tried again for the busy timeout, or as long as given.

        SQLite does not wait where waiting might deadlock; and while it waits, nothing hears Ctrl-C.
        """
        deadline = time.monotonic() + (self.busy_ms if at_most_ms is None else at_most_ms) / 1000
        while True:
            try:
                return step()
            except StoreLocked:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one of its name; None where there is none."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def listed(values: Iterable[object]) -> str:
    """Return `values` as the JSON list that ``json_each(?)`` reads: one parameter for any number of values."""
    return json.dumps(list(values))


def _make_empty(path: Path) -> bool:
    """Create `path` (0600) where nothing is, and tell whether it was this call that did."""
    if path.name.endswith(gate.TAKEN) and not path.exists():
        raise InputError(f"{path.name} would be taken for a part of another store", "choose another name: --db FILE")
    try:
        make_private(path.parent)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise header.unwritable(path, error) from error
    try:
        os.fchmod(handle, 0o600)  # an unusual umask must not take the owner's rights
    finally:
        os.close(handle)
    return True


def _make_own(path: Path) -> None:
    """Take others' rights from an empty file that was there; SQLite gives its companions the same mode."""
    try:
        path.chmod(0o600)
    except OSError as error:
        raise header.unwritable(path, error) from error


def _remove_if_empty(path: Path) -> None:
    """Take back a file that `_make_empty` made, unless somebody has made a store of it."""
    if path.exists() and path.stat().st_size == 0:
        path.unlink()


def _ask(path: Path, key: Key | None) -> str:
    if key is None:
        raise NoPassphrase(f"{path} is encrypted", "give the passphrase in a file that MEMCLI_PASSPHRASE_FILE names")
    return key()


def _connect(path: Path, busy_ms: int, secret: str | None, *, checked: bool = True) -> apsw.Connection:
    # Without OPEN_CREATE: the file is there, and one that vanishes meanwhile must not come back with another mode.
    # OPEN_URI is for what a conversion writes to.
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    db.set_busy_timeout(busy_ms)
    if db.readonly("main"):  # SQLite falls back to reading without a word
        db.close(True)
        raise StoreUnwritable(f"{path} is read-only", "check the rights of the file, or use --db")
    if secret is not None:
        cipher.unlock(db, secret, checked=checked)
    return db


def blank() -> Store:
    """Return an empty store in memory, as the migrations make it."""
    db = apsw.Connection(":memory:")
    load_vectors(db)
    store = Store(Path(":memory:"), db, 0)
    with store.atomic():
        _advance(store, 0)
    return store


def _migrate(store: Store) -> None:
    """Apply what is missing. Several processes may do this at once: the first does it, the others find it done."""
    # Creation runs in rollback mode, so that a crash leaves an empty file. This pragma must come before the first
    # write and itself is one: after a plain BEGIN it takes the write lock and belongs to the transaction.
    with store.atomic("BEGIN"):
        store.run("PRAGMA auto_vacuum = INCREMENTAL")
        version: int = store.value("PRAGMA user_version")
        header.refuse_newer(store.path, version)
        if version == 0:
            if store.value("SELECT count(*) FROM sqlite_schema"):
                raise header.not_a_store(store.path)
            _make_own(store.path)
            store.run(f"PRAGMA application_id = {header.APPLICATION_ID}")
        _advance(store, version)


def _advance(store: Store, version: int) -> None:
    with _functions(store.db):
        for number in range(version + 1, migrations.NEWEST + 1):
            _apply(store, number)


@contextmanager
def _functions(db: apsw.Connection) -> Iterator[None]:
    """Lend the scripts their functions."""
    for name, function in migrations.FUNCTIONS.items():
        db.create_scalar_function(name, function, 1, deterministic=True)
    try:
        yield
    finally:
        for name in migrations.FUNCTIONS:
            db.create_scalar_function(name, None, 1)


def _apply(store: Store, number: int) -> None:
    maker = f"memcli {__version__}"
    tables = {name for (name,) in store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    store.run(migrations.script(number, tables))
    store.run(f"INSERT INTO migrations VALUES (?, ?, {_NOW}, ?)", (number, migrations.NAMES[number - 1], maker))
    if number == 1:
        store.run(f"INSERT INTO meta VALUES ('created_at', {_NOW}), ('created_by', ?)", (maker,))
    store.run(f"PRAGMA user_version = {number}")


def load_vectors(db: apsw.Connection) -> None:
    """Load sqlite-vec without importing its package, which would pull numpy into every command."""
    package = importlib.util.find_spec("sqlite_vec")
    if package is None or package.origin is None:
        raise StoreError("the package sqlite-vec is not installed", "run: pip install sqlite-vec")
    db.enable_load_extension(True)
    try:
        db.load_extension(str(Path(package.origin).with_name("vec0")))
    except apsw.ExtensionLoadingError as error:
        raise StoreError(
            f"sqlite-vec cannot be loaded: {error}", "run: pip install --force-reinstall sqlite-vec"
        ) from error
    finally:
        db.enable_load_extension(False)
