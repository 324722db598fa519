"""What an operation changes, in a form that can be taken back: the journal writes, the log remembers how it was.

Invariants: taking back the newest operations, newest first, gives back everything that was believed before them. What
was believed until then stays as history: a memory that was added is retired as undone, one that was superseded has a
lapse, and the log keeps what the columns were meanwhile. The log holds ids, dates and counts, never a text. What core
blocks said before stands in `core_versions`, where forgetting finds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw

from memcli.errors import InputError, NothingFound
from memcli.store import core, memories, operations
from memcli.store.database import Store
from memcli.store.operations import Operation
from memcli.types import CoreBlock, Kind, Memory, Source, Trust

# "do": what was done, "id": to which memory, "was" and "is": columns before and after it, "at": since when it holds,
# where that is not the operation's own time; and what more it takes.
Change = dict[str, Any]


class Journal:
    """The changes of one operation. Make them, and `record` them, within one transaction."""

    def __init__(self, store: Store, *, action: str, actor: str, now: str) -> None:
        self._store = store
        self._action, self._actor, self._now = action, actor, now
        self._changes: list[Change] = []
        self._items: dict[str, None] = {}  # in order, each once
        self._blocks: dict[str, CoreBlock | None] = {}  # as they were before the first change

    def add(
        self,
        *,
        kind: Kind,
        text: str,
        trust: Trust,
        tags: Sequence[str] = (),
        valid_from: str | None = None,
        valid_to: str | None = None,
        expires_at: str | None = None,
        sources: Sequence[Source] = (),
        formed_by: str | None = None,
        reconciled: bool = True,
        created_at: str | None = None,
        times_said: int = 1,
        importance: float = 1.0,
        pinned: bool = False,
    ) -> Memory:
        """Store a memory, created now if not said otherwise. Raises NothingFound where a source has been forgotten."""
        made = memories.add(
            self._store,
            kind=kind,
            text=text,
            trust=trust,
            now=created_at or self._now,
            tags=tags,
            valid_from=valid_from,
            valid_to=valid_to,
            expires_at=expires_at,
            sources=sources,
            formed_by=formed_by,
            reconciled=reconciled,
            times_said=times_said,
            importance=importance,
            pinned=pinned,
        )
        self._changed("add", made.id)
        return made

    def supersede(self, old: str, new: str, *, valid_to: str | None, at: str | None = None) -> None:
        """Retire the memory `old` in favour of `new`, now, or `at` the time from which the new one was believed.

        `valid_to` says until when it was true; None, that it never was or is merely said better now. A pin stays with
        what is so now. Raises NothingFound where there is no such current memory, InputError where it would supersede
        itself.
        """
        if old == new:
            raise InputError(f"memory {old} cannot supersede itself")
        row = self._store.one("SELECT valid_to, pinned FROM memories WHERE id = ? AND retired_at IS NULL", (old,))
        if row is None:
            raise NothingFound(f"there is no current memory {old!r}", "they are listed by: memcli list")
        memories.get(self._store, new)
        self._store.run(
            "UPDATE memories SET retired_at = ?, superseded_by = ?, valid_to = coalesce(?, valid_to) WHERE id = ?",
            (at or self._now, new, valid_to, old),
        )
        was = {"retired_at": None, "superseded_by": None, "valid_to": row[0]}
        self._changed("supersede", old, at=at, was=was, by=new)
        self._items[new] = None
        if row[1]:  # pinned
            self.pin(new)

    def strengthen(self, id: str, sources: Sequence[Source] = (), *, at: str | None = None) -> None:  # noqa: A002
        """Note that the memory was said again: now, or `at` that time. Raises NothingFound for what is gone."""
        with self._store.atomic():
            before = memories.get(self._store, id)
            new = [source for source in dict.fromkeys(sources) if source not in before.sources]
            memories.add_sources(self._store, id, new)
            self._store.run(
                "UPDATE memories SET times_said = times_said + 1, confirmed_at = ? WHERE id = ?", (at or self._now, id)
            )
        was = {"times_said": before.times_said, "confirmed_at": before.confirmed_at}
        self._changed("strengthen", id, at=at, was=was, sources=[[s.message_id, s.start, s.end] for s in new])

    def pin(self, id: str, *, pinned: bool = True) -> None:  # noqa: A002
        """Pin a memory, or let go of its pin; nothing is changed where it is so already."""
        sql = "UPDATE memories SET pinned = ?1 WHERE id = ?2 AND pinned != ?1 RETURNING id"
        if self._store.rows(sql, (int(pinned), id)):
            self._changed("pin" if pinned else "unpin", id, was={"pinned": int(not pinned)})

    def absorb(self, kept: str, olds: Sequence[Memory]) -> None:
        """Give a memory what others that say the same had: their sources and counts, the pin, the highest importance.

        Raises NothingFound where it is gone.
        """
        with self._store.atomic():
            before = memories.get(self._store, kept)
            new = [s for s in dict.fromkeys(s for old in olds for s in old.sources) if s not in before.sources]
            memories.add_sources(self._store, kept, new)
            times = [memory.confirmed_at or memory.created_at for memory in (before, *olds)]
            now = {
                "times_said": before.times_said + sum(old.times_said for old in olds),
                "confirmed_at": max(times),
                "importance": max(memory.importance for memory in (before, *olds)),
                "pinned": int(any(memory.pinned for memory in (before, *olds))),
            }
            columns = ", ".join(f"{column} = ?" for column in now)
            self._store.run(f"UPDATE memories SET {columns} WHERE id = ?", (*now.values(), kept))
        was = {column: getattr(before, column) for column in now} | {"pinned": int(before.pinned)}
        self._changed("absorb", kept, was=was, sources=[[s.message_id, s.start, s.end] for s in new])

    def retire(self, id: str) -> None:  # noqa: A002
        """Retire a memory that nothing takes the place of. Raises NothingFound where there is no such current one."""
        sql = "UPDATE memories SET retired_at = ? WHERE id = ? AND retired_at IS NULL RETURNING id"
        if not self._store.rows(sql, (self._now, id)):
            raise NothingFound(f"there is no current memory {id!r}", "they are listed by: memcli list")
        self._changed("retire", id, was={"retired_at": None})

    def conflict(self, a: str, b: str) -> None:
        """Note that two memories contradict each other. Raises NothingFound where one of them is gone."""
        low, high = sorted((a, b))
        sql = "INSERT INTO memory_conflicts VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING memory_id"
        try:
            new = self._store.rows(sql, (low, high))
        except apsw.ConstraintError:
            raise NothingFound(f"there is no memory {low!r}, or no {high!r}", "'memcli list' lists them") from None
        if new:
            self._items |= dict.fromkeys((a, b))
            self._changed("conflict", low, other=high)

    def mark_reconciled(self, id: str) -> None:  # noqa: A002
        """Note that the memory has been compared with the others."""
        sql = "UPDATE memories SET reconciled = 1 WHERE id = ? AND reconciled = 0 RETURNING id"
        if self._store.rows(sql, (id,)):
            self._changed("reconciled", id, was={"reconciled": 0})

    def set_core(self, label: str, text: str, author: str) -> CoreBlock:
        """Write a core block, over an older text where there is one."""
        self._keep_block(label)
        return core.put(self._store, label, text, self._now, author)

    def clear_core(self, label: str) -> bool:
        """Delete a core block; False where there was none."""
        if core.get(self._store, label) is None:
            return False
        self._keep_block(label)
        return core.clear(self._store, label)

    def record(self, detail: Mapping[str, Any] | None = None) -> int | None:
        """Append the operation to the log and return its number; None where nothing was changed."""
        if not self._changes:
            return None
        number = operations.record(
            self._store,
            action=self._action,
            actor=self._actor,
            items=self._items,
            now=self._now,
            detail={**(detail or {}), "changes": self._changes},
        )
        for label, block in self._blocks.items():
            held = (block.text, block.updated_at, block.author) if block else (None, None, None)
            self._store.run("INSERT INTO core_versions VALUES (?, ?, ?, ?, ?)", (number, label, *held))
        return number

    def _changed(
        self, what: str, id_: str, *, at: str | None = None, was: Mapping[str, Any] | None = None, **more: Any
    ) -> None:
        change: Change = {"do": what, "id": id_, **more}
        if was:
            columns = self._store.rows(f"SELECT {', '.join(was)} FROM memories WHERE id = ?", (id_,))[0]
            change |= {"was": dict(was), "is": dict(zip(was, columns, strict=True))}
        if at and at != self._now:
            change["at"] = at
        self._changes.append(change)
        self._items[id_] = None

    def _keep_block(self, label: str) -> None:
        if label not in self._blocks:
            self._blocks[label] = core.get(self._store, label)
            self._changes.append({"do": "core"})  # without its label, which is the user's own word
            self._items[f"core:{label}"] = None


@dataclass(frozen=True, slots=True)
class TakenBack:
    """An operation that was undone, and which of its items had been forgotten meanwhile."""

    operation: Operation
    forgotten: tuple[str, ...]


def take_back(store: Store, operation: Operation, now: str) -> TakenBack:
    """Undo a recorded operation, so that what was believed before it is believed again, and nothing else.

    What has been forgotten since is left alone. Raises InputError for an operation that has been undone already, or
    holds nothing to undo it with.
    """
    with store.atomic():
        open_ = store.rows(
            "UPDATE operations SET undone_at = ? WHERE id = ? AND undone_at IS NULL RETURNING id", (now, operation.id)
        )
        if not open_ or not operation.changes:
            raise InputError(f"operation {operation.id} cannot be undone", "see what can be: memcli undo")
        gone = [
            change["id"]
            for change in reversed(operation.changes)
            if change["do"] != "core" and not _undo(store, change, operation.at, now)
        ]
        blocks = sum(change["do"] == "core" for change in operation.changes)
        gone += ["core:forgotten"] * (blocks - _restore_blocks(store, operation.id))
    return TakenBack(operation, tuple(dict.fromkeys(gone)))


def _undo(store: Store, change: Change, done: str, now: str) -> bool:
    """Take one change of a memory back, which was done at `done`; False where the memory has been forgotten."""
    id_ = change["id"]
    if change["do"] == "add":
        return memories.withdraw(store, id_, made_at=done, now=now)
    if change["do"] == "supersede":
        memories.reopen(store, id_, retired=done, now=now)
    if change["do"] == "conflict":
        sql = "DELETE FROM memory_conflicts WHERE memory_id = ? AND other_id = ? RETURNING memory_id"
        return bool(store.rows(sql, (id_, change["other"])))
    for source in change.get("sources", ()):
        store.run(
            'DELETE FROM memory_sources WHERE memory_id = ? AND message_id = ? AND start = ? AND "end" = ?',
            (id_, *source),
        )
    columns = ", ".join(f"{column} = ?" for column in change["was"])
    return bool(store.rows(f"UPDATE memories SET {columns} WHERE id = ? RETURNING id", (*change["was"].values(), id_)))


def _restore_blocks(store: Store, operation: int) -> int:
    """Give core blocks the text that they had before an operation, and return of how many it is still known."""
    sql = "DELETE FROM core_versions WHERE operation = ? RETURNING label, text, updated_at, author"
    versions = store.rows(sql, (operation,))
    for label, text, updated_at, author in versions:
        if text is None:
            core.clear(store, label)
        else:
            core.put(store, label, text, updated_at, author)
    return len(versions)
