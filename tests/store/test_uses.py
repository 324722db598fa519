"""When memories were said and recalled, as the rows of the store tell it."""

from __future__ import annotations

from memcli.store import messages, operations, uses
from memcli.store.journal import Journal, take_back
from memcli.types import Memory, Message, Recalled, Uses
from tests.store.making import NOW, Filled, at

LATER = at(1, 12)


def recall(filled: Filled, item: Memory | Message, *, now: str) -> Message:
    """Place an item as a note before a message."""
    asked = filled.say("And?", now=now)
    kind = "message" if isinstance(item, Message) else str(item.kind)
    messages.set_recalled(filled.store, asked.id, [Recalled(item.id, kind, "a line", 1.0)])
    return asked


def of(filled: Filled, memory: Memory, until: str = LATER) -> Uses:
    return uses.of(filled.store, [memory.id], until)[memory.id]


def test_what_was_formed_was_said_when_its_messages_were(filled: Filled) -> None:
    said = [filled.say("I live in Rome", now=at(day)) for day in (2, 5)]
    made = filled.keep("I live in Rome", of=said, now=at(2), formed_by="rules", times_said=2, importance=0.4)
    assert of(filled, made) == Uses(made.kind, 0.4, False, 2, (at(2), at(5)), ())


def test_what_was_formed_late_was_not_said_then(filled: Filled) -> None:
    made = filled.keep("in Rome", of=[filled.say("in Rome", now=at(2))], now=at(9), formed_by="rules")
    assert of(filled, made).said == (at(2),)


def test_what_the_user_asked_for_was_said_when_he_did_and_when_he_did_again(filled: Filled) -> None:
    made = filled.keep("in Rome", now=at(2))
    with filled.store.atomic():
        journal = Journal(filled.store, action="add", actor="remember", now=at(8))
        journal.strengthen(made.id)
        journal.record()
    assert of(filled, made).said == (at(2), at(8))
    assert of(filled, made).last == at(8)


def test_a_note_is_one_use_of_its_memory_at_the_time_of_the_message_that_it_stood_before(filled: Filled) -> None:
    made, other = filled.keep("in Rome", now=at(2)), filled.keep("in Oslo", now=at(2))
    for day in (9, 4):
        recall(filled, made, now=at(day))
    assert of(filled, made).recalled == (at(4), at(9))
    assert of(filled, other).recalled == ()


def test_where_a_message_is_placed_so_are_the_memories_formed_of_it_but_once(filled: Filled) -> None:
    said = filled.say("I live in Rome", now=at(2))
    made = filled.keep("I live in Rome", of=[said], now=at(2), formed_by="rules")
    asked = recall(filled, said, now=at(4))
    assert of(filled, made).recalled == (at(4),)
    both = [Recalled(said.id, "message", "a line", 1.0), Recalled(made.id, "semantic", "a line", 1.0)]
    messages.set_recalled(filled.store, asked.id, both)
    assert of(filled, made).recalled == (at(4),)


def test_what_took_a_memorys_place_is_used_as_that_was_from_then_on(filled: Filled) -> None:
    old = filled.keep("in Rome", now=at(2))
    recall(filled, old, now=at(3))
    new = filled.keep("in Rome, by the river", now=at(6))
    filled.supersede(old, new, at(6))
    recall(filled, new, now=at(8))
    assert of(filled, new).recalled == (at(3), at(8))
    assert of(filled, new).said == (at(6),)
    assert of(filled, new, at(5)).recalled == ()
    assert of(filled, old).recalled == (at(3),)


def test_what_was_done_after_a_time_does_not_count_for_it(filled: Filled) -> None:
    made = filled.keep("in Rome", of=[filled.say("in Rome", now=at(day)) for day in (2, 7)], now=at(2))
    recall(filled, made, now=at(5))
    recall(filled, made, now=at(9))
    assert of(filled, made, at(6)).said == (at(2),)
    assert of(filled, made, at(6)).recalled == (at(5),)
    assert of(filled, made, at(1)).last == ""


def test_uses_that_are_taken_back_or_forgotten_do_not_count(filled: Filled) -> None:
    made = filled.keep("in Rome", now=at(2))
    with filled.store.atomic():
        journal = Journal(filled.store, action="form", actor="formation", now=at(5))
        journal.strengthen(made.id, at=at(5))
        journal.record()
    asked = recall(filled, made, now=at(6))
    assert of(filled, made).last == at(6)
    filled.store.run("DELETE FROM messages WHERE id = ?", (asked.id,))
    assert of(filled, made).last == at(5)
    take_back(filled.store, operations.undoable(filled.store, 1)[0], NOW)
    assert of(filled, made).last == at(2)


def test_what_is_gone_is_left_out(filled: Filled) -> None:
    assert uses.of(filled.store, ["nothing"], NOW) == {}


def test_the_queries_use_indexes_and_are_as_many_for_a_thousand_memories_as_for_one(filled: Filled) -> None:
    ran: list[str] = []
    filled.store.db.set_exec_trace(lambda cursor, sql, bindings: ran.append(sql) or True)
    uses.of(filled.store, ["one"], NOW)
    few = len(ran)
    uses.of(filled.store, [f"id{n}" for n in range(1000)], NOW)
    assert len(ran) == 2 * few
    filled.store.db.set_exec_trace(None)
    for sql in dict.fromkeys(sql for sql in ran if "SELECT" in sql):
        plan = filled.store.rows(f"EXPLAIN QUERY PLAN {sql}", {"ids": "[]", "items": "[]", "until": NOW})
        steps = [detail for *_, detail in plan]
        assert any("SEARCH" in step for step in steps)
        scanned = [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
        assert set(scanned) <= {"SCAN version"}  # what the query itself has made
