"""Gather what full text and vectors bring up, as candidates with the raw measurements of both.

Invariants: the result does not depend on the order in which items were stored; measurements are raw, weighing them is
the memory layer's work.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memcli.store.candidates import Key, Measured, hydrate
from memcli.store.database import Store, listed
from memcli.store.vectors import by_vector, cosines
from memcli.store.words import by_words, word_scores
from memcli.types import Candidate, Filters, Owner


def gather(
    store: Store, *, match: str | None, vector: bytes | None, filters: Filters, limit: int, now: str
) -> list[Candidate]:
    """Return every item that is among the best `limit` chunks of either search, measured by both.

    An item's `words` and `cosine` are the best of all its chunks, each for itself. Order: words, cosine, id.
    """
    found = by_words(store, match, filters, limit, now=now) if match else []
    found += by_vector(store, vector, filters, limit, now=now) if vector else []
    measured = _measure(store, match, vector, {(owner, owner_id) for owner, owner_id, _, _ in found})
    items = hydrate(store, measured)
    return sorted(items.values(), key=lambda item: (-item.words, -item.cosine, item.kind, item.id))


@dataclass(frozen=True, slots=True)
class _Chunk:
    key: Key
    position: int
    text: str
    words: float
    cosine: float


def _measure(store: Store, match: str | None, vector: bytes | None, found: Collection[Key]) -> dict[Key, Measured]:
    """Measure all chunks of the items found, so that the numbers do not depend on which stage found which chunk."""
    sql = """
        SELECT c.id, c.owner, c.owner_id, c.position, c.text FROM json_each(?) AS wanted
        JOIN chunks AS c ON c.owner = wanted.value ->> 0 AND c.owner_id = wanted.value ->> 1
    """
    rows = store.rows(sql, (listed(found),))
    chunk_ids = [row[0] for row in rows]
    words = word_scores(store, match, chunk_ids) if match else {}
    near = cosines(store, vector, chunk_ids) if vector else {}
    chunks: dict[Key, list[_Chunk]] = {}
    for chunk_id, owner, owner_id, position, text in rows:
        key = (Owner(owner), owner_id)
        chunk = _Chunk(key, position, text, words.get(chunk_id, 0.0), near.get(chunk_id, 0.0))
        chunks.setdefault(key, []).append(chunk)
    return {key: _best(own) for key, own in chunks.items()}


def _best(chunks: Sequence[_Chunk]) -> Measured:
    shown = max(chunks, key=lambda chunk: (chunk.cosine, chunk.words, -chunk.position))
    return Measured(max(chunk.words for chunk in chunks), max(chunk.cosine for chunk in chunks), shown.text)
