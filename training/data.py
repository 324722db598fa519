"""The labelled conversations as rows for fitting: clauses and what they are, pairs of statements, related or not."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memcli.memory.formation.clauses import Unit, units
from memcli.memory.formation.likeness import content

CONVERSATIONS = Path(__file__).parent / "conversations"
COVERED = 0.45  # of the shorter one: from there on a unit is what the mark means
RELATIONS = {"restates": "same", "refines": "replace", "supersedes": "replace", "corrects": "replace"}
NONE, MAYBE, DISTINCT = "none", "maybe", "distinct"


@dataclass(frozen=True, slots=True)
class Clause:
    """A unit of a message with its label: a kind, or "none"."""

    conversation: str
    message: str
    before: str  # what the user said earlier
    units: tuple[Unit, ...]
    place: int
    label: str

    @property
    def unit(self) -> Unit:
        return self.units[self.place]


@dataclass(frozen=True, slots=True)
class Pair:
    """An old statement and a new one with its message; `beside` where both were said at once."""

    conversation: str
    old: str
    old_kind: str
    new: str
    new_kind: str
    message: str  # the new one's, in units
    label: str
    beside: bool
    strange: bool = False  # of two conversations


def _conversations() -> Iterator[dict[str, Any]]:
    for path in sorted(CONVERSATIONS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def clauses() -> list[Clause]:
    """Return all units that are clearly worth keeping or clearly not."""
    rows = []
    for talk in _conversations():
        before: list[str] = []
        for turn, said in enumerate(talk["turns"]):
            if said["role"] != "user":
                continue
            found = tuple(units(said["content"]))
            marks = list(_marks(talk, turn, said["content"]))
            for place, unit in enumerate(found):
                label = _label(unit, marks)
                if label != MAYBE:
                    rows.append(Clause(talk["id"], said["content"], "\n".join(before), found, place, label))
            before.append(said["content"])
    return rows


def _marks(talk: dict[str, Any], turn: int, text: str) -> Iterator[tuple[int, int, str]]:
    kept = [(mark, mark["kind"]) for mark in talk.get("keep", [])]
    for mark, label in [*kept, *((mark, MAYBE) for mark in talk.get("maybe") or [])]:
        if mark["turn"] == turn:
            start = text.index(mark["quote"])
            yield start, start + len(mark["quote"]), label


def _label(unit: Unit, marks: list[tuple[int, int, str]]) -> str:
    best, found = 0, NONE
    for start, end, label in marks:
        shared = min(unit.end, end) - max(unit.start, start)
        if shared > best and shared >= COVERED * min(unit.end - unit.start, end - start):
            best, found = shared, label
    return found


def pairs() -> list[Pair]:
    """Return each later statement of a conversation with each earlier one, but for contradictions that stay open."""
    rows = []
    for talk in _conversations():
        kept, turns = talk.get("keep", []), talk["turns"]
        known = {(one["new"], one["old"]): one["relation"] for one in talk.get("relations") or []}
        order = [(mark["turn"], turns[mark["turn"]]["content"].index(mark["quote"])) for mark in kept]
        for new, mark in enumerate(kept):
            for old, earlier in enumerate(kept):
                relation = known.get((new, old), DISTINCT)
                if order[old] < order[new] and relation != "conflicts":
                    rows.append(_pair(talk, earlier, mark, RELATIONS.get(relation, DISTINCT)))
    return rows + _strangers(rows)


def _strangers(rows: list[Pair]) -> list[Pair]:
    """Return new statements with old ones of other conversations, which are about something else.

    In a store the memories that come near are mostly such; half of these share a word with the new statement.
    """
    draw = random.Random(7)
    olds = list({row.old: row for row in rows}.values())
    words = {row.old: set(content(row.old)) for row in olds}
    found = []
    for new in {row.new: row for row in rows}.values():
        said = set(content(new.new))
        some = [row for row in draw.sample(olds, 150) if row.conversation != new.conversation]
        alike = [row for row in some if said & words[row.old]]
        for old in (*alike[:3], *some[:3]):
            pair = replace(new, old=old.old, old_kind=old.old_kind, label=DISTINCT, beside=False, strange=True)
            found.append(pair)
    return found


def _pair(talk: dict[str, Any], old: dict[str, Any], new: dict[str, Any], label: str) -> Pair:
    second = talk["turns"][new["turn"]]
    message = " ".join(unit.text for unit in units(second["content"])) or new["quote"]
    beside = old["turn"] == new["turn"]
    return Pair(talk["id"], old["quote"], old["kind"], new["quote"], new["kind"], message, label, beside)
