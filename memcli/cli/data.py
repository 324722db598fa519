"""Data: import, threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of, words
from memcli.cli.forgetting import carry_out
from memcli.cli.options import AsJson
from memcli.errors import InputError
from memcli.memory import importing, intake, timeline
from memcli.memory.intake import Report
from memcli.store import closure as closures
from memcli.store import messages, threads
from memcli.ui import render, shapes
from memcli.ui.terminal import decode


class Format(StrEnum):
    """What `import` reads."""

    AUTO = "auto"
    JSONL = "jsonl"


def register(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.command("threads")(threads_)


def import_(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="JSONL files; - is stdin.")],
    format_: Annotated[Format, typer.Option("--format", help="auto or jsonl.", metavar="FORMAT")] = Format.AUTO,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the files, and stop.")] = False,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Pass over bad lines.")] = False,
    json: AsJson = False,
) -> None:
    """Import messages and memories from JSONL.

    The files have one record a line; "type" is message (the default), memory, core or thread. They are checked first.
    """
    run = of(ctx)
    parsed = [(name, importing.parse(importing.lines(_read(run, name)))) for name in files]
    bad = [(name, p.bad) for name, p in parsed if p.bad]
    if bad and not keep_going:
        raise importing.refuse(bad[0][1], bad[0][0])
    for name, lines in bad:
        for number, reason in lines:
            run.terminal.notice(f"{name}: line {number} passed over: {reason}")
    records = [record for _, p in parsed for record in p.records]
    if dry_run:
        _say(run, _foreseen(records), json=json, text=f"{len(records)} records can be imported")
        return
    report = Report(bad=[entry for _, lines in bad for entry in lines])
    _write(run, records, report)
    _say(run, report, json=json, text=_summary(report))


def _write(run: Run, records: Sequence[importing.Record], report: Report) -> None:
    """Write the records. A Ctrl-C says what is in the store by then."""
    store, embedder, now = run.workspace.store, run.workspace.embedder, timeline.utc(run.now())
    try:
        with run.terminal.progress("Importing") as progress:
            intake.write(store, records, embedder=embedder, now=now, progress=progress, report=report)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {_summary(report)}; the same command goes on") from None


def _foreseen(records: Sequence[importing.Record]) -> Report:
    """Return what an import into an empty store would report."""
    counts = Counter(type(record) for record in records)
    return Report(
        messages=counts[importing.NewMessage],
        memories=counts[importing.NewMemory],
        core=counts[importing.NewBlock],
        threads=counts[importing.NewThread],
    )


def _read(run: Run, name: str) -> str:
    if name == "-":
        return run.terminal.read_all()
    try:
        return decode(Path(name).expanduser().read_bytes(), name)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from None


def _say(run: Run, report: Report, *, json: bool, text: str) -> None:
    if json:
        run.terminal.data(shapes.imported(report))
    else:
        run.terminal.out(text)


def _summary(report: Report) -> str:
    counts = {
        "messages": report.messages,
        "memories": report.memories,
        "core blocks": report.core,
        "threads": report.threads,
    }
    new = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing new"
    known = f"; {report.known} known already" if report.known else ""
    bad = f"; {len(report.bad)} bad lines passed over" if report.bad else ""
    return f"imported {new}{known}{bad}"


# --- threads --------------------------------------------------------------------------------------------------------


class ThreadAction(StrEnum):
    """What can be done with threads."""

    LIST = "list"
    SHOW = "show"
    RENAME = "rename"
    FORGET = "forget"


def threads_(
    ctx: typer.Context,
    action: Annotated[
        ThreadAction, typer.Argument(metavar="ACTION", help="list, show, rename or forget.")
    ] = ThreadAction.LIST,
    thread: Annotated[
        str | None, typer.Argument(metavar="THREAD", help="Name or id of a thread.", autocompletion=complete.threads)
    ] = None,
    name: Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="The new name, for rename.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before forgetting.")] = False,
    json: AsJson = False,
) -> None:
    """List threads; show, rename or forget one."""
    run = of(ctx)
    store = run.workspace.store
    if action is ThreadAction.LIST:
        _list(run, json=json)
        return
    if thread is None:
        raise InputError(f"threads {action} needs a thread", "'memcli threads' lists them")
    record = threads.get(store, thread)
    if action is ThreadAction.SHOW:
        said = messages.of_thread(store, record.id)
        if json:
            run.terminal.data(shapes.thread(record) | {"said": [shapes.message(m) for m in said]})
        else:
            render.conversation(run.terminal, said)
    elif action is ThreadAction.RENAME:
        threads.rename(store, record.id, words(name).strip())
        run.terminal.notice(f"thread {record.id} is now called {words(name).strip()}")
        if json:
            run.terminal.data(shapes.thread(threads.get(store, record.id)))
    else:
        with run.terminal.to_the_end():
            carry_out(run, closures.closure_of_thread(store, record.id), dry_run=False, yes=yes, json=json)


def _list(run: Run, *, json: bool) -> None:
    records = threads.all_threads(run.workspace.store)
    if json:
        run.terminal.data({"threads": [shapes.thread(record) for record in records]})
    elif records:
        render.threads(run.terminal, records)
    else:
        run.terminal.notice("there are no threads yet")
