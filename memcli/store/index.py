"""The search index: chunks of messages and memories with their full text and their vectors, and the embedder's name.

Invariants: vectors of different embedders never meet in one store; nothing is indexed for an item that has been
forgotten meanwhile; triggers keep full text and vectors in step with the chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memcli.errors import InputError
from memcli.store.database import Store, listed
from memcli.types import Owner

_FLOAT = 4  # bytes

_ITEMS = {Owner.MESSAGE: "messages", Owner.MEMORY: "memories"}


@dataclass(frozen=True, slots=True)
class Piece:
    """The characters `start:end` of an item, as they are indexed."""

    start: int
    end: int
    text: str


def identity(store: Store) -> str | None:
    """Return which embedder made the store's vectors, None before there are any."""
    return _meta(store, "embedder")


def dimension(store: Store) -> int | None:
    """Return the length of the store's vectors."""
    value = _meta(store, "dimension")
    return int(value) if value else None


def adopt(store: Store, identity: str, dimension: int) -> None:
    """Bind the store to an embedder; the first one makes the vector table, later the same one changes nothing.

    Raises InputError where the store has vectors of another.
    """
    known = _meta(store, "embedder")
    if known is None:
        with store.atomic():
            known = _meta(store, "embedder")  # another process may just have come first
            if known is None:
                _make_vectors(store, identity, dimension)
                known = identity
    if known != identity:
        raise InputError(
            f"The vectors in {store.path} were made by {known}, not by {identity}", f"Use the embedder {known} with it"
        )


def _make_vectors(store: Store, identity: str, dimension: int) -> None:
    store.run(
        "CREATE VIRTUAL TABLE chunks_vec USING vec0("
        f"chunk_id integer primary key, embedding float[{int(dimension)}] distance_metric=cosine)"
    )
    store.run(
        "CREATE TRIGGER chunks_vector_out AFTER DELETE ON chunks WHEN old.has_vector BEGIN"
        " DELETE FROM chunks_vec WHERE chunk_id = old.id; END"
    )
    store.run("INSERT INTO meta VALUES ('embedder', ?), ('dimension', ?)", (identity, str(dimension)))


def add(
    store: Store, owner: Owner, owner_id: str, pieces: Sequence[Piece], vectors: Sequence[bytes] | None = None
) -> None:
    """Index an item as `pieces`, in place of what was indexed of it; nothing happens where the item is gone.

    `vectors` holds one for each piece, as the adopted embedder made them; without, the pieces wait in `pending`.
    """
    with store.atomic():
        # Embedding takes time and holds no lock: the item may have been forgotten since it was read.
        if not store.one(f"SELECT 1 FROM {_ITEMS[owner]} WHERE id = ?", (owner_id,)):
            return
        remove(store, owner, [owner_id])
        made = [
            int(
                store.value(
                    'INSERT INTO chunks (owner, owner_id, position, start, "end", text)'
                    " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                    (owner, owner_id, position, piece.start, piece.end, piece.text),
                )
            )
            for position, piece in enumerate(pieces)
        ]
        if vectors is not None:
            fill(store, made, vectors)


def remove(store: Store, owner: Owner, owner_ids: Iterable[str]) -> None:
    """Take the items out of the index: their chunks, and by triggers their words and vectors."""
    store.run(
        "DELETE FROM chunks WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?))",
        (owner, listed(owner_ids)),
    )


def missing(store: Store) -> int:
    """Return how many chunks wait for a vector."""
    return int(store.value("SELECT count(*) FROM chunks WHERE has_vector = 0"))


def pending(store: Store, limit: int) -> list[tuple[int, str]]:
    """Return the first `limit` chunks (id, text) that wait for a vector."""
    rows = store.rows("SELECT id, text FROM chunks WHERE has_vector = 0 ORDER BY id LIMIT ?", (limit,))
    return [(chunk_id, text) for chunk_id, text in rows]


def fill(store: Store, chunk_ids: Sequence[int], vectors: Sequence[bytes]) -> None:
    """Give chunks their vectors; those that are gone, or were given one by another process meanwhile, are left.

    Raises InputError where a vector is not as long as the store's.
    """
    size = dimension(store)
    wrong = [len(vector) for vector in vectors if size is None or len(vector) != _FLOAT * size]
    if wrong:
        raise InputError(f"the store takes vectors of dimension {size}, not {wrong[0] // _FLOAT}")
    with store.atomic():
        for chunk_id, vector in zip(chunk_ids, vectors, strict=True):
            # vec0 has no INSERT OR REPLACE, so the flag decides.
            sql = "UPDATE chunks SET has_vector = 1 WHERE id = ? AND has_vector = 0 RETURNING id"
            if store.one(sql, (chunk_id,)):
                store.run("INSERT INTO chunks_vec (chunk_id, embedding) VALUES (?, ?)", (chunk_id, vector))


def _meta(store: Store, key: str) -> str | None:
    row = store.one("SELECT value FROM meta WHERE key = ?", (key,))
    return str(row[0]) if row else None
