"""What forming did, in words: a line in the chat, a summary, the rows of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from memcli.memory.formation.records import Action, Change, Formed
from memcli.ui.sanitize import one_line

if TYPE_CHECKING:
    from memcli.memory.consolidate import Consolidated

UNDO = " · /undo"
LEAST = 24  # cells for a text; where there is less for each, some are only counted
_DONE = {
    Action.ADDED: "remembered",
    Action.UPDATED: "updated",
    Action.SUPERSEDED: "superseded",
    Action.STRENGTHENED: "said again",
    Action.CONFLICT: "contradicting",
}


# --- a line in the chat ---------------------------------------------------------------------------------------------


def line(formed: Formed, width: int) -> str:
    """Return one line of at most `width` cells that says what was changed; "" where there is nothing to tell."""
    told = list(_told(formed.changes))
    for shown in range(len(told), 0, -1):
        room = width - _cells(_joined([(head, "") for head, _ in told[:shown]], len(told)) + UNDO)
        if shown == 1 or room >= sum(min(_cells(text), LEAST) for _, text in told[:shown]):
            fitting = [(head, cut(text, share)) for (head, text), share in _shares(told[:shown], room)]
            return cut(_joined(fitting, len(told)), width - len(UNDO)) + UNDO
    return ""


def _told(changes: Sequence[Change]) -> Iterator[tuple[str, str]]:
    """Yield what was done, and to what. That a thing was said again is no news."""
    contradicting = {change.memory.id for change in changes if change.action is Action.CONFLICT}
    for change in changes:
        text, old = one_line(change.memory.text), one_line(change.old.text) if change.old else ""
        if change.action is Action.ADDED and change.memory.id not in contradicting:
            yield "remembered", text
        elif change.action is Action.UPDATED:
            yield "updated", text
        elif change.action is Action.SUPERSEDED:
            yield "retired", f"{old} (now: {text})"
        elif change.action is Action.CONFLICT:
            yield "remembered", f"{text} (but also: {old})"


def _shares(told: Sequence[tuple[str, str]], room: int) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield each with the cells that its text has: the same for all, but for what short texts leave to long ones."""
    share = {}
    waiting = sorted(range(len(told)), key=lambda place: _cells(told[place][1]))
    while waiting:
        place, *rest = waiting
        share[place] = min(_cells(told[place][1]), room // len(waiting))
        room, waiting = room - share[place], rest
    yield from ((what, share[place]) for place, what in enumerate(told))


def _joined(told: Sequence[tuple[str, str]], of: int) -> str:
    parts: list[str] = []
    before = ""
    for head, text in told:
        if head == before:
            parts[-1] += f"; {text}"
        else:
            parts.append(f"{head}: {text}")
        before = head
    more = of - len(told)
    return " · ".join([*parts, *([f"and {more} more"] if more else [])])


def cut(text: str, width: int) -> str:
    """Return as much of `text` as fits into `width` cells, with "…" where something is missing."""
    from rich.cells import chop_cells

    if _cells(text) <= width:
        return text
    return (chop_cells(text, width - 1)[0].rstrip() if width > 1 else "") + "…"


def _cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


# --- consolidate ----------------------------------------------------------------------------------------------------


def summary(done: Consolidated, *, planned: bool = False) -> str:
    """Return in a line what a consolidation came to, or would come to."""
    read = len(done.formed)
    counts = ", ".join(f"{count} {_DONE[action]}" for action, count in done.counts().items() if count)
    messages = f"{read} {'message' if read == 1 else 'messages'}" if read else "no message"
    verb = "would be read" if planned else "read" if read else "waits"
    labels = ", ".join(one_line(label) for label in done.core)
    core = f"core memory {labels} {'would be ' if planned else ''}refreshed" if labels else ""
    first = f"{messages} {verb}" + (f": {counts}" if counts else ": nothing new" if read else "")
    parts = (first, _cared(done, planned=planned), core, _gone(len(done.unused), planned=planned))
    return "; ".join(part for part in parts if part)


def _cared(done: Consolidated, *, planned: bool) -> str:
    """Return how many memories went into others, and how many now sum up several days, or no longer do."""
    merged = sum(len(one.olds) for one in done.merged)
    counts = {"merged": merged, "summarised": len(done.summed), "no longer summarised": len(done.dropped)}
    would = "would be " if planned else ""
    return ", ".join(f"{count} {would}{what}" for what, count in counts.items() if count)


def _gone(count: int, *, planned: bool) -> str:
    """Say how much was forgotten by the user's rule."""
    noun = f"{count} unused {'memory' if count == 1 else 'memories'}"
    return f"{noun} {'would be ' if planned else ''}forgotten for good" if count else ""


def rows(done: Consolidated, said: Mapping[str, str], short: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return for each thing that was done the message's id, where there is one, what was done, and to which text.

    Of a message of which nothing was kept, the text is its own, from `said`.
    """
    made: list[tuple[str, str, str]] = []
    for formed in done.formed:
        id_ = short.get(formed.message_id, formed.message_id)
        made += [(id_, _DONE[change.action], _replacing(change)) for change in formed.changes]
        if not formed.changes:
            made.append((id_, "nothing", said.get(formed.message_id, "")))
    made += [("", _DONE[change.action], _replacing(change)) for change in done.reconciled]
    made += [("", "merged", f"{old.text} (into: {one.kept.text})") for one in done.merged for old in one.olds]
    for one in done.summed:
        before = f"; before: {one.before.text}" if one.before else ""
        made.append(("", "summarised", f"{one.memory.text} (from {len(one.episodes)} memories{before})"))
    made += [("", "no longer summarised", old.text) for old in done.dropped]
    made += [("", "refreshed", f"core memory {label}") for label in done.core]
    return made + [("", "forgotten for good", memory.text) for memory in done.unused]


def _replacing(change: Change) -> str:
    return change.memory.text + (f" (before: {change.old.text})" if change.old else "")
