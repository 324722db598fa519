"""Operations of an export: what undo, history and as-of go by, so that every part of them is checked.

Invariants: an operation holds ids, dates and counts and never a text, as the log has to; what an undo would write is a
known column with a value of its type, so that no file decides what a statement says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from memcli.memory import remember
from memcli.memory.importing import fields
from memcli.memory.importing.exported import AUTHORS
from memcli.memory.importing.fields import BadLine, Values
from memcli.memory.importing.foreign import checked_block
from memcli.memory.importing.records import Before, OldOperation
from memcli.store.operations import Operation

# What memcli does, and who does it; a test holds these against the program's own words.
ACTIONS = frozenset("add core edit forget form import merge pin reconcile summarise undo unpin".split())
ACTORS = frozenset("consolidate formation import remember user".split())
CORE = "core:"

_OPERATION = ("type", "memcli", "id", "at", "action", "actor", "items", "detail", "undone_at", "core")
_CHANGE = ("do", "id", "at", "was", "is", "by", "sources", "other")
# The columns that each change writes.
_WRITES: Mapping[str, tuple[str, ...]] = {
    "add": (),
    "supersede": ("retired_at", "superseded_by", "valid_to"),
    "strengthen": ("times_said", "confirmed_at"),
    "absorb": ("times_said", "confirmed_at", "importance", "pinned"),
    "pin": ("pinned",),
    "unpin": ("pinned",),
    "retire": ("retired_at",),
    "reconciled": ("reconciled",),
    "conflict": (),
}


def _bit(value: Values, key: str) -> int:
    if fields.whole(value, key) > 1:
        raise BadLine(f"{key} is neither 0 nor 1")
    return int(value[key])


_COLUMNS: Mapping[str, Callable[[Values, str], Any]] = {
    "retired_at": fields.time,
    "superseded_by": lambda value, key: fields.optional(value, key, fields.id_),
    "valid_to": fields.day,
    "times_said": lambda value, key: fields.whole(value, key, 1),
    "confirmed_at": fields.time,
    "importance": lambda value, key: fields.number(value, key, 0, 1),
    "pinned": _bit,
    "reconciled": _bit,
}
_UNDONE_IS_CURRENT = ("retired_at", "superseded_by")  # what a change found there was nothing


def operation(value: Values) -> OldOperation:
    """Return an operation with what core blocks said before it."""
    fields.only(value, _OPERATION, "an operation")
    items = value.get("items", [])
    if not isinstance(items, list):
        raise BadLine("items is not a list of ids")
    found = Operation(
        fields.whole(value, "id", 1),
        fields.certain(fields.time(value, "at"), "at"),
        fields.one_of(value, "action", ACTIONS),
        fields.one_of(value, "actor", ACTORS),
        tuple(_item({"items": item}) for item in items),
        _detail(value),
        fields.time(value, "undone_at"),
    )
    blocks = tuple(map(_before, fields.records(value, "core")))
    if len(blocks) > sum(change["do"] == "core" for change in found.changes):
        raise BadLine("core holds more blocks than the operation changed")
    if len({block.label for block in blocks}) < len(blocks):
        raise BadLine("core names a block twice")
    return OldOperation(found, blocks)


def _item(value: Values) -> str:
    item = fields.text(value, "items")
    if item.startswith(CORE):
        remember.check_label(item.removeprefix(CORE))
        return item
    return fields.id_(value, "items")


def _detail(value: Values) -> dict[str, Any]:
    detail = value.get("detail", {})
    if not isinstance(detail, dict):
        raise BadLine("detail is not an object")
    fields.only(detail, _DETAILS, "detail")
    for key in detail:
        fields.certain(detail[key], key)
        _DETAILS[key](detail, key)
    return detail


def _changes(value: Values, key: str) -> None:
    for change in fields.records(value, key):
        fields.only(change, _CHANGE, "a change")
        do = fields.one_of(change, "do", {*_WRITES, "core"})
        if do == "core":
            fields.only(change, ("do",), "a change of core memory")
            continue
        fields.id_(change)
        fields.time(change, "at")
        if do == "supersede":
            fields.id_(change, "by")
        if do == "conflict" and fields.id_(change, "other") <= change["id"]:
            raise BadLine("of two memories that contradict each other the first has the lower id")
        _columns(change, do)
        _spans(change)


def _columns(change: Values, do: str) -> None:
    """Check the columns before and after a change; the latter, which older versions did not note, may be missing."""
    writes = _WRITES[do]
    for key in ("was", "is"):
        held = change.get(key, {})
        if not isinstance(held, dict) or (set(held) != set(writes) and not (key == "is" and not held)):
            raise BadLine(f"{key} does not hold the columns that {do} writes")
        for column in held:
            _COLUMNS[column](held, column)
    if any(change.get("was", {}).get(column) is not None for column in _UNDONE_IS_CURRENT):
        raise BadLine("what was retired already was not retired by this")


def _spans(change: Values) -> None:
    spans = change.get("sources", [])
    if not isinstance(spans, list) or not all(isinstance(span, list) and len(span) == len(_SPAN) for span in spans):
        raise BadLine("sources is not a list of spans")
    for span in spans:
        held = dict(zip(_SPAN, span, strict=True))
        fields.id_(held, "message")
        fields.whole(held, "start")
        fields.whole(held, "end")


_SPAN = ("message", "start", "end")


def _numbers(value: Values, key: str) -> None:
    given = value[key]
    if not isinstance(given, list):
        raise BadLine(f"{key} is not a list of numbers")
    for number in given:
        fields.whole({key: number}, key, 1)


def _rows(value: Values, key: str) -> None:
    given = value[key]
    if not isinstance(given, dict) or not all(name.isidentifier() and name.isascii() for name in given):
        raise BadLine(f"{key} is not an object of counts")
    for name in given:
        fields.whole(given, name)


_DETAILS: Mapping[str, Callable[[Values, str], object]] = {
    "changes": _changes,
    "message": fields.id_,  # that was formed
    "of": fields.ids,  # what is summed up
    "operations": _numbers,  # that were undone
    "messages": fields.whole,  # how many were imported
    "rows": _rows,  # how many were forgotten
}


def _before(value: Values) -> Before:
    fields.only(value, ("label", "text", "updated_at", "author"), "a block of core")
    if value.get("text") is None:
        return Before(remember.check_label(fields.text(value, "label")), None, None, None)
    label, text = checked_block(value)
    updated_at = fields.certain(fields.time(value, "updated_at"), "updated_at")
    return Before(label, text, updated_at, fields.one_of(value, "author", AUTHORS))
