"""Full text: chunks by the words they hold.

Invariants: every chunk returned passes the filters; no text whatsoever makes a query fail; scores tie by owner and id,
never by row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from memcli.store import filters as limits
from memcli.store.database import Store, listed
from memcli.store.scored import Scored, scored
from memcli.types import Filters


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
    return scored(store.rows(sql, {**params, "match": match, "limit": limit}))


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
