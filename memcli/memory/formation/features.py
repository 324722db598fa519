"""What can be seen of a clause without understanding it: who speaks of whom, its mood, its marks. Pure.

The judge weighs these together with the clause's embedding, which knows what it is about but is poor at grammar:
"I eat meat", "I don't eat meat" and "Do I eat meat" lie close together there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from memcli.memory.form import instructs, prefers
from memcli.memory.formation.clauses import Unit
from memcli.memory.formation.marks import MARKS, seen
from memcli.memory.formation.roles import plays

NAMES = (
    *MARKS,
    *("asks", "sentence_asks", "instructs", "prefers", "exclaims", "length", "short"),
    *("position", "first", "only", "many", "after_question", "before_question"),
    *("quotes_others", "role_play"),
    *("latin_share", "wide", "lower", "commas", "colon"),
    "continued",
)


def features(units: Sequence[Unit], place: int, *, message: str, before: str = "") -> list[float]:
    """Return one number for each of NAMES about the unit at `place` of a message.

    `before` holds the user's earlier messages of the thread, for what they set up: a game, a role.
    """
    unit = units[place]
    own = sum(one.end - one.start for one in units)
    return [
        *seen(unit.text),
        *_sentence(unit),
        *_place(units, place),
        float(own < 0.8 * len(message)),
        float(plays(message, before)),
        *_script(unit.text),
        float(place > 0 and units[place - 1].sentence == unit.sentence),
    ]


def _sentence(unit: Unit) -> list[float]:
    text = unit.text
    words = len(text.split())
    wide = _wide(text)
    return [
        float(unit.last and unit.stop == "?"),
        float(unit.stop == "?"),
        float(instructs(text)),
        float(prefers(text)),
        float(unit.stop == "!"),
        math.log1p(words + wide / 2),
        float(words <= 2 and wide < 5),
    ]


def _place(units: Sequence[Unit], place: int) -> list[float]:
    return [
        place / max(len(units) - 1, 1),
        float(place == 0),
        float(len(units) == 1),
        math.log1p(len(units)),
        float(place > 0 and units[place - 1].stop == "?"),
        float(place + 1 < len(units) and units[place + 1].stop == "?"),
    ]


def _script(text: str) -> list[float]:
    letters = [char for char in text if char.isalpha()]
    return [
        sum(char.isascii() for char in letters) / max(len(letters), 1),
        float(_wide(text) > 0),
        float(text[:1].islower()),
        float(text.count(",")),
        float(":" in text),
    ]


def _wide(text: str) -> int:
    """Count the characters of scripts that are written without spaces."""
    return sum(ord(char) > 0x2E7F for char in text)
