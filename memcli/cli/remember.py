"""Remembering: what the user wants kept, as a memory or in a core block."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from memcli.cli.context import Run, of, tags, words
from memcli.cli.options import AsJson, At
from memcli.errors import InputError
from memcli.memory import fading, timeline
from memcli.memory import remember as keeping
from memcli.memory.context import CORE_CHARS
from memcli.store import uses
from memcli.types import Kind
from memcli.ui import shapes


class GivenKind(StrEnum):
    """What `remember --kind` takes."""

    AUTO = "auto"
    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"


def register(app: typer.Typer) -> None:
    app.command()(remember)


def remember(
    ctx: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT...", help="What to remember; - or nothing: stdin."),
    ] = None,
    kind: Annotated[
        GivenKind, typer.Option("--kind", help="auto, episodic, semantic or procedural.", metavar="KIND")
    ] = GivenKind.AUTO,
    core: Annotated[
        str | None, typer.Option("--core", help="Append to this core block instead.", metavar="LABEL")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Tag it; may be repeated.", metavar="TAG")] = None,
    at: At = None,
    expires: Annotated[str | None, typer.Option("--expires", help="It holds until WHEN.", metavar="WHEN")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Each line of stdin is a memory.")] = False,
    json: AsJson = False,
) -> None:
    """Remember a text, verbatim."""
    run = of(ctx)
    texts = _texts(run, words(text), lines=lines)
    now = timeline.utc(run.now(at))
    if core is not None:
        if expires or tag or kind is not GivenKind.AUTO:
            raise InputError("a core block has no kind, tags or expiry", "leave --kind, --tag and --expires out")
        _to_core(run, core, "\n".join(texts), now, json=json)
        return
    until = timeline.parse(expires, run.now(at), future=True).end if expires is not None else None
    if until is not None and until <= now:
        raise InputError(f"{expires!r} is over already: the memory would have expired", "give --expires a later time")
    store, embedder = run.workspace.store, run.workspace.embedder
    with run.terminal.progress("Remembering") as report:
        kept = keeping.remember(
            store,
            texts,
            embedder=embedder,
            now=now,
            kind=None if kind is GivenKind.AUTO else Kind(kind),
            tags=tags(tag),
            expires_at=until,
            progress=report,
        )
    if json:
        strengths = fading.strengths(uses.of(store, [k.memory.id for k in kept], now), now)
        made = [shapes.memory(k.memory, strengths[k.memory.id]) for k in kept]
        run.terminal.data({"memories": made} if lines else made[0])
    else:
        for k in kept:
            run.terminal.out(f"{k.memory.id}  {k.memory.kind}" + ("  (known already)" if k.known else ""))


def _texts(run: Run, given: str, *, lines: bool) -> list[str]:
    text = given if given not in ("", "-") else ("" if run.terminal.stdin.isatty() else run.terminal.read_all())
    texts = [line.removesuffix("\r") for line in text.split("\n") if line.strip()] if lines else [text]
    if not any(part.strip() for part in texts):
        raise InputError("there is nothing to remember", 'memcli remember "..." or pipe a text in')
    return texts


def _to_core(run: Run, label: str, text: str, now: str, *, json: bool) -> None:
    block = keeping.set_core(run.workspace.store, label, text, now=now, limit=CORE_CHARS, append=True)
    if json:
        run.terminal.data(shapes.block(block))
    else:
        run.terminal.out(f"core:{block.label}")
