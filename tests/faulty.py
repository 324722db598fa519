"""A disk that fails: a layer under SQLite that lets some writes pass and then refuses all, as a full disk does.

It works for every user, root included, whom neither a file's mode nor a quota stops.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import apsw

FAULTS = {
    "full": (apsw.FullError, apsw.SQLITE_FULL),
    "failing": (apsw.IOError, apsw.SQLITE_IOERR_WRITE),
    "read-only": (apsw.ReadOnlyError, apsw.SQLITE_READONLY),
}


class _Disk(apsw.VFS):
    def __init__(self, fault: str, writes: int) -> None:
        self.left = writes
        self.fault = fault
        self.under = apsw.vfs_names()[0]  # the default
        super().__init__("faulty", self.under, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)

    def take(self) -> None:
        """Count a write, and fail where it is one too many."""
        self.left -= 1
        if self.left < 0:
            kind, code = FAULTS[self.fault]
            error = kind(f"the disk is {self.fault}")
            error.extendedresult = code
            raise error


class _File(apsw.VFSFile):
    def __init__(self, disk: _Disk, name: Any, flags: list[int]) -> None:
        self.disk = disk
        super().__init__(disk.under, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self.disk.take()
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        if self.disk.fault == "read-only":
            self.disk.take()
        super().xTruncate(size)


@contextmanager
def disk(fault: str, *, writes: int) -> Iterator[_Disk]:
    """Let SQLite write so many times within the block, and then fail."""
    made = _Disk(fault, writes)
    try:
        yield made
    finally:
        made.unregister()
