"""Vectors: chunks by the nearness of their meaning.

Invariants: every chunk returned passes the filters; scores tie by owner and id, never by row.
"""

from __future__ import annotations

from collections.abc import Iterable

from memcli.store import filters as limits
from memcli.store.database import Store, listed
from memcli.store.scored import Scored, scored
from memcli.types import Filters

_MOST_NEIGHBOURS = 4096  # sqlite-vec's limit for k
_SPARE = 4  # neighbours fetched for each one wanted, before the filter is consulted


def by_vector(store: Store, vector: bytes, filters: Filters, limit: int, *, now: str) -> list[Scored]:
    """Return the `limit` chunks nearest to `vector`, by cosine; none where there are no vectors to compare."""
    if limit < 1 or not any(vector) or not _has_vectors(store):
        return []
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

    It does not where others that pass may be farther off, or where equals may have been cut by the order of rows.
    """
    where, params = limits.condition(filters, now)
    passes = "1" if first else where
    chosen = f"AND chunk_id IN (SELECT c.id FROM chunks AS c WHERE {where})" if first else ""
    sql = f"""
        WITH near AS MATERIALIZED (
            SELECT chunk_id, distance FROM chunks_vec WHERE embedding MATCH :vector AND k = :k {chosen}
        )
        SELECT c.owner, c.owner_id, c.id, 1 - near.distance, {passes}
        FROM near CROSS JOIN chunks AS c ON c.id = near.chunk_id
        WHERE near.distance IS NOT NULL ORDER BY near.distance, c.owner, c.owner_id, c.position
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


def _has_vectors(store: Store) -> bool:
    return store.one("SELECT 1 FROM meta WHERE key = 'embedder'") is not None
