"""Where a memory comes from and what became of it: the messages it rests on, what it superseded, what superseded it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memcli.store import memories, messages, threads
from memcli.store.database import Store
from memcli.types import Kind, Memory, Message


@dataclass(frozen=True, slots=True)
class Said:
    """A message that a memory rests on, with the characters of it, and its thread's name (or id)."""

    message: Message
    spans: tuple[tuple[int, int], ...]
    thread: str


def said(store: Store, memory: Memory) -> list[Said]:
    """Return the messages that a memory rests on, in the order in which they came."""
    found = []
    for message_id in dict.fromkeys(source.message_id for source in memory.sources):
        message = messages.get(store, message_id)
        spans = tuple((source.start, source.end) for source in memory.sources if source.message_id == message_id)
        found.append(Said(message, spans, threads.label(store, message.thread_id)))
    return found


def origins(store: Store, among: Iterable[Memory]) -> dict[str, str]:
    """Return in a few words where each standing instruction comes from."""
    rules = [memory for memory in among if memory.kind is Kind.PROCEDURAL]
    return {rule.id: _origin(said(store, rule)) for rule in rules}


def _origin(heard: Sequence[Said]) -> str:
    return f"said on {heard[-1].message.created_at[:10]} in {heard[-1].thread}" if heard else "remembered"


def superseded(store: Store, id: str) -> list[Memory]:  # noqa: A002
    """Return what the memory took the place of, oldest first."""
    rows = store.rows("SELECT id FROM memories WHERE superseded_by = ? ORDER BY created_at, rowid", (id,))
    return [memories.get(store, old) for (old,) in rows]


def successor(store: Store, memory: Memory) -> Memory | None:
    """Return the last of those that took a memory's place, one after the other."""
    seen, last = {memory.id}, None
    while memory.superseded_by and memory.superseded_by not in seen:
        seen.add(memory.superseded_by)
        memory = last = memories.get(store, memory.superseded_by)
    return last
