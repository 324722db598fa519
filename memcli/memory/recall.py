"""Recall: from a question to ranked items, with the reason for every score.

    understand(question) -> words  -> full text \
                         -> spoken -> vectors    >-- store.search.gather --> rank --> choose
                         -> times  ------------------------------------------/
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from memcli.engines import Embedder
from memcli.memory import asking, events, fading, periods
from memcli.memory.periods import Period
from memcli.memory.ranking import WEIGHTS, Asked, Weights, rank, timely
from memcli.memory.timeline import utc
from memcli.store import index, messages, rebinding, typos, uses, words
from memcli.store.database import Store
from memcli.store.filters import MESSAGE
from memcli.store.search import gather
from memcli.store.words import Correction, Query
from memcli.types import Candidate, Filters, Hit, Outdated

TIMES = 3  # of one question that are looked through
IN_TIME = 0.5  # closeness to the time asked about that makes an item worth showing, whatever it says
NOISE = 0.1  # similarity below which two texts have nothing to do with each other; 80 of 100 unrelated pairs lie there
# Chunks that each stage brings up. A standing instruction resembles no question, so a store that can be ranked whole in
# little time is: on BEAM, whose messages have eight chunks each, 800 find two points more at 10 than 100, and six more
# at 50. Beyond LARGE that would take too long.
BREADTH, BREADTH_OF_LARGE = 800, 100
LARGE = 5_000  # chunks


@dataclass(frozen=True, slots=True)
class Reading:
    """How a question was read. `terms` are what was looked up, in the order of a candidate's parts."""

    terms: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    periods: tuple[Period, ...] = ()  # the times it is about
    by_words_only: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that a search found, best first, and how it read the question."""

    hits: list[Hit]
    reading: Reading = Reading()


def search(
    store: Store, text: str, filters: Filters, *, embedder: Embedder | None, now: datetime, weights: Weights = WEIGHTS
) -> list[Hit]:
    """Return the hits of `look_up`."""
    return look_up(store, text, filters, embedder=embedder, now=now, weights=weights).hits


def look_up(
    store: Store,
    text: str,
    filters: Filters,
    *,
    embedder: Embedder | None,
    now: datetime,
    weights: Weights = WEIGHTS,
    wanted: int = 0,
) -> Found:
    """Return everything that either stage found, best first. `now` is aware, in the asker's zone.

    Words alone decide without an embedder, with another than the store's, and until every vector is made anew. More is
    brought up where more hits are `wanted` than are brought up anyhow.
    """

    def look(text: str, filters: Filters, times: Sequence[Period] = (), wanted: int = 0, **how: bool) -> Found:
        return _look_up(store, text, filters, times, embedder=embedder, now=now, weights=weights, wanted=wanted, **how)

    def event(named: str) -> list[Hit]:  # it may lie outside of what the question is limited to, and before an update
        return look(named, Filters(as_of=filters.as_of, retired=filters.retired), updates=False).hits

    times = [period for period in periods.mentioned(text, now) if not period.vague]
    return look(text, filters, times or events.periods(text, event, now.tzinfo), wanted)


def _look_up(
    store: Store,
    text: str,
    filters: Filters,
    times: Sequence[Period],
    *,
    embedder: Embedder | None,
    now: datetime,
    weights: Weights,
    wanted: int,
    updates: bool = True,
) -> Found:
    question = asking.understand(text, messages.names(store))
    query = _query(store, question.words, embedder)
    vector = embedder.embed([_corrected(question.spoken, query)])[0] if embedder else None
    size = index.size(store)
    limit = max(BREADTH if size < LARGE else BREADTH_OF_LARGE, 2 * wanted)
    with store.atomic("BEGIN"):  # one view: another process may bind the store to another embedder at any moment
        if embedder and not rebinding.ready(store, embedder.identity):
            vector = None
        gathered = gather(
            store,
            query=query,
            vector=vector,
            filters=filters,
            limit=limit,
            now=utc(now),
            windows=_windows(times),
            updates=updates,
        )
        updated = {one.successor_id for one in gathered.outdated if _heard(one)}
        found = [c for c in gathered.items if _heard(c) or timely(c, times) >= IN_TIME or c.id in updated]
        around = messages.around(store, [c.seq for c in found if c.seq], reach=len(weights.near))
        strengths = _strengths(store, found, filters.as_of or utc(now)) if weights.faded else {}
    hits = rank(Asked(question, times, gathered.telling), found, around, weights, gathered.outdated, strengths)
    terms = tuple(term.text for term in query.terms) if query else ()
    return Found(hits, Reading(terms, gathered.corrections, tuple(times), by_words_only=bool(size) and vector is None))


def _strengths(store: Store, found: Sequence[Candidate], now: str) -> dict[str, float]:
    """Return how strong the memories among the candidates are at a time."""
    memories = [c.id for c in found if c.kind != MESSAGE]
    return fading.strengths(uses.of(store, memories, now), now) if memories else {}


def _heard(c: Candidate | Outdated) -> bool:
    """Tell whether something has anything to do with what is asked, by its words or its meaning."""
    return c.words > 0 or c.cosine >= NOISE


def _windows(times: Sequence[Period]) -> list[tuple[str, str]]:
    """Return the stretches that begin and end, for what is in them to be brought up."""
    return [(period.start, period.end) for period in times[:TIMES] if period.start and period.end]


def _query(store: Store, wanted: Sequence[str], embedder: Embedder | None) -> Query | None:
    """Return what to look up, None where there are no words.

    A word that stands nowhere in the store is corrected, unless the embedder's vocabulary has it: then it is no typo.
    """
    query = words.query(wanted)
    if query is None or embedder is None:
        return query and typos.corrected(store, query)
    one_piece = embedder.count("a")
    return typos.corrected(store, query, lambda word: embedder.count(word) <= one_piece)


def _corrected(text: str, query: Query | None) -> str:
    """Return `text` with each typo replaced by the likeliest of the words that were meant."""
    for correction in query.corrections if query else ():
        text = re.sub(rf"(?<!\w){re.escape(correction.said)}(?!\w)", correction.meant[0], text, flags=re.IGNORECASE)
    return text
