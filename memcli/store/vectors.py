"""Vectors: chunks by the nearness of their meaning.

A small store is scanned by sqlite-vec. A large one is searched in two stages: signatures choose the chunks that are
worth it, whose vectors are then compared exactly.

Invariants: every chunk returned passes the filters; scores are exact, and equal ones stand newest first, whatever the
items' ids are.
"""

from __future__ import annotations

from collections.abc import Iterable

from memcli.store import filters as limits
from memcli.store import signatures
from memcli.store.database import Store, listed
from memcli.store.scored import Scored, scored
from memcli.types import Filters

_FLOAT = 4  # bytes
_MOST_NEIGHBOURS = 4096  # sqlite-vec's limit for k
_SPARE = 4  # neighbours fetched for each one wanted, before the filter is consulted

_SCANNED = 16  # rows of signatures up to which a scan is about as quick as two stages: 4096 chunks
_COMPARED = 300  # chunks compared exactly, at least: of MiniLM's true ten 99.8 % were among them (12,000 real vectors)
_COMPARED_FOR_ONE = 1.5  # for each chunk that is wanted
_ENOUGH = 0.5  # of them, where the filter takes the rest
_WORTH_CHECKING = 1 / 16  # of the chunks must pass, or listing those that do is quicker than checking one by one


def by_vector(store: Store, vector: bytes, filters: Filters, limit: int, *, now: str) -> list[Scored]:
    """Return the `limit` chunks nearest to `vector`, by cosine; none where there are no vectors to compare."""
    if limit < 1 or not any(vector) or not _has_vectors(store):
        return []
    if signatures.rows(store) <= _SCANNED:
        return _scanned(store, vector, filters, limit, now=now)
    with store.atomic("BEGIN"):  # both stages see the same chunks
        return compare(store, vector, _worth_comparing(store, vector, filters, limit, now=now), limit)


def _worth_comparing(store: Store, vector: bytes, filters: Filters, limit: int, *, now: str) -> list[int]:
    """Return the chunks that pass the filter and are nearest by their signatures, or all there are if they are few."""
    wanted = max(_COMPARED, int(_COMPARED_FOR_ONE * limit))
    distances = signatures.distances(store, vector)
    nearest = distances.nearest(wanted)
    found = limits.checked(store, nearest, filters, now)
    if len(found) >= max(limit, _ENOUGH * wanted) or len(nearest) < wanted:
        return found
    share = len(found) / len(nearest)
    if share >= _WORTH_CHECKING:
        found = limits.checked(store, distances.nearest(int(2 * wanted / share)), filters, now)
        if len(found) >= wanted:
            return distances.nearest(wanted, found)
    return distances.nearest(wanted, limits.passing(store, filters, now))


def compare(store: Store, vector: bytes, chunk_ids: Iterable[int], limit: int) -> list[Scored]:
    """Return the `limit` best of `chunk_ids` by their exact cosine with `vector`."""
    sql = """
        SELECT c.owner, c.owner_id, c.id, 1 - vec_distance_cosine(v.embedding, :vector) AS cosine
        FROM json_each(:chosen) AS chosen CROSS JOIN chunks AS c ON c.id = chosen.value
        CROSS JOIN chunks_vec AS v ON v.chunk_id = c.id
        WHERE cosine IS NOT NULL ORDER BY cosine DESC, c.owner, c.id DESC LIMIT :limit
    """
    return scored(store.rows(sql, {"vector": vector, "chosen": listed(chunk_ids), "limit": limit}))


def _scanned(store: Store, vector: bytes, filters: Filters, limit: int, *, now: str) -> list[Scored]:
    k = min(_SPARE * limit, _MOST_NEIGHBOURS)
    if not limits.narrow(filters):
        # Most chunks pass: taking a few more and dropping some costs half of handing vec0 the list of all that do.
        near, settled = _nearest(store, vector, filters, limit=limit, k=k, now=now, first=False)
        if settled:
            return near
    near, settled = _nearest(store, vector, filters, limit=limit, k=k, now=now, first=True)
    while not settled and k < _MOST_NEIGHBOURS:
        k = min(_SPARE * k, _MOST_NEIGHBOURS)
        near, settled = _nearest(store, vector, filters, limit=limit, k=k, now=now, first=True)
    return near


def _nearest(
    store: Store, vector: bytes, filters: Filters, *, limit: int, k: int, now: str, first: bool
) -> tuple[list[Scored], bool]:
    """Return the best `limit` of `k` neighbours, the filter applied `first` or afterwards; and whether that settles it.

    It does not where others that pass may be farther off, or where equals may have been cut as vec0 has them.
    """
    where, params = limits.condition(filters, now)
    passes = "1" if first else where
    chosen = "AND chunk_id IN (SELECT value FROM json_each(:passing))" if first else ""
    if first:
        params["passing"] = listed(limits.passing(store, filters, now))
    sql = f"""
        WITH near AS MATERIALIZED (
            SELECT chunk_id, distance FROM chunks_vec WHERE embedding MATCH :vector AND k = :k {chosen}
        )
        SELECT c.owner, c.owner_id, c.id, 1 - near.distance, {passes}
        FROM near CROSS JOIN chunks AS c ON c.id = near.chunk_id
        WHERE near.distance IS NOT NULL ORDER BY near.distance, c.owner, c.id DESC
    """
    rows = store.rows(sql, {**params, "vector": vector, "k": k})
    near = scored(row[:4] for row in rows if row[4])
    settled = len(rows) < k or (len(near) >= limit and near[limit - 1][3] > rows[-1][3])
    return near[:limit], settled


def cosines(store: Store, vector: bytes, chunk_ids: Iterable[int]) -> dict[int, float]:
    """Return the cosine with `vector` of those of `chunk_ids` that have a vector."""
    if not _has_vectors(store):
        return {}
    # CROSS JOIN keeps the order: one point lookup for each id, where vec0 would otherwise be scanned whole.
    sql = """
        SELECT v.chunk_id, 1 - vec_distance_cosine(v.embedding, ?)
        FROM json_each(?) AS wanted CROSS JOIN chunks_vec AS v ON v.chunk_id = wanted.value
    """
    found = store.rows(sql, (vector, listed(chunk_ids)))
    return {chunk_id: cosine for chunk_id, cosine in found if cosine is not None}  # None: a vector of zeros


def stored(store: Store, chunk_ids: Iterable[int]) -> list[bytes]:
    """Return the vectors of those of `chunk_ids` that have one."""
    if not _has_vectors(store):
        return []
    sql = """
        SELECT v.embedding FROM json_each(?) AS wanted CROSS JOIN chunks_vec AS v ON v.chunk_id = wanted.value
    """
    return [vector for (vector,) in store.rows(sql, (listed(chunk_ids),))]


def slots(store: Store, chunk_ids: Iterable[int]) -> list[tuple[int, int]]:
    """Return where sqlite-vec keeps the vectors of chunks: the row of the vectors, and which of them."""
    if not _has_vectors(store):
        return []
    sql = "SELECT chunk_id, chunk_offset FROM chunks_vec_rowids WHERE rowid IN (SELECT value FROM json_each(?))"
    return [(row, place) for row, place in store.rows(sql, (listed(chunk_ids),))]


def uncleared(store: Store, freed: Iterable[tuple[int, int]]) -> int:
    """Return how many of these slots hold something although they are nobody's."""
    if not _has_vectors(store):
        return 0
    sql = """
        WITH freed (row, place) AS (SELECT value ->> 0, value ->> 1 FROM json_each(:freed)),
        held (vector) AS (
            SELECT substr(v.vectors, place * :size + 1, :size)
            FROM freed CROSS JOIN chunks_vec_vector_chunks00 AS v ON v.rowid = freed.row
            WHERE (row, place) NOT IN (SELECT chunk_id, chunk_offset FROM chunks_vec_rowids)
        ) SELECT count(*) FROM held WHERE vector != zeroblob(length(vector))
    """
    size = _FLOAT * int(store.value("SELECT value FROM meta WHERE key = 'dimension'"))
    return int(store.value(sql, {"freed": listed(freed), "size": size}))


def _has_vectors(store: Store) -> bool:
    return store.one("SELECT 1 FROM meta WHERE key = 'embedder'") is not None
