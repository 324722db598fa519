"""Searching: one query, or a batch of them from a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of, tags, words
from memcli.cli.options import AsJson, AsOf, At
from memcli.errors import InputError, NothingFound
from memcli.memory import recall, timeline
from memcli.memory.reasons import NEAR
from memcli.memory.recall import Found
from memcli.store import ids, threads
from memcli.types import Filters
from memcli.ui import explained, render, shapes


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
    as_of: AsOf = None,
    at: At = None,
    everything: Annotated[bool, typer.Option("--all", help="Retired, undone and expired memories too.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what each feature gave to the score, and what came near.")
    ] = False,
    json: AsJson = False,
    batch: Annotated[bool, typer.Option("--batch", help="One query a line on stdin; needs --json.")] = False,
) -> None:
    """Search messages and memories."""
    run = of(ctx)
    now = run.now(at)
    filters = replace(
        _times(since, until, as_of, now),
        kinds=tuple(str(k) for k in kind or ()),
        thread_id=threads.get(run.workspace.store, thread).id if thread else None,
        tags=tags(tag),
        retired=everything,
    )

    def find(text: str) -> Found:
        store, embedder = run.workspace.store, run.workspace.embedder
        return recall.look_up(store, text, filters, embedder=embedder, now=now, wanted=limit)

    shown = _Shown(limit, json, explain)
    if batch:
        _batch(run, words(query), find, shown)
        return
    _one(run, words(query).strip(), find, shown)


def _times(since: str | None, until: str | None, as_of: str | None, now: datetime) -> Filters:
    """Return the limits in time: each given one counts as a whole, so that until 2021 ends with its last day."""
    zone = now.tzinfo or timeline.LOCAL
    first, last = (timeline.parse(it, now) if it is not None else None for it in (since, until))
    if first and last and last.end < first.start:
        raise InputError(f"nothing can be since {since!r} and until {until!r}", "give --since the earlier time")
    return Filters(
        since=first.start if first else None,
        until=last.end if last else None,
        since_day=timeline.day(first.start, zone) if first else None,
        until_day=timeline.day(last.end, zone) if last else None,
        as_of=timeline.past(as_of, now) if as_of is not None else None,
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """How much of what is found is printed, and how."""

    limit: int
    json: bool
    explain: bool


def _one(run: Run, text: str, find: Callable[[str], Found], shown: _Shown) -> None:
    if not text:
        raise InputError("there is no query", 'memcli search "..."')
    found = find(text)
    if shown.json:
        run.terminal.data(_document(text, found, shown))
    elif found.hits:
        short = ids.short(run.workspace.store, [hit.item.id for hit in found.hits[: shown.limit + NEAR]])
        if shown.explain:
            explained.results(run.terminal, found, shown.limit, short)
        else:
            render.hits(run.terminal, found.hits[: shown.limit], short)
    elif shown.explain:
        explained.reading(run.terminal, found.reading)
    if not found.hits:
        raise NothingFound("nothing found")


def _document(text: str, found: Found, shown: _Shown) -> shapes.Json:
    if shown.explain:
        return shapes.explained(text, found, shown.limit)
    return shapes.results(text, found.hits[: shown.limit])


def _batch(run: Run, query: str, find: Callable[[str], Found], shown: _Shown) -> None:
    if query or not shown.json:
        raise InputError("--batch reads its queries from stdin and prints JSON", "memcli search --batch --json < FILE")
    for line in run.terminal.lines():
        text = line.strip()
        run.terminal.data(_document(text, find(text) if text else Found([]), shown), flush=True)
