"""Memories: statements kept across threads, with tags and provenance; superseding closes a row, it never overwrites.

Invariants: what was undone is retired, so nothing that looks for current memories sees it; ids are random, so what was
made within one second stands in the order of arrival. That is the order of the rows: VACUUM may number them anew, but
never reorders them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from memcli.errors import InputError, NothingFound
from memcli.store import ids, lapses, summaries
from memcli.store.database import Row, Store, listed
from memcli.store.lapses import Lapse
from memcli.types import Kind, Memory, Source, Trust

_COLUMNS = (
    "id, kind, text, trust, created_at, retired_at, superseded_by, valid_from, valid_to, expires_at"
    ", formed_by, times_said, confirmed_at, importance, pinned, undone, rowid"
)


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
    formed_by: str | None = None,
    reconciled: bool = True,
    times_said: int = 1,
    importance: float = 1.0,
    pinned: bool = False,
) -> Memory:
    """Store a memory and return it as it was read back. Raises NothingFound where a source has been forgotten,
    InputError where others than the user would say how to act.

    `reconciled` is False for what is still to be compared with the other memories.
    """
    if kind is Kind.PROCEDURAL and trust is not Trust.USER:
        raise InputError(f"what a {trust} says is no instruction of the user's", "keep it as a semantic memory")
    made = id or ids.new_id()
    said = (made, kind, text, trust, now, valid_from, valid_to, expires_at)
    with store.atomic():
        store.run(
            "INSERT INTO memories (id, kind, text, trust, created_at, valid_from, valid_to, expires_at, formed_by,"
            " times_said, reconciled, importance, pinned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*said, formed_by, times_said, int(reconciled), importance, int(pinned)),
        )
        store.run_many("INSERT INTO memory_tags VALUES (?, ?)", [(made, tag) for tag in sorted(set(tags))])
        add_sources(store, made, sources)
        return get(store, made)


def add_sources(store: Store, id: str, sources: Iterable[Source]) -> None:  # noqa: A002
    """Note what else a memory rests on. Raises NothingFound where a source has been forgotten."""
    try:
        store.run_many(
            "INSERT INTO memory_sources VALUES (?, ?, ?, ?)",
            [(id, source.message_id, source.start, source.end) for source in dict.fromkeys(sources)],
        )
    except apsw.ConstraintError:
        raise NothingFound("the message that this memory comes from has been forgotten") from None


def withdraw(store: Store, id: str, *, made_at: str, now: str) -> bool:  # noqa: A002
    """Retire a memory because what made it, at `made_at`, is undone; False where there is none.

    It stays as history. What quotes it in threads goes: a note would bring it up again.
    """
    with store.atomic():
        sql = """
            UPDATE memories SET retired_at = ?, superseded_by = NULL, undone = 1 WHERE id = ?
            RETURNING created_at, valid_to
        """
        row = store.rows(sql, (now, id))
        if not row:
            return False
        created_at, valid_to = row[0]
        if created_at < made_at:  # it was formed late: until then nobody believed it
            lapses.add(store, id, Lapse(created_at, made_at, None, valid_to))
        quoting = summaries.quoting(store, [id])
        store.run("DELETE FROM summaries WHERE id IN (SELECT value FROM json_each(?))", (listed(quoting),))
        store.run("DELETE FROM recalled WHERE item_id = ?", (id,))
        store.run("UPDATE threads SET prefix = NULL WHERE instr(prefix, ?)", (listed([id])[1:-1],))
        return True


def reopen(store: Store, id: str, *, retired: str, now: str) -> None:  # noqa: A002
    """Note that a memory is believed again, which an operation at `retired` superseded; its columns are not touched.

    That it was superseded as of an earlier time, that of a message, is undone with the rest.
    """
    row = store.one("SELECT retired_at, superseded_by, valid_to FROM memories WHERE id = ?", (id,))
    if row and row[0]:
        lapses.add(store, id, Lapse(max(row[0], retired), now, *row[1:]))


def get(store: Store, id: str) -> Memory:  # noqa: A002
    """Return the memory with exactly this id. Raises NothingFound."""
    row = store.one(f"SELECT {_COLUMNS} FROM memories WHERE id = ?", (id,))
    if row is None:
        raise NothingFound(f"there is no memory {id!r}", "they are listed by: memcli list")
    return _memories(store, [row])[0]


def some(store: Store, memory_ids: Iterable[str]) -> list[Memory]:
    """Return those of the memories that there are, in the order of their ids' first mention."""
    place = {id_: at for at, id_ in reversed(list(enumerate(memory_ids)))}
    rows = store.rows(f"SELECT {_COLUMNS} FROM memories WHERE id IN (SELECT value FROM json_each(?))", (listed(place),))
    return sorted(_memories(store, rows), key=lambda memory: place[memory.id])


def of_thread(store: Store, thread_id: str, newest: int) -> list[str]:
    """Return the ids of the current memories that came last from messages of this thread."""
    sql = """
        SELECT DISTINCT k.id, k.created_at, k.rowid FROM messages AS m JOIN memory_sources AS s ON s.message_id = m.id
        JOIN memories AS k ON k.id = s.memory_id WHERE m.thread_id = ? AND k.retired_at IS NULL
        ORDER BY k.created_at DESC, k.rowid DESC LIMIT ?
    """
    return [id_ for id_, *_ in store.rows(sql, (thread_id, newest))]


def before(store: Store, memory_ids: Iterable[str]) -> dict[str, list[Memory]]:
    """Return for each of these memories those that it superseded, at any remove; memories without any are left out."""
    sql = """
        WITH RECURSIVE version (last, id) AS (
            SELECT value, value FROM json_each(?)
            UNION SELECT version.last, m.id FROM version JOIN memories AS m ON m.superseded_by = version.id
        ) SELECT last, id FROM version WHERE id != last
    """
    found: dict[str, list[str]] = {}
    for last, id_ in store.rows(sql, (listed(memory_ids),)):
        found.setdefault(last, []).append(id_)
    return {last: some(store, ids_) for last, ids_ in found.items()}


def standing(store: Store, memory_ids: Iterable[str]) -> set[str]:
    """Return the current memories that these are, or that have taken their places."""
    sql = """
        WITH RECURSIVE version (id) AS (
            SELECT value FROM json_each(?)
            UNION SELECT m.superseded_by FROM version JOIN memories AS m USING (id) WHERE m.superseded_by IS NOT NULL
        ) SELECT id FROM version JOIN memories AS m USING (id) WHERE m.retired_at IS NULL
    """
    return {id_ for (id_,) in store.rows(sql, (listed(memory_ids),))}


def find_exact(store: Store, text: str, *, now: str | None = None, trust: Trust = Trust.USER) -> Memory | None:
    """Return the oldest memory of this trust that is not retired (nor expired at `now`) and has exactly this text."""
    row = store.one(
        f"SELECT {_COLUMNS} FROM memories WHERE text = :text AND trust = :trust AND retired_at IS NULL"
        " AND (:now IS NULL OR expires_at IS NULL OR expires_at > :now) ORDER BY created_at, rowid LIMIT 1",
        {"text": text, "trust": trust, "now": now},
    )
    return _memories(store, [row])[0] if row else None


def exact(store: Store, texts: Iterable[str], *, now: str | None = None) -> set[str]:
    """Return those of `texts` that `find_exact` would find, by one look at all memories."""
    return {text for text, _ in having(store, texts, now=now)}


def having(store: Store, texts: Iterable[str], *, now: str | None = None) -> list[tuple[str, str]]:
    """Return (text, id) of the memories with one of `texts` that `find_exact` looks at, oldest first."""
    sql = """
        SELECT text, id FROM memories WHERE text IN (SELECT value FROM json_each(:texts)) AND retired_at IS NULL
        AND (:now IS NULL OR expires_at IS NULL OR expires_at > :now) ORDER BY created_at, rowid
    """
    return [(text, id_) for text, id_ in store.rows(sql, {"texts": listed(texts), "now": now})]


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
        f"SELECT {_COLUMNS} FROM (SELECT rowid, * FROM memories WHERE (:kind IS NULL OR kind = :kind)"
        " AND (:retired OR (retired_at IS NULL AND (expires_at IS NULL OR expires_at > :now)))"
        " ORDER BY rowid DESC LIMIT :newest) ORDER BY created_at, rowid",
        {"kind": kind, "retired": retired, "now": now, "newest": newest},
    )
    return _memories(store, rows)


def unreconciled(store: Store, *, now: str) -> list[Memory]:
    """Return what the user asked to keep and has not been compared with the others yet, oldest first."""
    rows = store.rows(
        f"SELECT {_COLUMNS} FROM memories WHERE reconciled = 0 AND retired_at IS NULL AND trust = 'user'"
        " AND (expires_at IS NULL OR expires_at > ?) ORDER BY created_at, rowid",
        (now,),
    )
    return _memories(store, rows)


def formed_by(store: Store, path: str) -> list[Memory]:
    """Return the memories, not retired, that this path of formation made, oldest first."""
    sql = f"SELECT {_COLUMNS} FROM memories WHERE formed_by = ? AND retired_at IS NULL ORDER BY created_at, rowid"
    return _memories(store, store.rows(sql, (path,)))


def waits(store: Store, id: str) -> bool:  # noqa: A002
    """Tell whether this is a current memory that has not been compared with the others yet."""
    return store.one("SELECT 1 FROM memories WHERE id = ? AND reconciled = 0 AND retired_at IS NULL", (id,)) is not None


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
    """Make records of `rows`, with three further queries however many they are."""
    found = [row[0] for row in rows]
    tags, sources, conflicts = tags_of(store, found), _sources_of(store, found), _conflicts_of(store, found)
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
            formed_by=row[10],
            times_said=row[11],
            confirmed_at=row[12],
            conflicts=conflicts.get(row[0], ()),
            importance=row[13],
            pinned=bool(row[14]),
            undone=bool(row[15]),
            order=row[16],
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


def _conflicts_of(store: Store, memory_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what each memory contradicts. With a retired one there is nothing left to decide."""
    sql = """
        WITH pair (id, other) AS (
            SELECT memory_id, other_id FROM memory_conflicts UNION ALL SELECT other_id, memory_id FROM memory_conflicts
        )
        SELECT pair.id, pair.other
        FROM pair JOIN memories AS m ON m.id = pair.id JOIN memories AS o ON o.id = pair.other
        WHERE pair.id IN (SELECT value FROM json_each(?)) AND m.retired_at IS NULL AND o.retired_at IS NULL
        ORDER BY pair.id, o.rowid
    """
    conflicts: dict[str, tuple[str, ...]] = {}
    for memory_id, other in store.rows(sql, (listed(memory_ids),)):
        conflicts[memory_id] = (*conflicts.get(memory_id, ()), other)
    return conflicts
