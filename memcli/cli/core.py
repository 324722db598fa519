"""Core memory: show, set, append, replace, clear."""

from __future__ import annotations

from collections.abc import Sequence
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
from memcli.store import operations
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
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="The text; for replace: OLD NEW.")] = None,
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
    now = timeline.utc(run.now())
    store = run.workspace.store
    if action is CoreAction.CLEAR:
        with store.atomic():
            if not core_blocks.clear(store, label):
                raise NothingFound(f"there is no core block {label!r}", "'memcli core' lists them")
            operations.record(store, action="core", actor="user", items=[f"core:{label}"], now=now)
        run.terminal.notice(f"cleared core block {label}")
        return
    new = _replaced(run, label, text) if action is CoreAction.REPLACE else words(text, "text")
    if not new and not run.terminal.stdin.isatty():
        new = run.terminal.read_all()
    append = action is CoreAction.APPEND
    block = keeping.set_core(store, label, new, now=now, limit=CORE_CHARS, append=append)
    if json:
        run.terminal.data(shapes.block(block))
    else:
        run.terminal.out(block.text)


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


def _replaced(run: Run, label: str, text: Sequence[str] | None) -> str:
    block = core_blocks.get(run.workspace.store, label)
    if block is None:
        raise NothingFound(f"there is no core block {label!r}", "'memcli core' lists them")
    if text is None or len(text) != 2:
        raise InputError("core replace takes the old text and the new one", f'memcli core replace {label} "OLD" "NEW"')
    times = block.text.count(text[0])
    if times != 1:
        raise InputError(f"{text[0]!r} stands {times} times in core block {label}", "it must stand once")
    return block.text.replace(text[0], text[1])
