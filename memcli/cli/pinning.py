"""Pinning: what never fades, however long it is not used."""

from __future__ import annotations

from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of
from memcli.cli.options import AsJson
from memcli.errors import NothingFound
from memcli.memory import fading, pinning, timeline
from memcli.store import uses
from memcli.ui import shapes
from memcli.ui.sanitize import one_line

Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID...", help="Ids, or the beginnings of some.", autocompletion=complete.items),
]


def register(app: typer.Typer) -> None:
    app.command()(pin)
    app.command()(unpin)


def pin(ctx: typer.Context, id_: Ids, json: AsJson = False) -> None:
    """Keep memories from fading.

    A pinned memory stays as strong as it is when it is new, and no rule forgets it. What supersedes it takes over the
    pin.
    """
    _set(of(ctx), id_, pinned=True, json=json)


def unpin(ctx: typer.Context, id_: Ids, json: AsJson = False) -> None:
    """Let pinned memories fade again.

    Their uses meanwhile count as they always do.
    """
    _set(of(ctx), id_, pinned=False, json=json)


def _set(run: Run, given: list[str], *, pinned: bool, json: bool) -> None:
    store, now = run.workspace.store, timeline.utc(run.now())
    try:
        done = pinning.pin(store, given, now=now, pinned=pinned)
    except NothingFound:
        if json:
            run.terminal.data({})
        raise
    word = "pinned" if pinned else "not pinned"
    if json:
        strengths = fading.strengths(uses.of(store, [one.memory.id for one in done], now), now)
        made = [shapes.memory(one.memory, strengths[one.memory.id]) for one in done]
        run.terminal.data(made[0] if len(made) == 1 else {"memories": made})
        return
    for one in done:
        known = "  (it was already)" if one.known else ""
        run.terminal.out(f"{one.memory.id}  {word}{known}  {one_line(one.memory.text)}")
