"""Look for what must be gone: removed texts in every file that memcli writes, and their words in what is kept.

Invariant: what also stands in a kept row, in the schema or in a kept term is not counted as a trace: it is another
statement.

The files are the store with those that SQLite keeps beside it, and what lies in the state and cache folders but for
models, embedders and probes, which hold nothing of the user's, and other stores, whose items are their own. An
encrypted store is looked through as it is without its cipher, and as it stands on the disk besides. KV states are not
text: their names tell of them. Links are not followed, but where the user made one of typed lines or the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memcli.store import gate, peek, typed
from memcli.store.cipher import MAGIC
from memcli.store.database import Store
from memcli.store.header import holds_store
from memcli.store.scan import WIDTH, Windows, none, windows
from memcli.store.spelling import spelled

ENDINGS = ("", *gate.TAKEN)  # of a store's files: SQLite's, and a conversion's
SHORTEST = 6  # characters: shorter texts occur by chance
_BUDGET = 4 << 30  # characters read at most, about two seconds; beyond it, only every n-th text is looked for
BESIDE = 3  # bytes of a window that may be a number of the file's own

_OWN = (("chunks_vec_info", "key", "value"), ("chunks_fts_config", "k", "v"))  # what the indexes note of themselves
_PIECE = 1 << 24  # bytes of a file that are read at a time: a mapped one, cut short by another process, ends this one
_SCRATCH = ("forgetting",)  # tables of texts that go: what stands in them is not kept


@dataclass(frozen=True, slots=True)
class Found:
    """How many of the removed texts can still be read, in which files, and how many bytes were looked through.

    `residue` tells that pieces of vectors were found, which may also be a kept one's.
    """

    texts: int
    files: tuple[Path, ...]
    looked_through: int
    residue: bool


def files(store: Store) -> list[Path]:
    """Return the files that SQLite keeps for the store and that exist now."""
    names = (store.path.name + ending for ending in ENDINGS)
    return [path for name in names if (path := store.path.with_name(name)).exists()]


def beside(store: Store) -> list[Path]:
    """Return the other files that memcli writes and that may hold something of the user's. Raises OSError."""
    if store.paths is None:
        return []
    paths = store.paths
    passed_over = {paths.models, paths.embedders, paths.probes, paths.states, paths.config_file}
    own = {path.absolute() for path in files(store)}
    found = dict.fromkeys(each for folder in (paths.state, paths.cache) for each in _within(folder, passed_over))
    found |= dict.fromkeys(path.absolute() for path in (paths.history, paths.log) if path.is_file())  # or links to one
    return [path for path in found if path not in own and not _of_a_store(path)]


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


def _of_a_store(path: Path) -> bool:
    """Tell whether a file belongs to another store: on macOS stores lie in the same folder as typed lines and log."""
    stores = (path.with_name(path.name.removesuffix(ending)) for ending in ENDINGS)
    return any(each.is_file() and holds_store(each) for each in stores)


def sought(texts: Iterable[str]) -> Windows:
    """Return what to look for: of the texts as they were stored, and as full text spells them."""
    whole = list(texts)
    return windows([*whole, *(form for text in whole if (form := spelled(text)))])


def look(store: Store, removed: Sequence[str], vectors: Iterable[bytes] = ()) -> Found:
    """Look for the `removed` texts and vectors in all files. Raises OSError where one cannot be read."""
    pieces = windows(vectors, every=WIDTH).without(windows([bytes(WIDTH)]))  # in any 15 bytes of one there is one
    wanted = sought(removed).together(pieces)
    paths = [path for path in (*files(store), *beside(store)) if path != store.path.with_name(f"{store.path.name}-shm")]
    held = [(path, in_file(store, path, wanted)) for path in paths] if wanted else []
    everything = none()
    for _, found in held:
        everything = everything.together(found)
    left = unkept(store, everything.without(pieces))
    texts = sum(bool(sought([text]).shared(left)) for text in removed) if left else 0
    where = tuple(path for path, found in held if found.shared(left))
    return Found(texts, where, sum(_size(path) for path in paths), residue=bool(everything.shared(pieces)))


def in_file(store: Store, path: Path, wanted: Windows) -> Windows:
    """Return which windows stand in a file; none in one that has just gone. Raises OSError."""
    try:
        if store.paths and path == store.paths.history.absolute():
            lines = "\n".join(typed.entries(typed.read(path)))  # without the times at which they were typed
            return wanted.among(lines.encode(errors="surrogateescape"))
        if store.paths and path == store.paths.log.absolute():
            return wanted.among(path.read_bytes().replace(b"\n", b"\0"))  # line by line, as it is cleaned
        if path == store.path:
            found = wanted.in_pieces(peek.pieces(path, _PIECE))
            return found if store.secret is None else found.together(wanted.in_pieces(_decrypted(store)))
        with path.open("rb") as file:
            return wanted.in_pieces(iter(lambda: file.read(_PIECE), b""))
    except FileNotFoundError:
        return none()


def _decrypted(store: Store) -> Iterator[bytes]:
    """Yield the bytes of every page, free ones too, as they are when the cipher is taken off.

    What the write-ahead log holds of a page stands in its place. After a cleaning the log holds nothing that is older.
    """
    image = store.image()
    for start in range(0, len(image), _PIECE):
        yield image[start : start + _PIECE]


def unkept(store: Store, wanted: Windows) -> Windows:
    """Return the windows that stand in nothing that is kept, not even beside a few bytes of the file's own."""
    for columns in _columns(store):
        if not wanted:
            return wanted
        row = " || ".join(f"coalesce({column}, '')" for column in columns.names)
        rows = store.value(f"SELECT coalesce(group_concat({row}, char(10)), '') FROM {columns.table}")
        wanted = wanted.without(wanted.among(rows.encode()))
    wanted = wanted.without(wanted.among(_terms(store)))
    wanted = wanted.without(wanted.among(MAGIC))
    return _unexplained(store, wanted) if wanted else wanted


def _unexplained(store: Store, wanted: Windows) -> Windows:
    """Return the windows that are no end, or no beginning, of a kept text with a few other bytes beside it.

    In the file a text stands between numbers: `Caroline"` is her name and the 34th row of an index.
    """
    terms = _terms(store)
    cut = {value: _cut(value) for value in wanted.each() if not any(part in terms for part in _cut(value))}
    ends = {end for parts in cut.values() for end in parts[:BESIDE]}
    beginnings = {beginning for parts in cut.values() for beginning in parts[BESIDE:]}
    kept: set[bytes] = set()
    for columns in _columns(store) if cut else ():
        for row in store.rows(f"SELECT {', '.join(columns.names)} FROM {columns.table}"):
            for text in row:
                data = text.encode() if text else b""
                for size in range(WIDTH - BESIDE, WIDTH):
                    kept |= {data[-size:]} & ends
                    kept |= {data[:size]} & beginnings
    return windows(value for value, parts in cut.items() if not kept & set(parts))


def _cut(value: bytes) -> list[bytes]:
    """Return what is left of a window without some bytes at its end, and at its beginning."""
    return [value[:-n] for n in range(1, BESIDE + 1)] + [value[n:] for n in range(1, BESIDE + 1)]


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a table that hold text, in the order in which they stand in a row; or what stands for a table."""

    table: str
    names: tuple[str, ...]


def texts_of(store: Store) -> dict[str, list[str]]:
    """Return the columns of text of the store's own tables, by table, in the order in which they stand in a row."""
    sql = """
        SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
        WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%' AND c.type = 'TEXT'
        AND t.name NOT GLOB 'chunks_*' AND t.name NOT GLOB 'sqlite_*' ORDER BY t.name, c.cid
    """  # what begins so is the indexes'
    found: dict[str, list[str]] = {}
    for table, column in store.rows(sql):
        found.setdefault(table, []).append(column)
    return found


def _columns(store: Store) -> Iterator[_Columns]:
    """Yield where all that is kept stands: rows of tables, and the schema."""
    for table, names in texts_of(store).items():
        if table not in _SCRATCH:
            yield _Columns(table, tuple(f'"{name}"' for name in names))
    for table, key, value in _OWN:
        if store.rows("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)):
            yield _Columns(table, (key, f"CAST({value} AS TEXT)"))
    yield _Columns("sqlite_schema", ("name", "tbl_name", "sql"))


def _terms(store: Store) -> bytes:
    joined: str = store.value("SELECT coalesce(group_concat(term, char(10)), '') FROM chunks_terms")
    return joined.encode()


def mentions(store: Store, removed: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the kept messages and memories that contain one of the `removed` texts."""
    texts = sorted({text for text in removed if len(text.strip()) >= SHORTEST})
    kept = store.rows("SELECT id, content FROM messages UNION ALL SELECT id, text FROM memories")
    everything = "\n".join(text for _, text in kept)
    found = [text for text in _within_budget(texts, len(everything)) if text in everything]
    return tuple(sorted(id_ for id_, text in kept if any(part in text for part in found)))


def _within_budget(texts: Sequence[str], size: int) -> Sequence[str]:
    return texts[:: 1 + len(texts) * size // _BUDGET]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
