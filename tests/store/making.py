"""Short ways to fill a store in tests."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import memcli
from memcli.errors import MemcliError
from memcli.store import index, memories, messages, search, threads, words
from memcli.store.database import Store
from memcli.types import Candidate, Filters, Kind, Memory, Message, Owner, Role, Source, Trust
from tests.fakes import HashingEmbedder

NOW = "2026-03-01T09:30:00Z"
EMBEDDER = HashingEmbedder()


def at(day: int, month: int = 3) -> str:
    return f"2026-{month:02}-{day:02}T12:00:00Z"


class Filled:
    """A store together with a thread, whose messages and memories are indexed as they are added."""

    def __init__(self, store: Store) -> None:
        self.store = store
        index.adopt(store, EMBEDDER.identity, EMBEDDER.dimension)
        self.thread = threads.create(store, now=NOW, name="first")

    def say(
        self, text: str, *, now: str = NOW, thread: str | None = None, role: Role = Role.USER, **more: object
    ) -> Message:
        message = messages.add(
            self.store,
            thread_id=thread or self.thread.id,
            role=role,
            content=text,
            trust=Trust(role),
            now=now,
            **more,  # type: ignore[arg-type]
        )
        self.index(Owner.MESSAGE, message.id, [text])
        return message

    def keep(
        self, text: str, *, of: Sequence[Message] = (), now: str = NOW, kind: Kind = Kind.SEMANTIC, **more: object
    ) -> Memory:
        sources = [Source(message.id, 0, len(message.content)) for message in of]
        memory = memories.add(
            self.store,
            kind=kind,
            text=text,
            trust=Trust.USER,
            now=now,
            sources=sources,
            **more,  # type: ignore[arg-type]
        )
        self.index(Owner.MEMORY, memory.id, [text])
        return memory

    def say_rare_words(self) -> tuple[list[str], list[Message]]:
        """Say words that stand nowhere else among many others, and return both: some begin a page of the index."""
        chance = random.Random(4)  # with this seed
        common = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(3000)]
        rare = ["q" + "".join(chance.choices("jqxzvk", k=11)) for _ in range(600)]
        with self.store.atomic():
            for _ in range(300):
                self.say(" ".join(chance.sample(common, 40)))
            said = [self.say(" ".join(rare[n : n + 20])) for n in range(0, 600, 20)]
        words.rebuild(self.store)
        return rare, said

    def supersede(self, old: Memory, new: Memory, now: str = NOW) -> None:
        self.store.run("UPDATE memories SET retired_at = ?, superseded_by = ? WHERE id = ?", (now, new.id, old.id))

    def index(self, owner: Owner, owner_id: str, texts: Sequence[str]) -> None:
        pieces = [index.Piece(0, len(text), text) for text in texts]
        index.add(self.store, owner, owner_id, pieces, EMBEDDER.embed(texts))

    def search(self, query: str, filters: Filters = Filters(), limit: int = 20, now: str = NOW) -> list[Candidate]:  # noqa: B008
        wanted, (vector,) = words.query(query.split()), EMBEDDER.embed([query])
        return search.gather(self.store, query=wanted, vector=vector, filters=filters, limit=limit, now=now).items

    def found(self, query: str, filters: Filters = Filters(), limit: int = 20, now: str = NOW) -> set[str]:  # noqa: B008
        return {item.id for item in self.search(query, filters, limit, now)}


def python(code: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Run `code` in a process of its own, which finds the same memcli as the tests do."""
    found = {**os.environ, "PYTHONPATH": str(Path(memcli.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=found, **options)


def one_clear_line(error: MemcliError) -> bool:
    return bool(error.message) and "\n" not in error.message and bool(error.hint)
