"""Threads: list, show, rename, forget."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of, words
from memcli.cli.forgetting import carry_out
from memcli.cli.options import AsJson
from memcli.errors import InputError
from memcli.store import closure as closures
from memcli.store import messages, threads
from memcli.ui import render, shapes


def register(app: typer.Typer) -> None:
    app.command("threads")(threads_)


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
