"""Searching: one query, or a batch of them from a script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of, tags, words
from memcli.cli.options import AsJson, At
from memcli.errors import InputError, NothingFound
from memcli.memory import recall, timeline
from memcli.store import ids, threads
from memcli.types import Filters, Hit
from memcli.ui import render, shapes


class FoundKind(StrEnum):
    """What `search --kind` takes."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"
    MESSAGE = "message"


def register(app: typer.Typer) -> None:
    app.command()(search)


def search(
    ctx: typer.Context,
    query: Annotated[list[str] | None, typer.Argument(metavar="QUERY...", help="What to look for.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-k", help="At most this many results.", min=1, metavar="N")] = 10,
    kind: Annotated[
        list[FoundKind] | None,
        typer.Option("--kind", help="episodic, semantic, procedural or message; may be repeated.", metavar="KIND"),
    ] = None,
    thread: Annotated[
        str | None,
        typer.Option("--thread", help="Only messages of this thread.", metavar="T", autocompletion=complete.threads),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Only with this tag; may be repeated.", metavar="TAG")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Not older than WHEN.", metavar="WHEN")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Not newer than WHEN.", metavar="WHEN")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="What was believed at WHEN.", metavar="WHEN")] = None,
    at: At = None,
    everything: Annotated[bool, typer.Option("--all", help="Retired memories too.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each feature gave to the score.")] = False,
    json: AsJson = False,
    batch: Annotated[bool, typer.Option("--batch", help="One query a line on stdin; needs --json.")] = False,
) -> None:
    """Search messages and memories."""
    run = of(ctx)
    now = run.now(at)
    filters = Filters(
        kinds=tuple(str(k) for k in kind or ()),
        thread_id=threads.get(run.workspace.store, thread).id if thread else None,
        tags=tags(tag),
        since=_stretch(since, now)[0],
        until=_stretch(until, now)[1],
        as_of=_stretch(as_of, now)[1],
        retired=everything,
    )

    def find(text: str) -> list[Hit]:
        store, embedder = run.workspace.store, run.workspace.embedder
        return recall.search(store, text, filters, embedder=embedder, now=timeline.utc(now))[:limit]

    if batch:
        _batch(run, words(query), find, json=json, explain=explain)
        return
    _one(run, words(query).strip(), find, json=json, explain=explain)


def _stretch(given: str | None, now: datetime) -> tuple[str | None, str | None]:
    """Return the first and the last second of what was given as a time."""
    when = timeline.parse(given, now) if given else None
    return (when.start, when.end) if when else (None, None)


def _one(run: Run, text: str, find: Callable[[str], list[Hit]], *, json: bool, explain: bool) -> None:
    if not text:
        raise InputError("there is no query", 'memcli search "..."')
    found = find(text)
    if json:
        run.terminal.data(shapes.results(text, found, explain=explain))
    elif found:
        short = ids.short(run.workspace.store, [hit.item.id for hit in found])
        render.hits(run.terminal, found, short, explained=explain)
    if not found:
        raise NothingFound("nothing found")


def _batch(run: Run, query: str, find: Callable[[str], list[Hit]], *, json: bool, explain: bool) -> None:
    if query or not json:
        raise InputError("--batch reads its queries from stdin and prints JSON", "memcli search --batch --json < FILE")
    for line in run.terminal.lines():
        text = line.strip()
        run.terminal.data(shapes.results(text, find(text) if text else [], explain=explain), flush=True)
