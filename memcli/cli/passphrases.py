"""Where passphrases come from: a file descriptor, the setting `passphrase_file`, or the user at the terminal."""

from __future__ import annotations

from pathlib import Path

from memcli import passphrase
from memcli.cli.context import Run
from memcli.errors import InputError, NoPassphrase

NEW_FILE = "MEMCLI_NEW_PASSPHRASE_FILE"  # for `rekey`, where the setting names the present one


def present(run: Run) -> str:
    """Return the passphrase of the encrypted store. Raises InputError, NoPassphrase."""
    return _given(run) or _asked(run, f"Passphrase for {run.workspace.store_path}: ")


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


def _asked_twice(run: Run, variable: str = "MEMCLI_PASSPHRASE_FILE") -> str:
    wanted = _asked(run, "New passphrase: ", variable)
    if _asked(run, "The same again: ", variable) != wanted:
        raise InputError("the two passphrases differ: nothing was changed", "try again")
    return wanted


def _asked(run: Run, question: str, variable: str = "MEMCLI_PASSPHRASE_FILE") -> str:
    if not run.terminal.can_ask:
        raise NoPassphrase(
            "a passphrase is needed, and there is no terminal to ask for it on", f"name a file that has it: {variable}"
        )
    return passphrase.usable(run.terminal.ask_secret(question))
