"""Make texts findable: cut, embed in batches, hand to the index. Embedding happens before any transaction is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from memcli.engines import Embedder
from memcli.errors import StoreDamaged
from memcli.memory.chunking import CHUNK_TOKENS, chunk
from memcli.store import index, rebinding
from memcli.store.database import Store
from memcli.store.index import Piece
from memcli.types import Owner

MOST_KEPT = 20_000  # texts that recur: with their vectors, some 40 MB
BATCH = 128  # pieces sorted by length and packed together; between two reports of progress


@dataclass(frozen=True, slots=True)
class Indexed:
    """The pieces of one text and their vectors; None where there is no embedder."""

    pieces: tuple[Piece, ...]
    vectors: tuple[bytes, ...] | None


def chunk_tokens(embedder: Embedder) -> int:
    """Return how many tokens a piece has at most."""
    return min(CHUNK_TOKENS, embedder.window)


def cut(text: str, embedder: Embedder | None) -> list[Piece]:
    """Return the pieces of a text as they are indexed."""
    return chunk(text, embedder.count, chunk_tokens(embedder)) if embedder else chunk(text, _guess)


def prepare(
    texts: Sequence[str], embedder: Embedder | None, progress: Callable[[int, int], None] | None = None
) -> list[Indexed]:
    """Cut and embed `texts`, all in the same batches. `progress` hears pieces done and pieces in all."""
    pieces_of = [cut(text, embedder) for text in texts]
    if embedder is None:
        return [Indexed(tuple(pieces), None) for pieces in pieces_of]
    flat = [piece.text for pieces in pieces_of for piece in pieces]
    vectors: list[bytes] = []
    for start in range(0, len(flat), BATCH):
        vectors += embedder.embed(flat[start : start + BATCH])
        if progress:
            progress(len(vectors), len(flat))
    ready = iter(vectors)
    return [Indexed(tuple(pieces), tuple(next(ready) for _ in pieces)) for pieces in pieces_of]


class Preparer:
    """`prepare` for many batches of texts. What is known to be `recurring` among them is embedded once."""

    def __init__(self, embedder: Embedder | None, recurring: Iterable[str] = ()) -> None:
        self.embedder = embedder
        self._recurring = frozenset(islice(recurring, MOST_KEPT))
        self._kept: dict[str, Indexed] = {}

    def __call__(self, texts: Sequence[str]) -> list[Indexed]:
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        made = dict(zip(new, prepare(new, self.embedder), strict=True))
        self._kept |= {text: made[text] for text in new if text in self._recurring}
        return [made[text] if text in made else self._kept[text] for text in texts]


def _guess(text: str) -> int:
    """Count tokens without a tokenizer: four characters each, as English averages; CJK nearly one each."""
    wide = sum(1 for char in text if ord(char) > 0x2E7F)
    return 2 + wide + (len(text) - wide) // 4


def catch_up(store: Store, embedder: Embedder, preparer: Preparer | None = None, *, at_most_ms: int = 0) -> int:
    """Give vectors to some of the items that wait for them, and return how many there were: 0 when no more wait.

    They were stored without an embedder or with another one, so they are cut anew. Another process that holds the
    store is waited for, at most so long. Raises EmbedderChanged where the store is bound to another embedder.
    """
    items = index.waiting(store, BATCH)
    if items:
        ready = (preparer or Preparer(embedder))([text for _, _, text in items])
        store.patiently(lambda: _renew(store, items, ready, embedder), at_most_ms=at_most_ms)
    return len(items)


def _renew(store: Store, items: Sequence[tuple[Owner, str, str]], ready: Sequence[Indexed], embedder: Embedder) -> None:
    with store.atomic():
        rebinding.require(store, embedder.identity)
        for (owner, owner_id, _), indexed in zip(items, ready, strict=True):
            index.renew(store, owner, owner_id, indexed.pieces, indexed.vectors or ())
        if index.waiting(store, BATCH) == items:  # else who works off what waits would never end
            raise StoreDamaged(f"{store.path} is damaged: it does not keep vectors", "run: memcli doctor --fix")


def adopt(store: Store, embedder: Embedder) -> bool:
    """Tell whether the store takes vectors by `embedder`; a store without any is bound to it by that."""
    return index.adopt(store, embedder.identity, embedder.dimension, chunk_tokens(embedder))


def put(store: Store, owner: Owner, owner_id: str, indexed: Indexed, embedder: Embedder | None) -> None:
    """Write what `prepare` made. Call it inside the transaction that writes the owner.

    Where the store has been bound to another embedder meanwhile, the pieces wait for one that does fit.
    """
    fits = embedder is not None and adopt(store, embedder)
    index.add(store, owner, owner_id, indexed.pieces, indexed.vectors if fits else None)
