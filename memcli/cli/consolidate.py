"""Consolidating: what was said and waits becomes memories, and what is kept is cared for."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from memcli.cli.context import Run, of
from memcli.cli.disuse import forget_unused
from memcli.cli.options import AsJson
from memcli.errors import MemcliError
from memcli.memory import timeline
from memcli.memory.formation.records import Stopped
from memcli.store import ids, messages, queue
from memcli.store.database import Store
from memcli.ui import formed, render, shapes
from memcli.ui.interrupt import stopping

if TYPE_CHECKING:
    from memcli.memory.consolidate import Consolidated


def register(app: typer.Typer) -> None:
    app.command()(consolidate)


def consolidate(
    ctx: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Take also the messages that failed too often.")] = False,
    json: AsJson = False,
) -> None:
    """Form memories from the messages that wait, then care for those that there are.

    Memories that say the same become one; what happened on several days is summed up, with the days; the core block
    about you is made anew. Each step can be undone. It may be interrupted and goes on when it is run again. Several at
    once share the work.
    """
    run = of(ctx)
    store = run.workspace.store
    if run.workspace.embedder is None:
        run.terminal.notice("memories are formed by rules only")
    if dry_run:
        with store.copy() as copy:
            done = _work(run, copy, retry=retry)
            if not json:
                _show_plan(run, copy, done)
    else:
        done = _work(run, store, retry=retry)
        forget_unused(run, done.unused)
    waiting, aside = queue.waiting(store), queue.set_aside(store)
    if json:
        run.terminal.data(shapes.consolidated(done, dry_run=dry_run, waiting=waiting, set_aside=aside))
    else:
        run.terminal.out(formed.summary(done, planned=dry_run))
    if waiting and not dry_run:
        reason = "what failed is tried again by the same command" if done.failed else "another process works on them"
        run.terminal.notice(f"{waiting} still in the queue: {reason}")
    if aside:
        run.terminal.notice(f"{aside} set aside after failing too often: 'memcli consolidate --retry' takes them too")


def _work(run: Run, store: Store, *, retry: bool) -> Consolidated:
    """Consolidate. With the first Ctrl-C the message at hand is given back; what is done by then stays."""
    from memcli.memory import consolidate as consolidation  # its patterns take longer than all of `--help`

    done = consolidation.Consolidated()

    def now() -> str:
        return timeline.utc(run.clock())

    def stop() -> None:
        former.stop()
        carer.stop()

    if retry:
        queue.retry(store)
    try:
        carer = run.workspace.carer(store)
        with (
            closing(run.workspace.former(store)) as former,
            run.terminal.progress("Consolidating") as progress,
            stopping(stop),
        ):
            if run.terminal.debug:
                run.terminal.notice(f"judged by {former.path}")
            chars = int(run.config.values["portrait_chars"])
            days = int(run.config.values["forget_unused_days"])
            consolidation.consolidate(
                store, former, carer, clock=now, progress=progress, done=done, portrait_chars=chars, unused_days=days
            )
    except (Stopped, KeyboardInterrupt):
        raise KeyboardInterrupt(f"interrupted: {_so_far(store, done)}; the same command goes on") from None
    except MemcliError:
        run.terminal.notice(_so_far(store, done))
        raise
    return done


def _so_far(store: Store, done: Consolidated) -> str:
    waiting = queue.waiting(store)
    wait = f"{waiting} {'waits' if waiting == 1 else 'wait'}"
    if not done.anything:
        return wait
    return formed.summary(done) + (f"; {wait}" if waiting else "")


def _show_plan(run: Run, store: Store, done: Consolidated) -> None:
    read = [f.message_id for f in done.formed]
    said = {id_: messages.get(store, id_).content for id_ in read}
    rows = formed.rows(done, said, ids.short(store, read))
    if rows:
        render.table(run.terminal, ("id", "would be", "text"), rows)
