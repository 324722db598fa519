"""Exporting: everything in the store, as records to import or as pages to read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from memcli.cli.context import Run, of
from memcli.errors import InputError
from memcli.memory import timeline


class Format(StrEnum):
    """What `export` writes."""

    JSONL = "jsonl"
    MARKDOWN = "markdown"


def register(app: typer.Typer) -> None:
    app.command()(export)


def export(
    ctx: typer.Context,
    format_: Annotated[
        Format | None,
        typer.Option("--format", help="jsonl, to import it again, or markdown, to read it.", metavar="FORMAT"),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Write to FILE, or for markdown to a folder.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier export wrote there.")] = False,
) -> None:
    """Export everything: threads, messages, memories with their history, core memory, the log.

    JSONL has one record a line, and 'memcli import' into an empty store gives an equal one. Markdown is to be read: in
    a folder one file a thread, the memories by kind, and an index; on stdout, or in a FILE that ends in .md, one
    document. Vectors and whatever else memcli makes anew are left out.
    """
    from memcli.ui import exported  # the help of other commands starts without it

    run = of(ctx)
    target = None if output in (None, "-") else Path(str(output))
    ends_so = target is not None and target.suffix.lower() in exported.ENDINGS
    wanted = format_ or (Format.MARKDOWN if ends_so else Format.JSONL)
    if force and target is None:
        raise InputError("--force is for files", "name one: -o FILE")
    if target is None:
        _print(run, wanted)
        return
    store = run.workspace.store
    with run.terminal.progress("Exporting") as progress:
        if wanted is Format.JSONL:
            done = exported.to_file(store, target, force=force, progress=progress)
        else:
            done = exported.to_pages(store, target, now=timeline.utc(run.now()), force=force, progress=progress)
    run.terminal.notice(done)


def _print(run: Run, wanted: Format) -> None:
    from memcli.ui import exported

    store = run.workspace.store
    now = timeline.utc(run.now())
    for part in exported.jsonl(store) if wanted is Format.JSONL else exported.document(store, now):
        run.terminal.out(part, end="")
