"""The schema's history: numbered, append-only scripts, each applied and recorded in one transaction.

Invariant: `user_version` is the number of scripts applied. A script that was ever released is never edited.
"""

from __future__ import annotations

from pathlib import Path

NAMES = ("0001_first_light",)
NEWEST = len(NAMES)


def script(number: int) -> str:
    """Return the SQL that leads from schema `number` - 1 to `number`."""
    return (Path(__file__).parent / f"{NAMES[number - 1]}.sql").read_text(encoding="utf-8")
