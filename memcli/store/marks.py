"""The mark of a forgetting that is not cleaned up after yet. Each start looks for it, and loads no more than this."""

from __future__ import annotations

from memcli.store.database import Store

UNCLEAN = "unclean"  # in meta: which process cleans and since when, while deleted bytes may still be in the files


def held(store: Store) -> str | None:
    """Return who cleans and since when, None where nothing is to be cleaned."""
    row = store.one("SELECT value FROM meta WHERE key = ?", (UNCLEAN,))
    return str(row[0]) if row else None
