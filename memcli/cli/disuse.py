"""Forgetting by the user's rule: what a consolidation found unused goes for good, as by `forget`."""

from __future__ import annotations

from collections.abc import Sequence

from memcli.cli.context import Run
from memcli.cli.forgetting import forget_typed
from memcli.errors import TracesLeft
from memcli.memory import disuse, timeline
from memcli.types import Memory
from memcli.ui.going import going


def forget_unused(run: Run, chosen: Sequence[Memory]) -> None:
    """Forget memories, what they came from, and the lines typed into the chat that hold either. Raises TracesLeft."""
    store = run.workspace.store
    closure = disuse.closure(store, chosen)
    if closure.empty:
        return
    history = forget_typed(run, going(store, closure).texts)  # first: once the rows are gone nothing tells what to seek
    receipt = disuse.forget(store, closure, timeline.utc(run.now()))
    if receipt.traces:
        where = ", ".join((*receipt.files, *history))
        raise TracesLeft(f"{receipt.traces} traces are left in {where}", "run the same command again")
