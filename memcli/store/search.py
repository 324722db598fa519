"""Search the index by words and by vector, and gather what both bring up as candidates with raw measurements.

Invariants: every chunk returned passes the filters; the result does not depend on the order in which items were stored
(scores tie by owner and id, never by row); measurements are raw, weighing them is the memory layer's work.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from memcli.store import filters as limits
from memcli.store.candidates import Key, Measured, hydrate
from memcli.store.database import Row, Store, listed
from memcli.types import Candidate, Filters, Owner

_MOST_NEIGHBOURS = 4096  # sqlite-vec's limit for k
_SPARE = 4  # neighbours fetched for each one wanted, before the filter is consulted

Scored = tuple[Owner, str, int, float]  # owner, owner's id, chunk id, score (larger is better)


def match_query(terms: Sequence[str]) -> str | None:
    """Return an FTS5 query for any of `terms`, None where nothing in them can be searched for. Any text is safe."""
    cleaned = (re.sub(r"[\x00\ud800-\udfff]", " ", term).strip() for term in terms)
    quoted = ('"' + term.replace('"', '""') + '"' for term in cleaned if any(map(str.isalnum, term)))
    return " OR ".join(dict.fromkeys(quoted)) or None


def by_words(store: Store, match: str, filters: Filters, limit: int, *, now: str) -> list[Scored]:
    """Return the best `limit` chunks for a `match_query`, by -bm25()."""
    where, params = limits.condition(filters, now)
    sql = f"""
        WITH matched AS MATERIALIZED (
            SELECT rowid AS id, -bm25(chunks_fts) AS score FROM chunks_fts WHERE chunks_fts MATCH :match
        )
        SELECT c.owner, c.owner_id, c.id, matched.score FROM matched CROSS JOIN chunks AS c ON c.id = matched.id
        WHERE {where} ORDER BY matched.score DESC, c.owner, c.owner_id, c.position LIMIT :limit
    """
    return _scored(store.rows(sql, {**params, "match": match, "limit": limit}))


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
    near = _scored(row[:4] for row in rows if row[4])
    settled = len(rows) < k or (len(near) >= limit and near[limit - 1][3] > rows[-1][3])
    return near[:limit], settled


def word_scores(store: Store, match: str, chunk_ids: Iterable[int]) -> dict[int, float]:
    """Return -bm25() of those of `chunk_ids` that match."""
    # Asking FTS5 for single rows would run the query anew for each: twenty times slower at 100,000 chunks.
    sql = """
        WITH matched AS MATERIALIZED (
            SELECT rowid AS id, -bm25(chunks_fts) AS score FROM chunks_fts WHERE chunks_fts MATCH ?
        )
        SELECT id, score FROM matched WHERE id IN (SELECT value FROM json_each(?))
    """
    return dict(store.rows(sql, (match, listed(chunk_ids))))


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


def _has_vectors(store: Store) -> bool:
    return store.one("SELECT 1 FROM meta WHERE key = 'embedder'") is not None


def _scored(rows: Iterable[Row]) -> list[Scored]:
    return [(Owner(owner), owner_id, chunk_id, score) for owner, owner_id, chunk_id, score in rows]
