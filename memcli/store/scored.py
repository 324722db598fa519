"""What both searches return: a chunk, whose it is, and how well it fits."""

from __future__ import annotations

from collections.abc import Iterable

from memcli.store.database import Row
from memcli.types import Owner

Scored = tuple[Owner, str, int, float]  # owner, owner's id, chunk id, score (larger is better)


_OWNERS = {owner.value: owner for owner in Owner}  # a lookup takes a tenth of a call of Owner


def scored(rows: Iterable[Row]) -> list[Scored]:
    return [(_OWNERS[owner], owner_id, chunk_id, score) for owner, owner_id, chunk_id, score in rows]
