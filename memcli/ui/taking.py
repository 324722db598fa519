"""What an undo takes back, read before it does, and what it passes over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memcli.errors import NothingFound
from memcli.store import core, memories
from memcli.store.database import Store
from memcli.store.journal import TakenBack
from memcli.store.operations import Operation
from memcli.store.undoing import Passed
from memcli.ui.render import shown
from memcli.ui.shapes import Json
from memcli.ui.terminal import Terminal

FORGOTTEN = "(forgotten meanwhile)"
_BY = {"remember": "you", "user": "you"}
_STEPS = {
    "add": "retire",
    "supersede": "reopen",
    "strengthen": "weaken",
    "absorb": "weaken",
    "retire": "reopen",
    "conflict": "unmark",
    "reconciled": "recheck",
    "pin": "unpin",
    "unpin": "pin",
}
_HINTS = {
    "forget": "what is forgotten is gone for good",
    "import": "'memcli threads forget THREAD' and 'memcli forget ID' take out what was imported",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What an undo does to one memory or core block; `text` is the memory's, or what the block will say again."""

    do: str
    id: str
    text: str


def steps(store: Store, operation: Operation) -> list[Step]:
    """Return what taking an operation back does, in that order; of what it retires, nothing else is said."""
    changed = [change for change in reversed(operation.changes) if change["do"] != "core"]
    retired = {change["id"] for change in changed if change["do"] == "add"}
    told = [c for c in changed if c["do"] == "add" or not retired & {c["id"], c.get("other")}]
    done = [Step(_STEPS[c["do"]], c["id"], _text(store, c)) for c in told]
    blocks = core.before(store, operation.id)
    done += [Step("restore" if text is not None else "clear", f"core:{label}", text or "") for label, text in blocks]
    lost = len(operation.changes) - len(changed) - len(blocks)
    return done + [Step("restore", "core:forgotten", FORGOTTEN)] * lost


def _text(store: Store, change: dict[str, Any]) -> str:
    try:
        text = memories.get(store, change["id"]).text
        return f"{text} / {memories.get(store, change['other']).text}" if "other" in change else text
    except NothingFound:
        return FORGOTTEN


def announce(terminal: Terminal, operations: Sequence[Operation], will_do: Mapping[int, Sequence[Step]]) -> None:
    """Print what an undo would take back; `will_do` has the steps of each operation by its number."""
    terminal.out(f"to be taken back ({len(operations)}):")
    for operation in operations:
        terminal.out(f"  {described(operation)}")
        for step in will_do[operation.id]:
            terminal.out(f"    {step.do:8}{shown(f'{step.id}  {step.text}')}")


def described(operation: Operation) -> str:
    """Return what was done, by whom and when."""
    return f"{operation.action} by {_BY.get(operation.actor, operation.actor)}, {operation.at}"


def result(terminal: Terminal, taken: Sequence[TakenBack]) -> None:
    """Print what an undo took back, and what it could not since that had been forgotten."""
    for done in taken:
        terminal.out(f"taken back: {described(done.operation)}")
    if any(c["do"] == "add" and c["id"] not in done.forgotten for done in taken for c in done.operation.changes):
        terminal.notice("what was added stays as history: 'memcli forget ID' removes it")
    gone = [item for done in taken for item in done.forgotten]
    if gone:
        terminal.out(f"forgotten meanwhile, and left so: {', '.join(dict.fromkeys(gone))}")


def shape(taken: Sequence[TakenBack], did: Mapping[int, Sequence[Step]], over: Sequence[Passed]) -> Json:
    """Return the JSON of an undo."""
    return {
        "undone": [
            {
                "operation": done.operation.id,
                "action": done.operation.action,
                "actor": done.operation.actor,
                "at": done.operation.at,
                "steps": [{"do": step.do, "id": step.id, "text": step.text} for step in did[done.operation.id]],
                "forgotten": list(done.forgotten),
            }
            for done in taken
        ],
        "passed_over": [{"action": p.action, "actor": p.actor, "times": p.times, "at": p.at} for p in over],
    }


def passed(terminal: Terminal, over: Sequence[Passed]) -> None:
    """Say what an undo does not reach, and what does."""
    for p in over:
        times = f"{p.times} times, last {p.at}" if p.times > 1 else p.at
        terminal.notice(f"passed over: {p.action} by {_BY.get(p.actor, p.actor)}, {times}; {hint(p)}")


def hint(over: Passed) -> str:
    """Return why an undo passes this over, or what is to be done instead."""
    return _HINTS.get(over.action) or _HINTS.get(over.actor) or "nothing was kept to undo it with"
