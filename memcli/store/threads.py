"""Threads: conversations with their names, their frozen prefix and where their window begins."""

from __future__ import annotations

import apsw

from memcli.errors import InputError, NothingFound
from memcli.store import ids
from memcli.store.database import Row, Store
from memcli.types import Thread

_TITLE = 60  # characters

_SELECT = """
    SELECT t.id, t.name, t.created_at, t.updated_at, coalesce(said.messages, 0), opening.content
    FROM threads AS t
    LEFT JOIN (
        SELECT thread_id, count(*) AS messages, max(seq) AS last,
            coalesce(  -- the question, rather than what was attached to it
                min(seq) FILTER (WHERE role = 'user' AND trust = 'user'), min(seq) FILTER (WHERE role = 'user')
            ) AS first
        FROM messages GROUP BY thread_id
    ) AS said ON said.thread_id = t.id
    LEFT JOIN messages AS opening ON opening.seq = said.first
"""
# Times have second precision: within a second the later message decides, and a thread without one is the newest.
_NEWEST_FIRST = " ORDER BY t.updated_at DESC, said.last DESC NULLS FIRST, t.created_at DESC, t.rowid DESC"


def create(store: Store, *, now: str, name: str | None = None, id: str | None = None) -> Thread:  # noqa: A002
    """Begin a thread. Raises InputError where `name` or `id` is taken."""
    made = id or ids.new_id()
    with store.atomic():
        _require_free(store, name)
        try:
            store.run(
                "INSERT INTO threads (id, name, created_at, updated_at) VALUES (?, ?, ?, ?)", (made, name, now, now)
            )
        except apsw.ConstraintError:
            raise InputError(f"there is a thread with the id {made!r} already") from None
    return Thread(made, name, now, now)


def find(store: Store, ref: str) -> Thread | None:
    """Return the thread with exactly the name `ref`, or else with that id or id prefix. Raises AmbiguousId."""
    exact = named(store, ref)
    if exact:
        return exact
    found = ids.match(store, {"thread": "threads"}, ref)
    return with_id(store, found[1]) if found else None


def id_of(store: Store, name: str) -> str | None:
    """Return the id of the thread with exactly this name: an index look-up, where `named` counts messages too."""
    row = store.one("SELECT id FROM threads WHERE name = ?", (name,))
    return row[0] if row else None


def exists(store: Store, id: str) -> bool:  # noqa: A002
    """Tell whether there is a thread with exactly this id."""
    return store.one("SELECT 1 FROM threads WHERE id = ?", (id,)) is not None


def named(store: Store, name: str) -> Thread | None:
    """Return the thread with exactly this name."""
    row = store.one(f"{_SELECT} WHERE t.name = ?", (name,))
    return _thread(row) if row else None


def with_id(store: Store, id: str) -> Thread | None:  # noqa: A002
    """Return the thread with exactly this id."""
    row = store.one(f"{_SELECT} WHERE t.id = ?", (id,))
    return _thread(row) if row else None


def get(store: Store, ref: str) -> Thread:
    """Return what `find` finds. Raises NothingFound, AmbiguousId."""
    thread = find(store, ref)
    if thread is None:
        raise NothingFound(f"there is no thread {ref!r}", "they are listed by: memcli threads")
    return thread


def label(store: Store, id: str) -> str:  # noqa: A002
    """Return what people call the thread: its name, or its id where it has none."""
    row = store.one("SELECT name FROM threads WHERE id = ?", (id,))
    return row[0] if row and row[0] else id


def latest(store: Store) -> Thread | None:
    """Return the thread in which something was said last."""
    row = store.one(f"{_SELECT} {_NEWEST_FIRST} LIMIT 1")
    return _thread(row) if row else None


def all_threads(store: Store) -> list[Thread]:
    """Return all threads, the last used one first."""
    return [_thread(row) for row in store.rows(_SELECT + _NEWEST_FIRST)]


def rename(store: Store, id: str, name: str | None) -> None:  # noqa: A002
    """Name the thread, or take its name away. Raises InputError where another thread has the name, NothingFound."""
    if name is not None and not name.strip():
        raise InputError("a thread's name has at least one visible character")
    with store.atomic():
        _require_free(store, name, but=id)
        _update(store, id, "name", name)


def prefix(store: Store, id: str) -> str | None:  # noqa: A002
    """Return the thread's frozen system segments (JSON), None where the next turn has to make them."""
    row = store.one("SELECT prefix FROM threads WHERE id = ?", (id,))
    return row[0] if row else None


def set_prefix(store: Store, id: str, json: str | None) -> None:  # noqa: A002
    """Freeze the thread's system segments. Raises NothingFound where the thread is gone."""
    _update(store, id, "prefix", json)


def clear_prefixes(store: Store) -> None:
    """Make every thread begin a new prefix with its next turn, and forget what stood in its last one."""
    store.run("UPDATE threads SET prefix = NULL, ledger = NULL WHERE prefix IS NOT NULL OR ledger IS NOT NULL")


def ledger(store: Store, id: str) -> str | None:  # noqa: A002
    """Return the outline of the thread's last turn (JSON), None where nothing is known of it."""
    row = store.one("SELECT ledger FROM threads WHERE id = ?", (id,))
    return row[0] if row else None


def set_ledger(store: Store, id: str, json: str | None) -> None:  # noqa: A002
    """Keep the outline of the thread's last turn. Raises NothingFound where the thread is gone."""
    _update(store, id, "ledger", json)


def window_start(store: Store, id: str) -> int:  # noqa: A002
    """Return the `seq` of the first message that has not been evicted from the thread's window."""
    row = store.one("SELECT window_start FROM threads WHERE id = ?", (id,))
    return row[0] if row else 0


def set_window_start(store: Store, id: str, seq: int) -> None:  # noqa: A002
    """Evict what is before `seq` from the thread's window. Raises NothingFound where the thread is gone."""
    _update(store, id, "window_start", seq)


def _update(store: Store, id_: str, column: str, value: str | int | None) -> None:
    if not store.rows(f"UPDATE threads SET {column} = ? WHERE id = ? RETURNING id", (value, id_)):
        raise NothingFound(f"there is no thread {id_!r}", "they are listed by: memcli threads")


def _require_free(store: Store, name: str | None, but: str | None = None) -> None:
    if name is not None and store.rows("SELECT id FROM threads WHERE name = ? AND id IS NOT ?", (name, but)):
        raise InputError(f"there is a thread named {name!r} already", "choose another name, or use it: --thread NAME")


def _thread(row: Row) -> Thread:
    id_, name, created_at, updated_at, messages, opening = row
    return Thread(id_, name, created_at, updated_at, messages, _title(opening or ""))


def _title(text: str) -> str:
    line = " ".join(text[: 4 * _TITLE].split())
    return line if len(line) <= _TITLE else line[: _TITLE - 1].rstrip() + "…"
