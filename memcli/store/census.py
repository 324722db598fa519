"""What is in the store, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

from memcli.store import cipher, messages, queue, traces
from memcli.store.database import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """Memories of one kind: those in force, and those that are not any more."""

    current: int
    retired: int


@dataclass(frozen=True, slots=True)
class Census:
    """How much there is of everything. `bytes` are those of the store's files on disk; `cipher` None: not encrypted."""

    bytes: int
    cipher: str | None
    threads: int
    messages: int
    waiting: int
    set_aside: int
    memories: dict[str, Kept]
    core: int
    summaries: int
    chunks: int
    vectors: int


def take(store: Store) -> Census:
    """Count what is in the store, in one view of it."""
    with store.atomic("BEGIN"):
        threads, core, summaries, chunks, vectors = store.rows("""
            SELECT (SELECT count(*) FROM threads), (SELECT count(*) FROM core_blocks WHERE text <> ''),
                (SELECT count(*) FROM summaries), count(*), count(*) FILTER (WHERE has_vector) FROM chunks
        """)[0]
        kinds = store.rows("""
            SELECT kind, count(*) FILTER (WHERE retired_at IS NULL), count(*) FILTER (WHERE retired_at IS NOT NULL)
            FROM memories GROUP BY kind ORDER BY kind
        """)
        return Census(
            sum(path.stat().st_size for path in traces.files(store)),
            None if store.secret is None else cipher.NAME,
            threads,
            messages.count(store),
            queue.waiting(store),
            queue.set_aside(store),
            {kind: Kept(current, retired) for kind, current, retired in kinds},
            core,
            summaries,
            chunks,
            vectors,
        )
