"""The command tree: global options, and the families of commands put together."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from memcli import __version__
from memcli.cli import context

EPILOG = (
    "Exit status: 0 done, 1 correctable by you, 2 usage, 3 nothing found, 4 no model or model failed, "
    "5 store locked, damaged, newer, not a store or its passphrase wrong, 70 a bug in memcli, 130 interrupted."
)

# Which module has which command: a command line loads its own family alone, which halves the time it takes to start.
FAMILIES = {
    "chat": "talk",
    "ask": "talk",
    "context": "window",
    "remember": "remember",
    "search": "search",
    "list": "look",
    "show": "look",
    "pin": "pinning",
    "unpin": "pinning",
    "forget": "forgetting",
    "undo": "revising",
    "history": "revising",
    "edit": "revising",
    "core": "core",
    "import": "importing",
    "export": "exporting",
    "threads": "threads",
    "backup": "backup",
    "stats": "stats",
    "consolidate": "consolidate",
    "reindex": "reindex",
    "models": "models",
    "config": "setup",
    "doctor": "doctor",
    "encrypt": "encryption",
    "decrypt": "encryption",
    "rekey": "encryption",
}
_WITH_VALUE = ("--db", "--config", "--passphrase-fd")


def build(command: str | None = None) -> typer.Typer:
    """Return the program with the family of `command`, or with all of them where it is None or unknown."""
    app = typer.Typer(
        name="memcli",
        help="A personal assistant in the terminal: a local model, a local memory, nothing leaves the machine.",
        epilog=EPILOG,
        rich_markup_mode=None,  # plain help: it starts faster, pipes well, and is what the man page is made from
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    wanted = [FAMILIES[command]] if command in FAMILIES else dict.fromkeys(FAMILIES.values())
    for family in wanted:
        importlib.import_module(f"memcli.cli.{family}").register(app)
    return app


def command_of(argv: Sequence[str]) -> str | None:
    """Return the command of a command line: the first word that is no global option nor the value of one."""
    words = iter(argv)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return None


def _version(ctx: typer.Context, wanted: bool) -> None:
    if wanted:
        context.of(ctx).terminal.out(f"memcli {__version__}")
        raise typer.Exit


def options(
    ctx: typer.Context,
    db: Annotated[Path | None, typer.Option("--db", help="The store to use.", metavar="PATH")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="The config file to use.", metavar="PATH")] = None,
    passphrase_fd: Annotated[
        int | None,
        typer.Option("--passphrase-fd", help="Read the passphrase's line from this descriptor.", metavar="N", min=0),
    ] = None,
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
    if passphrase_fd is not None:
        from memcli import passphrase

        run.passphrase = passphrase.from_descriptor(passphrase_fd)  # now: a command may read on in it
