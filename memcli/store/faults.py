"""Turn SQLite's errors into memcli's own.

Invariant: what the surroundings can cause (locks, a full disk, damage, rights) leaves the store as a MemcliError with
one clear line and a hint; what only a mistake in memcli can cause (bad SQL, a broken constraint) passes as it is.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import apsw

from memcli.errors import MemcliError, StoreDamaged, StoreLocked, StoreUnwritable

_Fault = tuple[type[MemcliError], str, str]

_RESTORE = "restore a backup, or run: memcli doctor --fix"
_RIGHTS = "check the rights of the file and of its folder, or use --db"
_SPACE = "check the disk: is it full, or a quota reached?"

_LOCKED: _Fault = (StoreLocked, "is in use by another process", "wait until it is done, then try again")
_DAMAGED: _Fault = (StoreDamaged, "is damaged", _RESTORE)
_CLOSED: _Fault = (StoreUnwritable, "cannot be written", _RIGHTS)

_FAULTS: dict[type[apsw.Error], _Fault] = {
    apsw.BusyError: _LOCKED,
    apsw.LockedError: _LOCKED,
    apsw.ProtocolError: _LOCKED,
    apsw.CorruptError: _DAMAGED,
    apsw.NotADBError: _DAMAGED,
    apsw.ReadOnlyError: _CLOSED,
    apsw.CantOpenError: _CLOSED,
    apsw.PermissionsError: _CLOSED,
    apsw.FullError: (StoreUnwritable, "cannot grow: the disk is full", "free some space, then try again"),
    apsw.IOError: (StoreUnwritable, "cannot be written", _SPACE),
}
_UNREADABLE: _Fault = (StoreDamaged, "cannot be read", _RESTORE)
_UNLOCKABLE: _Fault = (StoreUnwritable, "cannot be locked", "keep the store on a local disk, with --db")
# sqlite-vec keeps SQLite's reason to itself: a full disk looks like this, and so does damage to its tables.
_VEC = "Internal sqlite-vec error"
_VEC_FAULT: _Fault = (StoreUnwritable, "did not read or write a vector", f"{_SPACE} If not, run: memcli doctor")
_IO_FAULTS: dict[int, _Fault] = {
    apsw.SQLITE_IOERR_READ: _UNREADABLE,
    apsw.SQLITE_IOERR_SHORT_READ: _UNREADABLE,
    apsw.SQLITE_IOERR_CORRUPTFS: _UNREADABLE,
    apsw.SQLITE_IOERR_DATA: _UNREADABLE,
    apsw.SQLITE_IOERR_LOCK: _UNLOCKABLE,
    apsw.SQLITE_IOERR_RDLOCK: _UNLOCKABLE,
    apsw.SQLITE_IOERR_SHMLOCK: _UNLOCKABLE,
}


def extended(error: apsw.Error) -> int:
    """Return SQLite's extended result code, which apsw's type stubs do not declare."""
    return int(error.extendedresult)  # type: ignore[attr-defined]


def explain(error: apsw.Error, path: Path) -> MemcliError | None:
    """Return what `error` means to the user of the store at `path`, or None where it means a mistake in memcli."""
    fault = _FAULTS.get(type(error))
    if isinstance(error, apsw.IOError):
        fault = _IO_FAULTS.get(extended(error), fault)
    if isinstance(error, apsw.SQLError) and str(error).startswith(_VEC):
        fault = _VEC_FAULT
    if fault is None:
        return None
    kind, what, hint = fault
    return kind(f"{path} {what}", hint)


def damaged(path: Path, how: str) -> StoreDamaged:
    """Return the error that says how the store at `path` is damaged."""
    return StoreDamaged(f"{path} is damaged: {how}", _RESTORE)


class Translated:
    """Context manager, reusable and nestable: whatever passes through it leaves as `explain` says."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, apsw.Error) and (fault := explain(error, self._path)) is not None:
            raise fault from error
        if isinstance(error, UnicodeDecodeError):
            raise damaged(self._path, "a text in it is no text") from error
