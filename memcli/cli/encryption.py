"""Encryption at rest: encrypt, decrypt and rekey the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memcli.cli.context import Run, of
from memcli.cli.options import AsJson
from memcli.errors import InputError, NothingFound
from memcli.store import cipher, derived, header

if TYPE_CHECKING:
    from memcli.store.convert import Converted
    from memcli.store.database import Store

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for a confirmation.")]
LIMIT = "the old file was overwritten; an SSD, a snapshot, a backup or an export may still hold what was in it"


def register(app: typer.Typer) -> None:
    app.command()(encrypt)
    app.command()(decrypt)
    app.command()(rekey)


def encrypt(ctx: typer.Context, yes: Yes = False, json: AsJson = False) -> None:
    """Encrypt the store with a passphrase.

    Without the passphrase nobody can read it any more, nor can you. It is asked for twice, or comes from
    --passphrase-fd or MEMCLI_PASSPHRASE_FILE. What quotes the store beside it is removed: typed lines, log, model
    states, copies from before a mending.
    """
    from memcli.store import convert, plain

    run = of(ctx)
    store = _opened(run, encrypted=False)
    secret = run.passphrases.first()
    question = "Without the passphrase nobody can read the store again. Typed lines and log are removed. Encrypt it?"
    _confirm(run, question, "nothing was encrypted", yes=yes or not run.terminal.interactive)
    gone: list[Path] = []
    own = derived.name(store)  # the store is closed by the time when what quotes it is removed

    def clear() -> None:
        gone.extend(plain.remove(run.paths, store.path, own))

    with run.terminal.progress("Encrypting") as progress:
        done = convert.convert(store, secret, before_exchange=clear, progress=progress)
    _receipt(run, "encrypted", done, gone, json=json, cipher_=cipher.NAME)
    for other in derived.salvaged(store.path):
        if not header.is_encrypted(other):
            run.terminal.notice(
                f"{other} is a store of its own, and is not encrypted: delete it, or encrypt it with --db"
            )


def decrypt(ctx: typer.Context, yes: Yes = False, json: AsJson = False) -> None:
    """Take the encryption off the store."""
    from memcli.store import convert

    run = of(ctx)
    store = _opened(run, encrypted=True)
    _confirm(run, "Whoever gets at the file can read it then. Decrypt it?", "nothing was decrypted", yes=yes)
    with run.terminal.progress("Decrypting") as progress:
        done = convert.convert(store, None, progress=progress)
    _receipt(run, "decrypted", done, (), json=json, cipher_=None)


def rekey(ctx: typer.Context, yes: Yes = False, json: AsJson = False) -> None:
    """Give the store another passphrase.

    The new one is asked for twice, or comes from the file that MEMCLI_NEW_PASSPHRASE_FILE names.
    """
    from memcli.store import convert

    run = of(ctx)
    store = _opened(run, encrypted=True)
    secret = run.passphrases.next()
    question = "The present passphrase will not open the store any more. Change it?"
    _confirm(run, question, "nothing was changed", yes=yes or not run.terminal.interactive)
    with run.terminal.progress("Encrypting anew") as progress:
        done = convert.convert(store, secret, progress=progress)
    _receipt(run, "encrypted anew", done, (), json=json, cipher_=cipher.NAME)
    if run.config.text("passphrase_file"):
        run.terminal.notice(f"{run.config.text('passphrase_file')} has the old passphrase: put the new one there")


def _opened(run: Run, *, encrypted: bool) -> Store:
    """Open the store that is to be converted. Raises InputError, NothingFound."""
    _require(run, encrypted=encrypted)  # before a passphrase is asked for
    store = run.workspace.store
    _require(run, encrypted=encrypted)  # another process may have been quicker
    return store


def _require(run: Run, *, encrypted: bool) -> None:
    """Raise InputError unless the store is as it must be to be converted, NothingFound where there is none."""
    path = run.workspace.store_path
    held = header.is_encrypted(path)
    if not path.stat().st_size:
        raise NothingFound(f"{path} is empty: there is no store yet", "it is made by: memcli remember TEXT")
    if held and not encrypted:
        raise InputError(f"{path} is encrypted already", "'memcli rekey' changes its passphrase")
    if encrypted and not held:
        raise InputError(f"{path} is not encrypted", "'memcli encrypt' does that")


def _confirm(run: Run, question: str, otherwise: str, *, yes: bool) -> None:
    if not yes and not run.terminal.confirm(question):
        raise InputError(otherwise)


def _receipt(run: Run, what: str, done: Converted, gone: Sequence[Path], *, json: bool, cipher_: str | None) -> None:
    path, removed = run.workspace.store.path, [str(each) for each in gone]
    if json:
        counts = {"tables": done.tables, "rows": done.rows, "bytes": done.bytes}
        run.terminal.data({"store": str(path), "cipher": cipher_} | counts | {"removed": removed, "limit": LIMIT})
        return
    with_ = f" with {cipher_}" if cipher_ else ""
    run.terminal.out(f"{what}{with_}: {path}, {done.bytes / 1e6:.1f} MB")
    run.terminal.out(f"compared with the old file: {done.rows:,} rows in {done.tables} tables, all the same")
    for each in removed:
        run.terminal.out(f"removed: {each}")
    run.terminal.out(LIMIT)
