"""Forget: delete for real, with everything derived from it, clean the file of what is left, and prove it.

Invariants: rows go in one transaction or not at all; it leaves a mark that only a finished cleaning takes away, so a
cleaning that was cut short (Ctrl-C, a reader that holds the WAL, a full disk) is made up for later; the operation that
is recorded holds ids, never texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from memcli.errors import StoreLocked, StoreUnwritable
from memcli.store import derived, operations, summaries, threads, traces, words
from memcli.store.closure import (
    Closure,
    closure_all,
    closure_before,
    closure_matching,
    closure_of,
    closure_of_thread,
    portraits,
)
from memcli.store.database import Store, listed
from memcli.store.derived import generation

__all__ = [
    "Closure",
    "Receipt",
    "closure_all",
    "closure_before",
    "closure_matching",
    "closure_of",
    "closure_of_thread",
    "forget",
    "generation",
    "scrub",
    "unclean",
]

_MADE = "author = 'consolidate'"  # of a core block: nobody wrote it by hand
_MARK = "unclean"  # in meta, while deleted bytes may still be in the files

_COUNTS = {
    table: f"SELECT count(*) FROM {table}"
    for table in (
        "messages",
        "memories",
        "memory_tags",
        "memory_sources",
        "memory_conflicts",
        "lapses",
        "threads",
        "core_blocks",
        "core_versions",
        "recalled",
        "formation_queue",
        "summaries",
        "turns",
        "chunks",
    )
} | {"chunks_vec": "SELECT count(*) FROM chunks WHERE has_vector"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was removed (rows by table), which files were cleaned, and what was found of it afterwards.

    `traces` is the number of removed texts that can still be read somewhere: 0, or a bug. `kept_mentions` are
    items that stay and contain the same words.
    """

    rows: dict[str, int]
    files: tuple[str, ...]
    traces: int
    kept_mentions: tuple[str, ...]


def forget(store: Store, closure: Closure, now: str, *, actor: str = "user") -> Receipt:
    """Delete what `closure` names and clean up after it. Not to be called inside a transaction.

    Raises StoreLocked where another process reads for longer than the busy timeout, StoreUnwritable where a file cannot
    be removed: then the rows are gone, their bytes not yet, and the next `forget` or `scrub` completes the cleaning.
    """
    with store.atomic():
        closure = _with_newcomers(store, closure)
        removed = traces.worth_seeking(_texts(store, closure))
        before = _count(store)
        _delete(store, closure)
        rows = {table: before[table] - left for table, left in _count(store).items() if before[table] != left}
        items = (*closure.messages, *closure.memories, *closure.threads)
        operations.record(store, action=derived.FORGETTING, actor=actor, items=items, now=now, detail={"rows": rows})
        store.run("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_MARK,))
    removed_files = scrub(store)
    files = tuple(str(path) for path in (*traces.files(store), *removed_files))
    return Receipt(rows, files, traces.count(store, removed), traces.mentions(store, removed))


def unclean(store: Store) -> bool:
    """Tell whether bytes of deleted rows may still be in the files: see `scrub`."""
    return store.one("SELECT 1 FROM meta WHERE key = ?", (_MARK,)) is not None


def scrub(store: Store) -> list[Path]:
    """Take what was deleted out of the files: from the full-text index, from free space, and from the WAL.

    Files outside of the store that quote it go altogether; they are returned. Raises StoreLocked where another process
    reads for longer than the busy timeout, StoreUnwritable where one of those files cannot be removed.
    """
    gone, stuck = derived.remove(store)
    # The index keeps words in its upper levels when they leave its pages, and pages keep bytes of rows that were
    # moved when they were balanced (secure_delete clears rows that are deleted): both are only gone once rewritten.
    words.rebuild(store)
    store.patiently(lambda: store.run("VACUUM"))
    store.patiently(lambda: _truncate(store))
    if stuck:
        raise StoreUnwritable(f"{stuck[0]} cannot be removed, and may quote what was forgotten", "remove it yourself")
    # Taking the mark away writes to the WAL again, but nothing that was deleted.
    store.run("DELETE FROM meta WHERE key = ?", (_MARK,))
    return gone


def _truncate(store: Store) -> None:
    busy, _, _ = store.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
    if busy:
        raise StoreLocked(
            f"{store.path} is being read by another process: what was forgotten is still in its -wal file",
            "close the other memcli, then run: memcli forget again",
        )


def _with_newcomers(store: Store, closure: Closure) -> Closure:
    """Add what came after the closure was made: messages of its threads, memories formed from its messages."""
    arrived = store.rows(
        "SELECT id FROM messages WHERE thread_id IN (SELECT value FROM json_each(?))", (listed(closure.threads),)
    )
    messages = tuple(sorted({*closure.messages, *(id_ for (id_,) in arrived)}))
    sql = "SELECT DISTINCT memory_id FROM memory_sources WHERE message_id IN (SELECT value FROM json_each(?))"
    derived = {id_ for (id_,) in store.rows(sql, (listed(messages),))}
    new = derived - set(closure.memories) - set(closure.kept)
    memories = (*closure.memories, *sorted(new))
    quoting = tuple(sorted({*closure.portraits, *portraits(store, memories)}))
    return replace(closure, messages=messages, memories=memories, portraits=quoting)


def _texts(store: Store, closure: Closure) -> list[str]:
    """Return every text that goes."""
    sources = {
        "SELECT content FROM messages WHERE id IN": closure.messages,
        "SELECT text FROM memories WHERE id IN": closure.memories,
        "SELECT tag FROM memory_tags WHERE memory_id IN": closure.memories,
        "SELECT text FROM core_blocks WHERE label IN": closure.core,
        "SELECT text FROM core_versions WHERE text IS NOT NULL AND label IN": closure.core,
        f"SELECT text FROM core_blocks WHERE {_MADE} AND label IN": closure.portraits,
        f"SELECT text FROM core_versions WHERE {_MADE} AND label IN": closure.portraits,
        "SELECT name FROM threads WHERE name IS NOT NULL AND id IN": closure.threads,
        "SELECT line FROM recalled WHERE item_id IN": _items(closure),
        "SELECT text FROM summaries WHERE id IN": summaries.quoting(store, _items(closure)),
    }
    found = (
        store.rows(f"{sql} (SELECT value FROM json_each(?))", (listed(wanted),)) for sql, wanted in sources.items()
    )
    return [text for rows in found for (text,) in rows]


def _delete(store: Store, closure: Closure) -> None:
    """Delete the rows; foreign keys and triggers take along what hangs on them."""
    for sql, gone in (
        ("DELETE FROM summaries WHERE id IN", summaries.quoting(store, _items(closure))),
        ("DELETE FROM recalled WHERE item_id IN", _items(closure)),
        ("DELETE FROM messages WHERE id IN", closure.messages),
        ("DELETE FROM memories WHERE id IN", closure.memories),
        ("DELETE FROM core_blocks WHERE label IN", closure.core),
        ("DELETE FROM core_versions WHERE label IN", closure.core),
        (f"DELETE FROM core_blocks WHERE {_MADE} AND label IN", closure.portraits),
        (f"DELETE FROM core_versions WHERE {_MADE} AND label IN", closure.portraits),
        ("DELETE FROM threads WHERE id IN", closure.threads),
    ):
        store.run(f"{sql} (SELECT value FROM json_each(?))", (listed(gone),))
    for label in closure.core:
        item = listed([f"core:{label}"])[1:-1]  # in the letters of JSON, as it stands in the log
        store.run("UPDATE operations SET items = replace(items, ?, '\"core:forgotten\"')", (item,))
    threads.clear_prefixes(store)  # they hold core and procedural memory as it was


def _items(closure: Closure) -> tuple[str, ...]:
    """Return the ids under which notes about what goes were placed."""
    blocks = (*closure.core, *closure.portraits)
    return (*closure.messages, *closure.memories, *(f"core:{label}" for label in blocks))


def _count(store: Store) -> dict[str, int]:
    return {table: int(store.value(sql)) for table, sql in _COUNTS.items()}
