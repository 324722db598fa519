"""Forgetting by the user's rule: what a consolidation found unused goes for good, as by `forget`."""

from __future__ import annotations

from collections.abc import Sequence

from memcli.cli.context import Run
from memcli.memory import disuse, timeline
from memcli.types import Memory


def forget_unused(run: Run, chosen: Sequence[Memory]) -> None:
    """Forget memories with what they came from. Raises TracesLeft."""
    store = run.workspace.store
    closure = disuse.closure(store, chosen)
    if closure.empty:
        return
    days = run.config.values["forget_unused_days"]
    run.terminal.notice(f"forgetting what was not used for {days} days: it cannot be undone (forget_unused_days)")
    with run.terminal.progress("Forgetting") as progress:
        receipt = disuse.forget(store, closure, timeline.utc(run.now()), progress=progress)
    receipt.require_clean()
