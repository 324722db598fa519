"""Threads, messages, memories, core blocks and the log: what is written is what is read back."""

from __future__ import annotations

import pytest

from memcli.errors import AmbiguousId, InputError, NothingFound
from memcli.store import core, memories, messages, operations, threads
from memcli.store.database import Store
from memcli.types import CoreBlock, Kind, Recalled, Role, Source, Trust
from tests.store.making import NOW, Filled, at


def test_a_thread_is_found_by_name_id_and_beginning(store: Store) -> None:
    made = threads.create(store, now=NOW, name="trip to Rome", id="abcdef1234")
    for ref in ("trip to Rome", "abcdef1234", "abcd"):
        assert threads.get(store, ref) == made
    assert threads.find(store, "trip") is None


def test_a_threads_name_wins_over_an_id(store: Store) -> None:
    threads.create(store, now=NOW, id="abcdef1234")
    named = threads.create(store, now=NOW, name="abcdef")
    assert threads.get(store, "abcdef") == named


def test_an_ambiguous_or_unknown_thread_is_an_error(store: Store) -> None:
    threads.create(store, now=NOW, id="abcdef1")
    threads.create(store, now=NOW, id="abcdef2")
    with pytest.raises(AmbiguousId):
        threads.find(store, "abcdef")
    with pytest.raises(NothingFound):
        threads.get(store, "xyz")


def test_a_taken_name_is_refused(store: Store) -> None:
    one = threads.create(store, now=NOW, name="one")
    two = threads.create(store, now=NOW, name="two")
    with pytest.raises(InputError):
        threads.create(store, now=NOW, name="one")
    with pytest.raises(InputError):
        threads.rename(store, two.id, "one")
    threads.rename(store, one.id, "one")
    threads.rename(store, two.id, None)
    assert threads.get(store, two.id).name is None
    with pytest.raises(InputError):
        threads.create(store, now=NOW, id=one.id)
    with pytest.raises(NothingFound):
        threads.rename(store, "gone", "three")


def test_threads_are_listed_newest_first_with_count_and_title(filled: Filled) -> None:
    quiet = threads.create(filled.store, now=at(2))
    filled.say("  What is\nthe   capital\tof Italy? " + "Please answer at great length. " * 5, now=at(3))
    filled.say("And of France?", now=at(4))
    listed = threads.all_threads(filled.store)
    assert [thread.id for thread in listed] == [filled.thread.id, quiet.id]
    assert (listed[0].messages, listed[0].updated_at) == (2, at(4))
    assert listed[0].title.startswith("What is the capital of Italy? Please")
    assert len(listed[0].title) <= 60
    assert (listed[1].messages, listed[1].title) == (0, "")
    assert threads.latest(filled.store) == listed[0]


def test_within_one_second_the_last_message_decides_which_thread_is_latest(filled: Filled) -> None:
    second = threads.create(filled.store, now=NOW)
    filled.say("in the second", thread=second.id)
    filled.say("in the first")
    assert [thread.id for thread in threads.all_threads(filled.store)] == [filled.thread.id, second.id]


def test_it_decides_also_between_threads_that_began_in_different_seconds(filled: Filled) -> None:
    second = threads.create(filled.store, now=at(2))
    filled.say("in the second", thread=second.id, now=at(3))
    filled.say("in the first", now=at(3))
    assert [thread.id for thread in threads.all_threads(filled.store)] == [filled.thread.id, second.id]


def test_an_empty_store_has_no_latest_thread(store: Store) -> None:
    assert threads.latest(store) is None


def test_a_thread_keeps_its_prefix_and_window_until_they_are_cleared(filled: Filled) -> None:
    store, id_ = filled.store, filled.thread.id
    assert (threads.prefix(store, id_), threads.window_start(store, id_)) == (None, 0)
    threads.set_prefix(store, id_, "[]")
    threads.set_window_start(store, id_, 7)
    assert (threads.prefix(store, id_), threads.window_start(store, id_)) == ("[]", 7)
    threads.clear_prefixes(store)
    assert threads.prefix(store, id_) is None
    with pytest.raises(NothingFound):
        threads.set_prefix(store, "gone", "[]")


def test_a_message_is_read_back_as_it_was_written(filled: Filled) -> None:
    store = filled.store
    made = messages.add(
        store,
        thread_id=filled.thread.id,
        role=Role.ASSISTANT,
        content="Grüße, 世界 \x00 end",
        trust=Trust.ASSISTANT,
        now=at(5),
        name="Ann",
        external_id="D1:3",
        model="smol",
        tokens=(1, 0, 2_147_483_647, -1),
        interrupted=True,
    )
    assert messages.get(store, made.id) == made
    assert made.content == "Grüße, 世界 \x00 end"
    assert made.tokens == (1, 0, 2_147_483_647, -1)
    assert made.interrupted
    assert messages.known_external(store, filled.thread.id) == {"D1:3": made.content}
    assert messages.with_external(store, filled.thread.id, "D1:3") == (made.id, made.content)
    assert threads.get(store, "first").updated_at == at(5)


def test_an_older_message_does_not_set_a_thread_back(filled: Filled) -> None:
    filled.say("imported", now="2020-01-01T00:00:00Z")
    assert threads.get(filled.store, "first").updated_at == NOW


def test_messages_come_in_order_from_where_they_are_asked_for(filled: Filled) -> None:
    said = [filled.say(str(n)) for n in range(5)]
    assert messages.of_thread(filled.store, filled.thread.id) == said
    assert messages.of_thread(filled.store, filled.thread.id, said[3].seq) == said[3:]
    assert messages.count(filled.store) == 5


def test_a_message_with_a_known_external_id_or_in_a_thread_that_is_gone_is_refused(filled: Filled) -> None:
    filled.say("first", external_id="x1")
    with pytest.raises(InputError):
        filled.say("again", external_id="x1")
    with pytest.raises(NothingFound):
        filled.say("late", thread="gone")
    assert messages.count(filled.store) == 1


def test_around_a_message_stand_those_before_and_after_it_in_the_same_thread(filled: Filled) -> None:
    other = threads.create(filled.store, now=NOW)
    a, b = filled.say("a").seq, filled.say("b").seq
    x = filled.say("x", thread=other.id).seq
    c = filled.say("c").seq
    assert messages.around(filled.store, [a, b, c, x, 999], reach=2) == {
        a: [[b], [c]],
        b: [[a, c], []],
        c: [[b], [a]],
        x: [[], []],
    }


def test_recalled_notes_keep_their_order_and_reasons(filled: Filled) -> None:
    asked, other = filled.say("what tea?"), filled.say("hello")
    tea, milk = filled.keep("likes tea"), filled.keep("likes milk")
    notes = [
        Recalled(tea.id, "semantic", "[2026-03-01] likes tea", 0.75, {"words": 0.5, "cosine": 0.25}),
        Recalled(milk.id, "semantic", "[2026-03-01] likes milk", 0.5),
    ]
    messages.set_recalled(filled.store, asked.id, notes)
    assert messages.recalled(filled.store, [asked.id, other.id]) == {asked.id: notes}
    messages.set_recalled(filled.store, asked.id, notes[1:])
    assert messages.recalled(filled.store, [asked.id]) == {asked.id: notes[1:]}


def test_notes_about_what_has_been_forgotten_meanwhile_are_not_written(filled: Filled) -> None:
    asked, tea = filled.say("what tea?"), filled.keep("likes tea")
    note = Recalled("forgotten1", "semantic", "a secret", 1.0)
    messages.set_recalled(filled.store, asked.id, [note, Recalled(tea.id, "semantic", "likes tea", 0.5)])
    assert [kept.item_id for kept in messages.recalled(filled.store, [asked.id])[asked.id]] == [tea.id]
    with pytest.raises(NothingFound):
        messages.set_recalled(filled.store, "forgotten1", [])


def test_a_memory_is_read_back_as_it_was_written(filled: Filled) -> None:
    said = filled.say("I moved to Rome in March, for work")
    made = memories.add(
        filled.store,
        kind=Kind.EPISODIC,
        text="Moved to Rome",
        trust=Trust.USER,
        now=NOW,
        tags=("travel", "home", "travel"),
        valid_from="2026-03",
        valid_to="2027",
        expires_at=at(1, 12),
        sources=[Source(said.id, 2, 15)],
    )
    assert memories.get(filled.store, made.id) == made
    assert (made.tags, made.sources) == (("home", "travel"), (Source(said.id, 2, 15),))
    assert (made.valid_from, made.valid_to, made.expires_at) == ("2026-03", "2027", at(1, 12))


def test_a_memory_from_a_forgotten_message_is_refused(filled: Filled) -> None:
    with pytest.raises(NothingFound):
        memories.add(
            filled.store, kind=Kind.SEMANTIC, text="x", trust=Trust.USER, now=NOW, sources=[Source("gone", 0, 1)]
        )
    assert memories.count(filled.store) == 0


def test_expired_and_retired_memories_are_listed_only_when_asked_for(filled: Filled) -> None:
    old, new = filled.keep("lives in Rome", now=at(1)), filled.keep("lives in Oslo", now=at(2))
    filled.supersede(old, new, now=at(2))
    parking = filled.keep("parked at B2", now=at(3), expires_at=at(4))
    rule = filled.keep("answer briefly", now=at(5), kind=Kind.PROCEDURAL)

    def listed(**options: object) -> list[str]:
        return [memory.id for memory in memories.current(filled.store, now=at(6), **options)]  # type: ignore[arg-type]

    assert listed() == [new.id, rule.id]
    assert listed(retired=True) == [old.id, new.id, parking.id, rule.id]
    assert listed(kind=Kind.PROCEDURAL) == [rule.id]
    assert memories.count(filled.store) == 3
    assert memories.get(filled.store, old.id).superseded_by == new.id


def test_an_exact_repeat_is_found_only_among_current_memories(filled: Filled) -> None:
    old, new = filled.keep("lives in Rome"), filled.keep("lives in Oslo", expires_at=at(9))
    filled.supersede(old, new)
    assert memories.find_exact(filled.store, "lives in Rome") is None
    assert memories.find_exact(filled.store, "lives in Oslo") == new
    assert memories.find_exact(filled.store, "lives in oslo") is None
    assert memories.find_exact(filled.store, "lives in Oslo", now=at(10)) is None


def test_a_core_block_is_replaced_and_cleared(store: Store) -> None:
    core.put(store, "user", "Ann", NOW)
    assert core.put(store, "user", "Ann, from Oslo", at(2)) == CoreBlock("user", "Ann, from Oslo", at(2))
    assert core.get(store, "user") == CoreBlock("user", "Ann, from Oslo", at(2))
    assert [core.clear(store, "user"), core.clear(store, "user")] == [True, False]
    assert core.get(store, "user") is None


def test_operations_are_numbered_and_listed_last_first(store: Store) -> None:
    first = operations.record(store, action="remember", actor="user", items=["a"], now=NOW)
    second = operations.record(store, action="forget", actor="user", items=["a", "b"], now=NOW, detail={"rows": 2})
    assert second > first
    assert [(op.id, op.items, op.detail) for op in operations.recent(store, 5)] == [
        (second, ("a", "b"), {"rows": 2}),
        (first, ("a",), {}),
    ]
    assert len(operations.recent(store, 1)) == 1
    assert (operations.last(store, "forget"), operations.last(store, "undo")) == (second, 0)
