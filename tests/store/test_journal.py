"""The journal: what an operation changed, and that taking it back gives what was believed before, and keeps history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.errors import InputError, NothingFound
from memcli.store import core, health, lapses, memories, messages, operations, purge, threads, traces, undoing
from memcli.store.database import Store
from memcli.store.journal import Journal, take_back
from memcli.store.lapses import Lapse
from memcli.types import CoreBlock, Filters, Kind, Memory, Owner, Recalled, Source, Trust
from tests.store.making import NOW, Filled, at

# Everything but what an undo leaves as history: undone memories with what hangs on them, and lapses.
UNDONE = "(SELECT id FROM memories WHERE undone)"
DUMPED = {
    "memories": ("NOT undone", "id"),
    "memory_tags": (f"memory_id NOT IN {UNDONE}", "memory_id, tag"),
    "memory_sources": (f"memory_id NOT IN {UNDONE}", 'memory_id, message_id, start, "end"'),
    "memory_conflicts": ("1", "memory_id, other_id"),
    "core_blocks": ("1", "label"),
    "chunks": (f"owner != 'memory' OR owner_id NOT IN {UNDONE}", "owner, owner_id, position"),
    "messages": ("1", "seq"),
}


def dump(store: Store) -> dict[str, list[Any]]:
    return {
        table: store.rows(f"SELECT * FROM {table} WHERE {where} ORDER BY {order}")
        for table, (where, order) in DUMPED.items()
    }


class Writer:
    """Makes operations of one change each, or of several."""

    def __init__(self, filled: Filled) -> None:
        self.filled, self.store = filled, filled.store
        self.journal = self.new()

    def new(self, now: str = at(9)) -> Journal:
        self.journal = Journal(self.store, action="form", actor="formation", now=now)
        return self.journal

    def add(self, text: str, **more: Any) -> Memory:
        made = self.journal.add(kind=Kind.SEMANTIC, text=text, trust=Trust.USER, **more)
        self.filled.index(Owner.MEMORY, made.id, [text])
        return made

    def record(self) -> operations.Operation:
        number = self.journal.record()
        self.new()
        (last,) = operations.recent(self.store, 1)
        assert last.id == number
        return last


@pytest.fixture
def writer(filled: Filled) -> Writer:
    return Writer(filled)


def test_an_added_memory_is_read_back_and_is_history_when_it_is_taken_back(writer: Writer) -> None:
    said = writer.filled.say("I live in Rome")
    before = dump(writer.store)
    made = writer.add("lives in Rome", tags=("home",), sources=[Source(said.id, 2, 14)], formed_by="rules")
    operation = writer.record()
    assert (made.formed_by, made.tags, made.created_at) == ("rules", ("home",), at(9))
    assert (operation.action, operation.actor, operation.items) == ("form", "formation", (made.id,))
    assert take_back(writer.store, operation, at(10)).forgotten == ()
    assert dump(writer.store) == before
    assert writer.filled.found("lives Rome") == {said.id}
    assert writer.filled.found("lives Rome", Filters(retired=True)) == {said.id, made.id}
    assert health.check(writer.store) == []
    held = memories.get(writer.store, made.id)
    assert held == replace(made, retired_at=at(10), undone=True)
    assert memories.current(writer.store, now=NOW) == []
    assert memories.current(writer.store, now=NOW, retired=True) == [held]
    assert memories.find_exact(writer.store, "lives in Rome") is None
    assert memories.exact(writer.store, ["lives in Rome"]) == set()
    assert memories.of_thread(writer.store, said.thread_id, 9) == []
    assert memories.count(writer.store) == 0


def test_a_formed_memory_is_as_old_as_its_message(writer: Writer) -> None:
    assert writer.add("lives in Rome", created_at=at(1)).created_at == at(1)


def test_superseding_retires_the_old_memory_and_taking_back_reopens_it(writer: Writer) -> None:
    old = writer.filled.keep("lives in Rome", valid_from="2020")
    before = dump(writer.store)
    new = writer.add("lives in Oslo", valid_from="2026-03")
    writer.journal.supersede(old.id, new.id, valid_to="2026-03")
    operation = writer.record()
    closed = memories.get(writer.store, old.id)
    assert (closed.retired_at, closed.superseded_by, closed.valid_to) == (at(9), new.id, "2026-03")
    assert operation.items == (new.id, old.id)
    take_back(writer.store, operation, at(10))
    assert dump(writer.store) == before
    assert lapses.of(writer.store, [old.id, new.id]) == {old.id: (Lapse(at(9), at(10), new.id, "2026-03"),)}
    assert memories.before(writer.store, [new.id]) == {}


def test_a_correction_leaves_it_open_until_when_the_old_memory_was_true(writer: Writer) -> None:
    old = writer.filled.keep("her name is Ines", valid_to="2027")
    writer.journal.supersede(old.id, writer.add("her name is Inês").id, valid_to=None)
    assert memories.get(writer.store, old.id).valid_to == "2027"


def test_what_is_retired_gone_or_the_same_cannot_be_superseded(writer: Writer) -> None:
    old, new = writer.filled.keep("lives in Rome"), writer.filled.keep("lives in Oslo")
    with pytest.raises(InputError):
        writer.journal.supersede(old.id, old.id, valid_to=None)
    with pytest.raises(NothingFound):
        writer.journal.supersede(old.id, "gone", valid_to=None)
    writer.journal.supersede(old.id, new.id, valid_to=None)
    with pytest.raises(NothingFound):
        writer.journal.supersede(old.id, new.id, valid_to=None)


def test_what_is_said_again_grows_stronger_and_rests_on_both_messages(writer: Writer) -> None:
    first, again = writer.filled.say("I like tea"), writer.filled.say("Tea, as I said")
    tea = writer.filled.keep("likes tea", of=[first])
    before = dump(writer.store)
    spans = [Source(first.id, 0, 10), Source(again.id, 0, 3)]
    writer.journal.strengthen(tea.id, spans)
    writer.journal.strengthen(tea.id, [], at=at(12))
    stronger = memories.get(writer.store, tea.id)
    assert (stronger.times_said, stronger.confirmed_at, stronger.sources) == (3, at(12), tuple(spans))
    take_back(writer.store, writer.record(), at(10))
    assert dump(writer.store) == before


def test_what_rests_on_a_forgotten_message_is_not_strengthened(writer: Writer) -> None:
    tea = writer.filled.keep("likes tea")
    with pytest.raises(NothingFound):
        writer.journal.strengthen(tea.id, [Source("gone", 0, 1)])
    assert memories.get(writer.store, tea.id) == tea
    assert writer.journal.record() is None


def test_a_contradiction_is_noted_once_and_seen_from_both_sides(writer: Writer) -> None:
    one, other = writer.filled.keep("born in May"), writer.filled.keep("born in June")
    writer.journal.conflict(one.id, other.id)
    writer.journal.conflict(other.id, one.id)
    operation = writer.record()
    assert len(operation.changes) == 1
    assert memories.get(writer.store, one.id).conflicts == (other.id,)
    assert memories.get(writer.store, other.id).conflicts == (one.id,)
    with pytest.raises(NothingFound):
        writer.journal.conflict(one.id, "gone")
    take_back(writer.store, operation, at(10))
    assert memories.get(writer.store, one.id).conflicts == ()


def test_with_a_retired_memory_there_is_nothing_left_to_decide(writer: Writer) -> None:
    one, other = writer.filled.keep("born in May"), writer.filled.keep("born in June")
    writer.journal.conflict(one.id, other.id)
    writer.journal.supersede(other.id, one.id, valid_to=None)
    assert memories.get(writer.store, one.id).conflicts == memories.get(writer.store, other.id).conflicts == ()


def test_core_blocks_get_their_text_date_and_author_back(writer: Writer) -> None:
    core.put(writer.store, "user", "Ann", NOW)
    before = dump(writer.store)
    writer.journal.set_core("user", "Ann, a vet", "consolidate")
    writer.journal.set_core("user", "Ann, a vet in Oslo", "consolidate")
    writer.journal.set_core("persona", "terse", "user")
    first = writer.record()
    assert core.get(writer.store, "user") == CoreBlock("user", "Ann, a vet in Oslo", at(9), "consolidate")
    assert writer.journal.clear_core("user")
    assert not writer.journal.clear_core("user")
    second = writer.record()
    take_back(writer.store, second, at(10))
    assert core.get(writer.store, "user") == CoreBlock("user", "Ann, a vet in Oslo", at(9), "consolidate")
    take_back(writer.store, first, at(10))
    assert dump(writer.store) == before
    assert writer.store.rows("SELECT * FROM core_versions") == []


def test_nothing_changed_is_nothing_recorded(writer: Writer) -> None:
    compared = writer.filled.keep("likes tea")
    writer.journal.mark_reconciled(compared.id)
    assert writer.journal.record() is None
    assert operations.recent(writer.store, 1) == []


def test_an_operation_is_not_undone_twice(writer: Writer) -> None:
    writer.add("likes tea")
    operation = writer.record()
    take_back(writer.store, operation, at(10))
    assert operations.recent(writer.store, 1)[0].undone_at == at(10)
    with pytest.raises(InputError):
        take_back(writer.store, operation, at(11))


def test_the_log_holds_neither_texts_nor_labels_in_its_detail(writer: Writer) -> None:
    old = writer.filled.keep("lives in Rome", valid_to="2030")
    new = writer.add("lives in Oslo", tags=("hometag",))
    writer.journal.supersede(old.id, new.id, valid_to="2026")
    writer.journal.set_core("lisbonlabel", "loves Oslo", "user")
    writer.record()
    detail = writer.store.value("SELECT detail FROM operations")
    assert not any(word in detail for word in ("lives", "Rome", "Oslo", "hometag", "lisbonlabel"))
    assert json.loads(detail)["changes"]


# --- forgetting and undoing -----------------------------------------------------------------------------------------


def test_what_was_forgotten_meanwhile_stays_forgotten_and_is_named(writer: Writer) -> None:
    old = writer.filled.keep("lives in Rome")
    new = writer.add("lives in Oslo")
    writer.journal.supersede(old.id, new.id, valid_to=None)
    tea = writer.add("likes tea")
    writer.journal.set_core("user", "Ann", "user")
    operation = writer.record()
    for closure in (purge.closure_of(writer.store, [new.id]), purge.closure_matching(writer.store, "Ann")):
        purge.forget(writer.store, closure, NOW)
    done = take_back(writer.store, operation, at(10))
    assert set(done.forgotten) == {old.id, new.id, "core:forgotten"}
    assert memories.current(writer.store, now=NOW) == []
    assert tea.id not in done.forgotten
    assert health.check(writer.store) == []


def test_what_a_core_block_said_before_is_found_and_forgotten_with_it(writer: Writer, path: Path) -> None:
    writer.journal.set_core("user", "a vet called Quokka77", "user")
    writer.record()
    writer.journal.set_core("user", "a vet", "user")
    writer.record()
    assert b"Quokka77" in b"".join(file.read_bytes() for file in traces.files(writer.store))
    closure = purge.closure_matching(writer.store, "quokka77")
    assert closure.core == ("user",)
    receipt = purge.forget(writer.store, closure, NOW)
    assert (receipt.rows, receipt.traces) == ({"core_blocks": 1, "core_versions": 2}, 0)
    assert b"Quokka77" not in b"".join(file.read_bytes() for file in traces.files(writer.store))
    assert b'core:user"' not in path.read_bytes()


def test_a_cleared_block_is_forgotten_with_everything_and_with_what_is_older(writer: Writer) -> None:
    for now in (at(1), at(2)):
        writer.new(now)
        writer.journal.set_core("user", "Ann", "user")
        writer.record()
    writer.new(at(3))
    writer.journal.clear_core("user")
    writer.record()
    assert purge.closure_all(writer.store).core == ("user",)
    assert purge.closure_before(writer.store, at(2)).core == ()
    assert purge.closure_before(writer.store, at(4)).core == ("user",)


def test_forgetting_takes_contradictions_along(writer: Writer) -> None:
    one, other = writer.filled.keep("born in May"), writer.filled.keep("born in June")
    writer.journal.conflict(one.id, other.id)
    writer.record()
    receipt = purge.forget(writer.store, purge.closure_of(writer.store, [one.id]), NOW)
    assert receipt.rows["memory_conflicts"] == 1
    assert memories.get(writer.store, other.id).conflicts == ()


def test_nothing_quotes_a_memory_that_was_taken_back(writer: Writer) -> None:
    rule, asked = writer.add("Call me Captain"), writer.filled.say("hello")
    operation = writer.record()
    messages.set_recalled(writer.store, asked.id, [Recalled(rule.id, "semantic", "Call me Captain", 1.0)])
    threads.set_prefix(writer.store, writer.filled.thread.id, json.dumps([["procedural", rule.id, "Call me Captain"]]))
    before = purge.generation(writer.store)
    undoing.undo(writer.store, [operation], at(10))
    assert messages.recalled(writer.store, [asked.id]) == {}
    assert threads.prefix(writer.store, writer.filled.thread.id) is None
    assert purge.generation(writer.store) > before


# --- several operations ---------------------------------------------------------------------------------------------


def test_the_newest_operations_come_first_and_what_cannot_be_undone_is_passed_over(writer: Writer) -> None:
    tea = writer.add("likes tea")
    first = writer.record()
    for _ in range(2):
        operations.record(writer.store, action="import", actor="import", items=[], now=at(9), detail={"messages": 3})
    rain = writer.add("likes rain")
    second = writer.record()
    purge.forget(writer.store, purge.closure_of(writer.store, [writer.filled.say("x").id]), at(10))

    assert undoing.last(writer.store, 1) == [second]
    assert undoing.last(writer.store, 9) == [second, first]
    assert [(p.action, p.times) for p in undoing.passed_over(writer.store, 1)] == [("forget", 1)]
    assert [(p.action, p.times) for p in undoing.passed_over(writer.store, 2)] == [("forget", 1), ("import", 2)]
    undoing.undo(writer.store, [second, first], at(11))
    assert memories.count(writer.store) == 0
    (last,) = operations.recent(writer.store, 1)
    assert (last.action, last.items) == ("undo", (rain.id, tea.id))
    assert last.detail == {"operations": [second.id, first.id]}
    with pytest.raises(NothingFound):
        undoing.last(writer.store, 1)
    assert [p.action for p in undoing.passed_over(writer.store, 1)] == ["forget", "import"]


def test_what_was_not_shown_is_not_taken_back(writer: Writer) -> None:
    writer.add("likes tea")
    shown = [writer.record()]
    writer.add("likes rain")
    writer.record()
    with pytest.raises(InputError):
        undoing.undo(writer.store, shown, at(10))
    assert memories.count(writer.store) == 2


def _add(writer: Writer, draw: Callable[[int], int], known: list[str]) -> None:
    said = writer.store.rows("SELECT id FROM messages")
    sources = [Source(said[draw(len(said))][0], 0, 1)]
    known.append(writer.add(f"statement {len(known)}", tags=("t",), sources=sources, reconciled=False).id)


def _supersede(writer: Writer, draw: Callable[[int], int], known: list[str]) -> None:
    old, new = known[draw(len(known))], known[draw(len(known))]
    if old != new and memories.get(writer.store, old).retired_at is None:
        writer.journal.supersede(old, new, valid_to=[None, "2026"][draw(2)])


def _strengthen(writer: Writer, draw: Callable[[int], int], known: list[str]) -> None:
    said = writer.store.rows("SELECT id FROM messages")
    writer.journal.strengthen(known[draw(len(known))], [Source(said[draw(len(said))][0], 0, 1 + draw(2))])


def _conflict(writer: Writer, draw: Callable[[int], int], known: list[str]) -> None:
    one, other = known[draw(len(known))], known[draw(len(known))]
    if one != other:
        writer.journal.conflict(one, other)


def _compare(writer: Writer, draw: Callable[[int], int], known: list[str]) -> None:
    writer.journal.mark_reconciled(known[draw(len(known))])


def _set_core(writer: Writer, draw: Callable[[int], int], known: list[str]) -> None:
    writer.journal.set_core(["user", "persona"][draw(2)], f"text {draw(5)}", ["user", "consolidate"][draw(2)])


def _clear_core(writer: Writer, draw: Callable[[int], int], known: list[str]) -> None:
    writer.journal.clear_core(["user", "persona"][draw(2)])


STEPS = (_add, _supersede, _strengthen, _conflict, _compare, _set_core, _clear_core)


@given(data=st.data(), sizes=st.lists(st.integers(0, 5), min_size=1, max_size=6))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_operations_undone_newest_first_give_the_equal_store(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, sizes: list[int]
) -> None:
    def draw(below: int) -> int:
        return data.draw(st.integers(0, below - 1))

    with Store.open(tmp_path_factory.mktemp("store") / "memcli.db") as store:
        filled = Filled(store)
        for n in range(2):
            filled.keep(f"before {n}", of=[filled.say(f"message {n}")], reconciled=False)
        core.put(store, "user", "Ann", NOW)
        writer, states = Writer(filled), [dump(store)]
        known = [id_ for (id_,) in store.rows("SELECT id FROM memories")]
        for number, size in enumerate(sizes):
            with store.atomic():
                writer.new(at(number + 1))
                for _ in range(size):
                    STEPS[draw(len(STEPS))](writer, draw, known)
                if writer.journal.record() is not None:
                    states.append(dump(store))
        while found := operations.undoable(store, 1):
            assert dump(store) == states.pop()
            found_now = writer.filled.found("statement before", Filters(kinds=tuple(Kind)))
            assert found_now == {memory.id for memory in memories.current(store, now=NOW)}
            assert undoing.undo(store, found, at(20))[0].forgotten == ()
        assert [dump(store)] == states
        assert health.check(store) == []
