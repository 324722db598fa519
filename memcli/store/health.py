"""What `doctor` asks of a store: is every part of it sound, and do the parts agree? Nothing is changed."""

from __future__ import annotations

import stat

import apsw

from memcli.errors import StoreDamaged, StoreUnwritable
from memcli.store import cleaning, gate, index, signatures, traces, words
from memcli.store.database import Store
from memcli.store.spelling import spelled


def check(store: Store) -> list[str]:
    """Return the store's health problems, one line each; a sound store has none."""
    return [*_structure(store), *_full_text(store), *vectors(store), *_owners(store), *_privacy(store)]


def _structure(store: Store) -> list[str]:
    try:
        found = [text for (text,) in store.rows("PRAGMA integrity_check") if text != "ok"]
        found += [
            f"{table} row {row} refers to a missing row of {parent}" for table, row, parent, _ in _dangling(store)
        ]
    except StoreDamaged as error:
        return [error.message]
    return found


def _dangling(store: Store) -> list[tuple[str, int, str, int]]:
    return [(table, row, parent, key) for table, row, parent, key in store.rows("PRAGMA foreign_key_check")]


def _full_text(store: Store) -> list[str]:
    if not words.intact(store):
        return ["the full-text index does not agree with the chunks"]
    return _spelling(store)


def _spelling(store: Store) -> list[str]:
    try:
        wrong = sum(form != spelled(text) for form, text in store.rows("SELECT spelled, text FROM chunks"))
    except StoreDamaged as error:
        return [error.message]
    return [f"{wrong} chunks are not spelled as full text needs them"] if wrong else []


def vectors(store: Store) -> list[str]:
    """Return what is wrong between the chunks and the vectors."""
    if index.identity(store) is None:
        return []
    try:
        with store.atomic("BEGIN"):  # one view: others may be writing
            flagged = {row[0] for row in store.rows("SELECT id FROM chunks WHERE has_vector")}
            present = {row[0] for row in store.rows("SELECT chunk_id FROM chunks_vec")}
            signed = signatures.taken(store)
    except (StoreDamaged, StoreUnwritable, apsw.SQLError) as error:
        return [f"the vectors cannot be read: {error}"]
    return [*_mismatch(flagged, present, "vector"), *_mismatch(flagged, signed, "signature")]


def _mismatch(flagged: set[int], present: set[int], what: str) -> list[str]:
    lost, stray = len(flagged - present), len(present - flagged)
    problems = [f"{lost} chunks have lost their {what}"] if lost else []
    return problems + ([f"{stray} {what}s belong to no chunk"] if stray else [])


def _owners(store: Store) -> list[str]:
    sql = """
        SELECT count(*) FROM chunks WHERE (owner = 'message' AND owner_id NOT IN (SELECT id FROM messages))
        OR (owner = 'memory' AND owner_id NOT IN (SELECT id FROM memories))
    """
    try:
        orphans = store.value(sql)
    except StoreDamaged as error:
        return [error.message]
    return [f"{orphans} chunks belong to no message or memory"] if orphans else []


def _privacy(store: Store) -> list[str]:
    open_files = [path for path in traces.files(store) if stat.S_IMODE(path.stat().st_mode) & 0o077]
    problems = [f"{path} can be read by others: chmod 600" for path in open_files]
    problems += [f"{path} is left from a conversion and cannot be removed" for path in gate.left_over(store.path)]
    return problems + (["a forgetting was not cleaned up after"] if cleaning.unclean(store) else [])
