"""The schema's history: numbered, append-only scripts, each applied and recorded in one transaction.

Invariant: `user_version` is the number of scripts applied. A script that was ever released is never edited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

from memcli.store.spelling import spelled

NAMES = (
    "0001_first_light",
    "0002_signatures",
    "0003_spelling",
    "0004_formation",
    "0005_window",
    "0006_care",
    "0007_trust",
)
NEWEST = len(NAMES)

# What the scripts call; nothing that stays in the schema may, for other programs do not know these.
FUNCTIONS: dict[str, Callable[..., str | None]] = {"spelling": spelled}

_CONDITION = re.compile(r"^-- Where there is (\w+):$", re.MULTILINE)


def script(number: int, tables: Collection[str]) -> str:
    """Return the SQL that leads from schema `number` - 1 to `number` in a store with `tables`.

    Scripts know the tables of earlier ones, but not whether an embedder has made its own yet. What follows a line
    "-- Where there is TABLE:" is for stores that have it.
    """
    text = (Path(__file__).parent / f"{NAMES[number - 1]}.sql").read_text(encoding="utf-8")
    always, *rest = _CONDITION.split(text)
    return always + "".join(sql for table, sql in zip(rest[::2], rest[1::2], strict=True) if table in tables)
