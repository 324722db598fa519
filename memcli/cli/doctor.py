"""The doctor: what is wrong with this installation, and mending of the store."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from memcli.cli.context import Run, of
from memcli.cli.options import AsJson
from memcli.errors import EmbedderError, NotAStore, NothingFound, StoreDamaged
from memcli.memory import timeline
from memcli.ui import shapes

if TYPE_CHECKING:
    from memcli.engines import Embedder
    from memcli.health import Finding
    from memcli.memory.mending import Mended, Outcome
    from memcli.store.salvage import Salvaged


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    ctx: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Mend the store, after copying it as it is.")] = False,
    json: AsJson = False,
) -> None:
    """Check store, embedder, model and where it runs.

    Nothing is changed without --fix. With it, only the store is looked at: what is wrong with it is mended as far as
    possible, and looked for again.
    """
    run = of(ctx)
    if fix:
        _fix(run, json=json)
        return
    from memcli import health

    findings = []
    for finding in health.examine(run.workspace):
        findings.append(finding)
        if not json:
            _show(run, finding)
    if json:
        shape = [{"topic": f.topic, "detail": f.detail, "ok": not f.exit_status, "hint": f.hint} for f in findings]
        run.terminal.data({"findings": shape, "ok": not any(f.exit_status for f in findings)})
    worst = max((f.exit_status for f in findings), default=0)
    if worst:
        raise typer.Exit(worst)


def _show(run: Run, finding: Finding) -> None:
    mark = "!" if finding.exit_status else " "
    run.terminal.out(f"{mark} {finding.topic:14}{finding.detail}", flush=True)
    if finding.hint:
        run.terminal.out(f"  {'':14}-> {finding.hint}")


def _fix(run: Run, *, json: bool) -> None:
    path = run.workspace.store_path
    if not path.exists():
        raise NothingFound(f"there is no store at {path}", "it is made by: memcli remember TEXT")
    outcome = _mended(run)
    if json:
        run.terminal.data(shapes.fixed(outcome))
    else:
        _tell(run, outcome)
    if not outcome.well:
        raise typer.Exit(StoreDamaged.exit_status)


def _mended(run: Run) -> Outcome:
    from memcli.memory import mending

    now = timeline.utc(run.now())
    try:
        store = run.workspace.store
    except (NotAStore, StoreDamaged) as error:
        head = mending.mend_head(run.workspace.store_path, now)
        if head:
            return mending.both(head, _mended(run))  # which finds the head as it should be
        if isinstance(error, NotAStore):
            raise
        return _rescued(run, error)
    with run.terminal.progress("Mending") as progress:
        return mending.mend(store, _embedder(run), now, progress=progress)


def _rescued(run: Run, error: StoreDamaged) -> Outcome:
    """Salvage a store that cannot be opened. Raises StoreDamaged where nothing of it can be read."""
    from memcli.memory import mending
    from memcli.store.database import Store

    outcome = None
    with suppress(StoreDamaged), Store.unsettled(run.workspace.store_path, key=run.workspace.key) as store:
        outcome = mending.rescue(store, error.message, _embedder(run), timeline.utc(run.now()))
    if outcome is None:
        raise StoreDamaged(error.message, "nothing of it can be read: restore a backup") from error
    return outcome


def _embedder(run: Run) -> Embedder | None:
    """Return the embedder in force, without asking the store whether it is its own."""
    try:
        return run.workspace.open_embedder(run.config.text("embedder"))
    except EmbedderError as error:
        run.terminal.notice(f"vectors are not made anew: {error.message}")
        return None


def _tell(run: Run, outcome: Outcome) -> None:
    for one in outcome.mended:
        _tell_one(run, one)
    if outcome.kept:
        run.terminal.out(f"The file as it was is kept at {outcome.kept}")
        run.terminal.out("Delete it when all is well; the next forgetting does so, too.")
    if outcome.salvaged:
        _tell_salvaged(run, outcome.salvaged)
    if outcome.waiting:
        run.terminal.notice(f"{outcome.waiting} chunks wait for vectors and are found by their words (memcli reindex)")
    if not outcome.mended:
        run.terminal.out("nothing is wrong with the store")
    elif outcome.well:
        run.terminal.out("all is well now")


def _tell_salvaged(run: Run, saved: Salvaged) -> None:
    counts = ", ".join(f"{saved.rows[what]:,} {what}" for what in ("memories", "messages", "threads"))
    lost = ", ".join(f"{count:,} of {table}" for table, count in saved.lost.items())
    run.terminal.out(f"What can be read of it is now a store of its own: {saved.path}, with {counts}")
    run.terminal.out(f"Rows seen to be lost: {lost}; there may be more" if lost else "No row was seen to be lost.")
    run.terminal.out("Compare it with your last backup; to go on with it, put it in the place of the damaged file")
    run.terminal.out("while no memcli runs.")


def _tell_one(run: Run, one: Mended) -> None:
    for line in one.found:
        run.terminal.out(f"{'!' if one.left else ' '} {one.check.name}: {line}")
    if not one.left:
        run.terminal.out(f"  -> mended: {one.check.how}")
        return
    run.terminal.out(f"  -> not mended{': ' + one.failed if one.failed else ''}")
