"""Encryption at rest: the cipher of SQLite3 Multiple Ciphers, the passphrase that opens it, and how a file shows it.

Invariants: a passphrase and what is derived from it never stand in a file or an error, and a passphrase in no text of a
statement either; whether a file is encrypted can be told without them. Everything that SQLite writes for an encrypted
store is encrypted, page by page and each with a checksum (Poly1305): the file, its write-ahead log and its journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import apsw

from memcli.store import peek

Key = Callable[[], str]  # asked for the passphrase where one is needed, and only there

NAME = "chacha20"  # ChaCha20-Poly1305, the default of SQLite3 Multiple Ciphers; said explicitly, for defaults change
MAGIC = b"SQLite format 3\x00"
HEAD = 24  # bytes that tell whether a file is encrypted
_SALT = 16  # bytes at the beginning of an encrypted file, in the place of MAGIC
_KEY = 32  # bytes
# Of PBKDF2-HMAC-SHA256: the cipher's own number, so that other programs with this cipher open the file by its
# passphrase. They take 0.1 s on a slow core, which each start of memcli pays once.
_ROUNDS = 64_007
# The only part of an encrypted file that is plain, bytes 16 to 23 of SQLite's header: page size, two times the kind of
# journal, bytes of a page that are kept free (for nonce and checksum), and three numbers that never differ.
RESERVED = 32
FRACTIONS = b"\x40\x20\x20"
PAGES = {1, *(1 << power for power in range(9, 16))}  # 1 stands for 65536
JOURNALS = (1, 2)


def is_encrypted(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a database that is encrypted with this cipher."""
    if len(head) < HEAD or head.startswith(MAGIC):
        return False
    page, journals, rest = int.from_bytes(head[16:18], "big"), head[18:20], head[20:24]
    return page in PAGES and all(kind in JOURNALS for kind in journals) and rest == bytes([RESERVED]) + FRACTIONS


def unlock(db: apsw.Connection, secret: str, *, checked: bool = True) -> None:
    """Have a fresh connection read and write by `secret`; a wrong one shows with the first read (apsw.NotADBError).

    The database must not have been read yet. An empty file becomes an encrypted one with the first write. Unless it is
    `checked`, a page whose checksum is wrong is read too: a bit that is flipped in it is then one of the text, as in a
    file that is not encrypted.
    """
    salt = peek.head(Path(db.filename), _SALT) or os.urandom(_SALT)
    db.pragma("cipher", NAME)
    if not checked:
        db.pragma("hmac_check", 0)  # counts only before the key
    db.pragma("key", _raw(secret, salt))


def address(path: Path, secret: str | None) -> str:
    """Return the URI of a database that is to be made at `path`, with a salt of its own; None: not encrypted."""
    key = "" if secret is None else f"cipher={NAME}&key={_raw(secret, os.urandom(_SALT))}"
    return f"{path.as_uri()}?{key or 'key='}"


def _raw(secret: str, salt: bytes) -> str:
    """Return key and salt as the cipher takes them without deriving the key once more."""
    return f"raw:{_derived(secret, salt).hex()}{salt.hex()}"


@lru_cache(maxsize=8)
def _derived(secret: str, salt: bytes) -> bytes:
    """Return the key; once for all connections of the process to the same file."""
    import hashlib

    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, _ROUNDS, _KEY)
