"""Memories that say the same become one: what it takes over, what undo gives back, what is compared when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from memcli.engines import Embedder
from memcli.memory import remember
from memcli.memory.formation.merger import Merger
from memcli.memory.formation.records import Merged, Stopped
from memcli.store import memories, operations, undoing
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Kind, Memory, Owner, Source, Trust
from tests.store.making import EMBEDDER, NOW, Filled, at


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    with Store.open(tmp_path / "memcli.db") as store:
        yield Filled(store)


def form(filled: Filled, text: str, *, day: int = 1, said: bool = True, **more: object) -> Memory:
    """Have memcli form a memory of a message that says just this."""
    message = filled.say(text, now=at(day)) if said else None
    with filled.store.atomic():
        journal = Journal(filled.store, action="form", actor="formation", now=at(day))
        made = journal.add(
            kind=Kind.SEMANTIC,
            text=text,
            trust=Trust.USER,
            formed_by="rules",
            sources=[Source(message.id, 0, len(text))] if message else [],
            **more,  # type: ignore[arg-type]
        )
        filled.index(Owner.MEMORY, made.id, [text])
        journal.record()
    return made


def ask(filled: Filled, text: str, day: int = 1) -> Memory:
    (one,) = remember.remember(filled.store, [text], embedder=EMBEDDER, now=at(day))
    return one.memory


def merger(filled: Filled, embedder: Embedder | None = EMBEDDER) -> Merger:
    return Merger(filled.store, embedder, lambda: datetime.fromisoformat(at(9)), lambda: None)


def merge(filled: Filled, embedder: Embedder | None = EMBEDDER) -> list[Merged]:
    care, found = merger(filled, embedder), []
    for batch in care.waiting():
        found += [one for id_ in batch.memories if (one := care.merge(id_))]
        care.done(batch)
    return found


def current(filled: Filled) -> list[Memory]:
    return memories.current(filled.store, now=NOW)


@pytest.mark.parametrize("embedder", [EMBEDDER, None])
def test_the_kept_one_takes_over_sources_counts_pin_and_importance(filled: Filled, embedder: Embedder | None) -> None:
    short = form(filled, "still vegetarian", importance=0.4, pinned=True, times_said=2)
    full = form(filled, "I'm a vegetarian", day=2, importance=0.2)
    form(filled, "I'm a vegan", day=3)
    (merged,) = merge(filled, embedder)
    assert (merged.kept.id, [old.id for old in merged.olds]) == (full.id, [short.id])
    kept = memories.get(filled.store, full.id)
    assert kept.text == "I'm a vegetarian"
    assert (kept.times_said, kept.importance, kept.pinned, kept.confirmed_at) == (3, 0.4, True, at(2))
    assert set(kept.sources) == {*short.sources, *full.sources}
    old = memories.get(filled.store, short.id)
    assert (old.superseded_by, old.retired_at, old.valid_to) == (full.id, at(9), None)


def test_a_cluster_is_one_operation_which_undo_takes_back_exactly_and_which_is_not_done_again(filled: Filled) -> None:
    for day, text in enumerate(("I'm a vegetarian", "still vegetarian", "I am vegetarian now"), 1):
        form(filled, text, day=day, importance=0.1 * day)
    before = current(filled)
    (merged,) = merge(filled)
    assert len(merged.olds) == 2
    (last,) = undoing.last(filled.store, 1)
    assert (last.action, last.actor) == ("merge", "consolidate")
    undoing.undo(filled.store, [last], NOW)
    assert current(filled) == before
    assert merge(filled) == []
    form(filled, "I'm a vegetarian, btw", day=5)
    (again,) = merge(filled)  # what is new goes with one of them, as nobody has said otherwise
    assert len(again.olds) == 1


def test_what_reconciling_did_and_the_user_undid_is_not_done_by_merging(filled: Filled) -> None:
    old, new = form(filled, "still vegetarian"), form(filled, "I'm a vegetarian", day=2)
    with filled.store.atomic():
        journal = Journal(filled.store, action="reconcile", actor="consolidate", now=at(3))
        journal.supersede(old.id, new.id, valid_to=None)
        journal.record()
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert merge(filled) == []


def test_what_the_user_asked_to_keep_stays_and_takes_the_place_of_what_was_formed(filled: Filled) -> None:
    asked = ask(filled, "still vegetarian")
    formed = form(filled, "I'm a vegetarian", day=2)
    other = ask(filled, "I am a vegetarian these days", day=3)
    assert [(one.kept.id, [old.id for old in one.olds]) for one in merge(filled)] == [(asked.id, [formed.id])]
    assert {memory.id for memory in current(filled)} == {asked.id, other.id}


def test_contradictions_go_over_to_the_kept_one(filled: Filled) -> None:
    old, new = form(filled, "I'm a vegetarian"), form(filled, "I'm a vegetarian!", day=2)
    steak = form(filled, "I eat steak")
    with filled.store.atomic():
        journal = Journal(filled.store, action="form", actor="formation", now=NOW)
        journal.conflict(old.id, steak.id)
        journal.record()
    merge(filled)
    assert memories.get(filled.store, new.id).conflicts == (steak.id,)
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert memories.get(filled.store, new.id).conflicts == ()
    assert memories.get(filled.store, old.id).conflicts == (steak.id,)


def test_only_what_is_new_is_compared_and_an_undo_makes_it_new(filled: Filled) -> None:
    form(filled, "I like tea")
    form(filled, "I have a boat")
    care = merger(filled)
    first, second = care.waiting()
    care.done(first)
    assert care.waiting() == [second]
    care.done(second)
    assert care.waiting() == []
    third = form(filled, "I like jazz")
    assert [batch.memories for batch in care.waiting()] == [(third.id,)]
    care.done(care.waiting()[0])
    care.done(first)  # another process, that is behind, does not set it back
    assert care.waiting() == []
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert care.waiting() == []  # what it brought is gone


def test_what_was_merged_is_not_compared_again(filled: Filled) -> None:
    form(filled, "I'm a vegetarian")
    form(filled, "still vegetarian")
    assert len(merge(filled)) == 1
    assert merger(filled).waiting() == []


def test_what_changed_while_it_was_thought_about_is_left_alone(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = form(filled, "I'm a vegetarian"), form(filled, "still vegetarian", day=2)
    care = merger(filled)
    write = care._write

    def later(kept: Memory, olds: tuple[Memory, ...]) -> Merged | None:
        with filled.store.atomic():
            journal = Journal(filled.store, action="edit", actor="user", now=NOW)
            journal.supersede(other.id, filled.keep("eats fish").id, valid_to=None)
            journal.record()
        return write(kept, olds)

    monkeypatch.setattr(care, "_write", later)
    assert care.merge(one.id) is None
    assert operations.of(filled.store, "merge", undone=False) == []
    assert memories.get(filled.store, one.id).retired_at is None


def test_a_stop_writes_nothing(filled: Filled) -> None:
    one, _ = form(filled, "I'm a vegetarian"), form(filled, "still vegetarian", day=2)

    def check() -> None:
        raise Stopped

    care = Merger(filled.store, EMBEDDER, lambda: datetime.fromisoformat(NOW), check)
    with pytest.raises(Stopped):
        care.merge(one.id)
    assert len(current(filled)) == 2


def test_nothing_is_merged_across_expiry_tags_or_trust(filled: Filled) -> None:
    form(filled, "I'm a vegetarian", tags=["diet"])
    form(filled, "still vegetarian", expires_at=at(30, 12))
    form(filled, "I am a vegetarian", tags=["party"])
    assert merge(filled) == []
