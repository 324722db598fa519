"""Make candidates of measured items, as they are or as they were: a fixed number of queries, however many there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from memcli.store import asof, memories
from memcli.store.database import Store, listed
from memcli.store.filters import MESSAGE
from memcli.store.memories import tags_of
from memcli.types import Candidate, Owner, Trust

Key = tuple[Owner, str]
_TRUST = {trust.value: trust for trust in Trust}  # a lookup takes a tenth of a call of Trust


@dataclass(frozen=True, slots=True)
class Measured:
    """What the index says of an item: each word's part and the cosine of its best chunks, and the chunk to show."""

    parts: tuple[float, ...]
    cosine: float
    excerpt: str


def hydrate(store: Store, measured: Mapping[Key, Measured], as_of: str | None = None) -> dict[Key, Candidate]:
    """Return a candidate for each key, as it was at `as_of` if that is given; items that are gone are left out."""
    items = _memories(store, measured)
    return {**_messages(store, measured), **(_then(store, items, as_of) if as_of else items)}


def _then(store: Store, items: Mapping[Key, Candidate], when: str) -> dict[Key, Candidate]:
    """Return memories as they were."""
    views = asof.views(store, memories.some(store, [id_ for _, id_ in items]), when)
    pairs = [(view.id, source.message_id) for view in views for source in view.sources]
    refs, threads, said_in = _said(store, _THEN, listed(pairs))
    return {
        (Owner.MEMORY, view.id): replace(
            items[Owner.MEMORY, view.id],
            thread_id=threads.get(view.id),
            valid_from=view.valid_from,
            valid_to=view.valid_to,
            retired_at=view.retired_at,
            superseded_by=view.superseded_by,
            undone=view.undone,
            refs=refs.get(view.id, ()),
            said_in=said_in.get(view.id, ()),
        )
        for view in views
    }


def _messages(store: Store, measured: Mapping[Key, Measured]) -> dict[Key, Candidate]:
    sql = """
        SELECT id, content, created_at, trust, thread_id, seq, name, external_id
        FROM messages WHERE id IN (SELECT value FROM json_each(?))
    """
    items = {}
    for id_, text, created_at, trust, thread_id, seq, name, external_id in store.rows(
        sql, (_ids(measured, Owner.MESSAGE),)
    ):
        found = measured[Owner.MESSAGE, id_]
        items[Owner.MESSAGE, id_] = Candidate(
            id=id_,
            kind=MESSAGE,
            text=text,
            created_at=created_at,
            trust=_TRUST[trust],
            words=math.fsum(found.parts),
            parts=found.parts,
            cosine=found.cosine,
            excerpt=found.excerpt,
            thread_id=thread_id,
            seq=seq,
            name=name,
            external_id=external_id,
            refs=(external_id or id_,),
        )
    return items


def _memories(store: Store, measured: Mapping[Key, Measured]) -> dict[Key, Candidate]:
    sql = """
        SELECT id, kind, text, created_at, trust, valid_from, valid_to, retired_at, superseded_by, undone, rowid
        FROM memories WHERE id IN (SELECT value FROM json_each(?))
    """
    wanted = _ids(measured, Owner.MEMORY)
    refs, threads, said_in = _said(store, _NOW, wanted)
    tags = tags_of(store, [id_ for owner, id_ in measured if owner is Owner.MEMORY])
    items = {}
    for row in store.rows(sql, (wanted,)):
        id_, kind, text, created_at, trust, valid_from, valid_to, retired_at, superseded_by, undone, order = row
        found = measured[Owner.MEMORY, id_]
        items[Owner.MEMORY, id_] = Candidate(
            id=id_,
            kind=kind,
            text=text,
            created_at=created_at,
            trust=_TRUST[trust],
            words=math.fsum(found.parts),
            parts=found.parts,
            cosine=found.cosine,
            excerpt=found.excerpt,
            thread_id=threads.get(id_),
            valid_from=valid_from,
            valid_to=valid_to,
            retired_at=retired_at,
            superseded_by=superseded_by,
            undone=bool(undone),
            tags=tags.get(id_, ()),
            refs=refs.get(id_, ()),
            said_in=said_in.get(id_, ()),
            order=order,
        )
    return items


_Refs = dict[str, tuple[str, ...]]


# Which message is a source of which memory: of the memories whose ids are given, or as given in pairs.
_NOW = "SELECT memory_id, message_id FROM memory_sources WHERE memory_id IN (SELECT value FROM json_each(?))"
_THEN = "SELECT value ->> 0 AS memory_id, value ->> 1 AS message_id FROM json_each(?)"


def _said(store: Store, sources: str, wanted: str) -> tuple[_Refs, dict[str, str], _Refs]:
    """Return for each memory the messages it came from, as they are referred to, the first one's thread, and those of
    them that have its text word for word, by id.
    """
    sql = f"""
        SELECT DISTINCT s.memory_id, coalesce(m.external_id, m.id), m.thread_id, m.id, instr(m.content, k.text), m.seq
        FROM ({sources}) AS s JOIN messages AS m ON m.id = s.message_id JOIN memories AS k ON k.id = s.memory_id
        ORDER BY s.memory_id, m.seq
    """
    refs: _Refs = {}
    threads: dict[str, str] = {}
    said_in: _Refs = {}
    for memory_id, ref, thread_id, message_id, verbatim, _ in store.rows(sql, (wanted,)):
        refs[memory_id] = (*refs.get(memory_id, ()), ref)
        threads.setdefault(memory_id, thread_id)
        if verbatim:
            said_in[memory_id] = (*said_in.get(memory_id, ()), message_id)
    return refs, threads, said_in


def _ids(measured: Mapping[Key, Measured], owner: Owner) -> str:
    return listed(id_ for kind, id_ in measured if kind is owner)
