"""The search index: chunks of messages and memories with their full text and their vectors, and the embedder's name.

Invariants: vectors of different embedders never meet in one store; nothing is indexed for an item that has been
forgotten meanwhile; triggers keep full text, vectors and their signatures in step with the chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memcli.errors import InputError
from memcli.store.database import Store, listed
from memcli.store.spelling import spelled
from memcli.types import Owner

FIRST_CUT = 128  # tokens of a chunk in stores that were bound before they recorded it
UNFINISHED = "reindexing"  # in meta, from when an embedder is adopted until every chunk there was has its vector

_FLOAT = 4  # bytes
# One vector is read in less than half the time from a row of 64 than of 1024, sqlite-vec's default; a scan takes 0.8.
_VECTORS_IN_A_ROW = 64

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


def chunk_tokens(store: Store) -> int | None:
    """Return how many tokens the store's chunks have at most, None where there is no embedder to count them."""
    if identity(store) is None:
        return None
    return int(_meta(store, "chunk_tokens") or FIRST_CUT)


def adopt(store: Store, identity: str, dimension: int, chunk_tokens: int = FIRST_CUT) -> bool:
    """Tell whether the store takes the vectors of an embedder; a store without one is bound to it by that."""
    known = _meta(store, "embedder")
    if known is None:
        with store.atomic():
            known = _meta(store, "embedder")  # another process may just have come first
            if known is None:
                bind(store, identity, dimension, chunk_tokens)
                known = identity
    return known == identity


def bind(store: Store, identity: str, dimension: int, chunk_tokens: int) -> None:
    """Take vectors of this embedder from now on. Those of another go, and every chunk waits: see `rebinding`."""
    with store.atomic():
        drop_vectors(store)
        make_vectors(store, identity, dimension)
        store.run("INSERT OR REPLACE INTO meta VALUES ('chunk_tokens', ?)", (str(chunk_tokens),))
        store.run("INSERT OR REPLACE INTO meta SELECT ?, '1' WHERE EXISTS (SELECT 1 FROM chunks)", (UNFINISHED,))


def make_vectors(store: Store, identity: str, dimension: int) -> None:
    """Make everything that holds vectors of an embedder, for a store that has none. Call it in a transaction."""
    store.run(
        "CREATE VIRTUAL TABLE chunks_vec USING vec0(chunk_id integer primary key,"
        f" embedding float[{int(dimension)}] distance_metric=cosine, chunk_size={_VECTORS_IN_A_ROW})"
    )
    store.run(
        "CREATE TRIGGER chunks_vector_out AFTER DELETE ON chunks WHEN old.has_vector BEGIN"
        " DELETE FROM chunks_vec WHERE chunk_id = old.id; END"
    )
    store.run("INSERT INTO meta VALUES ('embedder', ?), ('dimension', ?)", (identity, str(dimension)))


def drop_vectors(store: Store) -> None:
    """Take away every vector with its signature, and the embedder's name: all chunks wait. Call it in a transaction."""
    store.run("DROP TRIGGER IF EXISTS chunks_vector_out")
    store.run("DROP TABLE IF EXISTS chunks_vec")
    store.run("DELETE FROM signatures")
    store.run("UPDATE chunks SET has_vector = 0 WHERE has_vector")
    store.run("DELETE FROM meta WHERE key IN ('embedder', 'dimension')")


def add(
    store: Store, owner: Owner, owner_id: str, pieces: Sequence[Piece], vectors: Sequence[bytes] | None = None
) -> None:
    """Index an item as `pieces`, in place of what was indexed of it, which is all that happens where the item is gone.

    `vectors` holds one for each piece, as the adopted embedder made them; without, the pieces wait.
    """
    with store.atomic():
        remove(store, owner, [owner_id])
        # Embedding takes time and holds no lock: the item may have been forgotten since it was read.
        if not store.one(f"SELECT 1 FROM {_ITEMS[owner]} WHERE id = ?", (owner_id,)):
            return
        made = [
            int(
                store.value(
                    'INSERT INTO chunks (owner, owner_id, position, start, "end", text, spelled)'
                    " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                    (owner, owner_id, position, piece.start, piece.end, piece.text, spelled(piece.text)),
                )
            )
            for position, piece in enumerate(pieces)
        ]
        if vectors is not None:
            fill(store, made, vectors)


def renew(store: Store, owner: Owner, owner_id: str, pieces: Sequence[Piece], vectors: Sequence[bytes]) -> None:
    """Index an item as `pieces` with their `vectors`. Pieces that stand there already only get theirs."""
    with store.atomic():
        rows = store.rows(
            'SELECT id, start, "end", text FROM chunks WHERE owner = ? AND owner_id = ? ORDER BY position',
            (owner, owner_id),
        )
        if rows and [Piece(*span) for _, *span in rows] == list(pieces):
            fill(store, [row[0] for row in rows], vectors)
        else:
            add(store, owner, owner_id, pieces, vectors)


def remove(store: Store, owner: Owner, owner_ids: Iterable[str]) -> None:
    """Take the items out of the index: their chunks, and by triggers their words and vectors."""
    store.run(
        "DELETE FROM chunks WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?))",
        (owner, listed(owner_ids)),
    )


def vector(store: Store, owner: Owner, owner_id: str) -> bytes | None:
    """Return the vector of an item's first chunk; None where it waits for one."""
    row = store.one(
        "SELECT id FROM chunks WHERE owner = ? AND owner_id = ? AND position = 0 AND has_vector", (owner, owner_id)
    )
    held = row and store.one("SELECT embedding FROM chunks_vec WHERE chunk_id = ?", (row[0],))
    return bytes(held[0]) if held else None


def size(store: Store) -> int:
    """Return about how many chunks there are, and no fewer, without counting them."""
    return int(store.value("SELECT coalesce(max(id), 0) FROM chunks"))


def count(store: Store) -> int:
    """Return how many chunks there are."""
    return int(store.value("SELECT count(*) FROM chunks"))


def missing(store: Store) -> int:
    """Return how many chunks wait for a vector."""
    return int(store.value("SELECT count(*) FROM chunks WHERE has_vector = 0"))


def waiting(store: Store, limit: int) -> list[tuple[Owner, str, str]]:
    """Return the items (owner, id, text) of the first `limit` chunks that wait for a vector, each once."""
    sql = """
        WITH first AS MATERIALIZED (SELECT owner, owner_id FROM chunks WHERE has_vector = 0 ORDER BY id LIMIT ?)
        SELECT owner, owner_id, coalesce(
            CASE owner WHEN 'message' THEN (SELECT content FROM messages WHERE id = owner_id)
            ELSE (SELECT text FROM memories WHERE id = owner_id) END, '')
        FROM (SELECT DISTINCT owner, owner_id FROM first)
    """
    return [(Owner(owner), owner_id, text) for owner, owner_id, text in store.rows(sql, (limit,))]


def recurring(store: Store) -> list[str]:
    """Return the texts that several messages and memories have."""
    sql = """
        SELECT text FROM (SELECT content AS text FROM messages UNION ALL SELECT text FROM memories)
        GROUP BY text HAVING count(*) > 1
    """
    return [text for (text,) in store.rows(sql)]


def sample(store: Store, size: int) -> list[tuple[int, str]]:
    """Return `size` chunks (id, text) that have a vector, drawn by chance."""
    sql = """
        SELECT id, text FROM chunks
        WHERE id IN (SELECT id FROM chunks WHERE has_vector ORDER BY random() LIMIT ?)
    """
    return [(id_, text) for id_, text in store.rows(sql, (size,))]


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
                store.run("INSERT INTO signing VALUES (?, ?)", (chunk_id, vector))


def _meta(store: Store, key: str) -> str | None:
    row = store.one("SELECT value FROM meta WHERE key = ?", (key,))
    return str(row[0]) if row else None
