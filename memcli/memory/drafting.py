"""What wants to stand in the window, read from the store: the system side, the thread's messages, their summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from memcli.config import SMALL
from memcli.engines import ChatModel
from memcli.memory.condensing import Condenser
from memcli.memory.context import system_side, thaw
from memcli.memory.fitting import Said
from memcli.memory.form import prefers
from memcli.memory.summary import load
from memcli.memory.timeline import utc
from memcli.store import core, memories, messages, summaries, threads
from memcli.store.database import Store
from memcli.types import Kind, Memory, Segment, Thread, Trust

LOOKED_THROUGH = 1000  # of the facts stored last, for preferences among them


@dataclass(frozen=True, slots=True)
class Sides:
    """The system side as it stands `now`, as it is when a new prefix starts (without a summary), and what was cut."""

    now: tuple[Segment, ...]
    fresh: tuple[Segment, ...]
    cut: tuple[Segment, ...]


def said(store: Store, thread: Thread | None, start: int, *, use_memory: bool) -> tuple[Said, ...]:
    """Return the thread's messages from `start` on, each with the notes that were placed before it.

    In front of them what the system said in an imported thread, wherever it stood.
    """
    if thread is None:
        return ()
    found = [*messages.of_system(store, thread.id, start), *messages.of_thread(store, thread.id, start)]
    placed = messages.recalled(store, [m.id for m in found])
    return tuple((m, tuple(placed.get(m.id, ())) if use_memory else ()) for m in found)


def frozen(store: Store, thread: Thread | None) -> tuple[Segment, ...] | None:
    """Return the system side that the thread's prefix began with; None where the next turn has to make it."""
    text = threads.prefix(store, thread.id) if thread else None
    return thaw(text) if text else None


def fresh_side(
    store: Store, model: ChatModel, opening: str, now: datetime, *, use_memory: bool
) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """Return the system side as a new prefix would begin, without a summary, and what of it found no room."""
    small = model.parameters < SMALL  # measured: the date costs a 135M model 5 of 36 right answers
    today = None if small else f"{now:%A}, {now.day} {now:%B %Y}"
    if not use_memory:
        return system_side(opening, today, (), (), window=model.window)
    rules, preferences = _at_hand(store, now)
    return system_side(opening, today, core.blocks(store), rules, preferences, window=model.window)


def _at_hand(store: Store, now: datetime) -> tuple[list[Memory], list[Memory]]:
    """Return what applies without being asked about: how to act, and what the user prefers."""
    rules = memories.current(store, now=utc(now), kind=Kind.PROCEDURAL)
    facts = memories.current(store, now=utc(now), kind=Kind.SEMANTIC, newest=LOOKED_THROUGH)
    # What others said is never a rule: the store refuses it, and this is where it would matter.
    return [m for m in rules if m.trust is Trust.USER], [m for m in facts if m.trust is Trust.USER and prefers(m.text)]


def condenser(
    store: Store, thread: Thread | None, model: ChatModel, today: str, on_start: Callable[[int], None] | None
) -> Condenser:
    """Return what extends the thread's summary, which already covers all that has been evicted."""
    held = summaries.latest(store, thread.id) if thread else None
    id_, lines = (held.id, load(held.text)) if held else ("", ())
    made = Condenser(id_, model, lines, today, on_start)
    if thread:
        covered = held.to_seq + 1 if held else 0
        gone = messages.of_thread(store, thread.id, covered, threads.window_start(store, thread.id))
        if gone:
            made.catch_up(gone)
    return made
