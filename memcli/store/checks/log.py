"""The log of operations, what the store notes of itself, and its times."""

from __future__ import annotations

from memcli.store import index
from memcli.store.checks.record import Check, Means, counting, each
from memcli.store.database import Store

_UNREADABLE = """
    SELECT id FROM operations WHERE NOT json_valid(items) OR json_type(items) != 'array'
    OR (detail IS NOT NULL AND (NOT json_valid(detail) OR json_type(detail) != 'object'))
"""
# Ids, dates and names of settings have no spaces; a label after "core:" may not have any either.
_TEXTS = f"""
    SELECT DISTINCT o.id FROM operations AS o JOIN json_tree(json_array(json(o.items), json(o.detail))) AS part
    WHERE o.id NOT IN ({_UNREADABLE}) AND part.type = 'text' AND part.atom GLOB '*[ \n\t]*'
"""
_SETTINGS = ("created_at", "created_by", "store")
_TIME = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z"
_TIMES = {
    "threads": ("created_at", "updated_at"),
    "messages": ("created_at",),
    "memories": ("created_at", "retired_at", "confirmed_at"),
    "core_blocks": ("updated_at",),
    "operations": ("at", "undone_at"),
    "summaries": ("created_at",),
    "lapses": ("since", "until"),
}


def times(store: Store) -> list[str]:
    """Return which columns hold what is no time."""
    found = []
    for table, column in _time_columns():
        count = store.value(f"SELECT count(*) FROM {table} WHERE {_no_time(column)}")
        found += [f"{count} rows of {table} have no time as {column}"] if count else []
    return found


def _time_columns() -> list[tuple[str, str]]:
    return [(table, column) for table, columns in _TIMES.items() for column in columns]


def _no_time(column: str) -> str:
    return f"{column} IS NOT NULL AND ({column} NOT GLOB '{_TIME}' OR datetime({column}) IS NULL)"


def _set_times(store: Store, means: Means) -> None:
    """Put the time of the row before in place of what is none, or that of the store's making."""
    with store.atomic():
        for table, column in _time_columns():
            before = f"SELECT max(o.{column}) FROM {table} AS o WHERE o.rowid < {table}.rowid"
            before += f" AND NOT ({_no_time(f'o.{column}')})"
            store.run(
                f"UPDATE {table} SET {column} = coalesce(({before}), ?) WHERE {_no_time(column)}",
                (_born(store, means),),
            )


def _born(store: Store, means: Means) -> str:
    row = store.one(f"SELECT value FROM meta WHERE key = 'created_at' AND NOT ({_no_time('value')})")
    return str(row[0]) if row else means.now


def settings(store: Store) -> list[str]:
    """Return what the store should note of itself and does not."""
    held: dict[str, str] = dict(store.rows("SELECT key, value FROM meta"))
    problems = [f"the store does not note its {key}" for key in _SETTINGS if not held.get(key)]
    if ("embedder" in held) != held.get("dimension", "").isdecimal():
        problems.append("the store notes only a part of who made its vectors")
    if not held.get("chunk_tokens", "1").isdecimal():
        problems.append("the store notes a length of chunks that is no number")
    return problems


def _note(store: Store, means: Means) -> None:
    with store.atomic():
        store.run("INSERT OR IGNORE INTO meta VALUES ('created_at', ?), ('created_by', 'doctor')", (means.now,))
        store.run(
            "INSERT OR REPLACE INTO meta SELECT 'store', lower(hex(randomblob(16))) WHERE NOT EXISTS"
            " (SELECT 1 FROM meta WHERE key = 'store' AND value != '')"
        )
        store.run("DELETE FROM meta WHERE key = 'chunk_tokens' AND (value GLOB '*[^0-9]*' OR value = '')")
        held: dict[str, str] = dict(store.rows("SELECT key, value FROM meta"))
        if ("embedder" in held) != held.get("dimension", "").isdecimal():
            index.drop_vectors(store)


CHECKS = (
    Check(
        "what the store notes",
        "The store notes when it was made and by what, its own name, and who made its vectors.",
        settings,
        _note,
        "it is noted anew; vectors of nobody are made anew",
    ),
    Check("times", "Times are UTC, to the second.", times, _set_times, "they become that of the row before"),
    Check(
        "log",
        "The log can be read.",
        counting(_UNREADABLE, "operations of the log cannot be read"),
        each(f"UPDATE operations SET items = '[]', detail = NULL WHERE id IN ({_UNREADABLE})"),
        "they are kept without what they were about, and cannot be undone",
    ),
    Check(
        "texts in the log",
        "The log holds ids, counts, dates and names of settings, never a text.",
        counting(_TEXTS, "operations of the log hold texts"),
        each(f"UPDATE operations SET items = '[]', detail = NULL WHERE id IN ({_TEXTS})"),
        "they are kept without what they were about, and cannot be undone",
    ),
)
