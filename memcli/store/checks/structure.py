"""The file as SQLite sees it: pages, indexes, references between rows, and the schema that the migrations made."""

from __future__ import annotations

from functools import cache

from memcli.errors import StoreDamaged
from memcli.store import index, migrations, traces
from memcli.store.checks.record import Check, Means, counted
from memcli.store.database import Store, blank

_FULL_TEXT = "chunks_fts"  # has a check of its own
_OF_INDEXES = " index "  # as in: row 3 missing from index messages_by_time
_SLACK = ("Freelist", "never used")  # of no consequence, and gone when the file is written anew
_VECTORS = "chunks_vec"  # sqlite-vec's tables are as its version made them
_MADE_ANEW = ("index", "trigger", "view")  # hold nothing that is not in the tables


def integrity(store: Store) -> list[str]:
    """Return what SQLite finds wrong, but for the full-text index."""
    found = [" ".join(text.split()) for (text,) in store.rows("PRAGMA integrity_check") if text != "ok"]
    return [text for text in found if _FULL_TEXT not in text]


def _reindex(store: Store, means: Means) -> None:
    """Make indexes anew, and the file where pages are only lying about. Raises StoreDamaged where it is worse."""
    found = integrity(store)
    if not all(_OF_INDEXES in text or any(word in text for word in _SLACK) for text in found):
        raise StoreDamaged("pages of the file cannot be read, or hold what memcli does not write", "")
    if any(_OF_INDEXES in text for text in found):
        with store.atomic():
            store.run("REINDEX")
    if integrity(store):
        store.run("VACUUM")


def references(store: Store) -> list[str]:
    """Return which rows refer to rows that are not there."""
    found = store.rows('SELECT "table", rowid, parent FROM pragma_foreign_key_check')
    return [f"{table} row {row} refers to a missing row of {parent}" for table, row, parent in found]


def _cut_references(store: Store, means: Means) -> None:
    """Do what the deletion of the missing rows would have done: delete what hangs on them, or clear the reference."""
    with store.atomic():
        for table in dict.fromkeys(row[0] for row in store.rows('SELECT "table" FROM pragma_foreign_key_check')):
            for _, _, parent, own, key, _, on_delete, _ in store.rows(f'PRAGMA foreign_key_list("{table}")'):
                lost = f'"{own}" IS NOT NULL AND "{own}" NOT IN (SELECT "{key}" FROM "{parent}")'
                if on_delete == "SET NULL":
                    store.run(f'UPDATE "{table}" SET "{own}" = NULL WHERE {lost}')
                else:
                    store.run(f'DELETE FROM "{table}" WHERE {lost}')


def schema(store: Store) -> list[str]:
    """Return what of the schema is missing, or other than the migrations made it."""
    return [f"the {kind} {name} {what}" for kind, name, what, _ in _differences(store)]


def _differences(store: Store) -> list[tuple[str, str, str, str]]:
    """Return (type, name, what is wrong, the right SQL)."""
    held, wanted = _objects(store), _wanted(store)
    wrong = [
        (kind, name, "is missing" if (kind, name) not in held else "is not what it should be", sql)
        for (kind, name), sql in wanted.items()
        if not _alike(held.get((kind, name)), sql, made_by_sqlite_vec=kind == "table" and name.startswith(_VECTORS))
    ]
    strange = [(kind, name, "does not belong there", "") for kind, name in held if (kind, name) not in wanted]
    return wrong + [one for one in strange if one[0] in _MADE_ANEW]


def _alike(held: str | None, wanted: str, *, made_by_sqlite_vec: bool) -> bool:
    return held is not None and (made_by_sqlite_vec or held.split() == wanted.split())  # however it is laid out


def _wanted(store: Store) -> dict[tuple[str, str], str]:
    return _made(index.identity(store), index.dimension(store))


@cache
def _made(identity: str | None, dimension: int | None) -> dict[tuple[str, str], str]:
    with blank() as fresh:
        if identity is not None and dimension is not None:
            index.make_vectors(fresh, identity, dimension)
        return _objects(fresh)


def _objects(store: Store) -> dict[tuple[str, str], str]:
    sql = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*'"
    return {(kind, name): text for kind, name, text in store.rows(sql)}


def _make_anew(store: Store, means: Means) -> None:
    with store.atomic():
        for kind, name, what, sql in _differences(store):
            if kind in _MADE_ANEW:
                if what != "is missing":
                    store.run(f'DROP {kind} "{name}"')
                if sql:
                    store.run(sql)


def versions(store: Store) -> list[str]:
    """Return whether the schema's number and its history disagree."""
    held = store.rows("SELECT number, name FROM migrations ORDER BY number")
    wanted = list(enumerate(migrations.NAMES, 1))
    return [] if held == wanted else ["the history of the schema is not that of its number"]


def _rewrite_history(store: Store, means: Means) -> None:
    with store.atomic():
        rows = [(number, name, means.now, "doctor") for number, name in enumerate(migrations.NAMES, 1)]
        store.run("DELETE FROM migrations")
        store.run_many("INSERT INTO migrations VALUES (?, ?, ?, ?)", rows)


def texts(store: Store) -> list[str]:
    """Return in how many texts bytes are no characters."""
    return counted(sum(len(rows) for rows in _no_texts(store).values()), "texts hold bytes that are no characters")


def _no_texts(store: Store) -> dict[tuple[str, str], list[tuple[str, bytes]]]:
    """Return by table and column what the texts are without those bytes, and with them."""
    found = {}
    for table, columns in traces.texts_of(store).items():
        for column in columns:
            try:
                store.each(f'SELECT "{column}" FROM "{table}"')
            except StoreDamaged:
                rows = store.rows(f'SELECT CAST("{column}" AS BLOB) FROM "{table}" WHERE "{column}" IS NOT NULL')
                read = [(data.decode("utf-8", errors="replace"), data) for (data,) in rows]
                found[table, column] = [(text, data) for text, data in read if text.encode() != data]
    return found


def _replace_bytes(store: Store, means: Means) -> None:
    with store.atomic():
        for (table, column), rows in _no_texts(store).items():
            # By what they hold: not every table numbers its rows.
            store.run_many(f'UPDATE "{table}" SET "{column}" = ? WHERE CAST("{column}" AS BLOB) = ?', rows)


PAGES = Check(
    "pages",
    "SQLite reads every page, and every index has what its table has.",
    integrity,
    _reindex,
    "indexes are made anew",
)
SCHEMA = Check(
    "schema",
    "Tables, indexes and triggers are those that the migrations made: triggers keep what follows in step.",
    schema,
    _make_anew,
    "indexes, triggers and views are made anew",
)
CHECKS = (
    Check(
        "schema history",
        "Each migration is recorded in the transaction that applies it.",
        versions,
        _rewrite_history,
        "it is written anew",
    ),
    Check(
        "references",
        "A row refers only to rows that are there.",
        references,
        _cut_references,
        "what hangs on missing rows is deleted",
    ),
)
TEXTS = Check(
    "texts",
    "A text is one: every byte of it is a part of a character.",
    texts,
    _replace_bytes,
    "a sign stands in the place of what is no character",
)
