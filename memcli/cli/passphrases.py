"""Where passphrases come from: a file descriptor, the setting `passphrase_file`, or the user at the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memcli import passphrase
from memcli.errors import InputError, NoPassphrase
from memcli.ui.terminal import Terminal

FILE = "MEMCLI_PASSPHRASE_FILE"
NEW_FILE = "MEMCLI_NEW_PASSPHRASE_FILE"  # for `rekey`, where the setting names the present one


@dataclass(frozen=True, slots=True)
class Passphrases:
    """The passphrases of one run.

    `given` is what came by a descriptor, None where none was named; `file` is the setting, "" where it is not set.
    """

    terminal: Terminal
    environ: Mapping[str, str]
    file: str
    given: str | None

    def present(self, path: Path) -> str:
        """Return the passphrase of the encrypted store at `path`. Raises InputError, NoPassphrase."""
        need = f"{path} is encrypted, and needs a passphrase"
        return self._unasked() or self._asked(f"Passphrase for {path}: ", need)

    def first(self) -> str:
        """Return the passphrase that a store is to be encrypted with. Raises InputError, NoPassphrase."""
        return _good(self._unasked() or self._asked_twice())

    def next(self) -> str:
        """Return the passphrase that is to take the place of the present one. Raises InputError, NoPassphrase."""
        named = self.environ.get(NEW_FILE)
        return _good(self._from_file(named) if named else self._asked_twice(NEW_FILE))

    def _unasked(self) -> str | None:
        if self.given is not None:
            return self.given
        return self._from_file(self.file) if self.file else None

    def _from_file(self, named: str) -> str:
        return passphrase.from_file(Path(named), self.terminal.notice)

    def _asked_twice(self, variable: str = FILE) -> str:
        need = "a new passphrase is needed"
        wanted = self._asked("New passphrase: ", need, variable)
        if self._asked("The same again: ", need, variable) != wanted:
            raise InputError("the two passphrases differ: nothing was changed", "try again")
        return wanted

    def _asked(self, question: str, need: str, variable: str = FILE) -> str:
        if not self.terminal.can_ask:
            raise NoPassphrase(f"{need}, and there is no terminal to ask on", f"name a file that has it in {variable}")
        return passphrase.usable(self.terminal.ask_secret(question))


def _good(secret: str) -> str:
    passphrase.require_good(secret)
    return secret
