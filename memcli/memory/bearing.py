"""Bearing out: whether a text that stands in prompts still says only what the items say that it quotes.

Notes, excerpts and summaries are stored as the model read them. Where they come in from a file, each has to be what
memcli would write of the items that it names; else a file could put words of its own into a prompt. Exports leave out
what is not borne out any more, such as a note of a core block that was taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memcli.memory import attributing, condensing, context, summary
from memcli.memory.excerpts import GAP
from memcli.store import core, memories, messages
from memcli.store.database import Store
from memcli.types import Candidate, CoreBlock, Memory, Message, Recalled, Role, Trust

_DAY = r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2}(?:T[0-9:]{8}Z)?)?)?"
_DATED = re.compile(rf"{_DAY}(?: to {_DAY})?: ")  # what a note begins with; the days are local ones of when it was made
_WIDE = 10**9  # a window that has room for any text
_CUT = "…"
_TOLD = ("system", "core", "procedural", "preference")  # kinds of notes that say what changed on the system side


@dataclass(frozen=True, slots=True)
class Items:
    """What notes may quote: memories and messages by id, and what core blocks say or said."""

    memories: Mapping[str, Memory]
    messages: Mapping[str, Message]
    blocks: Sequence[CoreBlock]


def items_of(store: Store, notes: Iterable[Recalled]) -> Items:
    """Read the items that some notes name."""
    ids = {note.item_id for note in notes}
    labels = {id_.removeprefix("core:") for id_ in ids if id_.startswith("core:")}
    blocks = [*core.blocks(store), *core.earlier(store, labels)] if labels else []
    found = {memory.id: memory for memory in memories.some(store, ids)}
    return Items(found, {m.id: m for m in messages.some(store, ids - found.keys())}, blocks)


def note_holds(note: Recalled, items: Items) -> bool:
    """Tell whether a note is a line that memcli writes of the item that it names."""
    if len(note.line.splitlines()) != 1:
        return False
    if note.kind in _TOLD and not note.why:
        return note.line.removeprefix(context.NO_LONGER) in _told(note, items)
    memory, message = items.memories.get(note.item_id), items.messages.get(note.item_id)
    if memory and not memory.undone:
        item = Candidate(memory.id, memory.kind, memory.text, memory.created_at, memory.trust)
        return note.kind == memory.kind and _quotes(note, item)
    if message:
        item = Candidate(message.id, "message", message.content, message.created_at, message.trust, name=message.name)
        return note.kind == "message" and _quotes(note, item)
    return False


def _quotes(note: Recalled, item: Candidate) -> bool:
    """Tell whether a line says, behind a date, who is quoted, and then parts of what that item says, as notes do."""
    date, speaker = _DATED.match(note.line), attributing.speaker(item)
    said = note.line[date.end() :] if date else ""
    if not said.startswith(speaker):
        return False
    said = said[len(speaker) :]
    if item.kind != "message" or item.trust is not Trust.USER:
        return _stretch(said, attributing.one_line(item.text))
    own, pasted = attributing.parted(item.text, item.text)
    cuts = [match.start() for match in re.finditer(re.escape(attributing.PASTED), said)]
    parts = [(said, ""), *((said[:cut].rstrip(), said[cut + len(attributing.PASTED) :]) for cut in cuts)]
    return any(
        (mine or theirs) and (not mine or _stretch(mine, own)) and (not theirs or _stretch(theirs, pasted))
        for mine, theirs in parts
    )


def _stretch(said: str, whole: str) -> bool:
    part = said.removesuffix(_CUT)
    return bool(part) and part in whole


def _told(note: Recalled, items: Items) -> set[str]:
    """Return the lines that say what the item is, or was, on the system side."""
    if note.item_id.startswith("core:"):
        named = [block for block in items.blocks if f"core:{block.label}" == note.item_id]
        sides = [context.system_side("", None, [block], (), window=_WIDE)[0] for block in named]
    else:
        memory = [m for m in [items.memories.get(note.item_id)] if m]
        sides = [
            context.system_side("", None, (), memory, window=_WIDE)[0],
            context.system_side("", None, (), (), memory, window=_WIDE)[0],
        ]
    kinds = {"core", "procedural", "preference"} if note.kind == "system" else {note.kind}
    system = note.line.startswith(context.NO_LONGER)
    fits = system == (note.kind == "system")
    return {segment.text.strip() for side in sides for segment in side if segment.label in kinds and fits}


def excerpt_holds(content: str, excerpt: str) -> bool:
    """Tell whether an excerpt is made of stretches of the content in their order, but for blanks."""
    whole, at = "".join(content.split()), 0
    for part in excerpt.split(GAP.strip()):
        wanted = "".join(part.split())
        found = whole.find(wanted, at)
        if found < 0:
            return False
        at = found  # pieces may overlap
    return True


def lines_hold(lines: Iterable[summary.Line], said: Sequence[Message]) -> tuple[summary.Line, ...]:
    """Return the lines of a summary that what was said bears out: quotations, or what condensing would take."""
    own = [message for message in said if message.role is Role.USER and not message.name]
    typed = [attributing.own_words(message.content) for message in own if message.trust is Trust.USER]
    documents = {condensing.a_document(message) for message in own if message.trust is not Trust.USER}
    return tuple(line for line in lines if line.text in documents or _line_holds(line.text, typed))


def _line_holds(text: str, typed: Sequence[str]) -> bool:
    quoted, told = " ".join(typed), "\n".join(typed)
    ends = (text, text.removesuffix(_CUT).rstrip(), text.removesuffix("?"))
    return any(end and end in quoted for end in ends) or condensing.bears_out(told, text, condensing.BORNE_OUT)
