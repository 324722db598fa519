"""The terms of the full-text index: which a text has, which of them only some chunks have, and what is left of others.

The index compresses terms, so that they cannot be looked for as bytes; they are asked of the index itself. A text's
terms are made by the tokenizer of the index, in a table of the connection's own that lies in memory.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from memcli.store.database import Store, listed

T = TypeVar("T")

MOST_READ = 5_000  # chunks whose terms are looked at; of more than that, these are spread evenly over them
_TOKENIZER = re.compile(r"tokenize\s*=\s*(\"[^\"]*\"|'[^']*')")
_MAIN_INDEX = 0x30  # the first byte of a term in chunks_fts_idx; https://sqlite.org/fts5.html has no prefix index here


def terms(store: Store, texts: Sequence[str]) -> dict[str, set[int]]:
    """Return the terms of `texts`, each with the places of the texts that have it. They are as full text reads them."""
    schema = str(store.value("SELECT sql FROM main.sqlite_schema WHERE name = 'chunks_fts'"))
    tokenizer = _TOKENIZER.search(schema)
    options = f", tokenize = {tokenizer[1]}" if tokenizer else ""
    found: dict[str, set[int]] = {}
    with _table(store, "read_words", f"fts5 (words{options})"), _terms(store, "temp", "read_words"):
        numbered = enumerate(texts, 1)
        store.run_many("INSERT INTO temp.read_words (rowid, words) VALUES (?, ?)", numbered)
        for term, row in store.rows("SELECT DISTINCT term, doc FROM temp.terms_of_read_words"):
            found.setdefault(term, set()).add(row - 1)
    return found


def evenly(chunks: Sequence[T]) -> Sequence[T]:
    """Return all chunks, or where they are many MOST_READ at most of them."""
    return chunks[:: 1 + len(chunks) // MOST_READ]


def counts(store: Store, wanted: Iterable[str]) -> dict[str, int]:
    """Return in how many chunks each of the `wanted` terms stands; terms that stand in none are left out."""
    sql = "SELECT t.term, t.doc FROM json_each(?) AS w CROSS JOIN chunks_terms AS t ON t.term = w.value"
    return dict(store.rows(sql, (listed(wanted),)))


def chunks_with(store: Store, wanted: Collection[str]) -> dict[str, set[int]]:
    """Return the chunks of each of the `wanted` terms, as the index has them."""
    found: dict[str, set[int]] = {}
    with _terms(store, "main", "chunks_fts") as instances:
        sql = f"SELECT t.term, t.doc FROM json_each(?) AS w CROSS JOIN temp.{instances} AS t ON t.term = w.value"
        for term, chunk in store.rows(sql, (listed(wanted),)):
            found.setdefault(term, set()).add(chunk)
    return found


def only_of(found: Mapping[str, Collection[int]], everywhere: Mapping[str, int]) -> list[str]:
    """Return the terms that stand in no other chunks than those `found`, given how many have them `everywhere`."""
    return sorted(term for term, places in found.items() if everywhere.get(term, 0) <= len(places))


def stale(store: Store) -> bool:
    """Tell whether the index holds the beginning of a term that no chunk has.

    Its upper level keeps them where a page begins, and does not change when the term is deleted.
    """
    for (held,) in store.rows("SELECT term FROM chunks_fts_idx WHERE length(term) > 1"):
        data = held if isinstance(held, bytes) else str(held).encode()
        if data[0] == _MAIN_INDEX and not _begins_a_term(store, data[1:]):
            return True
    return False


def _begins_a_term(store: Store, beginning: bytes) -> bool:
    # A page's border may be within a character: as text such bytes compare like the terms themselves.
    sql = "SELECT CAST(term AS BLOB) FROM chunks_terms WHERE term >= CAST(? AS TEXT) LIMIT 1"
    row = store.one(sql, (beginning,))
    return row is not None and bytes(row[0]).startswith(beginning)


@contextmanager
def _table(store: Store, name: str, definition: str) -> Iterator[None]:
    store.run(f"CREATE VIRTUAL TABLE temp.{name} USING {definition}")
    try:
        yield
    finally:
        store.run(f"DROP TABLE temp.{name}")


@contextmanager
def _terms(store: Store, schema: str, index: str) -> Iterator[str]:
    name = f"terms_of_{index}"
    with _table(store, name, f"fts5vocab ({schema}, {index}, instance)"):
        yield name
