"""The head of a store's file, put right where bytes of it are damaged that every store has in common.

SQLite reads nothing of a file whose head is not as it should be, although every page may be whole.

Invariants: a file is changed only where nearly all of those bytes are those of a store, and after it was copied as it
is; no byte is changed that differs from store to store, nor one that may be right.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from memcli.store import gate, peek
from memcli.store.cipher import FRACTIONS, JOURNALS, MAGIC, PAGES, RESERVED
from memcli.store.header import APPLICATION_ID, unwritable

_SIZE = 100  # bytes; https://sqlite.org/fileformat.html#the_database_header
_MOST = 3  # wrong bytes; a database of another program has four, of the application id
_FORMAT, _UTF8 = (4).to_bytes(4, "big"), (1).to_bytes(4, "big")
_PLAIN = {
    0: MAGIC,
    20: bytes([0]) + FRACTIONS,
    44: _FORMAT,
    56: _UTF8,
    68: APPLICATION_ID.to_bytes(4, "big"),
    72: bytes(20),
}
_ENCRYPTED = {20: bytes([RESERVED]) + FRACTIONS}  # all other bytes are salt, or the cipher's
_PAGE_SIZE = 4096  # bytes, of every store that memcli makes
_WITH_LOG = 2  # kind of journal


def mend(path: Path, keep: Path, wait_ms: int = 5000) -> int:
    """Put the head of a file that cannot be opened right; return how many bytes were wrong, 0 where none was.

    What the file was is copied to `keep` before, where nothing is yet. Raises StoreLocked, StoreUnwritable.
    """
    path = Path(os.path.realpath(path))
    try:
        with gate.alone(path, wait_ms):
            head = peek.head(path, _SIZE)
            right = _righted(head)
            if right != head:
                _copy(path, keep)
                with path.open("r+b") as file:
                    file.write(right)
                    file.flush()
                    gate.sync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from error
    return _differing(head, right)


def _righted(head: bytes) -> bytes:
    """Return the head as it should be; as it is, where it is right, or is not a store's."""
    if len(head) < _SIZE:
        return head
    plain = _differing(head[: len(MAGIC)], MAGIC) <= _MOST
    known, most = (_PLAIN, _MOST) if plain else (_ENCRYPTED, 1)
    right = bytearray(head)
    for start, data in known.items():
        right[start : start + len(data)] = data
    if int.from_bytes(head[16:18], "big") not in PAGES:
        right[16:18] = _PAGE_SIZE.to_bytes(2, "big")
    for place in (18, 19):
        if head[place] not in JOURNALS:
            right[place] = _WITH_LOG
    return bytes(right) if _differing(head, right) <= most else head


def _differing(one: bytes, other: bytes | bytearray) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def _copy(path: Path, keep: Path) -> None:
    os.close(os.open(keep, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    shutil.copyfile(path, keep)
    gate.sync_path(keep)
    gate.sync_path(keep.parent)
