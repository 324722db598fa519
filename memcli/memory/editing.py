"""Correct a memory: a new version takes its place, and what it said before stays as history."""

from __future__ import annotations

from dataclasses import dataclass

from memcli.engines import Embedder
from memcli.errors import InputError, NothingFound
from memcli.memory import indexing
from memcli.memory.current import current
from memcli.memory.remember import check_text, read_back
from memcli.store import memories
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Memory, Owner, Trust


@dataclass(frozen=True, slots=True)
class Edited:
    """The memory as it reads now, and the one whose place it took: None where nothing was changed."""

    memory: Memory
    old: Memory | None


def edit(store: Store, memory: Memory, text: str, *, embedder: Embedder | None, now: str) -> Edited:
    """Let `text` take the place of what a current memory says, as a correction.

    Where another memory says exactly that already, it takes the place. Raises InputError for a text without a visible
    character, or where the memory has been changed meanwhile; NothingFound where it has been forgotten.
    """
    if not text.strip():
        raise InputError("a memory has a text: nothing was changed", f"'memcli forget {memory.id}' takes it out")
    text = check_text(text)
    if text == memory.text.strip("\r\n"):
        return Edited(memory, None)
    ready = indexing.prepare([text], embedder)[0]
    with store.atomic():
        if current(store, memory.id, now=now, to="edit").text != memory.text:
            raise NothingFound(f"memory {memory.id} has been changed meanwhile")
        journal = Journal(store, action="edit", actor="user", now=now)
        new = memories.find_exact(store, text, now=now)
        if new is None:
            new = _add_version(journal, memory, text)
            indexing.put(store, Owner.MEMORY, new.id, ready, embedder)
        journal.supersede(memory.id, new.id, valid_to=None)
        journal.record()
    return Edited(read_back(store, new), memory)


def _add_version(journal: Journal, old: Memory, text: str) -> Memory:
    return journal.add(
        kind=old.kind,
        text=text,
        trust=Trust.USER,  # whoever said it first, these are the user's words
        tags=old.tags,
        valid_from=old.valid_from,
        valid_to=old.valid_to,
        expires_at=old.expires_at,
        sources=old.sources,
        times_said=old.times_said,
        importance=old.importance,
        reconciled=False,
    )
