"""Salvage: read what can be read of a damaged file into a new store. The damaged file is not touched.

Only what was said and kept is read, row by row; what is made of it (chunks, full text, vectors) is made anew.
Invariants: a row is taken as it is or not at all, but for bytes of a text that are no character; a column is known by
its place, whatever the damaged file calls it; a message whose thread is lost gets a thread of the same id; what could
not be read is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import apsw

from memcli.errors import StoreDamaged
from memcli.store.database import Row, Store

# In an order in which what is referred to comes first. What a table keeps without row numbers is read from both ends.
_NUMBERED = (
    "threads", "messages", "memories", "core_blocks", "operations", "lapses", "recalled", "summaries", "formation_queue"
)  # fmt: skip
_UNNUMBERED = ("memory_tags", "memory_sources", "memory_conflicts", "core_versions", "turns")
_NUMBER = "row_number"  # no column is called so
_NOTES = ("created_at", "created_by", "store")  # of meta: who made vectors is noted when there are new ones
_FINENESS = 64
_MOST = 1 << 32  # no table has as many rows
_UNREADABLE = (StoreDamaged, apsw.Error)
_ROWS = 100  # of a page, about: of 4 KiB, in which the shortest row that memcli writes takes some 40 bytes


@dataclass(frozen=True, slots=True)
class Salvaged:
    """Where the new store is, how many rows each table got, and how many of each could be seen to be lost."""

    path: Path
    rows: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def salvage(damaged: Store, path: Path) -> Salvaged:
    """Read what can be read into a new store at `path`, where nothing is yet. Raises StoreUnwritable."""
    rows: dict[str, int] = {}
    lost: dict[str, int] = {}
    with damaged.like(path) as fresh:
        fresh.run("PRAGMA foreign_keys = OFF")  # what is missing is seen when all is there
        fresh.run("DROP TRIGGER memories_rule_in")  # what is no rule is mended, as is this, and not lost
        for table in (*_NUMBERED, *_UNNUMBERED):
            columns = _columns(damaged, fresh, table)
            if table in _NUMBERED:
                found = _numbered(damaged, table, columns)
            else:
                found = _from_ends(damaged, table, columns, _key(fresh, table))
            taken, unread = _put(fresh, table, columns, found)
            rows[table], lost[table] = taken, unread
        _notes(damaged, fresh)
        _give_threads(fresh)
    return Salvaged(path, rows, {table: count for table, count in lost.items() if count})


def _columns(damaged: Store, fresh: Store, table: str) -> list[str]:
    """Return our names of the columns that a table has; of an older schema it has the first of them."""
    names = [name for (name,) in fresh.rows(f"SELECT name FROM pragma_table_info('{table}')")]
    try:
        return names[: int(damaged.value(f"SELECT count(*) FROM pragma_table_info('{table}')")) or None]
    except _UNREADABLE:
        return names


def _put(fresh: Store, table: str, columns: list[str], found: Iterable[Row | None]) -> tuple[int, int]:
    """Insert rows; return how many, and how many could not be read or are none of this table's."""
    sql = f"INSERT INTO {table} ({_names(columns)}) VALUES ({', '.join('?' * len(columns))})"
    taken = unread = 0
    with fresh.atomic():
        for row in found:
            if row is None:
                unread += 1
                continue
            try:
                fresh.run(sql, row)
                taken += 1
            except (apsw.ConstraintError, apsw.MismatchError):  # there already, or nothing that memcli writes
                unread += 1
    return taken, unread


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _held(table: str, *names: str) -> str:
    """Return what begins a query of `held`: the rows of a table, with our `names` for its columns."""
    number = "rowid, " if table in _NUMBERED else ""
    return f"WITH held({_names(names)}) AS (SELECT {number}* FROM {table}) "


def _key(fresh: Store, table: str) -> list[str]:
    return [name for (name,) in fresh.rows(f"SELECT name FROM pragma_table_info('{table}') WHERE pk ORDER BY pk")]


def _numbered(damaged: Store, table: str, columns: list[str]) -> Iterator[Row | None]:
    """Yield the rows of a table in the order of their numbers, and None for each that is lost."""
    last, whole = _last(damaged, table)
    seen = 0  # a damaged page may lead back to rows that were read
    patience = _Patience(_ROWS * damaged.value("PRAGMA page_count"))
    for number, row in _between(damaged, table, columns, 1, last, patience) if last else ():
        if number > seen:
            seen = number
            yield row
    if not whole:
        yield None


def _last(damaged: Store, table: str) -> tuple[int, bool]:
    """Return the highest number of a row that is known, and whether none can be lost behind it.

    It is told by the table's end, or by what else counts the rows, or else by the rows that can be read.
    """
    with suppress(*_UNREADABLE):
        return int(damaged.value(f"SELECT max(rowid) FROM {table}") or 0), True
    known = 0
    for sql in (
        f"SELECT max(rowid) FROM (SELECT rowid FROM {table} ORDER BY +id)",
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'",
    ):
        try:
            known = max(known, int(damaged.value(sql) or 0))
        except (*_UNREADABLE, IndexError):
            continue
    return max(known, _last_readable(damaged, table)), known > 0


def _last_readable(damaged: Store, table: str) -> int:
    """Return the highest number of a row that can be read, found upwards from the first.

    The steps over what cannot be read grow with its length: a stretch of rows behind it is found where it is at least
    a `_FINENESS`th as long.
    """
    known, skipped = 0, 0
    while known + skipped < _MOST:
        at = known + skipped
        try:
            for (number,) in damaged.db.execute(f"SELECT rowid FROM {table} WHERE rowid > ? ORDER BY rowid", (at,)):
                if number <= known:
                    break  # a damaged page that leads back
                known, skipped = number, 0
            else:
                return known
        except _UNREADABLE:
            pass
        skipped += 1 + skipped // _FINENESS
    return known


@dataclass
class _Patience:
    """How many numbers may still turn out to be unreadable: a damaged page may count rows that there never were."""

    left: int


def _between(
    damaged: Store, table: str, columns: list[str], low: int, high: int, patience: _Patience
) -> Iterator[tuple[int, Row | None]]:
    """Yield what is between two numbers, in halves where it cannot be read at once and there is patience left."""
    sql = f"{_held(table, _NUMBER, *columns)} SELECT * FROM held WHERE {_NUMBER} BETWEEN ? AND ?"
    try:
        rows = damaged.rows(sql, (low, high))
    except _UNREADABLE:
        if low == high or not patience.left:
            patience.left = max(0, patience.left - 1)
            yield low, _as_bytes(damaged, table, columns, low)
            return
        middle = (low + high) // 2
        yield from _between(damaged, table, columns, low, middle, patience)
        yield from _between(damaged, table, columns, middle + 1, high, patience)
        return
    yield from ((number, row) for number, *row in rows)  # type: ignore[misc]


def _as_bytes(damaged: Store, table: str, columns: list[str], number: int) -> Row | None:
    """Return a row whose texts hold bytes that are no characters, with a sign in place of these; None without one."""
    wanted = ", ".join(
        f"""typeof("{name}"), iif(typeof("{name}") = 'text', CAST("{name}" AS BLOB), "{name}")""" for name in columns
    )
    sql = f"{_held(table, _NUMBER, *columns)} SELECT {wanted} FROM held WHERE {_NUMBER} = ?"
    try:
        held = damaged.one(sql, (number,))
    except _UNREADABLE:
        return None
    if held is None:
        return None
    pairs = zip(held[::2], held[1::2], strict=True)
    return tuple(value.decode("utf-8", errors="replace") if kind == "text" else value for kind, value in pairs)


def _from_ends(damaged: Store, table: str, columns: list[str], key: list[str]) -> Iterator[Row | None]:
    """Yield the rows of a table without numbers, from its beginning and from its end up to what cannot be read."""
    seen: set[Row | None] = set()
    for way in ("", " DESC"):
        order = ", ".join(f'"{name}"{way}' for name in key)
        for row in _up_to_damage(damaged, f"{_held(table, *columns)} SELECT * FROM held ORDER BY {order}"):
            if row not in seen:
                seen.add(row)
                yield row
            if row is None:
                break
        else:
            return  # all of it was read


def _up_to_damage(damaged: Store, sql: str) -> Iterator[Row | None]:
    """Yield rows, and None in place of the first that cannot be read."""
    try:
        yield from damaged.db.execute(sql)
    except (apsw.Error, UnicodeDecodeError):
        yield None


def _notes(damaged: Store, fresh: Store) -> None:
    for key in _NOTES:
        try:
            held = damaged.one("SELECT value FROM meta WHERE key = ?", (key,))
        except _UNREADABLE:
            continue
        if held:
            fresh.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, held[0]))


def _give_threads(fresh: Store) -> None:
    """Make a thread for messages whose own is lost."""
    fresh.run(
        "INSERT INTO threads (id, created_at, updated_at) SELECT thread_id, min(created_at), max(created_at)"
        " FROM messages WHERE thread_id NOT IN (SELECT id FROM threads) GROUP BY thread_id"
    )
