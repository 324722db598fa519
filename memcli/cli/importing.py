"""Importing: what others wrote, and what memcli exported."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memcli.cli.context import Run, of
from memcli.cli.options import AsJson
from memcli.errors import InputError
from memcli.memory import timeline
from memcli.paths import named
from memcli.types import Trust
from memcli.ui import imported
from memcli.ui.terminal import decode

if TYPE_CHECKING:
    from memcli.memory.importing import Parsed
    from memcli.memory.importing.records import Record
    from memcli.memory.intake import Report


class Format(StrEnum):
    """What `import` reads."""

    AUTO = "auto"
    JSONL = "jsonl"
    MARKDOWN = "markdown"


_ENDINGS = {Format.JSONL: (".jsonl", ".ndjson", ".json"), Format.MARKDOWN: (".md", ".markdown")}


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files to read; - is stdin.")],
    format_: Annotated[
        Format, typer.Option("--format", help="auto, jsonl or markdown.", metavar="FORMAT")
    ] = Format.AUTO,
    trust: Annotated[
        Trust,
        typer.Option(
            "--trust",
            help="Whose words memories are that do not say so: user, document, assistant or tool.",
            metavar="WHO",
        ),
    ] = Trust.DOCUMENT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files, and stop.")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Pass over bad lines.")] = False,
    json: AsJson = False,
) -> None:
    """Import messages and memories, or what export wrote.

    A JSONL file has one record a line; "type" is message (the default), memory, core or thread, or anything that export
    writes. Of a Markdown file the items of lists become memories. Files are checked first, and what is in the store
    already stays as it is.
    """
    from memcli.memory import importing, intake

    run = of(ctx)
    parsed = [(name, _parse(run, name, format_, trust)) for name in files]
    bad = [(name, p.bad) for name, p in parsed if p.bad]
    if bad and not keep_going:
        raise importing.refuse(bad[0][1], bad[0][0])
    for name, lines in bad:
        for number, reason in lines:
            run.terminal.notice(f"{name}: line {number} passed over: {reason}")
    records = [record for _, p in parsed for record in p.records]
    if dry_run:
        _say(run, intake.foreseen(records), json=json, text=f"{len(records)} records can be imported")
        return
    report = intake.Report(bad=[(name, *entry) for name, lines in bad for entry in lines])
    _write(run, records, report)
    _say(run, report, json=json, text=imported.summary(report))


def _parse(run: Run, name: str, format_: Format, trust: Trust) -> Parsed:
    from memcli.memory import importing
    from memcli.memory.importing import markdown

    data = _read(run, name)
    text = decode(data, name, "surrogateescape")  # a line that is not UTF-8 is bad, and not all of the file
    ending = Path(name).suffix.lower()
    if format_ is Format.AUTO and ending not in _ENDINGS[Format.JSONL]:
        format_ = Format.MARKDOWN if ending in _ENDINGS[Format.MARKDOWN] or markdown.is_markdown(text) else format_
    if format_ is not Format.MARKDOWN:
        return importing.parse(importing.lines(text), unsaid=trust)
    page = markdown.parse(decode(data, name), unsaid=trust)
    if not page.records:
        raise InputError(f"{name} has no items of lists to import", "each begins with a dash: - I like tea.")
    if page.passed_over:
        run.terminal.notice(f"{name}: {page.passed_over} lines passed over that are in no list")
    return importing.Parsed(page.records, tuple(page.bad))


def _read(run: Run, name: str) -> bytes:
    if name == "-":
        return run.terminal.read_bytes()
    try:
        return named(name).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from None


def _write(run: Run, records: Sequence[Record], report: Report) -> None:
    """Write the records. A Ctrl-C says what is in the store by then."""
    from memcli.memory import intake

    store, embedder, now = run.workspace.store, run.workspace.embedder, timeline.utc(run.now())
    try:
        with run.terminal.progress("Importing") as progress:
            intake.write(store, records, embedder=embedder, now=now, progress=progress, report=report)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {imported.summary(report)}; the same command goes on") from None


def _say(run: Run, report: Report, *, json: bool, text: str) -> None:
    if json:
        run.terminal.data(imported.shape(report))
    else:
        run.terminal.out(text)
        if whose := imported.words(report):
            run.terminal.out(whose)
    for notice in imported.notices(report):
        run.terminal.notice(notice)
