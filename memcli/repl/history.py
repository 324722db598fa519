"""The lines typed into the REPL, kept for the next session.

Invariants: the file is its owner's alone (0600 in a 0700 folder); entries with several lines come back whole; a file
that cannot be written costs the history and never the conversation; what is forgotten goes from here too; of an
encrypted store nothing is written to the file, and nothing read from it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prompt_toolkit.history import FileHistory, History

from memcli.paths import make_private
from memcli.store import messages
from memcli.store.database import Store

SAID = 300  # messages of an encrypted store that arrow-up goes through


def history(store: Store, path: Path) -> TypedHistory | SaidHistory:
    """Return the history of a chat with `store`; `path` is the file of typed lines."""
    return TypedHistory(path) if store.secret is None else SaidHistory(store)


class TypedHistory(FileHistory):
    """prompt_toolkit's history file, made private, which others may take texts out of: see store/typed.py."""

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

    def reload(self) -> None:
        """Hold what the file holds now: something may have been forgotten."""
        self._loaded_strings = list(self.load_history_strings())


class SaidHistory(History):
    """What the user has said in an encrypted store, and what he types in this session: in memory alone."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._loaded = True
        self.reload()

    def load_history_strings(self) -> Iterable[str]:
        return messages.last_said(self._store, SAID)

    def store_string(self, string: str) -> None:
        """Keep it nowhere."""

    def reload(self) -> None:
        """Hold what the store holds now: something may have been forgotten."""
        self._loaded_strings = list(self.load_history_strings())
