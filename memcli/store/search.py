"""Gather what full text and vectors bring up, as candidates with the raw measurements of both.

Invariants: the result does not depend on the items' ids, which are random; measurements are raw, weighing them is
the memory layer's work; what is retired or held back by the filters is no candidate, whatever it is linked to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from heapq import nlargest
from typing import TypeVar

from memcli.store import filters as limits
from memcli.store import superseded, words
from memcli.store.candidates import Key, Measured, hydrate
from memcli.store.database import Store, listed
from memcli.store.scored import Scored, scored
from memcli.store.superseded import Link
from memcli.store.vectors import by_vector, cosines
from memcli.types import Candidate, Filters, Outdated, Owner

T = TypeVar("T")
_Chunk = tuple[Key, int, int, str]  # whose it is, its id, its position, its text


@dataclass(frozen=True, slots=True)
class Gathered:
    """The candidates, best words first; `telling` is the weight of each word, in the order of their parts.

    `outdated` are those messages among them that say what is no longer so, each with a candidate that says what is.
    """

    items: list[Candidate]
    telling: tuple[float, ...] = ()
    corrections: tuple[words.Correction, ...] = ()
    outdated: tuple[Outdated, ...] = ()


def gather(
    store: Store,
    *,
    query: words.Query | None,
    vector: bytes | None,
    filters: Filters,
    limit: int,
    now: str,
    windows: Sequence[tuple[str, str]] = (),
    updates: bool = True,
) -> Gathered:
    """Return every item that is among the best `limit` chunks of either search, measured by both.

    `windows` are stretches of time, each of which adds its own best, whatever they have of the words. With `updates`
    come the memories that took the place of what the messages found say, unless the past is searched.

    An item's `cosine` and each of its `parts` are the best of all its chunks. Order: words, cosine, newest.
    """
    with store.atomic("BEGIN"):  # all stages see the same store, whatever other processes write meanwhile
        said = words.search(store, query, filters, limit, now=now) if query else words.NOTHING
        near = by_vector(store, vector, filters, limit, now=now) if vector else []
        near += [hit for window in windows for hit in _within(store, vector, filters, window, limit, now)]
        found = {(owner, owner_id) for owner, owner_id, _, _ in (*said.best, *near)}
        links = _links(store, found, filters) if updates else []
        linked: set[Key] = set().union(*map(_ends, links)) - found
        chunks = _chunks(store, found | linked)
        known = {chunk_id: cosine for _, _, chunk_id, cosine in near} if vector else {}
        measured = _measure(store, said, vector, chunks, known)
        candidates = _without(measured, linked - _allowed(store, linked, chunks, filters, now))
        items: Mapping[Key, Candidate] = hydrate(store, candidates, filters.as_of)
    outdated = _outdated(links, items, measured)
    items = _without(items, linked - {(Owner.MEMORY, one.successor_id) for one in outdated})
    ordered = sorted(items.values(), key=lambda item: (-item.words, -item.cosine, item.kind, -item.seq, -item.order))
    return Gathered(ordered, said.telling, said.corrections, outdated)


def _links(store: Store, found: Iterable[Key], filters: Filters) -> list[Link]:
    """Return what became of what the messages say; nothing where the past itself is searched."""
    messages = [owner_id for owner, owner_id in found if owner is Owner.MESSAGE]
    return superseded.links(store, messages) if messages and not (filters.as_of or filters.retired) else []


def _ends(link: Link) -> set[Key]:
    return {(Owner.MEMORY, link.retired_id), (Owner.MEMORY, link.successor_id)}


def _allowed(store: Store, linked: Set[Key], chunks: Iterable[_Chunk], filters: Filters, now: str) -> set[Key]:
    """Return which of what is linked passes the filters."""
    if not linked:
        return set()
    whose = {chunk_id: key for key, chunk_id, *_ in chunks if key in linked}
    return {whose[chunk_id] for chunk_id in limits.checked(store, whose, filters, now)}


def _without(of: Mapping[Key, T], keys: Set[Key]) -> Mapping[Key, T]:
    """Return what has other keys. Where all have, none is looked at, as there may be thousands."""
    return {key: value for key, value in of.items() if key not in keys} if keys else of


def _outdated(
    links: Iterable[Link], items: Mapping[Key, Candidate], measured: Mapping[Key, Measured]
) -> tuple[Outdated, ...]:
    """Return the links between candidates, with what the retired memory measured."""
    found = []
    for link in links:
        successor, old = items.get((Owner.MEMORY, link.successor_id)), measured.get((Owner.MEMORY, link.retired_id))
        if successor and old and link.message_id not in successor.said_in:  # else the message says it itself
            found.append(Outdated(link.message_id, successor.id, math.fsum(old.parts), old.cosine))
    return tuple(sorted(found, key=lambda one: (one.message_id, one.successor_id, one.words, one.cosine)))


def _within(
    store: Store, vector: bytes | None, filters: Filters, window: tuple[str, str], limit: int, now: str
) -> list[Scored]:
    """Return the `limit` chunks from a stretch of time that are nearest to `vector`, or without one the newest."""
    since, until = max(window[0], filters.since or ""), min(window[1], filters.until or window[1])
    narrowed = replace(filters, since=since, until=until, since_day=None, until_day=None)
    if vector:
        return by_vector(store, vector, narrowed, limit, now=now)
    newest = nlargest(limit, limits.passing(store, narrowed, now))
    sql = "SELECT c.owner, c.owner_id, c.id, 0.0 FROM json_each(?) AS wanted JOIN chunks AS c ON c.id = wanted.value"
    return scored(store.rows(sql, (listed(newest),)))


def _chunks(store: Store, found: Iterable[Key]) -> list[_Chunk]:
    """Return all chunks of the items found."""
    wanted: dict[Owner, list[str]] = {}
    for owner, owner_id in found:
        wanted.setdefault(owner, []).append(owner_id)
    sql = """
        SELECT c.owner_id, c.id, c.position, c.text FROM json_each(?) AS wanted
        CROSS JOIN chunks AS c ON c.owner = ? AND c.owner_id = wanted.value
    """
    return [
        ((owner, owner_id), chunk_id, position, text)
        for owner, owner_ids in wanted.items()
        for owner_id, chunk_id, position, text in store.rows(sql, (listed(owner_ids), owner))
    ]


def _measure(
    store: Store, said: words.Found, vector: bytes | None, chunks: Sequence[_Chunk], known: Mapping[int, float]
) -> dict[Key, Measured]:
    """Measure all chunks of the items found, so that the numbers do not depend on which stage found which chunk."""
    others = [chunk_id for _, chunk_id, *_ in chunks if chunk_id not in known]
    near = {**cosines(store, vector, others), **known} if vector else {}
    parts: dict[Key, tuple[float, ...]] = {}
    shown: dict[Key, tuple[float, float, int, int, str]] = {}
    for key, chunk_id, position, text in chunks:
        own = said.parts_of(chunk_id, text)
        fit = (near.get(chunk_id, 0.0), sum(own), -position, chunk_id, text)
        parts[key] = tuple(map(max, own, parts[key])) if key in parts else own
        shown[key] = max(fit, shown.get(key, fit))
    return {key: Measured(parts[key], cosine, text) for key, (cosine, *_, text) in shown.items()}
