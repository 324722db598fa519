"""Forgetting: what would go is shown first, then it goes, then a receipt proves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of
from memcli.cli.options import AsJson
from memcli.errors import InputError, NothingFound
from memcli.memory import timeline
from memcli.store import cleaning, ids, purge, threads
from memcli.store import closure as closures
from memcli.ui import render, shapes
from memcli.ui.going import going


def register(app: typer.Typer) -> None:
    app.command()(forget)


def forget(
    ctx: typer.Context,
    id_: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="What to forget.", autocompletion=complete.items)
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", help="Everything that contains this text.", metavar="Q")
    ] = None,
    thread: Annotated[
        str | None, typer.Option("--thread", help="A whole thread.", metavar="T", autocompletion=complete.threads)
    ] = None,
    before: Annotated[str | None, typer.Option("--before", help="Everything older than WHEN.", metavar="WHEN")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    cascade: Annotated[bool, typer.Option("--cascade", help="Other memories from the same messages too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Forget for real, with a receipt.

    The items go, and with them what they came from and what was made from them. It cannot be undone.
    """
    run = of(ctx)
    if sum((bool(id_), query is not None, thread is not None, before is not None, everything)) != 1:
        raise InputError("say what to forget, in one way", "ids, --query, --thread, --before or --all")
    try:
        closure = _closure(run, id_, query, thread, before, cascade=cascade)
    except NothingFound:
        if json:
            run.terminal.data(shapes.receipt(purge.Receipt()))
        raise
    with run.terminal.to_the_end():
        carry_out(run, closure, dry_run=dry_run, yes=yes, json=json, typed=(query,) if query else ())


def _closure(
    run: Run, given: Sequence[str] | None, query: str | None, thread: str | None, before: str | None, *, cascade: bool
) -> closures.Closure:
    """Return what goes with what was named; everything, where nothing was. Raises NothingFound."""
    store = run.workspace.store
    if given:
        found = closures.closure_of(store, [ids.resolve(store, prefix)[1] for prefix in given], cascade=cascade)
    elif query is not None:
        if not query.strip():
            raise InputError("an empty text is contained in everything", "'memcli forget --all' forgets everything")
        found = closures.closure_matching(store, query, cascade=cascade)
    elif thread is not None:
        found = closures.closure_of_thread(store, threads.get(store, thread).id, cascade=cascade)
    elif before is not None:
        found = closures.closure_before(store, timeline.parse(before, run.now()).start, cascade=cascade)
    else:
        found = closures.closure_all(store)
    if found.empty:
        if cleaning.stalled(store):  # an earlier forgetting was interrupted before its bytes were gone
            cleaning.finish(store)
        raise NothingFound("there is nothing of that to forget")
    return found


def carry_out(
    run: Run, closure: closures.Closure, *, dry_run: bool, yes: bool, json: bool, typed: Sequence[str] = ()
) -> None:
    """Show, ask, forget, prove; lines typed into the chat go where they hold a forgotten text or one of `typed`.

    Raises InputError where it is not confirmed, TracesLeft.
    """
    what = going(run.workspace.store, closure)
    if dry_run and json:
        run.terminal.data(shapes.closure(closure))
    elif not json:
        render.closure(run.terminal, what)
    if dry_run:
        return
    if not yes and not run.terminal.confirm("Forget this for good?"):
        raise InputError("nothing was forgotten")
    with run.terminal.progress("Forgetting") as progress:
        receipt = purge.forget(run.workspace.store, closure, timeline.utc(run.now()), typed=typed, progress=progress)
    if json:
        run.terminal.data(shapes.receipt(receipt))
    else:
        render.receipt(run.terminal, receipt)
    receipt.require_clean()
