"""What was undone: it stays as history, out of the way of what is believed, and within the reach of forgetting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memcli.store import (
    asof,
    health,
    lapses,
    memories,
    messages,
    migrations,
    operations,
    purge,
    summaries,
    traces,
    undoing,
)
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.store.lapses import Lapse
from memcli.store.summaries import Summary
from memcli.types import Filters, Kind, Memory, Message, Owner, Recalled, Source, Trust
from tests.store.making import Filled, at


def operation(filled: Filled, now: str) -> Journal:
    return Journal(filled.store, action="form", actor="formation", now=now)


def add(journal: Journal, filled: Filled, text: str, *, of: Message | None = None, **more: str) -> Memory:
    sources = [Source(of.id, 0, len(of.content))] if of else []
    made = journal.add(kind=Kind.SEMANTIC, text=text, trust=Trust.USER, sources=sources, **more)  # type: ignore[arg-type]
    filled.index(Owner.MEMORY, made.id, [text])
    return made


def replaced(filled: Filled, old: Memory, text: str, now: str, *, of: Message | None = None) -> Memory:
    """Add a memory in the place of an older one."""
    journal = operation(filled, now)
    new = add(journal, filled, text, of=of)
    journal.supersede(old.id, new.id, valid_to="2026-03")
    journal.record()
    return new


def undo(filled: Filled, now: str) -> None:
    undoing.undo(filled.store, undoing.last(filled.store, 1), now)


def texts(store: Store, when: str) -> list[str]:
    return [memory.text for memory in asof.believed(store, when)]


# --- what it leaves -------------------------------------------------------------------------------------------------


def test_a_note_of_what_was_undone_meanwhile_is_not_kept(filled: Filled) -> None:
    asked = filled.say("Where do I live?")
    new = replaced(filled, filled.keep("lives in Rome"), "lives in Oslo", at(5))
    undo(filled, at(6))
    messages.set_recalled(filled.store, asked.id, [Recalled(new.id, "semantic", "lives in Oslo", 1.0)])
    assert messages.recalled(filled.store, [asked.id]) == {}


def test_a_summary_that_may_quote_what_was_undone_goes(filled: Filled) -> None:
    early, asked = filled.say("hello"), filled.say("Where do I live?")
    new = replaced(filled, filled.keep("lives in Rome"), "lives in Oslo", at(5))
    messages.set_recalled(filled.store, asked.id, [Recalled(new.id, "semantic", "lives in Oslo", 1.0)])
    for id_, message in (("before", early), ("after", asked)):
        summaries.add(filled.store, Summary(id_, filled.thread.id, message.seq, "lives in Oslo", "extract", at(5)))
    undo(filled, at(6))
    latest = summaries.latest(filled.store, filled.thread.id)
    assert latest
    assert latest.id == "before"


def test_the_same_text_remembered_again_is_a_new_memory(filled: Filled) -> None:
    journal = operation(filled, at(1))
    first = add(journal, filled, "likes tea")
    journal.record()
    undo(filled, at(2))
    journal = operation(filled, at(3))
    second = add(journal, filled, "likes tea")
    journal.record()
    assert memories.find_exact(filled.store, "likes tea") == second
    assert (texts(filled.store, at(1)), texts(filled.store, at(2)), texts(filled.store, at(3))) == (
        ["likes tea"],
        [],
        ["likes tea"],
    )
    assert {m.id for m in asof.believed(filled.store, at(3), retired=True)} == {first.id, second.id}


# --- formed late ----------------------------------------------------------------------------------------------------


def test_what_was_formed_late_and_undone_changes_nothing_before_it_was_formed(filled: Filled) -> None:
    said = filled.say("I moved to Oslo", now=at(3))
    old = filled.keep("lives in Rome", now=at(1))
    days = [at(day) for day in range(1, 12)]
    before = {when: asof.believed(filled.store, when) for when in days}

    journal = operation(filled, at(8))
    new = add(journal, filled, "lives in Oslo", of=said, created_at=said.created_at)
    journal.strengthen(new.id, [], at=at(4))
    journal.supersede(old.id, new.id, valid_to="2026-03", at=said.created_at)
    journal.record()
    formed = {when: asof.believed(filled.store, when) for when in days}
    assert [[m.text for m in formed[at(day)]] for day in (2, 3, 8)] == [
        ["lives in Rome"],
        ["lives in Oslo"],
        ["lives in Oslo"],
    ]
    assert [m.times_said for day in (3, 4) for m in formed[at(day)]] == [1, 2]
    closed = [(m.retired_at, m.valid_to) for m in asof.believed(filled.store, at(4), retired=True) if m.id == old.id]
    assert closed == [(at(3), "2026-03")]

    undo(filled, at(10))
    after = {when: asof.believed(filled.store, when) for when in days}
    undone = {at(8), at(9)}  # when it was believed
    assert {when: found for when, found in after.items() if when not in undone} == {
        when: found for when, found in before.items() if when not in undone
    }
    assert {when: after[when] for when in undone} == {when: formed[when] for when in undone}
    assert lapses.of(filled.store, [old.id, new.id]) == {
        old.id: (Lapse(at(8), at(10), new.id, "2026-03"),),
        new.id: (Lapse(at(3), at(8), None, None),),
    }


def test_an_old_message_that_is_formed_late_is_undone_with_its_own_retirement(filled: Filled) -> None:
    newer = filled.keep("lives in Oslo", now=at(5))
    journal = operation(filled, at(8))
    made = add(journal, filled, "lives in Rome", created_at=at(2))
    journal.supersede(made.id, newer.id, valid_to="2026-03-05")
    journal.record()
    undo(filled, at(9))
    held = memories.get(filled.store, made.id)
    assert (held.undone, held.retired_at, held.superseded_by, held.valid_to) == (True, at(9), None, None)
    assert [texts(filled.store, at(day)) for day in (3, 6, 8, 9)] == [[], *[["lives in Oslo"]] * 3]


# --- as it was ------------------------------------------------------------------------------------------------------


def test_a_memory_is_searched_as_it_was_then(filled: Filled) -> None:
    first, again = filled.say("I live in Rome", now=at(1)), filled.say("Rome, as I said", now=at(3))
    old = filled.keep("lives in Rome", of=[first], now=at(1))
    journal = operation(filled, at(3))
    journal.strengthen(old.id, [Source(again.id, 0, 4)])
    journal.record()
    new = replaced(filled, old, "lives in Oslo", at(5))

    def found(when: str | None) -> dict[str, tuple[object, ...]]:
        filters = Filters(kinds=tuple(Kind), as_of=when, retired=True)
        return {c.id: (c.retired_at, c.superseded_by, c.valid_to, c.refs) for c in filled.search("lives", filters)}

    both = (first.id, again.id)
    assert found(at(2)) == {old.id: (None, None, None, (first.id,))}
    assert found(at(4)) == {old.id: (None, None, None, both)}
    now = {old.id: (at(5), new.id, "2026-03", both), new.id: (None, None, None, ())}
    assert found(at(6)) == found(None) == now
    undo(filled, at(7))
    assert found(at(6)) == now
    assert found(at(8))[old.id] == found(None)[old.id] == (None, None, None, both)
    assert found(None)[new.id] == (at(7), None, None, ())


def test_any_column_that_an_operation_sets_is_as_it_was(filled: Filled) -> None:
    tea = filled.keep("likes tea", now=at(1), importance=0.5)
    for day, (column, value) in enumerate((("pinned", 1), ("importance", 0.9), ("pinned", 0)), 2):
        journal = operation(filled, at(day))
        filled.store.run(f"UPDATE memories SET {column} = ? WHERE id = ?", (value, tea.id))
        was = {column: {"pinned": 1 - int(value), "importance": 0.5}[column]}
        journal._changed("set", tea.id, was=was)
        journal.record()
    undo(filled, at(6))

    def seen(day: int) -> tuple[bool, float]:
        (memory,) = asof.believed(filled.store, at(day))
        return memory.pinned, memory.importance

    assert [seen(day) for day in range(1, 8)] == [
        *[(False, 0.5), (True, 0.5), (True, 0.9), (False, 0.9), (False, 0.9)],
        *[(True, 0.9), (True, 0.9)],
    ]


# --- forgetting -----------------------------------------------------------------------------------------------------


def gone(store: Store, *ids: str) -> set[str]:
    return set(purge.closure_of(store, ids).memories)


def test_a_memory_is_forgotten_with_what_stood_in_its_place_until_that_was_undone(filled: Filled, path: Path) -> None:
    old = filled.keep("lives in Rome")
    wrong = replaced(filled, old, "lives at Quokka77", at(5))
    undo(filled, at(6))
    right = replaced(filled, old, "lives in Bonn", at(7))
    assert gone(filled.store, old.id) == gone(filled.store, right.id) == {old.id, wrong.id, right.id}
    receipt = purge.forget(filled.store, purge.closure_of(filled.store, [right.id]), at(8))
    assert (receipt.rows["memories"], receipt.traces) == (3, 0)
    assert b"Quokka77" not in b"".join(file.read_bytes() for file in traces.files(filled.store))
    assert [texts(filled.store, at(day)) for day in (4, 5, 6, 8)] == [[]] * 4


def test_what_was_undone_is_forgotten_without_what_it_had_replaced(filled: Filled) -> None:
    old = filled.keep("lives in Rome")
    wrong = replaced(filled, old, "lives at Quokka77", at(5))
    undo(filled, at(6))
    assert gone(filled.store, wrong.id) == set(purge.closure_matching(filled.store, "quokka77").memories) == {wrong.id}
    purge.forget(filled.store, purge.closure_of(filled.store, [wrong.id]), at(7))
    assert [texts(filled.store, at(day)) for day in (4, 5, 6)] == [["lives in Rome"], [], ["lives in Rome"]]
    assert lapses.of(filled.store, [old.id]) == {old.id: (Lapse(at(5), at(6), None, "2026-03"),)}
    assert health.check(filled.store) == []


def test_two_memories_that_were_taken_for_one_are_forgotten_apart_once_that_is_undone(filled: Filled) -> None:
    tea, coffee = filled.keep("likes tea"), filled.keep("likes coffee")
    journal = operation(filled, at(5))
    journal.supersede(tea.id, coffee.id, valid_to=None)
    journal.record()
    assert gone(filled.store, tea.id) == {tea.id, coffee.id}
    undo(filled, at(6))
    assert (gone(filled.store, tea.id), gone(filled.store, coffee.id)) == ({tea.id}, {coffee.id})


def test_all_that_was_undone_within_one_second_is_forgotten(filled: Filled) -> None:
    old, wrong = filled.keep("lives in Rome"), []
    for city in ("Oslo", "Bonn"):
        wrong.append(replaced(filled, old, f"lives in {city}", at(5)).id)
        undo(filled, at(5))
    assert gone(filled.store, old.id) == {old.id, *wrong}
    assert texts(filled.store, at(5)) == ["lives in Rome"]


def test_what_was_undone_and_remembered_again_is_forgotten_altogether(filled: Filled) -> None:
    ids = []
    for day in (1, 3):
        journal = operation(filled, at(day))
        ids.append(add(journal, filled, "my locker code is Quokka77").id)
        journal.record()
        if day == 1:
            undo(filled, at(2))
    assert gone(filled.store, ids[1]) == set(ids)
    assert gone(filled.store, ids[0]) == {ids[0]}
    receipt = purge.forget(filled.store, purge.closure_of(filled.store, [ids[1]]), at(4))
    assert (receipt.rows["memories"], receipt.traces, receipt.kept_mentions) == (2, 0, ())


def test_an_undo_after_the_new_memory_was_forgotten_reopens_the_old_one(filled: Filled) -> None:
    said = filled.say("I live in Oslo", now=at(5))
    old = filled.keep("lives in Rome")
    new = replaced(filled, old, "lives in Oslo", at(5), of=said)
    purge.forget(filled.store, purge.closure_of(filled.store, [said.id]), at(6))
    assert texts(filled.store, at(6)) == []
    undo(filled, at(7))
    assert [texts(filled.store, at(day)) for day in (4, 5, 7)] == [["lives in Rome"], [], ["lives in Rome"]]
    assert lapses.of(filled.store, [old.id, new.id]) == {old.id: (Lapse(at(5), at(7), None, "2026-03"),)}


# --- older stores ---------------------------------------------------------------------------------------------------


def test_the_log_of_an_older_store_tells_what_it_knows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    was = {"strength": 1, "confirmed_at": None}
    changes = [
        [{"do": "add", "id": "tea"}],
        [{"do": "strengthen", "id": "tea", "was": was, "sources": []}],
        [{"do": "strengthen", "id": "tea", "was": was | {"strength": 2}, "sources": []}],  # undone: it was the third
    ]
    with monkeypatch.context() as then:
        then.setattr(migrations, "NEWEST", 5)
        with Store.open(path) as store, store.atomic():
            columns = "id, kind, text, trust, created_at, strength, confirmed_at"
            tea = ("tea", "semantic", "likes tea", "user", at(1), 2, at(3))
            store.run(f"INSERT INTO memories ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", tea)
            sql = (
                "INSERT INTO operations (at, action, actor, items, detail, undone_at) VALUES (?, 'form', 'x', ?, ?, ?)"
            )
            for day, done in zip((1, 3, 5), changes, strict=True):
                undone = at(6) if day == 5 else None
                store.run(sql, (at(day), '["tea"]', json.dumps({"changes": done}), undone))
    with Store.open(path) as store:
        seen = {day: asof.believed(store, at(day)) for day in (1, 2, 3, 4, 6)}
        assert {day: (m.times_said, m.confirmed_at) for day, (m,) in seen.items()} == {
            **dict.fromkeys((1, 2), (1, None)),
            **dict.fromkeys((3, 4, 6), (2, at(3))),
        }
        undoing.undo(store, undoing.last(store, 1), at(7))
        assert [m.times_said for day in (2, 4, 8) for m in asof.believed(store, at(day))] == [1, 2, 1]
        assert [o.action for o in operations.recent(store, 1)] == ["undo"]
