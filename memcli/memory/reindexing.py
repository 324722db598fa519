"""Reindex: make every vector anew with one embedder, cut the texts as it counts them, and check the whole.

    bind (old vectors go) -> batches (cut, embed, write) -> check -> finish (the store is searched by vectors again)

Invariants: what waits for a vector is told by the store alone, so whoever runs this next goes on where it stopped; no
lock is held while the embedder runs; nothing but chunks and vectors, which are made from kept texts, is ever dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memcli.engines import Embedder
from memcli.errors import StoreDamaged
from memcli.memory import indexing
from memcli.memory.indexing import Preparer
from memcli.store import health, index, rebinding, vectors, words
from memcli.store.database import LONG_WAIT_MS, Store

TRIAL = "A sentence that the embedder must be able to read."
SAMPLE = 16  # chunks that are embedded again: one changed vector in six is missed once in twenty times
SAME = 0.999  # cosine of a text's vectors, made in other company; measured: 0.99999 and more


@dataclass(frozen=True, slots=True)
class Reindexed:
    """What a reindex came to. `chunks` have vectors now, `items` were given theirs by it."""

    embedder: str
    dimension: int
    chunks: int
    items: int
    words_mended: bool


def bind(store: Store, embedder: Embedder) -> None:
    """Bind the store to `embedder`. Its vectors go unless they are the embedder's own, and sound.

    Raises EmbedderError, before anything is changed, where the embedder does not run.
    """
    embedder.embed([TRIAL])
    identity, tokens = embedder.identity, indexing.chunk_tokens(embedder)
    begun = rebinding.begin(store, identity, embedder.dimension, tokens)
    if not begun and not _sound(store, embedder):
        rebinding.begin(store, identity, embedder.dimension, tokens, anew=True)


def complete(store: Store, embedder: Embedder, progress: Callable[[int, int], None]) -> Reindexed:
    """Give every chunk that waits a vector by the `embedder` to which the store is bound, and check them all.

    Run it again where it was interrupted. `progress` hears chunks done and chunks in all. Raises EmbedderError,
    StoreDamaged, and EmbedderChanged where another process binds the store to another embedder meanwhile.
    """
    identity = embedder.identity
    preparer = Preparer(embedder, index.recurring(store))
    items = 0
    while (made := _fill(store, embedder, preparer, progress)) or not rebinding.finish(store, identity):
        items += made
        if not _sound(store, embedder):
            raise StoreDamaged(
                f"the vectors in {store.path} do not read back as {identity} made them", "run: memcli doctor"
            )
    return Reindexed(identity, embedder.dimension, index.count(store), items, _mend_words(store))


def _fill(store: Store, embedder: Embedder, preparer: Preparer, progress: Callable[[int, int], None]) -> int:
    """Work off what waits; return how many items that were."""
    items = 0
    while True:
        chunks = index.count(store)
        progress(chunks - index.missing(store), chunks)
        made = indexing.catch_up(store, embedder, preparer, at_most_ms=LONG_WAIT_MS)
        if not made:
            return items
        items += made


def _sound(store: Store, embedder: Embedder) -> bool:
    """Tell whether the vectors belong to the chunks that should have one, and some of them are what they should be."""
    if not health.sound_vectors(store):
        return False
    sample = index.sample(store, SAMPLE)
    made = embedder.embed([text for _, text in sample])
    with store.atomic("BEGIN"):
        rebinding.require(store, embedder.identity)
        near = [vectors.cosines(store, vector, [id_]).get(id_) for (id_, _), vector in zip(sample, made, strict=True)]
    return all(cosine >= SAME for cosine in near if cosine is not None)  # None: forgotten or cut anew meanwhile


def _mend_words(store: Store) -> bool:
    """Make the full-text index anew where it does not agree with the chunks, and tell whether that was so."""
    if words.intact(store):
        return False
    words.rebuild(store)
    if not words.intact(store):
        raise StoreDamaged(f"the full-text index of {store.path} cannot be rebuilt", "run: memcli doctor")
    return True
