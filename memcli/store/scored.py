"""What both searches return: a chunk, whose it is, and how well it fits."""

from __future__ import annotations

from collections.abc import Iterable

from memcli.store.database import Row
from memcli.types import Owner

Scored = tuple[Owner, str, int, float]  # owner, owner's id, chunk id, score (larger is better)


def scored(rows: Iterable[Row]) -> list[Scored]:
    return [(Owner(owner), owner_id, chunk_id, score) for owner, owner_id, chunk_id, score in rows]
