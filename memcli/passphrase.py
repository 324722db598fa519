"""Passphrases: what one may be, and reading one from a file or a file descriptor. Never from the command line.

Invariant: no error or notice quotes one.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable
from pathlib import Path

from memcli.errors import InputError
from memcli.paths import named

SHORTEST = 8  # characters of a new one; as NIST SP 800-63B asks of what people choose
_LONGEST = 4096  # bytes of the first line


def usable(text: str) -> str:
    """Return a passphrase as it is used: composed letters, however they were typed. Raises InputError."""
    if not text:
        raise InputError("the passphrase is empty", "give one of several words")
    if "\x00" in text:
        raise InputError("the passphrase has a NUL byte", "it is the first line of a text")
    return unicodedata.normalize("NFC", text)


def require_good(secret: str) -> None:
    """Raise InputError where a new passphrase is too short to be one."""
    if len(secret) < SHORTEST:
        raise InputError(
            f"the passphrase is too short: at least {SHORTEST} characters", "take five or six random words"
        )


def from_file(path: Path, notice: Callable[[str], None] = lambda text: None) -> str:
    """Return the first line of a file, without its end. Raises InputError."""
    path = named(path)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(_LONGEST + 1)
    except OSError as error:
        reason = (error.strerror or "it cannot be used").lower()
        raise InputError(f"the passphrase file {path} cannot be read: {reason}", "name one that can") from None
    if stat.S_ISREG(mode) and mode & 0o077:
        notice(f"others can read the passphrase file {path}: chmod 600 '{path}'")
    return _of_line(line, f"the passphrase file {path}")


def from_descriptor(number: int) -> str:
    """Return the first line of a file descriptor, and read no further: what follows may be somebody else's."""
    line = b""
    try:
        while len(line) <= _LONGEST and not line.endswith(b"\n") and (byte := os.read(number, 1)):
            line += byte
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or "it cannot be used").lower()
        raise InputError(f"--passphrase-fd {number} cannot be read: {reason}", "open it: 3< FILE") from None
    return _of_line(line, f"--passphrase-fd {number}")


def _of_line(line: bytes, origin: str) -> str:
    if len(line) > _LONGEST:
        raise InputError(f"{origin}: the first line is longer than {_LONGEST} bytes", "it is no passphrase")
    try:
        text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{origin}: the first line is not UTF-8 text", "write the passphrase as text") from None
    return usable(text)
