"""The user's own editor, as git calls it: $VISUAL, $EDITOR, vi, on a private file that is gone afterwards."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from memcli.errors import InputError
from memcli.paths import EDITING, make_private

_USUAL = "vi"
_IN_MEMORY = Path("/dev/shm")  # Linux has it; on other systems there is no such folder  # noqa: S108
_HINT = "name one in $VISUAL or $EDITOR, or give the text: memcli edit ID TEXT"


def in_memory() -> Path | None:
    """Return a folder whose files never reach the disk, where the system has one."""
    return _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK | os.X_OK) else None


def edit(text: str, environ: Mapping[str, str], folder: Path) -> str:
    """Return `text` as the user leaves it. Raises InputError where the editor cannot be run, fails, or leaves no text.

    The file lies in a folder of its own below `folder`, which takes what an editor leaves beside it along.
    """
    named = environ.get("VISUAL") or environ.get("EDITOR") or _USUAL
    try:
        with tempfile.TemporaryDirectory(prefix=f"{EDITING}{os.getpid()}-", dir=make_private(folder)) as private:
            file = Path(private) / "memory.txt"
            with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
                out.write(text + "\n")
            _run(named, file)
            return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError("the editor left something that is not UTF-8 text: nothing was changed") from None
    except OSError as error:
        raise InputError(f"the text cannot be edited: {(error.strerror or str(error)).lower()}", _HINT) from error


def _run(named: str, file: Path) -> None:
    try:
        status = subprocess.run([*shlex.split(named), str(file)], check=False).returncode
    except (FileNotFoundError, PermissionError):
        raise InputError(f"the editor {named!r} cannot be run", _HINT) from None
    except ValueError as error:  # an open quote
        raise InputError(f"the editor {named!r} cannot be read: {error}".lower(), _HINT) from None
    if status:
        raise InputError(f"the editor {named!r} failed with status {status}: nothing was changed", _HINT)
