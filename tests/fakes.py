"""Stand-ins for the models: quick, deterministic, with the same interfaces as the real ones."""

from __future__ import annotations

import hashlib
import itertools
import math
import mmap
import re
import struct
import threading
from collections.abc import Collection, Generator, Sequence
from pathlib import Path
from typing import IO

from memcli.inference import states
from memcli.inference.thinking import PAIRS, Form, splitter
from memcli.memory import indexing
from memcli.memory.formation.records import Action, Change, Formed, Stopped
from memcli.store import memories, messages, queue, workers
from memcli.store.database import Store
from memcli.types import Answer, Kind, Memory, Message, Owner, Piece, Prompt, Sampling, Segment, Source, Trust, Turn


class HashingEmbedder:
    """Bag of hashed words as a unit vector: texts that share words are alike."""

    identity = "hashing:64"
    engine = "hashing"
    dimension = 64
    window = 64

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def count(self, text: str) -> int:
        return len(text.split()) + 2

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        self.embedded += texts
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> bytes:
        values = [0.0] * self.dimension
        for word in re.findall(r"\w+", text.lower()) or [""]:
            values[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1.0
        norm = math.sqrt(sum(v * v for v in values))
        return struct.pack(f"<{self.dimension}f", *(v / norm for v in values))


class OtherEmbedder(HashingEmbedder):
    """Another embedder: shorter vectors, and texts that count more tokens, so that they are cut otherwise."""

    identity = "other:32"
    dimension = 32
    window = 16

    def count(self, text: str) -> int:
        return 2 * len(text.split()) + 2


class ScriptedModel:
    """Says the given answers in turn, then repeats the last. A token is a word with the space before it.

    An answer that begins with "<think>" thinks up to "</think>".
    """

    name = "scripted"
    fingerprint = "scripted:1"
    parameters = 7_000_000_000

    def __init__(self, *answers: str, window: int = 2048) -> None:
        self.answers = list(answers) or ["Yes."]
        self.window = window
        self.prompts: list[Prompt] = []
        self._cache: tuple[int, ...] = ()
        self._offered: Path | None = None
        self._answer: Answer | None = None
        self._stopped = False

    @staticmethod
    def ids_of(text: str) -> tuple[int, ...]:
        return tuple(
            int.from_bytes(hashlib.sha256(w.encode()).digest()[:3], "big") for w in re.findall(r"\s*\S+|\s+$", text)
        )

    def render(self, turns: Sequence[Turn], *, today: str) -> Prompt:
        segments: list[Segment] = []
        ids: list[int] = []
        text = ""

        def put(segment: Segment, known: tuple[int, ...] = ()) -> None:
            nonlocal text
            own = known or self.ids_of(segment.text)
            ids.extend(own)
            text += segment.text
            segments.append(
                Segment(segment.label, segment.origin, segment.text, len(own), segment.score, segment.reason)
            )

        for turn in turns:
            put(Segment("template", "", f"<{turn.role}>"))
            for part in turn.parts:
                put(part, turn.ids)
        put(Segment("template", "", "<assistant>"))
        return Prompt(tuple(ids), tuple(segments), text)

    def count(self, text: str) -> int:
        return len(self.ids_of(text))

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[Piece, None, None]:
        self.prompts.append(prompt)
        shared = self._shared(self._cache, prompt)
        saved, self._offered = self._offered and states.read(self._offered, lambda ids: True), None
        restored = self._shared(saved[0], prompt) if saved else 0
        restored = restored if restored >= shared + states.WORTH else 0
        shared = max(shared, restored)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self._stopped = False
        said, answered = "", ""
        split = splitter(Form(PAIRS[0]), "")
        try:
            for word in re.findall(r"\s*\S+", answer):
                if self._stopped:
                    break
                said += word
                for piece in split.feed(word):
                    answered += "" if piece.thought else piece.text
                    yield piece
            for piece in split.finish():
                answered += "" if piece.thought else piece.text
                yield piece
        finally:
            all_ids, ids = self.ids_of(said), self.ids_of(answered)
            self._cache = prompt.ids + all_ids
            evaluated = len(prompt.ids) - shared
            thought = len(all_ids) - len(ids)
            self._answer = Answer(
                answered,
                ids,
                evaluated,
                len(all_ids),
                0.01,
                0.02,
                self._stopped,
                thought=thought,
                restored=restored,
            )

    @staticmethod
    def _shared(held: Sequence[int], prompt: Prompt) -> int:
        pairs = zip(held, prompt.ids[:-1], strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

    @property
    def answer(self) -> Answer:
        assert self._answer is not None
        return self._answer

    def stop(self) -> None:
        self._stopped = True

    state_key = "scripted"
    state_size = 1000

    @property
    def held(self) -> Sequence[int]:
        return self._cache

    def cut(self, count: int) -> None:
        self._cache = self._cache[:count]

    def save(self, file: IO[bytes], label: str) -> None:
        state = mmap.mmap(-1, 8)
        states.write(file, label, self._cache, state)

    def offer(self, path: Path) -> None:
        self._offered = path


class ScriptedFormer:
    """Keeps each message as one memory, after a while in which it can be stopped. What asks is not kept."""

    def __init__(self, store: Store, *, seconds: float = 0.0) -> None:
        self.worker = workers.name()
        self.path = "script"
        self.thinking = threading.Event()  # a step has begun
        self.closed = False
        self._store = store
        self._seconds = seconds
        self._stopped = threading.Event()

    def form(self, message: Message) -> Formed:
        self.thinking.set()
        if self._stopped.wait(self._seconds):
            raise Stopped
        with self._store.atomic():
            queue.settle(self._store, message.id, self.worker)
            return Formed(message.id, self._keep(messages.get(self._store, message.id)))

    def _keep(self, message: Message) -> tuple[Change, ...]:
        if message.content.endswith("?"):
            return ()
        source = Source(message.id, 0, len(message.content))
        kept = memories.add(
            self._store,
            kind=Kind.SEMANTIC,
            text=message.content,
            trust=Trust.USER,
            now=message.created_at,
            sources=[source],
            formed_by="script",
        )
        indexing.put(self._store, Owner.MEMORY, kept.id, indexing.prepare([kept.text], None)[0], None)
        return (Change(Action.ADDED, kept),)

    def reconcile(self, memory: Memory, waiting: Collection[str]) -> tuple[Change, ...]:
        self._store.run("UPDATE memories SET reconciled = 1 WHERE id = ?", (memory.id,))
        return ()

    def stop(self) -> None:
        self._stopped.set()

    def resume(self) -> None:
        self._stopped.clear()

    def close(self) -> None:
        self.closed = True
