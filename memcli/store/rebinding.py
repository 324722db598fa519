"""Rebinding: from the vectors of one embedder to those of another, by steps between which anything may happen.

    begin -> every chunk waits -> (given vectors, batch by batch) -> finish

Invariants: from `begin` to `finish` the store says that it lies between two embedders, and nobody compares vectors;
`finish` succeeds only when no chunk waits. Whatever is written meanwhile by who holds another embedder waits as well.
"""

from __future__ import annotations

from memcli.errors import EmbedderChanged
from memcli.store import index
from memcli.store.database import Store


def unfinished(store: Store) -> bool:
    """Tell whether vectors are being made anew, or were until that was interrupted."""
    return store.one("SELECT 1 FROM meta WHERE key = ?", (index.UNFINISHED,)) is not None


def ready(store: Store, identity: str) -> bool:
    """Tell whether a question's vector by the embedder `identity` may be compared with the store's."""
    return index.identity(store) == identity and not unfinished(store)


def begin(store: Store, identity: str, dimension: int, chunk_tokens: int, *, anew: bool = False) -> bool:
    """Bind the store to an embedder, and tell whether that took away its vectors.

    Where it is bound so already, finished or not, nothing is taken away unless `anew`.
    """
    with store.atomic():
        if not anew and (index.identity(store), index.chunk_tokens(store)) == (identity, chunk_tokens):
            return False
        index.bind(store, identity, dimension, chunk_tokens)
    return True


def require(store: Store, identity: str) -> None:
    """Raise EmbedderChanged where the store is not bound to the embedder `identity` any more."""
    held = index.identity(store)
    if held != identity:
        raise EmbedderChanged(
            f"the store's vectors are now being made by {held}: another 'memcli reindex' was given that embedder",
            "let that one end, or run: memcli reindex --embedder NAME",
        )


def finish(store: Store, identity: str) -> bool:
    """Tell whether every chunk has its vector; then the store is searched by them again.

    Raises EmbedderChanged where another embedder has taken the place of `identity`.
    """
    with store.atomic():
        require(store, identity)
        if index.missing(store):
            return False
        store.run("DELETE FROM meta WHERE key = ?", (index.UNFINISHED,))
    return True
