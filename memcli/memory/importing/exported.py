"""Records of a memcli's export: everything that a person would call theirs, with the ids of the store it comes from.

Invariants: only keys that are known are taken, so that nothing is dropped in silence; nothing in a record is a token id
or a part of a prompt. What is text of a prompt (notes, excerpts, summaries) is taken in as far as the items that it
quotes bear it out: see `memory/bearing.py`.
"""

from __future__ import annotations

from memcli.memory import remember
from memcli.memory.importing import fields
from memcli.memory.importing.fields import BadLine, Values
from memcli.memory.importing.foreign import checked_block, trust_of
from memcli.memory.importing.records import (
    OldBlock,
    OldMemory,
    OldMessage,
    OldSummary,
    OldThread,
    StoreLine,
    Waits,
)
from memcli.memory.summary import LINE_CHARS, Line
from memcli.store.lapses import Lapse
from memcli.store.outgoing import FORMAT, MARKS
from memcli.store.turns import Cost
from memcli.types import CoreBlock, Kind, Memory, Message, Recalled, Role, Source, Thread, Trust

NOTE_KINDS = (*Kind, "message", "preference", "core", "system")
MOST_FEATURES = 40  # of a note's score
AUTHORS = ("user", "consolidate")  # of core blocks
MAKERS = ("model", "extract")  # of summaries

_ALWAYS = ("type", "memcli")
_THREAD = (*_ALWAYS, "id", "name", "created_at", "updated_at")
_MESSAGE = (
    *(*_ALWAYS, "id", "thread", "role", "name", "content", "trust", "created_at", "external_id", "model"),
    *("interrupted", "excerpt", "evicted", "waits", "cost", "notes"),
)
_MEMORY = (
    *(*_ALWAYS, "id", "kind", "text", "trust", "created_at", "valid_from", "valid_to", "expires_at", "retired_at"),
    *("superseded_by", "undone", "formed_by", "times_said", "confirmed_at", "importance", "pinned", "reconciled"),
    *("tags", "sources", "conflicts", "lapses"),
)
_BLOCK = (*_ALWAYS, "label", "text", "updated_at", "author")
_SUMMARY = (*_ALWAYS, "id", "thread", "to", "lines", "made_by", "created_at")


class Newer(Exception):
    """A record of an export that a newer memcli made."""


def check_format(value: Values) -> None:
    """Raise Newer, or BadLine, unless this version knows the format."""
    if fields.whole(value, "memcli", 1) > FORMAT:
        raise Newer


def store(value: Values) -> StoreLine:
    """Return the first line of an export."""
    fields.only(value, (*_ALWAYS, "marks"), "the store line")
    marks = value.get("marks", {})
    if not isinstance(marks, dict):
        raise BadLine("marks is not an object")
    fields.only(marks, MARKS, "marks")
    return StoreLine({key: fields.whole(marks, key) for key in marks})


def thread(value: Values) -> OldThread:
    fields.only(value, _THREAD, "a thread")
    created_at = fields.certain(fields.time(value, "created_at"), "created_at")
    updated_at = fields.time(value, "updated_at") or created_at
    return OldThread(Thread(fields.id_(value), fields.optional(value, "name", fields.any_text), created_at, updated_at))


# --- messages -------------------------------------------------------------------------------------------------------


def message(value: Values) -> OldMessage:
    fields.only(value, _MESSAGE, "a message")
    role = fields.word(value, "role", Role)
    trust = trust_of(value, role)
    found = Message(
        fields.id_(value),
        0,
        fields.id_(value, "thread"),
        role,
        fields.any_text(value, "content"),
        trust,
        fields.certain(fields.time(value, "created_at"), "created_at"),
        fields.optional(value, "name", fields.text),
        fields.optional(value, "external_id", fields.text),
        fields.optional(value, "model", fields.label),
        interrupted=fields.flag(value, "interrupted"),
        excerpt=fields.optional(value, "excerpt", fields.any_text),
    )
    notes = tuple(map(_note, fields.records(value, "notes")))
    waits = fields.optional(value, "waits", _waits)
    if role is not Role.USER and notes:
        raise BadLine("only what the user says has notes before it")
    if waits and (role, trust) != (Role.USER, Trust.USER):
        raise BadLine("only the user's own words wait for formation")
    return OldMessage(found, notes, fields.optional(value, "cost", _cost), waits, fields.flag(value, "evicted"))


def _note(value: Values) -> Recalled:
    fields.only(value, ("id", "kind", "line", "score", "why"), "a note")
    why = value.get("why", {})
    if not isinstance(why, dict) or len(why) > MOST_FEATURES or not all(key.isprintable() for key in why):
        raise BadLine("why is not an object of features")
    kind = fields.one_of(value, "kind", NOTE_KINDS)
    item = fields.text(value, "id")
    named = item.removeprefix("core:")
    if named != item:
        remember.check_label(named)
    else:
        fields.id_(value)
    line = fields.text(value, "line")
    return Recalled(item, kind, line, fields.number(value, "score"), {key: fields.number(why, key) for key in why})


def _cost(value: Values, key: str) -> Cost:
    cost = value[key]
    if not isinstance(cost, dict):
        raise BadLine("cost is not an object")
    counts = ("context", "evaluated", "generated", "thought", "restored", "evicted")
    seconds = ("first_token", "seconds")
    fields.only(cost, (*counts, *seconds), "cost")
    return Cost(*(fields.whole(cost, name) for name in counts), *(fields.number(cost, name, 0) for name in seconds))


def _waits(value: Values, key: str) -> Waits:
    waits = value[key]
    if not isinstance(waits, dict):
        raise BadLine("waits is not an object")
    fields.only(waits, ("since", "failures"), "waits")
    return Waits(fields.certain(fields.time(waits, "since"), "since"), fields.whole(waits, "failures"))


# --- memories -------------------------------------------------------------------------------------------------------


def memory(value: Values) -> OldMemory:
    fields.only(value, _MEMORY, "a memory")
    text = fields.text(value, "text")
    remember.check_text(text)
    trust, kind = fields.word(value, "trust", Trust), fields.word(value, "kind", Kind)
    lowered = kind is Kind.PROCEDURAL and trust is not Trust.USER
    found = Memory(
        id=fields.id_(value),
        kind=Kind.SEMANTIC if lowered else kind,
        text=text,
        trust=trust,
        created_at=fields.certain(fields.time(value, "created_at"), "created_at"),
        retired_at=fields.time(value, "retired_at"),
        superseded_by=fields.optional(value, "superseded_by", fields.id_),
        valid_from=fields.day(value, "valid_from"),
        valid_to=fields.day(value, "valid_to"),
        expires_at=fields.time(value, "expires_at"),
        tags=fields.tags(value),
        sources=tuple(dict.fromkeys(map(_source, fields.records(value, "sources")))),
        formed_by=fields.optional(value, "formed_by", fields.label),
        times_said=fields.whole(value, "times_said", 1) if "times_said" in value else 1,
        confirmed_at=fields.time(value, "confirmed_at"),
        conflicts=tuple(dict.fromkeys(fields.ids(value, "conflicts"))),
        importance=fields.number(value, "importance", 0, 1) if "importance" in value else 1.0,
        pinned=fields.flag(value, "pinned"),
        undone=fields.flag(value, "undone"),
    )
    _check_past(found)
    lapses = tuple(map(_lapse, fields.records(value, "lapses")))
    return OldMemory(found, lapses, fields.flag(value, "reconciled", unsaid=True), lowered)


def _check_past(found: Memory) -> None:
    if found.retired_at is None and (found.undone or found.superseded_by):
        raise BadLine("what was superseded or undone has a retired_at")
    if found.id in (found.superseded_by, *found.conflicts):
        raise BadLine("a memory neither supersedes nor contradicts itself")


def _source(value: Values) -> Source:
    fields.only(value, ("message", "start", "end"), "a source")
    found = Source(fields.id_(value, "message"), fields.whole(value, "start"), fields.whole(value, "end"))
    if found.start > found.end:
        raise BadLine("a source ends before it starts")
    return found


def _lapse(value: Values) -> Lapse:
    fields.only(value, ("since", "until", "superseded_by", "valid_to"), "a lapse")
    return Lapse(
        fields.certain(fields.time(value, "since"), "since"),
        fields.certain(fields.time(value, "until"), "until"),
        fields.optional(value, "superseded_by", fields.id_),
        fields.day(value, "valid_to"),
    )


# --- core blocks and summaries --------------------------------------------------------------------------------------


def block(value: Values) -> OldBlock:
    fields.only(value, _BLOCK, "a core block")
    label, text = checked_block(value)
    updated_at = fields.certain(fields.time(value, "updated_at"), "updated_at")
    return OldBlock(CoreBlock(label, text, updated_at, fields.one_of(value, "author", AUTHORS)))


def summary(value: Values) -> OldSummary:
    fields.only(value, _SUMMARY, "a summary")
    lines = value.get("lines", [])
    if not isinstance(lines, list) or not all(isinstance(line, list) and len(line) == len(_LINE) for line in lines):
        raise BadLine("lines is not a list of lines, each a day, a text and a weight")
    return OldSummary(
        fields.id_(value),
        fields.id_(value, "thread"),
        fields.id_(value, "to"),
        tuple(_line(dict(zip(_LINE, line, strict=True))) for line in lines),
        fields.one_of(value, "made_by", MAKERS),
        fields.certain(fields.time(value, "created_at"), "created_at"),
    )


_LINE = ("day", "text", "weight")


def _line(value: Values) -> Line:
    day, text = fields.certain(fields.day(value, "day"), "day"), fields.text(value, "text")
    if len(text) > LINE_CHARS or " ".join(text.split()) != text:
        raise BadLine(f"a summary's line is one line of at most {LINE_CHARS} characters")
    return Line(day, text, fields.number(value, "weight", 0))
