"""Backing up: a checked copy of the store, made while others use it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memcli.cli.context import of
from memcli.cli.options import AsJson
from memcli.errors import InputError, NothingFound
from memcli.ui import shapes

if TYPE_CHECKING:
    from memcli.store.backup import Backup


def register(app: typer.Typer) -> None:
    app.command()(backup)


def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the copy goes.")],
    force: Annotated[bool, typer.Option("--force", help="Put it in the place of an older backup.")] = False,
    json: AsJson = False,
) -> None:
    """Copy the store to FILE while others use it, and check the copy.

    It is a store: 'memcli --db FILE' works on it. What you forget later stays in it.
    """
    from memcli.store import backup as copying

    run = of(ctx)
    if str(file) == "-":
        raise InputError("a backup is a file, and is not written to standard output", "name the file")
    path = run.workspace.store_path
    if not path.exists():
        raise NothingFound(f"there is no store at {path}", "it is made by: memcli remember TEXT")
    try:
        with run.terminal.progress("Backing up") as progress:
            made = copying.write(run.workspace.store, file, replace=force, progress=progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted: no backup was written") from None
    if json:
        run.terminal.data(shapes.backup(made))
    else:
        run.terminal.out(_summary(made))


def _summary(made: Backup) -> str:
    counts = ", ".join(f"{made.rows[what]:,} {what}" for what in ("memories", "messages", "threads"))
    return f"{made.path}: {made.size / 1e6:.1f} MB with {counts}; checked"
