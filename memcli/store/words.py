"""Full text: chunks by the words they hold.

Invariants: every chunk returned passes the filters; no text whatsoever makes a query fail; any word of a query may be
missing from what is found; scores tie by owner and id, never by row; the time is bounded, whatever words are asked for:
where they stand in more chunks than can be scored, the rarer ones decide which are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from memcli.errors import StoreDamaged
from memcli.store import filters as limits
from memcli.store import spelling
from memcli.store.database import Store, listed
from memcli.store.scored import Scored, scored
from memcli.types import Filters


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of the index one search may read. Times are of 100,000 chunks."""

    chunks: int = 3000  # scored, at 2 µs each; the best 50 are 98 % those of scoring all
    fetched: int = 2  # rows tried against the filters at a time, for each chunk that is asked for
    passing: int = 10_000  # chunks that may pass a filter for it to be applied first
    least: int = 100  # chunks counted of each term, however many terms there are
    common: int = 12  # common terms that take part in scoring, the rarest of them


BOUNDS = Bounds()

# How much an exact form counts beside its stem, as a share of the term's weight. 0.1 to 0.3 gain one to two points of
# recall at 5 on LoCoMo and BEAM development conversations, and more costs recall at 50.
EXACT = 0.2


@dataclass(frozen=True, slots=True)
class Term:
    """One word to look for, spelled as the index spells it; with `prefix`, words that begin so."""

    text: str
    prefix: bool = False

    @property
    def match(self) -> str:
        """Return the term in FTS5's language; the quotes make anything in it a plain word."""
        return f'"{self.text}"*' if self.prefix else f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Correction:
    """A word that stands nowhere, and the words nearest to it that do."""

    said: str
    meant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: any of the terms. `corrections` say which of them were put in place of others."""

    terms: tuple[Term, ...]
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The best chunks, and the means to measure any other alike. All is by term, in the order of the query."""

    best: list[Scored] = field(default_factory=list)
    terms: tuple[str, ...] = ()
    telling: tuple[float, ...] = ()  # how much each term tells, those that stand nowhere included
    weights: tuple[float, ...] = ()  # how much bm25() weighs each
    scores: tuple[Mapping[int, float], ...] = ()  # -bm25() of each term by chunk; a chunk without is 0
    corrections: tuple[Correction, ...] = ()

    def parts_of(self, chunk_id: int, text: str) -> tuple[float, ...]:
        """Return what each term gives to a chunk: its -bm25(), and a little more for its exact form."""
        parts = tuple(scores.get(chunk_id, 0.0) for scores in self.scores)
        if not any(parts):
            return parts
        exact = self._exact(text)
        more = (EXACT * weight if term in exact else 0.0 for term, weight in zip(self.terms, self.weights, strict=True))
        return tuple(part and part + extra for part, extra in zip(parts, more, strict=True))

    def _exact(self, text: str) -> set[str]:
        folded = spelling.fold(text)
        standing = [term for term in self.terms if term in folded]
        said = set(spelling.words(folded)) if standing else set()
        return {term for term in standing if term in said or spelling.unspaced(term)}


NOTHING = Found()

# "I'm" and "didn't" are looked up as they are: "m" says nothing, and who says "I'm" speaks of himself.
_CONTRACTION = re.compile(r"([a-z]+)['’]([a-z]{1,2})", re.IGNORECASE | re.ASCII)


def query(words: Iterable[str]) -> Query | None:
    """Return a query for any of `words`, None where nothing in them can be searched for. Any text is safe."""
    terms = [term for word in words for term in _terms(word)]
    return Query(tuple(dict.fromkeys(terms))) if terms else None


def _terms(word: str) -> list[Term]:
    if contraction := _CONTRACTION.fullmatch(word):
        return [Term("'".join(part.lower() for part in contraction.groups()))]
    terms = [Term(text, prefix) for text, prefix in spelling.pieces(word)]
    return [term for term in terms if len(term.text) > 1 or not term.text.isascii()] or terms  # not the "l" of "l'eau"


def search(store: Store, query: Query, filters: Filters, limit: int, *, now: str) -> Found:
    """Return the best `limit` chunks that hold any of the query's terms."""
    total = int(store.value("SELECT count(*) FROM chunks"))
    reach = _reach(store, query.terms)
    # What is retired is scored with the rest, and not returned: it is measured for what it says of its messages.
    passing = _passing(store, replace(filters, retired=True), now) if limits.narrow(filters) else None
    if passing is not None:
        by_term = {term: _scores_of(store, term, passing) for term in reach}
    elif sum(reach.values()) <= BOUNDS.chunks:
        by_term = {term: _scores(store, term.match) for term in reach}
    else:
        by_term = _bounded(store, reach, total)
    scores: dict[int, float] = {}
    for part in by_term.values():
        for chunk_id, score in part.items():
            scores[chunk_id] = scores.get(chunk_id, 0.0) + score
    return Found(
        best=_best(store, scores, filters, limit, now),
        terms=tuple(term.text for term in query.terms),
        telling=tuple(_telling(reach.get(term, 0), total) for term in query.terms),
        weights=tuple(_weight(reach.get(term, 0), total) for term in query.terms),
        scores=tuple(by_term.get(term, {}) for term in query.terms),
        corrections=query.corrections,
    )


def _reach(store: Store, terms: Sequence[Term]) -> dict[Term, int]:
    """Return in how many chunks each term stands, the rarest first; many are estimated from the newest of them."""
    depth = max(BOUNDS.least, min(BOUNDS.chunks, 10 * BOUNDS.chunks // max(1, len(terms))))
    newest = store.value("SELECT max(id) FROM chunks")
    beyond = "SELECT rowid FROM chunks_fts WHERE chunks_fts MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?"
    reach = {}
    for term in terms:
        if more := store.one(beyond, (term.match, depth)):
            reach[term] = max(depth + 1, depth * newest // (newest - more[0] + 1))
        elif count := store.value("SELECT count(*) FROM chunks_fts WHERE chunks_fts MATCH ?", (term.match,)):
            reach[term] = count
    return dict(sorted(reach.items(), key=lambda entry: (entry[1], entry[0].text)))


def _weight(chunks: int, total: int) -> float:
    """Return a term's inverse document frequency as FTS5's bm25() has it."""
    return max(0.0, math.log((total - chunks + 0.5) / (chunks + 0.5))) if chunks <= total else 0.0


def _telling(chunks: int, total: int) -> float:
    """Return a term's inverse document frequency so that it stays above 0 in a store of a few chunks, too."""
    return math.log1p((max(total, chunks) - chunks + 0.5) / (chunks + 0.5))


def _bounded(store: Store, reach: Mapping[Term, int], total: int) -> dict[Term, dict[int, float]]:
    """Return by term the scores of the chunks that the rarer terms bring up, and as many more as the bounds allow.

    First come all chunks of as many terms as fit, and common terms only add to their scores. What is left of the bound
    goes to chunks in which two common terms meet, the rarest first and the newest of them.
    """
    rare: dict[Term, dict[int, float]] = {}
    room = BOUNDS.chunks
    for term, chunks in reach.items():
        if chunks > room:
            break
        rare[term] = _scores(store, term.match)
        room -= chunks
    others = list(reach)[len(rare) :][: BOUNDS.common]
    common = [term for term in others if reach[term] < total / 2] or others[:1]  # bm25() gives the rest no weight
    found = rare | {term: _beside(store, term, rare) for term in common}
    if more := _meeting(store, common, room):
        for term in common:
            found[term] = _scores_of(store, term, more) | found[term]
    return found


def _beside(store: Store, term: Term, rare: Mapping[Term, Mapping[int, float]]) -> dict[int, float]:
    """Return the scores of a common term in the chunks that hold a rare one as well."""
    if not rare:
        return {}
    together = _scores(store, f"({_any(rare)}) AND {term.match}")
    alone = {id_: math.fsum(scores.get(id_, 0.0) for scores in rare.values()) for id_ in together}
    return {id_: max(0.0, score - alone[id_]) for id_, score in together.items()}


def _meeting(store: Store, common: Sequence[Term], room: int) -> set[int]:
    """Return at most `room` chunks in which two common terms meet, or else the newest of the rarest term."""
    sql = "SELECT rowid FROM chunks_fts WHERE chunks_fts MATCH ? ORDER BY rowid DESC LIMIT ?"
    pairs = [f"{term.match} AND ({_any(common[place:])})" for place, term in enumerate(common[:-1], 1)]
    met: set[int] = set()
    for match in [*pairs, *(term.match for term in common[:1])]:
        if len(met) < room:
            met.update(chunk_id for (chunk_id,) in store.rows(sql, (match, room - len(met))))
    return met


def _any(terms: Iterable[Term]) -> str:
    return " OR ".join(term.match for term in terms)


def _scores(store: Store, match: str, limit: int = -1) -> dict[int, float]:
    sql = """
        SELECT rowid, -bm25(chunks_fts) FROM chunks_fts WHERE chunks_fts MATCH ? ORDER BY rowid DESC LIMIT ?
    """
    return dict(store.rows(sql, (match, limit)))


def _scores_of(store: Store, term: Term, chunk_ids: Collection[int]) -> dict[int, float]:
    # The sign keeps SQLite from asking FTS5 for single rows, which would run the query anew for each.
    sql = """
        SELECT rowid, -bm25(chunks_fts) FROM chunks_fts
        WHERE chunks_fts MATCH ? AND rowid >= ? AND +rowid IN (SELECT value FROM json_each(?))
    """
    return dict(store.rows(sql, (term.match, min(chunk_ids, default=0), listed(chunk_ids))))


def _passing(store: Store, filters: Filters, now: str) -> list[int] | None:
    """Return the chunks that pass, None where they are too many for it to pay."""
    found = limits.passing(store, filters, now)
    return found if len(found) <= BOUNDS.passing else None


def _best(store: Store, scores: Mapping[int, float], filters: Filters, limit: int, now: str) -> list[Scored]:
    """Return the best `limit` of the chunks scored that pass; of equals the newest."""
    where, params = limits.condition(filters, now)
    sql = f"""
        SELECT c.owner, c.owner_id, c.id
        FROM json_each(:wanted) AS wanted CROSS JOIN chunks AS c ON c.id = wanted.value WHERE {where}
    """
    order = sorted(scores, key=lambda chunk_id: -scores[chunk_id])
    passed: list[tuple[float, str, int, str]] = []
    step = BOUNDS.fetched * limit
    for start in range(0, len(order), step):
        part = order[start : start + step]
        rows = store.rows(sql, {**params, "wanted": listed(part)})
        passed += [(-scores[id_], owner, -id_, owner_id) for owner, owner_id, id_ in rows]
        passed.sort()
        if len(passed) >= limit and -passed[limit - 1][0] > scores[part[-1]]:
            break
    return scored((owner, owner_id, -newer, -worse) for worse, owner, newer, owner_id in passed[:limit])


def intact(store: Store) -> bool:
    """Tell whether the full-text index is whole and agrees with the chunks."""
    try:
        store.run("INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('integrity-check', 1)")
    except StoreDamaged:
        return False
    return True


def delete_coarsely(store: Store, delete: Callable[[], None]) -> None:
    """Run `delete` with words only marked as deleted, far quicker for many chunks. The index is to be rebuilt then."""
    option = "INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('secure-delete', ?)"
    store.run(option, (0,))
    try:
        delete()
    finally:
        store.run(option, (1,))


def rebuild(store: Store) -> None:
    """Make the full-text index anew from the chunks, in one piece: it is searched twice as fast."""
    store.run("INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild')")
    store.run("INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")
