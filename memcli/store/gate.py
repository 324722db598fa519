"""The gate before a store: those who open it pass together, who replaces its file has the gate alone.

Invariants: while one process opens the store, none replaces the file, so that nobody gets hold of a file that is no
longer the store. What a conversion that was killed left beside the store goes only while the gate is held, and is
overwritten first, unless it is the store itself by another name.

The gate is a lock (flock) on the folder. It is free again when its holder dies. It is not on the file, where closing
would take SQLite's own locks away (see peek.py).
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memcli.errors import StoreLocked, StoreUnwritable

COPY, OLD = "-converting", "-replaced"  # endings of what a conversion has beside the store
ENDINGS = (COPY, f"{COPY}-journal", OLD)  # SQLite keeps a journal of the copy while it makes it
TAKEN = ("-wal", "-shm", "-journal", *ENDINGS)  # a file that ends so belongs to another, and goes as that one wants
_POLL = 0.01  # seconds
_PATIENCE = 12  # times as long as for one of SQLite's locks: a store of 100,000 items is converted in 12 s
_PIECE = 1 << 20  # bytes of zeros that are written at a time


@contextmanager
def passing(path: Path, wait_ms: int) -> Iterator[bool]:
    """Hold off whoever would replace the store at `path` for the block, which is told whether that is so.

    Where the folder cannot be locked nobody is held off, and nobody can convert. Raises StoreLocked.
    """
    folder, busy = None, f"a store in {path.parent} is being converted by another process"
    with suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder is not None and _lock(folder, fcntl.LOCK_SH, _PATIENCE * wait_ms, busy)
    finally:
        if folder is not None:
            os.close(folder)


@contextmanager
def alone(path: Path, wait_ms: int) -> Iterator[None]:
    """Keep everybody from opening the store for the block. Raises StoreLocked, StoreUnwritable."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        busy = f"a store in {path.parent} is being opened or converted by another process"
        if not _lock(folder, fcntl.LOCK_EX, wait_ms, busy):
            raise StoreUnwritable(f"{path.parent} cannot be locked", "move the store to a local disk, with --db")
        yield
    finally:
        os.close(folder)


def _lock(folder: int, kind: int, wait_ms: int, busy: str) -> bool:
    """Wait for the lock; return False where there are no such locks. Raises StoreLocked, which says what is `busy`."""
    deadline = time.monotonic() + wait_ms / 1000
    while True:
        try:
            fcntl.flock(folder, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            pass
        except OSError:
            return False
        if time.monotonic() >= deadline:
            raise StoreLocked(busy, "try again in a moment")
        time.sleep(_POLL)


def left_over(path: Path) -> list[Path]:
    """Return what a conversion has beside the store, or has left there."""
    return [left for ending in ENDINGS if (left := path.with_name(path.name + ending)).exists()]


def clean_up(path: Path) -> None:
    """Remove what a conversion left beside the store, as far as that is possible. Call it with the gate held."""
    for left in left_over(path):
        with suppress(OSError):  # another time, then; `doctor` tells
            if not os.path.samefile(left, path):
                overwrite(left)
            left.unlink(missing_ok=True)


def overwrite(path: Path) -> None:
    """Fill a file with zeros: who still has it open finds no database in it, nor an empty one. Raises OSError."""
    with suppress(FileNotFoundError), path.open("r+b") as file:  # another process was quicker
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode):
            return
        for start in range(0, info.st_size, _PIECE):
            file.write(bytes(min(_PIECE, info.st_size - start)))
        file.flush()
        sync(file.fileno())


def sync(handle: int) -> None:
    """Have what was written be on the disk; on macOS fsync alone leaves it in the drive's cache."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is None:
        os.fsync(handle)
        return
    try:
        fcntl.fcntl(handle, full)
    except OSError:  # a file system without it
        os.fsync(handle)


def sync_path(path: Path) -> None:
    """Have a file, or the names in a folder, be on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        sync(handle)
    finally:
        os.close(handle)
