"""Core memory: the few short labelled blocks that are always in the context."""

from __future__ import annotations

from collections.abc import Iterable

from memcli.store.database import Store, listed
from memcli.types import CoreBlock

_COLUMNS = "label, text, updated_at, author"


def blocks(store: Store) -> list[CoreBlock]:
    """Return all blocks, by label."""
    return [CoreBlock(*row) for row in store.rows(f"SELECT {_COLUMNS} FROM core_blocks ORDER BY label")]


def get(store: Store, label: str) -> CoreBlock | None:
    row = store.one(f"SELECT {_COLUMNS} FROM core_blocks WHERE label = ?", (label,))
    return CoreBlock(*row) if row else None


def earlier(store: Store, labels: Iterable[str]) -> list[CoreBlock]:
    """Return what blocks said before, as far as it is kept for an undo, the oldest first."""
    sql = """
        SELECT label, text, updated_at, author FROM core_versions
        WHERE text IS NOT NULL AND label IN (SELECT value FROM json_each(?)) ORDER BY label, operation
    """
    return list(dict.fromkeys(CoreBlock(*row) for row in store.rows(sql, (listed(labels),))))


def before(store: Store, operation: int) -> list[tuple[str, str | None]]:
    """Return the labels that an operation wrote, with what stood there before it; None for no block."""
    return [
        (label, text)
        for label, text in store.rows(
            "SELECT label, text FROM core_versions WHERE operation = ? ORDER BY label", (operation,)
        )
    ]


def put(store: Store, label: str, text: str, now: str, author: str = "user") -> CoreBlock:
    """Write the block, over an older text where there is one, and return it as it was read back."""
    sql = f"""
        INSERT INTO core_blocks ({_COLUMNS}) VALUES (?, ?, ?, ?)
        ON CONFLICT (label)
        DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at, author = excluded.author
        RETURNING {_COLUMNS}
    """
    return CoreBlock(*store.rows(sql, (label, text, now, author))[0])


def clear(store: Store, label: str) -> bool:
    """Delete the block; False where there was none."""
    return bool(store.rows("DELETE FROM core_blocks WHERE label = ? RETURNING label", (label,)))
