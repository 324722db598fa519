"""Numbers: what is in the store, and what talking has cost."""

from __future__ import annotations

import typer

from memcli.cli.context import of
from memcli.cli.options import AsJson
from memcli.store import census
from memcli.store import turns as costs
from memcli.ui import stats as ui


def register(app: typer.Typer) -> None:
    app.command()(stats)


def stats(ctx: typer.Context, json: AsJson = False) -> None:
    """Show what is in the store, and what answers cost.

    Costs are tokens and seconds.
    """
    run = of(ctx)
    store = run.workspace.store
    found, cost = census.take(store), costs.totals(store)
    if json:
        run.terminal.data(ui.shape(store.path, found, cost))
        return
    ui.store(run.terminal, store.path, found)
    run.terminal.out()
    ui.turns(run.terminal, cost)
