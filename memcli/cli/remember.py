"""Remembering: remember, search, list, show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of, words
from memcli.errors import InputError, NothingFound
from memcli.memory import recall, timeline
from memcli.memory import remember as keeping
from memcli.memory.context import CORE_CHARS
from memcli.store import ids, memories, messages, threads
from memcli.types import Filters, Hit, Kind, Owner
from memcli.ui import render, shapes

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
At = Annotated[str | None, typer.Option(help="Take WHEN in place of now.", metavar="WHEN")]


class GivenKind(StrEnum):
    """What `remember --kind` takes."""

    AUTO = "auto"
    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"


class FoundKind(StrEnum):
    """What `search --kind` takes."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"
    MESSAGE = "message"


def register(app: typer.Typer) -> None:
    app.command()(remember)
    app.command()(search)
    app.command("list")(list_)
    app.command()(show)


def remember(
    ctx: typer.Context,
    text: Annotated[list[str] | None, typer.Argument(help="What to remember; without it stdin is read.")] = None,
    kind: Annotated[GivenKind, typer.Option(help="What happened, what is so, or how to act.")] = GivenKind.AUTO,
    core: Annotated[str | None, typer.Option(help="Append to this core block instead.", metavar="LABEL")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Tag it; may be repeated.", metavar="TAG")] = None,
    at: At = None,
    expires: Annotated[str | None, typer.Option(help="It holds until WHEN.", metavar="WHEN")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of stdin is a memory.")] = False,
    json: AsJson = False,
) -> None:
    """Remember a text, verbatim."""
    run = of(ctx)
    texts = _texts(run, words(text, "text"), lines=lines)
    now = timeline.utc(run.now(at))
    if core is not None:
        if expires or tag or kind is not GivenKind.AUTO:
            raise InputError("a core block has no kind, tags or expiry", "leave --kind, --tag and --expires out")
        _to_core(run, core, "\n".join(texts), now, json=json)
        return
    until = timeline.parse(expires, run.now(at), future=True).end if expires else None
    with run.terminal.progress("Remembering") as report:
        kept = keeping.remember(
            run.workspace.store,
            texts,
            embedder=run.workspace.embedder,
            now=now,
            kind=None if kind is GivenKind.AUTO else Kind(kind),
            tags=_tags(tag),
            expires_at=until,
            progress=report,
        )
    if json and lines:
        run.terminal.data({"memories": [shapes.memory(k.memory) for k in kept]})
    elif json:
        run.terminal.data(shapes.memory(kept[0].memory))
    else:
        for k in kept:
            run.terminal.out(f"{k.memory.id}  {k.memory.kind}" + ("  (known already)" if k.known else ""))


def _texts(run: Run, given: str, *, lines: bool) -> list[str]:
    text = given or ("" if run.terminal.stdin.isatty() else run.terminal.read_all())
    texts = [line for line in text.splitlines() if line.strip()] if lines else [text]
    if not any(part.strip() for part in texts):
        raise InputError("there is nothing to remember", 'memcli remember "..." or pipe a text in')
    return texts


def _tags(given: Sequence[str] | None) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(tag.strip() for tag in given or ()))
    if any(not tag or any(char.isspace() for char in tag) for tag in tags):
        raise InputError("a tag is one word", "join words with - or _")
    return tags


def _to_core(run: Run, label: str, text: str, now: str, *, json: bool) -> None:
    block = keeping.set_core(run.workspace.store, label, text, now=now, limit=CORE_CHARS, append=True)
    if json:
        run.terminal.data(shapes.block(block))
    else:
        run.terminal.out(f"core:{block.label}")


# --- search ---------------------------------------------------------------------------------------------------------


def search(
    ctx: typer.Context,
    query: Annotated[list[str] | None, typer.Argument(help="What to look for.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-k", help="At most this many results.", min=1)] = 10,
    kind: Annotated[list[FoundKind] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    thread: Annotated[
        str | None, typer.Option(help="Only messages of this thread.", metavar="T", autocompletion=complete.threads)
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only with this tag; may be repeated.", metavar="TAG")] = None,
    since: Annotated[str | None, typer.Option(help="Not older than WHEN.", metavar="WHEN")] = None,
    until: Annotated[str | None, typer.Option(help="Not newer than WHEN.", metavar="WHEN")] = None,
    as_of: Annotated[str | None, typer.Option(help="What was believed at WHEN.", metavar="WHEN")] = None,
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
        tags=_tags(tag),
        since=timeline.parse(since, now).start if since else None,
        until=timeline.parse(until, now).end if until else None,
        as_of=timeline.parse(as_of, now).end if as_of else None,
        retired=everything,
    )

    def find(text: str) -> list[Hit]:
        store, embedder = run.workspace.store, run.workspace.embedder
        return recall.search(store, text, filters, embedder=embedder, now=timeline.utc(now))[:limit]

    if batch:
        _batch(run, words(query, "query"), find, json=json, explain=explain)
        return
    text = words(query, "query").strip()
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
        run.terminal.data(shapes.results(text, find(text) if text else [], explain=explain))


# --- list and show --------------------------------------------------------------------------------------------------


def list_(
    ctx: typer.Context,
    kind: Annotated[Kind | None, typer.Option(help="Only this kind.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Retired and expired ones too.")] = False,
    json: AsJson = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON document a line.")] = False,
) -> None:
    """List memories."""
    run = of(ctx)
    store = run.workspace.store
    records = memories.current(store, now=timeline.utc(run.now()), kind=kind, retired=everything)
    if jsonl:
        for record in records:
            run.terminal.data(shapes.memory(record))
    elif json:
        run.terminal.data({"memories": [shapes.memory(record) for record in records]})
    elif records:
        render.memories(run.terminal, records, ids.short(store, [m.id for m in records]))
    else:
        run.terminal.notice("nothing is remembered yet" if not kind else f"no {kind} memories")


def show(
    ctx: typer.Context,
    id_: Annotated[str, typer.Argument(metavar="ID", autocompletion=complete.items)],
    json: AsJson = False,
) -> None:
    """Show one memory or message, with where it came from."""
    run = of(ctx)
    store = run.workspace.store
    owner, full = ids.resolve(store, id_)
    if owner is Owner.MESSAGE:
        record = messages.get(store, full)
        notes = messages.recalled(store, [full]).get(full, [])
        if json:
            run.terminal.data(shapes.message(record, notes))
        else:
            render.message(run.terminal, record, notes)
        return
    memory = memories.get(store, full)
    if json:
        run.terminal.data(shapes.memory(memory))
    else:
        render.memory(run.terminal, memory, [messages.get(store, s.message_id) for s in memory.sources])
