"""Core memory: show, set, append, replace, clear."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of, words
from memcli.cli.options import AsJson
from memcli.errors import InputError, NothingFound
from memcli.memory import remember as keeping
from memcli.memory import timeline
from memcli.memory.context import CORE_CHARS
from memcli.store import core as core_blocks
from memcli.types import CoreBlock
from memcli.ui import render, shapes


def register(app: typer.Typer) -> None:
    app.command()(core)


class CoreAction(StrEnum):
    """What can be done with core memory."""

    SHOW = "show"
    SET = "set"
    APPEND = "append"
    REPLACE = "replace"
    CLEAR = "clear"


def core(
    ctx: typer.Context,
    action: Annotated[
        CoreAction, typer.Argument(metavar="ACTION", help="show, set, append, replace or clear.")
    ] = CoreAction.SHOW,
    label: Annotated[
        str | None,
        typer.Argument(metavar="LABEL", help="Which block, such as user or persona.", autocompletion=complete.labels),
    ] = None,
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT...", help="The text; for replace: OLD NEW.")] = None,
    json: AsJson = False,
) -> None:
    """Show or change what is always in the context.

    Core memory is a few short labelled texts, such as user and persona.
    """
    run = of(ctx)
    if action is CoreAction.SHOW:
        _show_core(run, label, json=json)
        return
    if label is None:
        raise InputError(f"core {action} needs a label", f"memcli core {action} user ...")
    block = _change(run, action, label, text)
    if json:
        run.terminal.data(shapes.block(block) if block else {"label": label, "text": None})
    elif block:
        run.terminal.out(block.text)
    else:
        run.terminal.notice(f"cleared core block {label}")


def _change(run: Run, action: CoreAction, label: str, text: list[str] | None) -> CoreBlock | None:
    store, now = run.workspace.store, timeline.utc(run.now())
    if action is CoreAction.CLEAR:
        keeping.clear_core(store, label, now=now)
        return None
    if action is CoreAction.REPLACE:
        if text is None or len(text) != 2:
            hint = f'memcli core replace {label} "OLD" "NEW"'
            raise InputError("core replace takes the old text and the new one", hint)
        return keeping.replace_in_core(store, label, *text, now=now, limit=CORE_CHARS)
    new = words(text)
    if not new and not run.terminal.stdin.isatty():
        new = run.terminal.read_all()
    return keeping.set_core(store, label, new, now=now, limit=CORE_CHARS, append=action is CoreAction.APPEND)


def _show_core(run: Run, label: str | None, *, json: bool) -> None:
    found = core_blocks.blocks(run.workspace.store)
    if label is not None:
        found = [block for block in found if block.label == label]
        if not found:
            raise NothingFound(f"there is no core block {label!r}", f"memcli core set {label} TEXT")
    if json:
        run.terminal.data({"blocks": [shapes.block(block) for block in found]})
    elif found:
        render.blocks(run.terminal, found)
    else:
        run.terminal.notice("core memory is empty: memcli core set user TEXT")
