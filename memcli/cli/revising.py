"""Revising: take back what was done, correct a memory, and see how it came to say what it says."""

from __future__ import annotations

from typing import Annotated

import typer

from memcli.cli import complete
from memcli.cli.context import Run, of, words
from memcli.cli.options import AsJson
from memcli.errors import InputError, NothingFound
from memcli.memory import editing, timeline
from memcli.memory.current import current
from memcli.store import ids, undoing, versions
from memcli.types import Memory, Owner
from memcli.ui import history as telling
from memcli.ui import past, taking

Id = Annotated[str, typer.Argument(metavar="ID", help="An id or the beginning of one.", autocompletion=complete.items)]


def register(app: typer.Typer) -> None:
    app.command()(undo)
    app.command()(history)
    app.command()(edit)


def undo(
    ctx: typer.Context,
    n: Annotated[int, typer.Argument(metavar="[N]", help="How many operations.", min=1)] = 1,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Take back what was done last: whole operations, newest first.

    Yours, and those that memcli did by itself. What would be taken back is shown first. It stays as history, which
    'forget' removes; forgetting itself is for good.
    """
    run = of(ctx)
    with run.terminal.to_the_end():
        _undo(run, n, yes=yes, json=json)


def history(ctx: typer.Context, id_: Id, json: AsJson = False) -> None:
    """Show the versions of a memory, oldest first.

    Those that were undone are among them.
    """
    run = of(ctx)
    store = run.workspace.store
    try:
        owner, full = ids.resolve(store, id_)
    except NothingFound:
        if json:
            run.terminal.data({})
        raise
    if owner is Owner.MESSAGE:
        raise InputError(f"{full} is a message, which has no versions", f"memcli show {full}")
    found = versions.versions(store, full)
    if json:
        run.terminal.data(telling.shape(found, full))
    else:
        telling.show(run.terminal, found, full)


def edit(
    ctx: typer.Context,
    id_: Id,
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT...]", help="What it says from now on; without it $EDITOR opens."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Correct what a memory says.

    The new version takes the place of the old one, which stays in its history. Without a text, $VISUAL or $EDITOR
    opens; piped text is taken as it is.
    """
    run = of(ctx)
    store, now = run.workspace.store, timeline.utc(run.now())
    memory = current(store, id_, now=now, to="edit")
    done = editing.edit(store, memory, _text(run, memory, text), embedder=run.workspace.embedder, now=now)
    if json:
        run.terminal.data(past.shape(past.of(store, done.memory, now)))
    else:
        run.terminal.out(f"{done.memory.id}  {done.memory.kind}" + ("" if done.old else "  (unchanged)"))


def _text(run: Run, memory: Memory, given: list[str] | None) -> str:
    """Return the new text: as given, as typed into the editor, or as piped. Raises InputError."""
    if given is not None:
        return words(given)
    if run.terminal.interactive:
        from memcli.ui import editor

        folder = run.paths.state
        if run.workspace.store.secret is not None:
            folder = editor.in_memory() or folder
            if folder == run.paths.state:
                run.terminal.notice(
                    "the text lies unencrypted in a private file while you edit it, and is then removed"
                )
        return editor.edit(memory.text, run.environ, folder)
    if run.terminal.stdin.isatty():
        raise InputError("there is no terminal to edit on", f"give the text: memcli edit {memory.id} TEXT")
    return run.terminal.read_all()


def _undo(run: Run, n: int, *, yes: bool, json: bool) -> None:
    store = run.workspace.store
    over = undoing.passed_over(store, n)
    if not json:
        taking.passed(run.terminal, over)
    try:
        chosen = undoing.last(store, n)
    except NothingFound:
        if json:
            run.terminal.data(taking.shape([], {}, over))
        raise
    will_do = {operation.id: taking.steps(store, operation) for operation in chosen}
    if not json:
        taking.announce(run.terminal, chosen, will_do)
    if not yes and not run.terminal.confirm("Take this back?"):
        raise InputError("nothing was taken back")
    taken = undoing.undo(store, chosen, timeline.utc(run.now()))
    if json:
        run.terminal.data(taking.shape(taken, will_do, over))
    else:
        taking.result(run.terminal, taken)
