"""The history of a memory: its versions, oldest first, for people and as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from memcli.store.operations import Operation
from memcli.store.versions import Retirement, Version
from memcli.types import Memory
from memcli.ui import render, shapes
from memcli.ui.sanitize import one_line
from memcli.ui.shapes import Json
from memcli.ui.taking import described
from memcli.ui.terminal import Terminal


def show(terminal: Terminal, versions: Sequence[Version], asked: str) -> None:
    """Print the versions of a memory, oldest first."""
    for number, version in enumerate(versions):
        m = version.memory
        if number:
            terminal.out()
        marks = ["(undone)"] * m.undone + ["(this one)"] * (m.id == asked and len(versions) > 1)
        terminal.out("  ".join((m.id, str(m.kind), *marks)))
        terminal.out(f"  {one_line(m.text)}")
        _facts(terminal, "true", f"{m.valid_from or ''}..{m.valid_to or ''}" if m.valid_from or m.valid_to else None)
        _facts(terminal, "believed", believed(version))
        _facts(terminal, "made", described(version.made) if version.made else None)
        _facts(terminal, "in place of", ", ".join(version.replaced))
        for one in version.retired:
            _facts(terminal, "superseded" if one.closed else "said better", _retired(one))
        if m.undone:
            _facts(terminal, "undone", described(version.taken_back) if version.taken_back else m.retired_at)
        _facts(terminal, "said", times(m))


def _facts(terminal: Terminal, name: str, value: str | None) -> None:
    render.facts(terminal, {f"  {name}": value})


def believed(version: Version) -> str:
    """Return when a memory was believed, as in "A..B and from C"."""
    *closed, (since, until) = version.believed
    last = f"{since}..{until}" if until else f"from {since}" if closed else f"{since}.."
    return " and ".join([*(f"{start}..{end}" for start, end in closed), last])


def times(m: Memory) -> str:
    """Return how often a memory was said, "" for once."""
    return f"{m.times_said} times" + (f", last {m.confirmed_at}" if m.confirmed_at else "") if m.times_said > 1 else ""


def _retired(one: Retirement) -> str:
    told = f"by {one.by or 'what has been forgotten'}"
    if one.operation:
        told += f": {described(one.operation)}"
    if one.until:
        told += f"; {described(one.taken_back)}" if one.taken_back else f"; until {one.until}"
    return told


def shape(versions: Sequence[Version], asked: str) -> Json:
    """Return the JSON of a memory's history."""
    return {"id": asked, "versions": [_version(version) for version in versions]}


def _version(version: Version) -> Json:
    standing = next((one for one in version.retired if one.until is None), None)
    return shapes.memory(version.memory) | {
        "believed": [{"since": since, "until": until} for since, until in version.believed],
        "made": _operation(version.made),
        "in_place_of": list(version.replaced),
        "superseded": _operation(standing.operation) if standing else None,
        "lapses": [
            {
                "since": one.since,
                "until": one.until,
                "superseded_by": one.by,
                "superseded": _operation(one.operation),
                "undone": _operation(one.taken_back),
            }
            for one in version.retired
            if one.until
        ],
        "taken_back": _operation(version.taken_back),
    }


def _operation(operation: Operation | None) -> Json | None:
    if operation is None:
        return None
    return {"operation": operation.id, "action": operation.action, "actor": operation.actor, "at": operation.at}
