"""The command tree: global options, and the families of commands put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memcli import __version__
from memcli.cli import context, core, data, forgetting, remember, setup, talk

EPILOG = (
    "Exit status: 0 done, 1 correctable by you, 2 usage, 3 nothing found, 4 no model or model failed, "
    "5 store locked, damaged, newer or not a store, 70 a bug in memcli, 130 interrupted."
)

app = typer.Typer(
    name="memcli",
    help="A personal assistant in the terminal: a local model, a local memory, nothing leaves the machine.",
    epilog=EPILOG,
    rich_markup_mode=None,  # plain help: it starts faster, pipes well, and is what the man page is made from
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        context.of(ctx).terminal.out(f"memcli {__version__}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    db: Annotated[Path | None, typer.Option(help="The store to use.", metavar="PATH")] = None,
    config: Annotated[Path | None, typer.Option(help="The config file to use.", metavar="PATH")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notices, no progress; errors stay.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Tracebacks with errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that hold for every command."""
    run = context.of(ctx)
    run.terminal.quiet, run.terminal.debug, run.terminal.no_color = quiet, debug, no_color
    run.config_path = config
    run.options["db"] = str(db) if db else None


talk.register(app)
remember.register(app)
forgetting.register(app)
core.register(app)
data.register(app)
setup.register(app)
