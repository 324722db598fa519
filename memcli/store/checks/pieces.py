"""Chunks: each follows its owner, says what that says there, and together they leave nothing out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memcli.store import index
from memcli.store.checks.record import Check, Means, counted, each
from memcli.store.database import Row, Store, listed
from memcli.store.spelling import spelled
from memcli.types import Owner

_BATCH = 5_000  # items read at a time: a few megabytes of text
_ORPHANS = """
    (owner = 'message' AND owner_id NOT IN (SELECT id FROM messages))
    OR (owner = 'memory' AND owner_id NOT IN (SELECT id FROM memories))
"""
_TEXTS = {Owner.MESSAGE: ("messages", "content"), Owner.MEMORY: ("memories", "text")}


def owners(store: Store) -> list[str]:
    """Return how many chunks are of nothing."""
    return counted(
        int(store.value(f"SELECT count(*) FROM chunks WHERE {_ORPHANS}")), "chunks belong to no message or memory"
    )


def coverage(store: Store) -> list[str]:
    """Return how many items are not indexed, or not as they are."""
    missing, other = 0, 0
    with store.atomic("BEGIN"):  # one view: others may be writing
        for _, _, text, chunks in _items(store):
            if bool(text.strip()) != bool(chunks):
                missing += 1
            elif not _covers(text, chunks):
                other += 1
    return counted(missing, "messages or memories are not indexed as a whole") + counted(
        other, "messages or memories are indexed with other words than theirs"
    )


def _items(store: Store) -> Iterator[tuple[Owner, str, str, list[Row]]]:
    """Yield each message and memory with its text and its chunks (position, start, end, text)."""
    for owner, (table, column) in _TEXTS.items():
        last = -1
        sql = f"SELECT rowid, id, {column} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {_BATCH}"
        while rows := store.rows(sql, (last,)):
            last = rows[-1][0]
            found = _chunks(store, owner, [id_ for _, id_, _ in rows])
            yield from ((owner, id_, text, found.get(id_, [])) for _, id_, text in rows)


def _chunks(store: Store, owner: Owner, ids: Sequence[str]) -> dict[str, list[Row]]:
    sql = """
        SELECT owner_id, position, start, "end", text FROM chunks
        WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?)) ORDER BY owner_id, position
    """
    found: dict[str, list[Row]] = {}
    for id_, *chunk in store.rows(sql, (owner, listed(ids))):
        found.setdefault(id_, []).append(tuple(chunk))
    return found


def _covers(text: str, chunks: Sequence[Row]) -> bool:
    """Tell whether the chunks are stretches of `text`, in order, between which nothing but white space is left out."""
    reached = 0
    for place, (position, start, end, own) in enumerate(chunks):
        if position != place or start < 0 or text[start:end] != own or text[reached : max(start, reached)].strip():
            return False
        reached = max(reached, end)
    return not text[reached:].strip()


def _cut_anew(store: Store, means: Means) -> None:
    with store.atomic():
        wrong = [(o, id_, text) for o, id_, text, chunks in _items(store) if not _covers(text, chunks)]
        for owner, id_, text in wrong:
            index.add(store, owner, id_, means.cut(text))


def spelling(store: Store) -> list[str]:
    """Return how many chunks full text would read wrongly."""
    return counted(len(_misspelled(store)), "chunks are not spelled as full text needs them")


def _misspelled(store: Store) -> list[tuple[str | None, int]]:
    rows = store.rows("SELECT id, spelled, text FROM chunks")
    return [(right, id_) for id_, held, text in rows if (right := spelled(text)) != held]


def _spell(store: Store, means: Means) -> None:
    with store.atomic():
        store.run_many("UPDATE chunks SET spelled = ? WHERE id = ?", _misspelled(store))


CHECKS = (
    Check(
        "orphaned chunks",
        "A chunk goes with its message or memory, so that nothing deleted is found.",
        owners,
        each(f"DELETE FROM chunks WHERE {_ORPHANS}"),
        "they are deleted",
    ),
    Check(
        "chunks",
        "What is kept is indexed in pieces that are its own words, in order, and leave nothing out.",
        coverage,
        _cut_anew,
        "they are cut anew from what is kept",
    ),
    Check(
        "spelling",
        "Full text reads a chunk in the one spelling that queries have.",
        spelling,
        _spell,
        "they are spelled anew",
    ),
)
