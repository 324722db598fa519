"""Core memory: the few short labelled blocks that are always in the context."""

from __future__ import annotations

from memcli.store.database import Store
from memcli.types import CoreBlock


def blocks(store: Store) -> list[CoreBlock]:
    """Return all blocks, by label."""
    return [CoreBlock(*row) for row in store.rows("SELECT label, text, updated_at FROM core_blocks ORDER BY label")]


def get(store: Store, label: str) -> CoreBlock | None:
    row = store.one("SELECT label, text, updated_at FROM core_blocks WHERE label = ?", (label,))
    return CoreBlock(*row) if row else None


def put(store: Store, label: str, text: str, now: str) -> CoreBlock:
    """Write the block, over an older text where there is one, and return it as it was read back."""
    sql = """
        INSERT INTO core_blocks VALUES (?, ?, ?)
        ON CONFLICT (label) DO UPDATE SET text = excluded.text, updated_at = excluded.updated_at
        RETURNING label, text, updated_at
    """
    return CoreBlock(*store.rows(sql, (label, text, now))[0])


def clear(store: Store, label: str) -> bool:
    """Delete the block; False where there was none."""
    return bool(store.rows("DELETE FROM core_blocks WHERE label = ? RETURNING label", (label,)))
