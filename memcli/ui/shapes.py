"""The JSON shapes that scripts rely on: one function per record, documented in the man page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from memcli.memory.formation.records import Change
from memcli.memory.reasons import matched, near_misses
from memcli.types import CoreBlock, Hit, Ledger, Memory, Message, Recalled, Segment, Thread

if TYPE_CHECKING:
    from memcli.memory.consolidate import Consolidated
    from memcli.memory.mending import Outcome
    from memcli.memory.recall import Found
    from memcli.memory.reindexing import Reindexed
    from memcli.store.backup import Backup
    from memcli.store.closure import Closure
    from memcli.store.purge import Receipt

Json = dict[str, Any]

FORGETTING_LIMIT = (
    "live files only: not disk blocks that a filesystem or SSD has freed, not backups or exports elsewhere"
)


def result(hit: Hit) -> Json:
    """One search result."""
    item = hit.item
    shape: Json = {
        "id": item.id,
        "kind": item.kind,
        "text": item.text,
        "score": hit.score,
        "refs": list(item.refs),
        "created_at": item.created_at,
        "valid_from": item.valid_from,
        "valid_to": item.valid_to,
        "thread": item.thread_id,
        "trust": str(item.trust),
        "tags": list(item.tags),
    }
    if item.retired_at:
        shape |= {"retired_at": item.retired_at, "superseded_by": item.superseded_by, "undone": item.undone}
    return shape


def results(query: str, hits: Sequence[Hit]) -> Json:
    return {"query": query, "results": [result(hit) for hit in hits]}


def explained(query: str, found: Found, limit: int) -> Json:
    """The best `limit` results with what each feature gave, which sums to the score; how the query was read; what came
    next, with what it lacked against the last result.
    """
    read = found.reading
    return {
        "query": query,
        "terms": list(read.terms),
        "corrections": [{"said": c.said, "meant": list(c.meant)} for c in read.corrections],
        "periods": [{"words": p.words, "start": p.start, "end": p.end} for p in read.periods],
        "by_words_only": read.by_words_only,
        "results": [_why(hit, read.terms) for hit in found.hits[:limit]],
        "near_misses": [_why(m.hit, read.terms) | {"lacks": m.lacks} for m in near_misses(found.hits, limit)],
    }


def _why(hit: Hit, terms: Sequence[str]) -> Json:
    return result(hit) | {"why": hit.why, "relevance": hit.relevance, "matched": matched(terms, hit.item)}


def memory(record: Memory, strength: float | None = None) -> Json:
    """One memory, with how strong it is where that is known."""
    faded = {} if strength is None else {"strength": round(strength, 3)}
    return faded | {
        "id": record.id,
        "kind": str(record.kind),
        "text": record.text,
        "trust": str(record.trust),
        "created_at": record.created_at,
        "valid_from": record.valid_from,
        "valid_to": record.valid_to,
        "retired_at": record.retired_at,
        "superseded_by": record.superseded_by,
        "undone": record.undone,
        "expires_at": record.expires_at,
        "tags": list(record.tags),
        "sources": [{"message": s.message_id, "start": s.start, "end": s.end} for s in record.sources],
        "formed_by": record.formed_by,
        "times_said": record.times_said,
        "confirmed_at": record.confirmed_at,
        "importance": round(record.importance, 3),
        "pinned": record.pinned,
        "conflicts": list(record.conflicts),
    }


def message(record: Message, notes: Sequence[Recalled] = ()) -> Json:
    return {
        "id": record.id,
        "kind": "message",
        "text": record.content,
        "role": str(record.role),
        "name": record.name,
        "trust": str(record.trust),
        "thread": record.thread_id,
        "external_id": record.external_id,
        "created_at": record.created_at,
        "interrupted": record.interrupted,
        "recalled": [recalled(n) for n in notes],
    }


def recalled(record: Recalled) -> Json:
    return {
        "id": record.item_id,
        "kind": record.kind,
        "line": record.line,
        "score": record.score,
        "why": record.why,
    }


def thread(record: Thread) -> Json:
    return {
        "id": record.id,
        "name": record.name,
        "title": record.title,
        "messages": record.messages,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def block(record: CoreBlock) -> Json:
    return {"label": record.label, "text": record.text, "updated_at": record.updated_at, "author": record.author}


def segment(record: Segment) -> Json:
    return {
        "label": record.label,
        "origin": record.origin,
        "tokens": record.tokens,
        "score": record.score,
        "reason": record.reason,
        "text": record.text,
    }


def ledger(record: Ledger) -> Json:
    return {
        "window": record.window,
        "reserved": record.reserved,
        "total": record.total,
        "free": record.free,
        "segments": [segment(s) for s in record.segments],
        "dropped": [segment(s) for s in record.dropped],
    }


def closure(record: Closure) -> Json:
    return {
        "memories": list(record.memories),
        "messages": list(record.messages),
        "threads": list(record.threads),
        "core": sorted({*record.core, *record.portraits}),
        "kept": list(record.kept),
        "repeating": list(record.repeating),
        "names": list(record.names),
        "summaries": list(record.summaries),
    }


def receipt(record: Receipt) -> Json:
    return {
        "removed": dict(record.rows),
        "files": list(record.files),
        "traces": record.traces,
        "proof": {
            "rows": record.proof.rows,
            "terms": record.proof.terms,
            "texts": record.proof.texts,
            "files": [str(path) for path in record.proof.files],
            "bytes_looked_through": record.proof.looked_through,
        },
        "limit": FORGETTING_LIMIT,
        "mentioned_in": list(record.kept_mentions),
    }


def reindexed(record: Reindexed) -> Json:
    return {
        "embedder": record.embedder,
        "dimension": record.dimension,
        "chunks": record.chunks,
        "items": record.items,
    }


def backup(record: Backup) -> Json:
    """A backup that was written; its memories are all of them, the retired ones too."""
    return {
        "path": str(record.path),
        "bytes": record.size,
        "memories": record.rows["memories"],
        "messages": record.rows["messages"],
        "threads": record.rows["threads"],
    }


def fixed(record: Outcome) -> Json:
    """What was mended, and what was not."""
    found = [
        {
            "check": one.check.name,
            "invariant": one.check.invariant,
            "found": list(one.found),
            "mended": not one.left,
            "how": one.check.how,
            "left": list(one.left),
            "reason": one.failed,
        }
        for one in record.mended
    ]
    saved = record.salvaged
    return {
        "found": found,
        "kept": str(record.kept) if record.kept else None,
        "salvaged": {"path": str(saved.path), "rows": saved.rows, "lost": saved.lost} if saved else None,
        "waiting": record.waiting,
        "ok": record.well,
    }


def consolidated(record: Consolidated, *, dry_run: bool, waiting: int, set_aside: int) -> Json:
    made = [_change(c, formed.message_id) for formed in record.formed for c in formed.changes]
    return {
        "dry_run": dry_run,
        "messages": len(record.formed),
        "counts": {str(action): count for action, count in record.counts().items()},
        "changes": made + [_change(c, None) for c in record.reconciled],
        "merged": [{"kept": memory(one.kept), "superseded": [old.id for old in one.olds]} for one in record.merged],
        "summarised": [
            {
                "memory": memory(one.memory),
                "episodes": [episode.id for episode in one.episodes],
                "before": one.before.id if one.before else None,
            }
            for one in record.summed
        ],
        "dropped": [old.id for old in record.dropped],
        "core": list(record.core),
        "forgotten": [old.id for old in record.unused],
        "failed": record.failed,
        "waiting": waiting,
        "set_aside": set_aside,
    }


def _change(record: Change, message_id: str | None) -> Json:
    old = record.old
    return {
        "message": message_id,
        "action": str(record.action),
        "memory": memory(record.memory),
        "old": memory(old) if old else None,
    }
