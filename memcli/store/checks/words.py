"""The full-text index: it agrees with the chunks, and deletes for real."""

from __future__ import annotations

from memcli.store import words
from memcli.store.checks.record import Check, Means
from memcli.store.database import Store


def agreement(store: Store) -> list[str]:
    """Return whether the index is another than that of the chunks."""
    return [] if words.intact(store) else ["the full-text index does not agree with the chunks"]


def _rebuild(store: Store, means: Means) -> None:
    with store.atomic():
        words.rebuild(store)


def deletion(store: Store) -> list[str]:
    """Return whether words that are deleted would stay in the index."""
    held = store.one("SELECT v FROM chunks_fts_config WHERE k = 'secure-delete'")
    return [] if held and held[0] == 1 else ["the full-text index keeps words of what is deleted"]


def _delete_for_real(store: Store, means: Means) -> None:
    with store.atomic():
        words.delete_coarsely(store, lambda: words.rebuild(store))  # leaves the option as it should be


CHECKS = (
    Check(
        "full text",
        "Triggers keep the full-text index in step with the chunks.",
        agreement,
        _rebuild,
        "it is made anew from the chunks",
    ),
    Check(
        "deleted words",
        "What is deleted leaves no words in the index.",
        deletion,
        _delete_for_real,
        "it is told to, and made anew",
    ),
)
