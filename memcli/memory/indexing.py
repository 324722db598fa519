"""Make texts findable: cut, embed in batches, hand to the index. Embedding happens before any transaction is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memcli.memory.chunking import CHUNK_TOKENS, chunk
from memcli.store import index
from memcli.store.database import Store
from memcli.store.index import Piece
from memcli.types import Embedder, Owner

BATCH = 128  # pieces sorted by length and packed together; between two reports of progress


@dataclass(frozen=True, slots=True)
class Indexed:
    """The pieces of one text and their vectors; None where there is no embedder."""

    pieces: tuple[Piece, ...]
    vectors: tuple[bytes, ...] | None


def prepare(
    texts: Sequence[str], embedder: Embedder | None, progress: Callable[[int, int], None] | None = None
) -> list[Indexed]:
    """Cut and embed `texts`, all in the same batches. `progress` hears pieces done and pieces in all."""
    if embedder is None:
        return [Indexed(tuple(chunk(text, _guess)), None) for text in texts]
    cut = [chunk(text, embedder.count, min(CHUNK_TOKENS, embedder.window)) for text in texts]
    flat = [piece.text for pieces in cut for piece in pieces]
    vectors: list[bytes] = []
    for start in range(0, len(flat), BATCH):
        vectors += embedder.embed(flat[start : start + BATCH])
        if progress:
            progress(len(vectors), len(flat))
    ready = iter(vectors)
    return [Indexed(tuple(pieces), tuple(next(ready) for _ in pieces)) for pieces in cut]


def _guess(text: str) -> int:
    """Count tokens without a tokenizer: four characters each, as English averages; CJK nearly one each."""
    wide = sum(1 for char in text if ord(char) > 0x2E7F)
    return 2 + wide + (len(text) - wide) // 4


def catch_up(store: Store, embedder: Embedder) -> None:
    """Give vectors to pieces that were stored while there was no embedder, a few at a time so that nobody waits."""
    waiting = index.pending(store, BATCH)
    if waiting and index.identity(store) == embedder.identity:
        index.fill(store, [id_ for id_, _ in waiting], embedder.embed([text for _, text in waiting]))


def put(store: Store, owner: Owner, owner_id: str, indexed: Indexed, embedder: Embedder | None) -> None:
    """Write what `prepare` made. Call it inside the transaction that writes the owner."""
    if embedder is not None:
        index.adopt(store, embedder.identity, embedder.dimension)
    index.add(store, owner, owner_id, indexed.pieces, indexed.vectors)
