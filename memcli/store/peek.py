"""Read the bytes of a store's file beside SQLite, in a process that may have the store open.

Where locks are POSIX's, a process that closes any descriptor of a file loses all its locks on it, those of SQLite's
connections too: another process might then take the store for its own and cut the -wal and -shm files under them
(https://sqlite.org/howtocorrupt.html, 2.2). So the file is read through SQLite's own layer for the system, which puts
off the closing. The -wal file has no locks on itself and may be read like any other; -shm has, and is never opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

_SYSTEM = "unix"  # not the layer of encryption on top of it, which would decrypt what is to be read as it is


class _File(apsw.VFSFile):
    def __init__(self, path: Path) -> None:
        whole = os.path.realpath(path)  # SQLite follows no links here
        super().__init__(_SYSTEM, whole, [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])

    def close(self) -> None:
        self.xClose()


def pieces(path: Path, size: int) -> Iterator[bytes]:
    """Yield the file in pieces of at most `size` bytes. Raises OSError."""
    if _SYSTEM not in apsw.vfs_names():  # locks of other systems belong to the handle
        with path.open("rb") as plain:
            while piece := plain.read(size):
                yield piece
        return
    with closing(_opened(path)) as file:
        start = 0
        while piece := file.xRead(size, start):
            yield piece
            start += len(piece)


def head(path: Path, size: int) -> bytes:
    """Return the first bytes of the file, all of them where it is shorter. Raises OSError."""
    return next(pieces(path, size), b"")


def _opened(path: Path) -> _File:
    try:
        return _File(path)
    except apsw.CantOpenError:
        path.stat()
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None
