"""Keep a statement that the user asked to keep: verbatim, with a kind, read back before it is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memcli.engines import Embedder
from memcli.errors import InputError, NothingFound, StoreDamaged
from memcli.memory import indexing
from memcli.memory.form import classify
from memcli.store import core, memories
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import CoreBlock, Kind, Memory, Owner, Source, Trust


@dataclass(frozen=True, slots=True)
class Kept:
    """A memory as the store gave it back; `known` when it was there before."""

    memory: Memory
    known: bool


def remember(
    store: Store,
    texts: Sequence[str],
    *,
    embedder: Embedder | None,
    now: str,
    kind: Kind | None = None,
    tags: Sequence[str] = (),
    expires_at: str | None = None,
    sources: Sequence[Source] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[Kept]:
    """Store each text as one memory, all in one transaction. An exact repeat gives the existing memory, said again.

    Raises InputError for a text without a visible character.
    """
    texts = [check_text(text) for text in texts]
    known = {text: memories.find_exact(store, text, now=now) for text in texts}
    new = [text for text in dict.fromkeys(texts) if known[text] is None]
    ready = dict(zip(new, indexing.prepare(new, embedder, progress), strict=True))
    kept: list[Kept] = []
    with store.atomic():
        journal = Journal(store, action="add", actor="remember", now=now)
        for text in texts:
            existing = memories.find_exact(store, text, now=now)  # again: another process may have been quicker
            if existing is None:
                memory = journal.add(
                    kind=kind or classify(text),
                    text=text,
                    trust=Trust.USER,
                    tags=tags,
                    expires_at=expires_at,
                    sources=sources,
                    reconciled=False,
                )
                indexed = ready.get(text) or indexing.prepare([text], embedder)[0]
                indexing.put(store, Owner.MEMORY, memory.id, indexed, embedder)
                for other in _said_by_others(store, text, now):  # from now on it is the user who says it
                    journal.supersede(other.id, memory.id, valid_to=None)
            elif existing.id not in {k.memory.id for k in kept}:  # else it is the same line twice
                journal.strengthen(existing.id)
            kept.append(Kept(existing or memory, existing is not None))
        journal.record()
    return [Kept(read_back(store, k.memory), k.known) for k in kept]


def _said_by_others(store: Store, text: str, now: str) -> list[Memory]:
    found = (memories.find_exact(store, text, now=now, trust=trust) for trust in Trust if trust is not Trust.USER)
    return [memory for memory in found if memory is not None]


def check_text(text: str) -> str:
    """Return `text` as it is kept. Raises InputError where it has no visible character."""
    text = text.strip("\r\n")
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise InputError("there is nothing to remember", "give a text, or pipe one in")
    return text


def read_back(store: Store, memory: Memory) -> Memory:
    """Return a memory as the store has it now. Raises StoreDamaged where it says something else."""
    stored = memories.get(store, memory.id)
    if stored.text != memory.text:
        raise StoreDamaged(f"memory {memory.id} reads back differently from what was written", "run 'memcli doctor'")
    return stored


def check_label(label: str) -> str:
    """Return the label of a core block as it is kept. Raises InputError where it is unusable."""
    label = label.strip()
    if not label or len(label) > 40 or not label.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{label!r} cannot be a label", "use letters, digits, - and _, at most 40")
    return label


def check_fits(label: str, text: str, limit: int) -> None:
    """Raise InputError where `text` is longer than `limit` characters, which is the most a core block may have."""
    if len(text) > limit:
        raise InputError(
            f"core block {label} would have {len(text)} characters; at most {limit} fit",
            "core memory is always in the context: keep it short, or use 'memcli remember'",
        )


def set_core(store: Store, label: str, text: str, *, now: str, limit: int, append: bool = False) -> CoreBlock:
    """Write a core block. Raises InputError where the text is longer than `limit` characters or the label unusable."""
    label, text = check_label(label), check_text(text)
    with store.atomic():
        before = core.get(store, label)
        if append and before:
            text = f"{before.text}\n{text}"
        check_fits(label, text, limit)
        journal = Journal(store, action="core", actor="user", now=now)
        block = journal.set_core(label, text, "user")
        journal.record()
    return block


def clear_core(store: Store, label: str, *, now: str) -> None:
    """Remove a core block. Raises NothingFound."""
    with store.atomic():
        journal = Journal(store, action="core", actor="user", now=now)
        if not journal.clear_core(label):
            raise NothingFound(f"there is no core block {label!r}", "'memcli core' lists them")
        journal.record()


def replace_in_core(store: Store, label: str, old: str, new: str, *, now: str, limit: int) -> CoreBlock:
    """Put `new` in the place of `old`, which must stand exactly once. Raises NothingFound, InputError."""
    with store.atomic():
        block = core.get(store, label)
        if block is None:
            raise NothingFound(f"there is no core block {label!r}", "'memcli core' lists them")
        times = block.text.count(old) if old else 0
        if times != 1:
            raise InputError(f"{old!r} stands {times} times in core block {label}", "it must stand there once")
        return set_core(store, label, block.text.replace(old, new), now=now, limit=limit)
