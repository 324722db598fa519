"""One memory with where it comes from and what became of it.

The characters that it rests on stand out in their message: reversed where there are colours, else between >> and <<.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memcli.memory import fading
from memcli.store import lineage, memories, uses, versions
from memcli.store.database import Store
from memcli.store.lineage import Said
from memcli.store.versions import Version
from memcli.types import Memory
from memcli.ui import render, shapes
from memcli.ui.history import believed, times
from memcli.ui.sanitize import one_line
from memcli.ui.shapes import Json
from memcli.ui.taking import described
from memcli.ui.terminal import Terminal

if TYPE_CHECKING:
    from rich.text import Text

AROUND = 120  # characters of a message that are shown before and after what is marked


@dataclass(frozen=True, slots=True)
class Past:
    """What is shown with a memory."""

    memory: Memory
    version: Version
    said: tuple[Said, ...]
    supersedes: tuple[Memory, ...]
    superseded_by: Memory | None
    conflicts: tuple[Memory, ...]
    strength: float
    reason: str  # for the strength
    expired: bool


def of(store: Store, memory: Memory, now: str) -> Past:
    """Read what is shown with a memory at a time."""
    used = uses.of(store, [memory.id], now)[memory.id]
    return Past(
        memory,
        versions.version(store, memory),
        tuple(lineage.said(store, memory)),
        tuple(lineage.superseded(store, memory.id)),
        memories.get(store, memory.superseded_by) if memory.superseded_by else None,
        tuple(memories.get(store, other) for other in memory.conflicts),
        fading.strength(used, now),
        fading.reason(used, now),
        bool(memory.expires_at and memory.expires_at <= now),
    )


def shape(past: Past) -> Json:
    """Return the JSON of a memory with its past."""
    return shapes.memory(past.memory, past.strength) | {"supersedes": [old.id for old in past.supersedes]}


def show(terminal: Terminal, past: Past) -> None:
    """Print a memory, what is known about it, and the messages that it rests on."""
    m = past.memory
    terminal.out(m.text)
    terminal.out()
    known = {
        "id": m.id,
        "kind": str(m.kind),
        "said by": str(m.trust),
        "formed by": m.formed_by or "you asked for it",
        "remembered": m.created_at,
        "said": times(m),
        "importance": f"{m.importance:.2f}",
        "strength": "" if m.retired_at or past.expired else f"{past.strength:.2f}: {past.reason}",
        "true from": m.valid_from,
        "true to": m.valid_to,
        "retired": None if m.undone else m.retired_at,
        "undone": _undone(past.version),
        "believed": believed(past.version) if len(past.version.believed) > 1 else None,
        "expired" if past.expired else "expires": m.expires_at,
        "tags": ", ".join(m.tags),
    }
    render.facts(terminal, known)
    if past.superseded_by:
        render.facts(terminal, {"superseded by": _named(past.superseded_by)})
    for old in past.supersedes:
        render.facts(terminal, {"supersedes": _named(old)})
    for other in past.conflicts:
        render.facts(terminal, {"contradicts": _named(other)})
    for said in past.said:
        _message(terminal, said)


def _undone(version: Version) -> str | None:
    if not version.memory.undone:
        return None
    return described(version.taken_back) if version.taken_back else version.memory.retired_at


def _named(m: Memory) -> str:
    return f"{m.id}  {render.shown(m.text)}"


# --- messages with what is marked in them ---------------------------------------------------------------------------


def _message(terminal: Terminal, said: Said) -> None:
    m = said.message
    terminal.out(
        f"\nfrom message {m.id}: {m.name or m.role} in {one_line(said.thread)}, {m.created_at}, trust {m.trust}"
    )
    pieces = marked(m.content, said.spans)
    if not terminal.colored:
        terminal.out("  " + "".join(f">>{text}<<" if stands_out else text for text, stands_out in pieces))
        return
    terminal.console().print(_reversed(pieces))


def _reversed(pieces: Sequence[tuple[str, bool]]) -> Text:
    from rich.text import Text

    line = Text("  ")
    for text, stands_out in pieces:
        line.append(text, style="reverse" if stands_out else "")
    return line


def marked(content: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Return a message on one line, in pieces of which some are marked; what is far from all of them is left out."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for start, end in _joined(spans, len(content)):
        pieces += [(_beside(content[at:start], first=at == 0, last=False), False), (_flat(content[start:end]), True)]
        at = end
    pieces.append((_beside(content[at:], first=at == 0, last=True), False))
    return [(text, stands_out) for text, stands_out in pieces if text]


def _joined(spans: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Return the spans in order, within the text, those that overlap as one; empty ones mark nothing."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted((max(0, start), min(end, length)) for start, end in spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif start < end:
            joined.append((start, end))
    return joined


def _beside(text: str, *, first: bool, last: bool) -> str:
    """Return what is not marked, as far as it stands next to a mark, or at the beginning where there is none."""
    if first and last:
        return render.shown(text, 2 * AROUND)
    after, before = 0 if first else AROUND, 0 if last else AROUND  # characters after the last mark, before the next
    if len(text) <= after + before:
        return _flat(text)
    gap = " … " if after and before else "…"
    return _flat(text[:after]).rstrip() + gap + _flat(text[len(text) - before :]).lstrip()


def _flat(text: str) -> str:
    """Return `text` cleaned and on one line, with the spaces at its ends, which part it from what stands beside it."""
    line = one_line(text)
    return " " * text[:1].isspace() + line + " " * (bool(line) and text[-1:].isspace())
