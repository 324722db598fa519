"""The proof that something was forgotten: no row, no vector and no state of it is left; full text has no term that only
it had; no byte of its texts can be read in any file, but for what kept items say as well.

What was there is written down before it goes (`manifest`), and looked for afterwards (`prove`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memcli.store import derived, traces, vectors, vocabulary
from memcli.store.closure import Closure
from memcli.store.database import Store, listed
from memcli.types import Owner

MOST_SOUGHT = 50  # chunks whose vectors are looked for: beyond it, index and file are rather written anew
_LOG = ("operations",)  # holds ids, which say nothing


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is to be gone: rows, chunks, slots of vectors, terms that no other chunk has, KV states, texts."""

    ids: tuple[str, ...]
    chunks: tuple[int, ...]
    slots: tuple[tuple[int, int], ...]
    terms: tuple[str, ...]
    states: tuple[Path, ...]
    texts: tuple[str, ...]
    vectors: tuple[bytes, ...] | None  # None: too many to look for

    @property
    def large(self) -> bool:
        """Whether there is too much to look for all of it."""
        return self.vectors is None


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of it: rows, vectors and states; terms; texts that can be read, and in which files.

    `looked_through` is in bytes, over all files. `residue` tells that something like pieces of its vectors was found.
    """

    rows: int = 0
    terms: int = 0
    texts: int = 0
    files: tuple[Path, ...] = ()
    looked_through: int = 0
    residue: bool = False

    @property
    def traces(self) -> int:
        return self.rows + self.terms + self.texts


def manifest(store: Store, closure: Closure, summaries: Iterable[str], texts: Iterable[str]) -> Manifest:
    """Write down what goes, before it does."""
    owners = ((Owner.MESSAGE, closure.messages), (Owner.MEMORY, closure.memories))
    sql = "SELECT id, words FROM chunks WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?)) ORDER BY id"
    chunks = [row for owner, ids in owners for row in store.rows(sql, (owner, listed(ids)))]
    read = vocabulary.evenly(chunks)
    every = len(read) == len(chunks)
    found = vocabulary.terms(store, [text for _, text in read])
    terms = vocabulary.only_of(found, vocabulary.counts(store, found)) if every else []
    return Manifest(
        slots=tuple(vectors.slots(store, (id_ for id_, _ in read))),
        ids=(*closure.messages, *closure.memories, *closure.threads, *summaries),
        chunks=tuple(id_ for id_, _ in chunks),
        terms=tuple(terms),
        states=tuple(derived.files(store)),
        texts=tuple(sorted({text for text in texts if text.strip()})),
        vectors=tuple(vectors.stored(store, [id_ for id_, _ in chunks])) if len(chunks) <= MOST_SOUGHT else None,
    )


def prove(store: Store, gone: Manifest) -> Proof:
    """Look for what must be gone. Raises OSError where a file cannot be read."""
    found = traces.look(store, gone.texts, gone.vectors or ())
    rows = sum(_rows(store, gone.ids)) + _strays(store, gone.chunks) + vectors.uncleared(store, gone.slots)
    rows += sum(path.exists() for path in gone.states)
    return Proof(rows, _terms(store, gone.terms), found.texts, found.files, found.looked_through, found.residue)


def _rows(store: Store, ids: Iterable[str]) -> Iterator[int]:
    """Yield for each column that names rows how many name one of `ids`."""
    wanted = listed(ids)
    for table, columns in traces.texts_of(store).items():
        for column in columns:
            if table not in _LOG and (column.endswith("id") or column == "superseded_by"):
                sql = f'SELECT count(*) FROM "{table}" WHERE "{column}" IN (SELECT value FROM json_each(?))'
                yield int(store.value(sql, (wanted,)))


def _strays(store: Store, chunks: Iterable[int]) -> int:
    """Return how many of the chunks are in the full-text index or have a vector, and are no chunk any more."""
    # The number of a chunk that was the newest may be another's by now.
    gone = "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM chunks)"
    indexes = ["chunks_fts_docsize"]
    if store.one("SELECT 1 FROM sqlite_schema WHERE name = 'chunks_vec_rowids'"):
        indexes.append("chunks_vec_rowids")
    return sum(
        int(store.value(f"SELECT count(*) FROM {index} WHERE {key} IN ({gone})", (listed(chunks),)))
        for index, key in zip(indexes, ("id", "rowid"), strict=False)
    )


def _terms(store: Store, terms: Iterable[str]) -> int:
    """Return how many of the terms the index still has for chunks that are not there."""
    left = vocabulary.counts(store, terms)
    if not left:
        return 0
    held = vocabulary.chunks_with(store, left)
    there = {
        id_
        for (id_,) in store.rows(
            "SELECT id FROM chunks WHERE id IN (SELECT value FROM json_each(?))", (listed(set().union(*held.values())),)
        )
    }
    return sum(not places <= there for places in held.values())
