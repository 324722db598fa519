"""Forget: delete for real, with everything derived from it, have the files cleaned of what is left, and prove it.

Invariants: rows go in one transaction or not at all, and what is to be cleaned is written down in the same one (see
cleaning.py); the operation that is recorded holds ids, never texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from memcli.errors import StoreUnwritable, TracesLeft
from memcli.store import cleaning, derived, operations, proof, summaries, threads, traces, words
from memcli.store.cleaning import Progress
from memcli.store.closure import (
    Closure,
    closure_all,
    closure_before,
    closure_matching,
    closure_of,
    closure_of_thread,
    condensing,
    portraits,
    versions,
)
from memcli.store.database import LONG_WAIT_MS, Store, listed
from memcli.store.derived import generation
from memcli.store.proof import Proof
from memcli.store.repeating import repeating

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
]

_MADE = "author = 'consolidate'"  # of a core block: nobody wrote it by hand

_LABELS = """
    SELECT tag FROM memory_tags UNION SELECT name FROM messages WHERE name IS NOT NULL
    UNION SELECT name FROM threads WHERE name IS NOT NULL
"""

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

    `kept_mentions` are items that stay and contain the same words.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    proof: Proof = field(default_factory=Proof)
    kept_mentions: tuple[str, ...] = ()

    @property
    def traces(self) -> int:
        """How much of what was removed can still be found somewhere: 0, or a bug."""
        return self.proof.traces

    def require_clean(self) -> None:
        """Raise TracesLeft where anything of what was removed can still be found."""
        if self.traces:
            where = ", ".join(map(str, self.proof.files or self.files))
            raise TracesLeft(f"{self.traces} traces are left in {where}", "delete that file, or report a bug in memcli")


def forget(
    store: Store,
    closure: Closure,
    now: str,
    *,
    actor: str = "user",
    typed: Iterable[str] = (),
    progress: Progress = lambda done, of: None,
) -> Receipt:
    """Delete what `closure` names and clean up after it. Not to be called inside a transaction.

    What holds one of `typed` goes from typed lines and log, too. Raises StoreLocked where another process is
    forgetting, or reads for longer than the busy timeout, StoreUnwritable where a file can be neither removed nor
    written. Where the rows are gone by then, the next memcli that opens the store completes the cleaning.
    """
    progress(0, cleaning.STEPS)
    typed = list(typed)
    gone, rows, thoroughly = store.patiently(
        lambda: _removed(store, closure, now, actor, typed), at_most_ms=LONG_WAIT_MS
    )
    with cleaning.leaving(store):
        others = cleaning.clean(store, progress, thoroughly=thoroughly)
        found = _proved(store, gone)
        # What came to be kept, or was made, while the files were read may look like a trace once, and not twice.
        if found.traces or (found.residue and not thoroughly):
            others += cleaning.clean(store, progress)
            found = _proved(store, gone)
        cleaning.done(store)
    progress(cleaning.STEPS, cleaning.STEPS)
    files = dict.fromkeys(str(path) for path in (*traces.files(store), *others))
    return Receipt(rows, tuple(files), found, traces.mentions(store, gone.texts))


def _removed(
    store: Store, closure: Closure, now: str, actor: str, typed: Iterable[str]
) -> tuple[proof.Manifest, dict[str, int], bool]:
    """Delete the rows; return what they were, how many by table, and whether all is to be written anew.

    Raises StoreLocked where another forgetting is not over.
    """
    cleaning.require_idle(store)
    with store.atomic():
        cleaning.require_idle(store)
        unfinished = cleaning.unclean(store)
        closure = _with_newcomers(store, closure)
        gone = _write_down(store, closure)
        before = _count(store)
        if gone.large:
            words.delete_coarsely(store, lambda: _delete(store, closure))
        else:
            _delete(store, closure)
        rows = {table: before[table] - left for table, left in _count(store).items() if before[table] != left}
        items = (*closure.messages, *closure.memories, *closure.threads)
        operations.record(store, action=derived.FORGETTING, actor=actor, items=items, now=now, detail={"rows": rows})
        labels = {label for (label,) in store.rows(_LABELS)}  # a line that has one of these says nothing of what went
        cleaning.mark(store, (text for text in gone.texts if text not in labels), typed)
    return gone, rows, gone.large or unfinished


def _proved(store: Store, gone: proof.Manifest) -> Proof:
    try:
        return proof.prove(store, gone)
    except OSError as error:
        raise StoreUnwritable(f"the files cannot be looked through: {error}", "run: memcli doctor") from error


def _write_down(store: Store, closure: Closure) -> proof.Manifest:
    return proof.manifest(store, closure, _condensed(store, closure), _texts(store, closure))


def _with_newcomers(store: Store, closure: Closure) -> Closure:
    """Add what came after the closure was made: messages of its threads, answers, memories formed from its messages."""
    arrived = store.rows(
        "SELECT id FROM messages WHERE thread_id IN (SELECT value FROM json_each(?))", (listed(closure.threads),)
    )
    messages = {*closure.messages, *(id_ for (id_,) in arrived)}
    sql = "SELECT DISTINCT memory_id FROM memory_sources WHERE message_id IN (SELECT value FROM json_each(?))"
    formed = {id_ for (id_,) in store.rows(sql, (listed(messages),))}
    known = {*closure.memories, *closure.kept}
    formed |= versions(store, condensing(store, messages, {*closure.memories, *formed} - set(closure.kept)))
    memories = (*closure.memories, *sorted(formed - known))
    messages |= repeating(store, messages, memories)
    quoting = tuple(sorted({*closure.portraits, *portraits(store, memories)}))
    return replace(closure, messages=tuple(sorted(messages)), memories=memories, portraits=quoting)


def _texts(store: Store, closure: Closure) -> list[str]:
    """Return every text that goes."""
    sources = {
        "SELECT content FROM messages WHERE id IN": closure.messages,
        "SELECT name FROM messages WHERE name IS NOT NULL AND id IN": closure.messages,
        "SELECT external_id FROM messages WHERE external_id IS NOT NULL AND id IN": closure.messages,
        "SELECT excerpt FROM messages WHERE excerpt IS NOT NULL AND id IN": closure.messages,
        "SELECT text FROM memories WHERE id IN": closure.memories,
        "SELECT tag FROM memory_tags WHERE memory_id IN": closure.memories,
        "SELECT text FROM core_blocks WHERE label IN": closure.core,
        "SELECT text FROM core_versions WHERE text IS NOT NULL AND label IN": closure.core,
        f"SELECT text FROM core_blocks WHERE {_MADE} AND label IN": closure.portraits,
        f"SELECT text FROM core_versions WHERE {_MADE} AND label IN": closure.portraits,
        "SELECT name FROM threads WHERE name IS NOT NULL AND id IN": closure.threads,
        "SELECT line FROM recalled WHERE item_id IN": _items(closure),
        "SELECT name FROM threads WHERE name IS NOT NULL AND id IN ": closure.names,
        "SELECT text FROM summaries WHERE id IN": _condensed(store, closure),
    }
    found = (
        store.rows(f"{sql} (SELECT value FROM json_each(?))", (listed(wanted),)) for sql, wanted in sources.items()
    )
    return [text for rows in found for (text,) in rows]


def _delete(store: Store, closure: Closure) -> None:
    """Delete the rows; foreign keys and triggers take along what hangs on them."""
    for sql, gone in (
        ("DELETE FROM summaries WHERE id IN", _condensed(store, closure)),
        ("DELETE FROM recalled WHERE item_id IN", _items(closure)),
        ("DELETE FROM messages WHERE id IN", closure.messages),
        ("DELETE FROM memories WHERE id IN", closure.memories),
        ("DELETE FROM core_blocks WHERE label IN", closure.core),
        ("DELETE FROM core_versions WHERE label IN", closure.core),
        (f"DELETE FROM core_blocks WHERE {_MADE} AND label IN", closure.portraits),
        (f"DELETE FROM core_versions WHERE {_MADE} AND label IN", closure.portraits),
        ("DELETE FROM threads WHERE id IN", closure.threads),
        ("UPDATE threads SET name = NULL WHERE id IN", closure.names),
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


def _condensed(store: Store, closure: Closure) -> tuple[str, ...]:
    """Return the summaries that go: those that are named, and those that may quote what goes."""
    return (*closure.summaries, *summaries.quoting(store, _items(closure)))


def _count(store: Store) -> dict[str, int]:
    return {table: int(store.value(sql)) for table, sql in _COUNTS.items()}
