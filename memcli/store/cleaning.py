"""Take what was deleted out of every file: what quotes the store, the full-text index, free space, the write-ahead log.

Invariants: a mark that only a finished cleaning takes away stands in the store from the transaction that deletes on,
with the texts to look for elsewhere. So a cleaning that was cut short (Ctrl-C, kill, a reader that holds the log, a
full disk) is made up for by the next memcli that opens the store; while the process that cleans is at it, others leave
it alone, and no second forgetting begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from memcli.errors import StoreError, StoreLocked, StoreUnwritable
from memcli.store import derived, index, outside, vocabulary, words, workers
from memcli.store.database import Store
from memcli.store.marks import UNCLEAN, held

_NAMED = "? || ' ' || strftime('%s', 'now')"
_LEFT = "left"  # nobody cleans
LEASE = 1800  # seconds: nobody cleans for longer, so that the number of a dead process may be another's by then

# Chunks up to which full-text index and file are written anew in any case, in half a second; for 100,000 the first
# takes five seconds and the second three. SQLite before 3.42 cannot read an index that something was deleted from until
# it is made anew.
SMALL = 10_000

Progress = Callable[[int, int], None]
STEPS = 5


def mark(store: Store, texts: Iterable[str] = (), asked: Iterable[str] = ()) -> None:
    """Note that `texts` have been deleted and are to be cleaned away. Call it in the transaction that deletes.

    `asked` are the words by which the user asked for it, where he did.
    """
    store.run(f"INSERT OR REPLACE INTO meta VALUES (?, {_NAMED})", (UNCLEAN, workers.name()))
    noted = [(text, 0) for text in dict.fromkeys(texts)] + [(text, 1) for text in dict.fromkeys(asked)]
    store.run_many("INSERT INTO forgetting VALUES (?, ?)", noted)


def unclean(store: Store) -> bool:
    """Tell whether bytes of deleted rows may still be in the files."""
    return held(store) is not None


def stalled(store: Store) -> bool:
    """Tell whether a cleaning was cut short and nobody is at it."""
    at_it = held(store)
    if at_it is None:
        return False
    cleaner, _, since = at_it.partition(" ")
    now = int(store.value("SELECT strftime('%s', 'now')"))
    return ":" not in cleaner or workers.dead(cleaner) or not 0 <= now - int(since or 0) <= LEASE


def require_idle(store: Store) -> None:
    """Raise StoreLocked where somebody is at a cleaning: two at once would take each other's bytes for traces."""
    if unclean(store) and not stalled(store):
        raise StoreLocked("another memcli is just forgetting something", "try again when it has finished")


def require_clean(store: Store) -> None:
    """Raise StoreLocked where bytes of deleted rows may still be in the files."""
    if unclean(store):
        raise StoreLocked("a forgetting is not over: what it removed may still be in the file", "try again, after it")


def finish(store: Store, progress: Progress = lambda done, of: None) -> None:
    """Clean up after a forgetting that was cut short, if nobody else is at it. Raises what `clean` does."""
    with store.atomic():
        if not stalled(store):
            return
        mark(store)
    with leaving(store):
        clean(store, progress)
        done(store)


def done(store: Store) -> None:
    """Take the mark away. That writes to the WAL again, but nothing that was deleted."""
    store.run("DELETE FROM meta WHERE key = ?", (UNCLEAN,))


@contextmanager
def leaving(store: Store) -> Iterator[None]:
    """Leave a cleaning to whoever comes next where it fails, although this process lives on."""
    own = held(store)
    try:
        yield
    finally:
        with suppress(StoreError, StoreUnwritable):
            store.run("UPDATE meta SET value = ? WHERE key = ? AND value = ?", (_LEFT, UNCLEAN, own))


def clean(store: Store, progress: Progress = lambda done, of: None, *, thoroughly: bool = True) -> list[Path]:
    """Clean, and return the files outside of the store that were removed or rewritten; the mark stays.

    Where it is not to be done `thoroughly`, a large store is not written anew, nor is its index unless that needs it:
    who calls then looks whether anything was left. Raises StoreLocked where another process reads for longer than the
    busy timeout, StoreUnwritable where one of those files can be neither removed nor written.
    """
    progress(1, STEPS)
    gone, stuck = derived.remove(store)
    noted = store.rows("SELECT text, asked FROM forgetting")
    texts, asked = ([text for text, by_words in noted if by_words == kind] for kind in (0, 1))
    changed = outside.take_out(store, texts, asked)
    progress(2, STEPS)
    small = index.size(store) <= SMALL
    if small or thoroughly or vocabulary.stale(store):
        words.rebuild(store)
    store.run("DELETE FROM forgetting")
    # secure_delete clears rows and pages that are deleted. But pages may keep bytes of rows that were moved when they
    # were balanced, which are only gone once all is written anew.
    rewrite = "VACUUM" if small or thoroughly else "PRAGMA incremental_vacuum"
    store.patiently(lambda: store.run(rewrite))
    progress(3, STEPS)
    store.patiently(lambda: _truncate(store))
    if stuck:
        raise StoreUnwritable(f"{stuck[0]} cannot be removed, and may quote what was forgotten", "remove it yourself")
    progress(4, STEPS)
    return [*gone, *changed]


def _truncate(store: Store) -> None:
    busy, _, _ = store.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
    if busy:
        raise StoreLocked(
            f"{store.path} is being read by another process: what was forgotten is still in its -wal file",
            "close the other memcli; the next one that opens the store finishes the cleaning",
        )
