"""Exporting: everything in the store as records, one a line; or as Markdown to read, which is in `pages`.

Invariant: what an export holds, an import takes: notes that their items do not bear out any more are left out, as those
of a core block that was taken back.
"""

from __future__ import annotations

from collections.abc import Iterator

from memcli.memory import bearing
from memcli.store import outgoing
from memcli.store.database import Store
from memcli.store.outgoing import Json
from memcli.types import Recalled


def records(store: Store) -> Iterator[Json]:
    """Yield the whole store, in the order in which `outgoing` reads it."""
    return (_borne_out(store, record) for record in outgoing.records(store))


def of_thread(store: Store, thread_id: str) -> Iterator[Json]:
    """Yield one thread with its messages and summaries."""
    return (_borne_out(store, record) for record in outgoing.of_thread(store, thread_id))


def _borne_out(store: Store, record: Json) -> Json:
    if "notes" not in record:
        return record
    placed = [Recalled(n["id"], n["kind"], n["line"], n["score"], n["why"]) for n in record["notes"]]
    items = bearing.items_of(store, placed)
    pairs = zip(record["notes"], placed, strict=True)
    notes = [note for note, held in pairs if bearing.note_holds(held, items)]
    return record | {"notes": notes} if notes else {key: value for key, value in record.items() if key != "notes"}
