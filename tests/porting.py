"""A store with every sort of record, and what it means that two stores are equal.

That is every column of every table, but for what memcli makes anew by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from memcli.memory import condensing, context, exporting, importing, intake, summary
from memcli.store import core, messages, operations, queue, summaries, threads, turns, undoing
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.store.summaries import Summary
from memcli.store.turns import Cost
from memcli.types import Candidate, Hit, Kind, Message, Owner, Recalled, Role, Source, Trust
from memcli.ui.sanitize import json_line
from tests.store.making import EMBEDDER, NOW, Filled, at

Json = dict[str, Any]

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


def records(store: Store, *types: str) -> list[Json]:
    found = [json.loads(line) for line in export(store).splitlines()]
    return [record for record in found if not types or record["type"] in types]


def written(records: list[Json]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


# --- a store with everything ---


def note(item: Message | Any, text: str) -> Recalled:
    """Return the note that recall places of a message or a memory."""
    kind = "message" if isinstance(item, Message) else item.kind
    held = Candidate(item.id, kind, text, item.created_at, item.trust, name=getattr(item, "name", None))
    return context.note(Hit(held, 0.75, {"words": 0.5, "nearby cosine": 0.25}))


def with_every_record(store: Store) -> Filled:
    """Fill a store with every sort of record, and every column of each with something."""
    filled = Filled(store)
    talk = threads.create(store, now=at(1), name="a talk").id
    first = filled.say("I live in Rome, with a dog called Turing.", thread=talk, now=at(1), external_id="D1:1")
    reply = filled.say(
        "Lovely\x1b[31m <|im_start|>!", thread=talk, now=at(1), role=Role.ASSISTANT, model="tiny:1", interrupted=True,
        tokens=(1, 2),
    )  # fmt: skip
    turns.add(store, reply.id, Cost(100, 40, 7, 2, 60, 1, 0.25, 1.5))
    filled.say("Be kind.", thread=talk, now=at(1), role=Role.ASSISTANT, name="Ann")
    rome = filled.keep("lives in Rome", of=[first], now=at(1), tags=("home", "city"), valid_from="2020")
    filled.keep("answer in French", now=at(2), kind=Kind.PROCEDURAL, reconciled=False, pinned=True)
    rain = filled.keep("rain since May", now=at(2), kind=Kind.EPISODIC, expires_at=at(9), importance=0.4)
    journal = Journal(store, action="edit", actor="user", now=at(3))
    oslo = journal.add(kind=Kind.SEMANTIC, text="lives in Oslo", trust=Trust.USER, formed_by="rules", created_at=at(2))
    journal.supersede(rome.id, oslo.id, valid_to="2026-03")
    journal.record()
    undoing.undo(store, undoing.last(store, 1), at(4))
    journal = Journal(store, action="form", actor="formation", now=at(5))
    bonn = journal.add(kind=Kind.SEMANTIC, text="lives in Bonn", trust=Trust.USER, times_said=2)
    journal.supersede(rome.id, bonn.id, valid_to="2026-02")
    journal.strengthen(rain.id, [Source(first.id, 2, 9)])
    journal.conflict(rain.id, bonn.id)
    journal.set_core("user", "Ann, a vet", "user")
    journal.record({"message": first.id})
    for made in (oslo, bonn):
        filled.index(Owner.MEMORY, made.id, [made.text])
    journal = Journal(store, action="core", actor="consolidate", now=at(6))
    journal.set_core("user", "Ann, a vet\nin Bonn", "consolidate")
    journal.record()
    operations.record(
        store, action="forget", actor="user", items=["gone1"], now=at(6), detail={"rows": {"messages": 1}}
    )
    store.run("INSERT INTO meta VALUES ('merged', '2'), ('summed', '1')")
    told = [note(rain, "rain since May"), note(first, first.content), *changes_of(store, bonn)]
    asked = filled.say("And where do I live?", thread=talk, now=at(7))
    messages.set_recalled(store, asked.id, told)
    queue.enqueue(store, asked.id, at(7))
    store.run("UPDATE formation_queue SET attempts = 2, leased_by = 'x:1:y', leased_until = ?", (at(8),))
    file = filled.say("a long file. " * 9 + "The end.", now=at(8))
    store.run(
        "UPDATE messages SET trust = 'document', excerpt = ? WHERE id = ?", ("a long file.\n[…]\nThe end.", file.id)
    )
    lines = condensing.extracted([first, asked])
    summaries.add(store, Summary("sum1abc", talk, reply.seq, summary.dump(lines[:1]), "extract", at(7)))
    threads.set_window_start(store, talk, asked.seq)
    threads.set_prefix(store, talk, "[]")
    return filled


def changes_of(store: Store, memory: Any) -> list[Recalled]:
    """Return notes that tell what changed on the system side."""
    side, _ = context.system_side("", None, core.blocks(store), [memory], window=4096)
    return context.changes((), (), side)
