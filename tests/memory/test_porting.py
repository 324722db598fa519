"""Export and import: the same bytes again, an equal store, and nothing in it that behaves differently."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from memcli.memory import condensing, summary
from memcli.memory.timeline import utc
from memcli.store import (
    asof,
    health,
    memories,
    messages,
    operations,
    queue,
    search,
    summaries,
    threads,
    turns,
    undoing,
    versions,
    words,
)
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.store.summaries import Summary
from memcli.store.turns import Cost
from memcli.types import Filters, Role
from tests.memory.test_asof import START, STEP, Both
from tests.porting import (
    ANEW,
    COMPARED,
    TABLES_ANEW,
    TOLD_OTHERWISE,
    bring_in,
    changes_of,
    contents,
    export,
    note,
    with_every_record,
)
from tests.store.making import EMBEDDER, Filled

# --- equal ----------------------------------------------------------------------------------------------------------


def test_an_export_of_every_record_into_an_empty_store_gives_an_equal_one_and_the_same_bytes(
    store: Store, other: Store
) -> None:
    with_every_record(store)
    exported = export(store)
    types = set(re.findall(r'^\{"type": "(\w+)", "memcli": 1,', exported, re.MULTILINE))
    assert types == {"store", "thread", "message", "memory", "core", "summary", "operation"}
    report = bring_in(other, exported)
    assert contents(other) == contents(store)
    assert export(other) == exported
    assert health.check(other) == []
    assert (report.known, report.differing, report.passed_over, +report.dropped) == (0, 0, 0, {})


def test_every_record_holds_something_in_every_column(store: Store) -> None:
    with_every_record(store)
    for table, sql in COMPARED.items():
        if table != "chunks":
            rows = store.rows(sql)
            assert rows, table
            assert all(any(value not in (None, 0) for value in column) for column in zip(*rows, strict=True)), table


def test_every_column_of_every_table_is_compared_or_made_anew(store: Store) -> None:
    indexes = ("chunks_", "sqlite_")  # what the indexes and SQLite keep for themselves
    found = {
        name: {row[1] for row in store.rows(f"PRAGMA table_xinfo({name})")}
        for (name,) in store.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
        if not name.startswith(indexes)
    }
    assert set(found) == set(COMPARED) | TABLES_ANEW
    for table, sql in COMPARED.items():
        named = set(re.findall(r"\w+", sql))
        assert found[table] - ANEW.get(table, set()) - TOLD_OTHERWISE.get(table, set()) <= named, table


def test_the_same_export_again_changes_nothing(store: Store, other: Store) -> None:
    with_every_record(store)
    bring_in(other, export(store))
    before = contents(other)
    report = bring_in(other, export(store))
    assert contents(other) == before
    assert report.known == export(store).count("\n") - 1  # the line that names the store is no record
    assert (report.messages, report.memories, report.differing, report.passed_over) == (0, 0, 0, 0)
    report = bring_in(store, export(store))
    assert (report.messages, report.memories, report.summaries, report.operations) == (0, 0, 0, 0)


@given(
    steps=st.lists(STEP, min_size=1, max_size=14),
    extras=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 11)), max_size=8),
)
@settings(
    deadline=None,
    max_examples=15,
    phases=[Phase.generate],  # to make a failing history short takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_history_goes_on_in_the_other_store_as_in_the_first(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, int]], extras: list[tuple[int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("stores")
    with Store.open(folder / "one.db") as one, Store.open(folder / "other.db") as other:
        both, now, times = Both(one), START, [utc(START)]
        for what, a, b, gap in steps:
            both.when = utc(now)
            both.do(what, a, b)
            now += timedelta(seconds=gap)
            times.append(utc(now))
        for what, a in extras:
            _adorn(both.filled, what, a, utc(now))
        exported = export(one)
        bring_in(other, exported)
        assert export(other) == exported
        assert health.check(other) == []
        assert contents(other) == contents(one)
        _behave_alike(one, other, times)
        later = utc(now + timedelta(hours=1))
        while found := operations.undoable(one, 1):
            assert operations.undoable(other, 1) == found
            assert undoing.undo(one, found, later) == undoing.undo(other, found, later)
            assert contents(other) == contents(one)
        _behave_alike(one, other, [*times, later])


def _adorn(filled: Filled, what: int, a: int, now: str) -> None:
    """Add something that hangs on a message, or core memory."""
    store = filled.store
    said = [messages.get(store, id_) for (id_,) in store.rows("SELECT id FROM messages ORDER BY seq")]
    kept = memories.current(store, now=now)
    if what == 0:
        journal = Journal(store, action="core", actor="user", now=now)
        journal.set_core(("user", "persona")[a % 2], f"block {a}", "user")
        journal.record()
    elif what == 1 and kept:
        memory = kept[a % len(kept)]
        question = filled.say(f"question {a}", now=now)
        told = [note(memory, memory.text), *([note(said[0], said[0].content)] if said else [])]
        messages.set_recalled(store, question.id, told + changes_of(store, memory))
    elif what == 2:
        queue.enqueue(store, filled.say(f"waiting {a}", now=now).id, now)
    elif what == 3 and said:
        message = said[a % len(said)]
        threads.set_window_start(store, message.thread_id, message.seq + 1)
        lines = condensing.extracted([m for m in said if m.thread_id == message.thread_id and m.seq <= message.seq])
        summaries.add(store, Summary(f"sum{a}", message.thread_id, message.seq, summary.dump(lines), "extract", now))
    elif what == 4:
        reply = filled.say(f"answer {a}", now=now, role=Role.ASSISTANT)
        turns.add(store, reply.id, Cost(a, a, 1, first_token=a / 7))
    elif what == 5:
        filled.say(f"in another thread {a}", now=now, thread=threads.create(store, now=now).id)


def _behave_alike(one: Store, other: Store, times: list[str]) -> None:
    now = times[-1]
    assert memories.current(other, now=now, retired=True) == memories.current(one, now=now, retired=True)
    for when in times:
        assert asof.believed(other, when, retired=True) == asof.believed(one, when, retired=True)
    for (id_,) in one.rows("SELECT id FROM memories"):
        assert versions.versions(other, id_) == versions.versions(one, id_)
    found = [_search(store, now) for store in (one, other)]
    assert found[0] == found[1]


def _search(store: Store, now: str) -> list[str]:
    query, (vector,) = words.query(["statement", "message", "question"]), EMBEDDER.embed(["statement message question"])
    found = search.gather(store, query=query, vector=vector, filters=Filters(retired=True), limit=50, now=now)
    return [item.id for item in found.items]
