"""Look for what must be gone: removed texts in every file that memcli writes, and their words in what is kept.

Invariant: what also stands in a kept row, in the schema or in a kept term is not counted as a trace: it is another
statement.

The files are the store with those that SQLite keeps beside it, and what lies in the state and cache folders but for
models, embedders and probes, which hold nothing of the user's. KV states are not text: their names tell of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memcli.store import typed
from memcli.store.database import Store
from memcli.store.scan import Windows, none, windows
from memcli.store.spelling import spelled

_SCRATCH = ("forgetting",)  # tables of texts that go: what stands in them is not kept


@dataclass(frozen=True, slots=True)
class Found:
    """How many of the removed texts can still be read, in which files, and how many bytes were looked through."""

    texts: int
    files: tuple[Path, ...]
    looked_through: int


def files(store: Store) -> list[Path]:
    """Return the files that SQLite keeps for the store and that exist now."""
    names = (store.path.name + ending for ending in ("", "-wal", "-shm", "-journal"))
    return [path for name in names if (path := store.path.with_name(name)).exists()]


def beside(store: Store) -> list[Path]:
    """Return the other files that memcli writes and that may hold something of the user's. Raises OSError."""
    if store.paths is None:
        return []
    paths = store.paths
    passed_over = {paths.models, paths.embedders, paths.probes, paths.states, paths.config_file}
    own = {path.absolute() for path in files(store)}
    return [path for folder in (paths.state, paths.cache) for path in _within(folder, passed_over) if path not in own]


def _within(folder: Path, passed_over: set[Path]) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path in passed_over or path.is_symlink():
            continue
        if path.is_dir():
            yield from _within(path, passed_over)
        elif path.is_file():
            yield path.absolute()


def sought(texts: Iterable[str]) -> Windows:
    """Return what to look for: of the texts as they were stored, and as full text spells them."""
    whole = list(texts)
    return windows([*whole, *(form for text in whole if (form := spelled(text)))])


def look(store: Store, removed: Sequence[str]) -> Found:
    """Look for the `removed` texts in all files. Raises OSError where one cannot be read."""
    wanted = sought(removed)
    paths = [*files(store), *beside(store)]
    held = [(path, in_file(store, path, wanted)) for path in paths] if wanted else []
    everything = none()
    for _, found in held:
        everything = everything.together(found)
    left = unkept(store, everything)
    texts = sum(bool(sought([text]).shared(left)) for text in removed) if left else 0
    where = tuple(path for path, found in held if found.shared(left))
    return Found(texts, where, sum(_size(path) for path in paths))


def in_file(store: Store, path: Path, wanted: Windows) -> Windows:
    """Return which windows stand in a file; none in one that has just gone. Raises OSError."""
    try:
        if store.paths and path == store.paths.history.absolute():
            lines = "\n".join(typed.entries(typed.read(path)))  # without the times at which they were typed
            return wanted.among(lines.encode(errors="surrogateescape"))
        return wanted.in_file(path)
    except FileNotFoundError:
        return none()


def unkept(store: Store, wanted: Windows) -> Windows:
    """Return the windows that stand in nothing that is kept."""
    for text in _kept(store):
        if not wanted:
            break
        wanted = wanted.without(wanted.among(text.encode(errors="surrogatepass")))
    return wanted


def _kept(store: Store) -> Iterator[str]:
    """Yield all that is kept: texts of one row in one piece, as they stand in the file, and the terms of full text."""
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    shadows = "chunks_fts_*", "chunks_vec_*", "sqlite_*"
    where = " ".join(f"AND name NOT GLOB '{each}'" for each in shadows)
    for (table,) in store.rows(f"{tables} {where} ORDER BY name"):
        columns = [
            n for n, kind in store.rows("SELECT name, type FROM pragma_table_info(?)", (table,)) if kind == "TEXT"
        ]
        if columns and table not in _SCRATCH:
            row = " || ".join(f"coalesce(\"{column}\", '')" for column in columns)
            yield store.value(f"SELECT coalesce(group_concat({row}, char(10)), '') FROM {table}")
    yield store.value("SELECT coalesce(group_concat(term, char(10)), '') FROM chunks_terms")
    yield store.value("SELECT group_concat(name || tbl_name || coalesce(sql, ''), char(10)) FROM sqlite_schema")


def mentions(store: Store, removed: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the kept messages and memories that contain one of the `removed` texts."""
    texts = sorted({text for text in removed if len(text.strip()) >= SHORTEST})
    kept = store.rows("SELECT id, content FROM messages UNION ALL SELECT id, text FROM memories")
    everything = "\n".join(text for _, text in kept)
    found = [text for text in _within_budget(texts, len(everything)) if text in everything]
    return tuple(sorted(id_ for id_, text in kept if any(part in text for part in found)))


SHORTEST = 6  # characters: shorter texts occur by chance
_BUDGET = 4 << 30  # characters read at most, about two seconds; beyond it, only every n-th text is looked for


def _within_budget(texts: Sequence[str], size: int) -> Sequence[str]:
    return texts[:: 1 + len(texts) * size // _BUDGET]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
