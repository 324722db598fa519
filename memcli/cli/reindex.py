"""Reindexing: vectors made anew, by the embedder in force or by another one, which is in force from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from memcli import config as settings
from memcli.cli.context import Run, of
from memcli.cli.options import AsJson
from memcli.errors import ConfigError
from memcli.store import index, rebinding
from memcli.ui import shapes

if TYPE_CHECKING:
    from memcli.memory.reindexing import Reindexed


def register(app: typer.Typer) -> None:
    app.command()(reindex)


def reindex(
    ctx: typer.Context,
    embedder: Annotated[
        str | None,
        typer.Option(
            "--embedder",
            help="Change to this one: a name, a sentence-transformers folder or a GGUF file.",
            metavar="NAME",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Make all vectors anew, as after a change of embedder.

    It may be interrupted and goes on when it is run again. Until it is done, search goes by words.
    """
    from memcli.memory import reindexing

    run = of(ctx)
    name = embedder or run.config.text("embedder")
    store, opened = run.workspace.store, run.workspace.open_embedder(name)
    try:
        reindexing.bind(store, opened)
        _settle(run, name)
        with run.terminal.progress("Reindexing") as progress:
            done = reindexing.complete(store, opened, progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_so_far(run)) from None
    if done.words_mended:
        run.terminal.notice("the full-text index did not agree with the chunks: it was rebuilt")
    if json:
        run.terminal.data(shapes.reindexed(done))
    else:
        run.terminal.out(_summary(done))


def _settle(run: Run, name: str) -> None:
    """Have the embedder's name in the config file, so that the commands to come use the embedder of the store."""
    from memcli.inference.embedder import lasting

    wanted = lasting(name, run.paths)
    if run.config.text("embedder") == wanted:
        return
    try:
        settings.write_value(run.config.path, "embedder", wanted)
    except ConfigError as error:
        run.terminal.notice(f"{error.message}; set it yourself: embedder = {wanted!r}")
        return
    run.terminal.notice(f"the setting embedder is now {wanted} ({run.config.path})")
    variable = settings.BY_KEY["embedder"].variable
    if run.config.origins["embedder"] == variable:
        run.terminal.notice(f"but {variable} is set and wins over it: unset it, or give it the same value")


def _so_far(run: Run) -> str:
    store = run.workspace.store
    chunks = index.count(store)
    found = f"interrupted: {chunks - index.missing(store)} of {chunks} chunks have vectors"
    return f"{found}; the same command goes on" + (
        ", and until it is done search goes by words" if rebinding.unfinished(store) else ""
    )


def _summary(done: Reindexed) -> str:
    by = f"vectors by {done.embedder}"
    if not done.chunks:
        return f"there is nothing to index yet; what is stored will get {by}"
    return f"all {done.chunks} chunks have {by}" + ("" if done.items else ": there was nothing to do")
