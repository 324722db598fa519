"""Memories as they were believed at a time in the past.

Their rows tell who was believed (see `filters`), the log what they looked like: of the record as it is now, the changes
that hold since a later time are taken back, and those that held until a later undo are made again.

Invariants: of two operations in one second the later one counts, as what happened in a second has happened at its end;
what the log does not know, as of imports, goes by the columns; what has been forgotten is in no past either.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from memcli.store import filters, lapses, memories
from memcli.store.database import Store, listed
from memcli.store.filters import END
from memcli.store.journal import Change
from memcli.store.lapses import Lapse
from memcli.types import Kind, Memory, Source

# Columns that changes may set. How often it was said is counted instead, and lapses tell of the rest.
_SET = ("valid_from", "valid_to", "expires_at", "confirmed_at", "importance", "pinned")


@dataclass
class _Shift:
    """How one memory differs from what it was then; each list is in the order of the log."""

    later: list[Change] = field(default_factory=list)  # holds now and did not then
    undone: list[Change] = field(default_factory=list)  # held then and does not now


def believed(store: Store, when: str, *, kind: Kind | None = None, retired: bool = False) -> list[Memory]:
    """Return the memories that were believed at `when`, as they were, oldest first.

    With `retired` come all that were known by then, expired ones too.
    """
    where = " AND ".join(filters.believed(":when", retired=retired))
    sql = f"SELECT i.id FROM memories AS i WHERE {where} AND (:kind IS NULL OR i.kind = :kind)"
    with store.atomic("BEGIN"):  # one view of memories and log
        found = [id_ for (id_,) in store.rows(sql, {"when": when, "kind": kind})]
        held = memories.some(store, found)
        return views(store, sorted(held, key=lambda memory: (memory.created_at, memory.order)), when)


def views(store: Store, records: Sequence[Memory], when: str) -> list[Memory]:
    """Return each of the records as it was at `when`, by which it was known."""
    ids = [record.id for record in records]
    shifts = _shifts(store, {record.id: record for record in records}, when)
    beside = _conflicts(store, ids, shifts, when)
    lapsed = lapses.of(store, ids)
    kept = _messages(store, shifts)
    return [
        _view(record, lapsed.get(record.id, ()), shifts.get(record.id), kept, when, beside[record.id])
        for record in records
    ]


def _shifts(store: Store, records: Mapping[str, Memory], when: str) -> dict[str, _Shift]:
    """Return what has changed since `when`, of those memories that have."""
    sql = """
        SELECT at, undone_at, detail FROM operations
        WHERE (at > ?1 OR undone_at > ?1) AND (instr(detail, '"was"') OR instr(detail, '"other"')) ORDER BY id
    """  # what was just added has neither, and need not be read
    shifts: dict[str, _Shift] = {}
    for done, undone_at, detail in store.rows(sql, (when + END,)):
        for change in json.loads(detail).get("changes", ()):
            for id_ in {change.get("id"), change.get("other")} & records.keys():
                shift = shifts.setdefault(id_, _Shift())
                if undone_at is None and _since(change, records[id_], done) > when + END:
                    shift.later.append(change)
                elif undone_at is not None and done <= when + END:
                    shift.undone.append(change)
    return shifts


def _since(change: Change, record: Memory, done: str) -> str:
    """Return since when a change holds that was `done` at a time and has not been undone."""
    at = record.retired_at if change["do"] == "supersede" else change.get("at")
    return min(at or done, done)


def _view(
    record: Memory,
    lapsed: Iterable[Lapse],
    shift: _Shift | None,
    kept: Mapping[str, int],
    when: str,
    beside: tuple[str, ...],
) -> Memory:
    """Return a memory as it was, which for most is as it is."""
    seen = _belief(record, lapsed, when)
    if beside != record.conflicts:
        seen["conflicts"] = beside
    if shift:
        said = sum(_times(change) for change in shift.undone) - sum(_times(change) for change in shift.later)
        seen |= _columns(shift) | {"times_said": record.times_said + said}
        seen["sources"] = _sources(record.sources, shift, kept)
    return replace(record, **seen) if seen else record


def _belief(record: Memory, lapsed: Iterable[Lapse], when: str) -> dict[str, Any]:
    """Return the columns that say whether, and for what, a memory had been retired."""
    if record.retired_at and record.retired_at <= when + END:
        return {}
    for lapse in lapsed:
        if lapse.since <= when + END < lapse.until:
            undone = record.undone and lapse.superseded_by is None  # it had not been made yet
            return {"retired_at": lapse.since, "superseded_by": lapse.superseded_by, "undone": undone}
    return {"retired_at": None, "superseded_by": None, "undone": False} if record.retired_at else {}


def _columns(shift: _Shift) -> dict[str, Any]:
    """Return the columns that changes have set since, as they were.

    Only the newest operations are undone. So what was undone since was the last thing done by then; without any, the
    first thing done since knows what it found.
    """
    found: dict[str, Any] = {}
    for change in reversed(shift.later):
        found |= change.get("was", {})
    for change in shift.undone:
        found |= change.get("is", {})  # operations of older versions do not know it
    return {name: bool(found[name]) if name == "pinned" else found[name] for name in _SET if name in found}


def _times(change: Change) -> int:
    """Return how many times more a memory had been said after a change."""
    was = change.get("was", {}).get("times_said")
    return 0 if was is None else int(change.get("is", {}).get("times_said", was + 1)) - int(was)


def _sources(sources: Sequence[Source], shift: _Shift, kept: Mapping[str, int]) -> tuple[Source, ...]:
    """Return what it rested on, in the order in which that was said; `kept` are messages that can come back."""
    later = {Source(*span) for change in shift.later for span in change.get("sources", ())}
    back = {Source(*span) for change in shift.undone for span in change.get("sources", ()) if span[0] in kept}
    held = tuple(source for source in sources if source not in later)
    if not back - set(held):
        return held
    return tuple(sorted({*held, *back}, key=lambda source: (kept[source.message_id], source.start, source.end)))


def _messages(store: Store, shifts: Mapping[str, _Shift]) -> dict[str, int]:
    """Return the places in the order of arrival of the messages that may come back as sources, and of those beside."""
    back = [id_ for id_, shift in shifts.items() if any(change.get("sources") for change in shift.undone)]
    named = {span[0] for id_ in back for change in shifts[id_].undone for span in change.get("sources", ())}
    sql = """
        SELECT id, seq FROM messages WHERE id IN (SELECT value FROM json_each(?1)) OR id IN
            (SELECT message_id FROM memory_sources WHERE memory_id IN (SELECT value FROM json_each(?2)))
    """
    return dict(store.rows(sql, (listed(named), listed(back)))) if back else {}


def _conflicts(store: Store, ids: Sequence[str], shifts: Mapping[str, _Shift], when: str) -> dict[str, tuple[str, ...]]:
    """Return for each memory which others that were believed then it contradicted, as was known then."""
    sql = """
        WITH wanted (id) AS (SELECT value FROM json_each(?))
        SELECT memory_id, other_id FROM memory_conflicts WHERE memory_id IN wanted
        UNION SELECT memory_id, other_id FROM memory_conflicts WHERE other_id IN wanted
    """
    pairs = set(store.rows(sql, (listed(ids),)))
    pairs -= {(c["id"], c["other"]) for shift in shifts.values() for c in shift.later if "other" in c}
    pairs |= {(c["id"], c["other"]) for shift in shifts.values() for c in shift.undone if "other" in c}
    place = {id_: place for place, id_ in enumerate(_standing(store, {id_ for pair in pairs for id_ in pair}, when))}
    found: dict[str, set[str]] = {id_: set() for id_ in ids}
    for one, other in pairs:
        if one in place and other in place:
            for id_, beside in ((one, other), (other, one)):
                found.setdefault(id_, set()).add(beside)
    return {id_: tuple(sorted(found[id_], key=place.__getitem__)) for id_ in ids}


def _standing(store: Store, ids: Iterable[str], when: str) -> list[str]:
    """Return those that were believed, expired or not, in the order of arrival."""
    sql = f"""
        SELECT i.id FROM memories AS i WHERE i.id IN (SELECT value FROM json_each(:ids))
        AND {" AND ".join(filters.believed(":when", expired=True))} ORDER BY i.rowid
    """
    return [id_ for (id_,) in store.rows(sql, {"ids": listed(ids), "when": when})]
