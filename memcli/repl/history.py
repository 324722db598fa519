"""The lines typed into the REPL, kept for the next session.

Invariants: the file is its owner's alone (0600 in a 0700 folder); entries with several lines come back whole; a file
that cannot be written costs the history and never the conversation; what is forgotten goes from here too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory

from memcli.errors import StoreUnwritable
from memcli.paths import make_private, write_private

SHORTEST = 6  # characters: a shorter text is in other entries by chance, so only an entry equal to it goes


class TypedHistory(FileHistory):
    """prompt_toolkit's history file, made private, from which texts can be taken out again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(path)
        with suppress(OSError):  # a read-only home: this session's lines stay in memory
            make_private(path.parent)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
            path.chmod(0o600)

    def load_history_strings(self) -> Iterable[str]:
        try:
            return super().load_history_strings()
        except OSError:
            return ()

    def store_string(self, string: str) -> None:
        with suppress(OSError):  # a full disk: the line stays in memory
            super().store_string(string)

    def forget(self, texts: Iterable[str]) -> bool:
        """Take out every entry that holds one of `texts`; tell whether there was any. Raises StoreUnwritable."""
        sought = [text.strip() for text in texts if text.strip()]
        entries = list(self.load_history_strings())
        kept = [entry for entry in entries if not any(_holds(entry, text) for text in sought)]
        self._loaded_strings = [s for s in self._loaded_strings if not any(_holds(s, text) for text in sought)]
        if len(kept) == len(entries):
            return False
        try:
            write_private(self.path, "".join(_written(entry) for entry in reversed(kept)).encode())
        except OSError as error:
            raise StoreUnwritable(f"{self.path} cannot be written: {error.strerror}", "delete that file") from error
        return True


def _holds(entry: str, text: str) -> bool:
    return text in entry if len(text) >= SHORTEST else entry.strip() == text


def _written(entry: str) -> str:
    lines = "".join(f"+{line}\n" for line in entry.split("\n"))
    return f"\n# kept\n{lines}"
