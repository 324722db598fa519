"""Where passphrases come from: a file descriptor, the setting `passphrase_file`, or the user at the terminal."""

from __future__ import annotations

from pathlib import Path

from memcli import passphrase
from memcli.cli.context import Run
from memcli.errors import InputError, NoPassphrase

FILE = "MEMCLI_PASSPHRASE_FILE"
NEW_FILE = "MEMCLI_NEW_PASSPHRASE_FILE"  # for `rekey`, where the setting names the present one


def present(run: Run) -> str:
    """Return the passphrase of the encrypted store. Raises InputError, NoPassphrase."""
    path = run.workspace.store_path
    return _given(run) or _asked(run, f"Passphrase for {path}: ", f"{path} is encrypted, and needs a passphrase")


def first(run: Run) -> str:
    """Return the passphrase that a store is to be encrypted with. Raises InputError, NoPassphrase."""
    return _good(_given(run) or _asked_twice(run))


def next_(run: Run) -> str:
    """Return the passphrase that is to take the place of the present one. Raises InputError, NoPassphrase."""
    named = run.environ.get(NEW_FILE)
    return _good(passphrase.from_file(Path(named), run.terminal.notice) if named else _asked_twice(run, NEW_FILE))


def _good(secret: str) -> str:
    passphrase.require_good(secret)
    return secret


def _given(run: Run) -> str | None:
    """Return what was given without asking."""
    if run.passphrase is not None:
        return run.passphrase
    file = run.config.text("passphrase_file")
    return passphrase.from_file(Path(file), run.terminal.notice) if file else None


def _asked_twice(run: Run, variable: str = FILE) -> str:
    need = "a new passphrase is needed"
    wanted = _asked(run, "New passphrase: ", need, variable)
    if _asked(run, "The same again: ", need, variable) != wanted:
        raise InputError("the two passphrases differ: nothing was changed", "try again")
    return wanted


def _asked(run: Run, question: str, need: str, variable: str = FILE) -> str:
    if not run.terminal.can_ask:
        raise NoPassphrase(f"{need}, and there is no terminal to ask on", f"name a file that has it in {variable}")
    return passphrase.usable(run.terminal.ask_secret(question))
