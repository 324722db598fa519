"""What it means that two stores are equal: every column of every table, but for what memcli makes anew by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memcli.memory import exporting, importing, intake
from memcli.store.database import Store
from memcli.ui.sanitize import json_line
from tests.store.making import EMBEDDER, NOW

# What is compared, in the order in which it stands there. Places in a thread are told by messages, as `seq` is a
# store's own.
COMPARED = {
    "threads": """
        SELECT id, name, created_at, updated_at,
            (SELECT count(*) FROM messages AS m WHERE m.thread_id = t.id AND m.seq < t.window_start)
        FROM threads AS t ORDER BY rowid""",
    "messages": """
        SELECT id, thread_id, role, name, content, trust, created_at, external_id, model, interrupted, excerpt
        FROM messages ORDER BY seq""",
    "memories": """
        SELECT id, kind, text, trust, created_at, retired_at, superseded_by, valid_from, valid_to, expires_at,
            formed_by, times_said, confirmed_at, reconciled, importance, pinned, undone
        FROM memories ORDER BY rowid""",
    "memory_tags": "SELECT memory_id, tag FROM memory_tags ORDER BY 1, 2",
    "memory_sources": 'SELECT memory_id, message_id, start, "end" FROM memory_sources ORDER BY 1, 2, 3, 4',
    "memory_conflicts": "SELECT memory_id, other_id FROM memory_conflicts ORDER BY 1, 2",
    "lapses": "SELECT memory_id, since, until, superseded_by, valid_to FROM lapses ORDER BY memory_id, rowid",
    "core_blocks": "SELECT label, text, updated_at, author FROM core_blocks ORDER BY 1",
    "core_versions": "SELECT operation, label, text, updated_at, author FROM core_versions ORDER BY 1, 2",
    "recalled": "SELECT message_id, position, item_id, kind, line, score, why FROM recalled ORDER BY 1, 2",
    "turns": """
        SELECT message_id, context, evaluated, generated, thought, restored, evicted, first_token, seconds
        FROM turns ORDER BY 1""",
    "summaries": """
        SELECT s.id, s.thread_id, m.id AS to_seq, s.text, s.made_by, s.created_at
        FROM summaries AS s LEFT JOIN messages AS m ON m.seq = s.to_seq ORDER BY s.rowid""",
    "formation_queue": "SELECT message_id, queued_at, attempts FROM formation_queue ORDER BY rowid",
    "operations": "SELECT id, at, action, actor, items, detail, undone_at FROM operations ORDER BY id",
    "chunks": """
        SELECT owner, owner_id, position, start, "end", text, has_vector, spelled FROM chunks ORDER BY 1, 2, 3""",
    "meta": "SELECT key, value FROM meta WHERE key IN ('merged', 'summed') ORDER BY 1",
}
# What is made anew: numbers of rows, what a model has worked out, and leases of processes that are not there.
ANEW = {
    "threads": {"prefix", "ledger"},
    "messages": {"seq", "tokens"},
    "formation_queue": {"leased_by", "leased_until"},
    "chunks": {"id", "words"},
}
TABLES_ANEW = {"migrations", "forgetting", "signatures", "signing"}  # and what SQLite and the indexes keep
TOLD_OTHERWISE = {"threads": {"window_start"}}


def contents(store: Store) -> dict[str, list[Any]]:
    return {table: store.rows(sql) for table, sql in COMPARED.items()}


def export(store: Store) -> str:
    return "".join(json_line(record) + "\n" for record in exporting.records(store))


def bring_in(store: Store, text: str | Sequence[str], *, now: str = NOW) -> intake.Report:
    """Import what has no bad line."""
    parsed = importing.parse(importing.lines(text) if isinstance(text, str) else text)
    assert parsed.bad == ()
    report = intake.Report()
    intake.write(store, parsed.records, embedder=EMBEDDER, now=now, progress=lambda done, total: None, report=report)
    return report
