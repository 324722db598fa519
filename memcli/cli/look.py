"""Looking: the list of memories, and one item with where it came from."""

from __future__ import annotations

from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import of
from memcli.cli.options import AsJson, AsOf
from memcli.errors import NothingFound
from memcli.memory import fading, timeline
from memcli.store import ids, lineage, memories, messages, uses
from memcli.types import Kind, Owner
from memcli.ui import past, render, shapes


def register(app: typer.Typer) -> None:
    app.command("list")(list_)
    app.command()(show)


def list_(
    ctx: typer.Context,
    kind: Annotated[
        Kind | None, typer.Option("--kind", help="episodic, semantic or procedural.", metavar="KIND")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Retired, undone and expired ones too.")] = False,
    as_of: AsOf = None,
    json: AsJson = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON document a line.")] = False,
) -> None:
    """List memories."""
    run = of(ctx)
    store = run.workspace.store
    now = run.now()
    when = timeline.past(as_of, now) if as_of is not None else None
    if when:
        from memcli.store import asof

        records = asof.believed(store, when, kind=kind, retired=everything)
    else:
        records = memories.current(store, now=timeline.utc(now), kind=kind, retired=everything)
    at = when or timeline.utc(now)
    strengths = fading.strengths(uses.of(store, [m.id for m in records], at), at)
    if jsonl:
        for record in records:
            run.terminal.data(shapes.memory(record, strengths[record.id]))
    elif json:
        run.terminal.data({"memories": [shapes.memory(record, strengths[record.id]) for record in records]})
    elif records:
        short = ids.short(store, [m.id for m in records])
        render.memories(run.terminal, records, short, strengths, lineage.origins(store, records), now=at)
    else:
        run.terminal.notice(_none(kind, as_of))


def _none(kind: Kind | None, as_of: str | None) -> str:
    if as_of is not None:
        return f"nothing was believed as of {as_of}" if not kind else f"no {kind} memories as of {as_of}"
    return "nothing is remembered yet" if not kind else f"no {kind} memories"


def show(
    ctx: typer.Context,
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="An id or the beginning of one.", autocompletion=complete.items)
    ],
    json: AsJson = False,
) -> None:
    """Show one memory or message and its origin."""
    run = of(ctx)
    store = run.workspace.store
    try:
        owner, full = ids.resolve(store, id_)
    except NothingFound:
        if json:
            run.terminal.data({})
        raise
    if owner is Owner.MESSAGE:
        record = messages.get(store, full)
        notes = messages.recalled(store, [full]).get(full, [])
        if json:
            run.terminal.data(shapes.message(record, notes))
        else:
            render.message(run.terminal, record, notes)
        return
    found = past.of(store, memories.get(store, full), timeline.utc(run.now()))
    if json:
        run.terminal.data(past.shape(found))
    else:
        past.show(run.terminal, found)
