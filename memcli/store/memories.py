"""Memories: statements kept across threads, with tags and provenance; superseding closes a row, it never overwrites."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from memcli.errors import NothingFound
from memcli.store import ids
from memcli.store.database import Row, Store, listed
from memcli.types import Kind, Memory, Source, Trust

_COLUMNS = "id, kind, text, trust, created_at, retired_at, superseded_by, valid_from, valid_to, expires_at"


def add(
    store: Store,
    *,
    kind: Kind,
    text: str,
    trust: Trust,
    now: str,
    tags: Iterable[str] = (),
    valid_from: str | None = None,
    valid_to: str | None = None,
    expires_at: str | None = None,
    sources: Sequence[Source] = (),
    id: str | None = None,  # noqa: A002
) -> Memory:
    """Store a memory and return it as it was read back. Raises NothingFound where a source has been forgotten."""
    made = id or ids.new_id()
    with store.atomic():
        store.run(
            f"INSERT INTO memories ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?)",
            (made, kind, text, trust, now, valid_from, valid_to, expires_at),
        )
        store.run_many("INSERT INTO memory_tags VALUES (?, ?)", [(made, tag) for tag in sorted(set(tags))])
        try:
            store.run_many(
                "INSERT INTO memory_sources VALUES (?, ?, ?, ?)",
                [(made, source.message_id, source.start, source.end) for source in dict.fromkeys(sources)],
            )
        except apsw.ConstraintError:
            raise NothingFound("the message that this memory comes from has been forgotten") from None
        return get(store, made)


def get(store: Store, id: str) -> Memory:  # noqa: A002
    """Return the memory with exactly this id. Raises NothingFound."""
    row = store.one(f"SELECT {_COLUMNS} FROM memories WHERE id = ?", (id,))
    if row is None:
        raise NothingFound(f"there is no memory {id!r}", "they are listed by: memcli list")
    return _memories(store, [row])[0]


def find_exact(store: Store, text: str, *, now: str | None = None) -> Memory | None:
    """Return the oldest memory that is not retired (nor expired at `now`) and has exactly this text."""
    row = store.one(
        f"SELECT {_COLUMNS} FROM memories WHERE text = :text AND retired_at IS NULL"
        " AND (:now IS NULL OR expires_at IS NULL OR expires_at > :now) ORDER BY created_at, id LIMIT 1",
        {"text": text, "now": now},
    )
    return _memories(store, [row])[0] if row else None


def exact(store: Store, texts: Iterable[str], *, now: str | None = None) -> set[str]:
    """Return those of `texts` that `find_exact` would find, by one look at all memories."""
    sql = """
        SELECT text FROM memories WHERE text IN (SELECT value FROM json_each(:texts)) AND retired_at IS NULL
        AND (:now IS NULL OR expires_at IS NULL OR expires_at > :now)
    """
    return {text for (text,) in store.rows(sql, {"texts": listed(texts), "now": now})}


def present(store: Store, memory_ids: Iterable[str]) -> set[str]:
    """Return those of `memory_ids` that there are."""
    sql = "SELECT id FROM memories WHERE id IN (SELECT value FROM json_each(?))"
    return {id_ for (id_,) in store.rows(sql, (listed(memory_ids),))}


def current(
    store: Store, *, now: str, kind: Kind | None = None, retired: bool = False, newest: int = -1
) -> list[Memory]:
    """Return the memories, oldest first; with `retired` also those that are retired, or have expired at `now`.

    `newest` limits them to so many of those stored last.
    """
    rows = store.rows(
        f"SELECT {_COLUMNS} FROM (SELECT * FROM memories WHERE (:kind IS NULL OR kind = :kind)"
        " AND (:retired OR (retired_at IS NULL AND (expires_at IS NULL OR expires_at > :now)))"
        " ORDER BY rowid DESC LIMIT :newest) ORDER BY created_at, id",
        {"kind": kind, "retired": retired, "now": now, "newest": newest},
    )
    return _memories(store, rows)


def count(store: Store) -> int:
    """Return how many memories there are that are not retired."""
    return int(store.value("SELECT count(*) FROM memories WHERE retired_at IS NULL"))


def tags_of(store: Store, memory_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the tags of each memory that has some, sorted."""
    sql = """
        SELECT memory_id, tag FROM memory_tags
        WHERE memory_id IN (SELECT value FROM json_each(?)) ORDER BY memory_id, tag
    """
    tags: dict[str, tuple[str, ...]] = {}
    for memory_id, tag in store.rows(sql, (listed(memory_ids),)):
        tags[memory_id] = (*tags.get(memory_id, ()), tag)
    return tags


def _memories(store: Store, rows: Sequence[Row]) -> list[Memory]:
    """Make records of `rows`, with two further queries however many they are."""
    found = [row[0] for row in rows]
    tags, sources = tags_of(store, found), _sources_of(store, found)
    return [
        Memory(
            id=row[0],
            kind=Kind(row[1]),
            text=row[2],
            trust=Trust(row[3]),
            created_at=row[4],
            retired_at=row[5],
            superseded_by=row[6],
            valid_from=row[7],
            valid_to=row[8],
            expires_at=row[9],
            tags=tags.get(row[0], ()),
            sources=sources.get(row[0], ()),
        )
        for row in rows
    ]


def _sources_of(store: Store, memory_ids: Iterable[str]) -> dict[str, tuple[Source, ...]]:
    sql = """
        SELECT s.memory_id, s.message_id, s.start, s."end" FROM memory_sources AS s
        JOIN messages AS m ON m.id = s.message_id
        WHERE s.memory_id IN (SELECT value FROM json_each(?)) ORDER BY s.memory_id, m.seq, s.start, s."end"
    """
    sources: dict[str, tuple[Source, ...]] = {}
    for memory_id, *span in store.rows(sql, (listed(memory_ids),)):
        sources[memory_id] = (*sources.get(memory_id, ()), Source(*span))
    return sources
