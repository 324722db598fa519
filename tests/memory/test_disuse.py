"""Which memories go together, when what was not used for long is forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory import disuse
from memcli.store import memories, messages, operations, purge, undoing
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import SUMMED_UP, Kind, Memory, Message, Source, Trust
from tests.store.making import Filled, at

LIMIT = at(1, 6)
OLD, NEW = at(1, 1), at(1, 12)


def memory(id_: str, *said_in: str, kind: Kind = Kind.SEMANTIC, **more: object) -> Memory:
    sources = tuple(Source(message, 0, 1) for message in said_in)
    return Memory(id_, kind, f"text of {id_}", Trust.USER, OLD, sources=sources, **more)  # type: ignore[arg-type]


def going(*held: Memory, in_use: tuple[str, ...] = (), always: str = "") -> set[str]:
    used = {one.id: NEW if one.id in in_use else OLD for one in held}
    return {one.id for one in disuse.going(held, used, LIMIT, always)}


def test_each_goes_by_itself_where_nothing_ties_it_to_another() -> None:
    assert going(memory("a", "m1"), memory("b", "m2"), memory("c"), in_use=("b",)) == {"a", "c"}


def test_of_one_message_all_memories_go_or_none() -> None:
    assert going(memory("a", "m"), memory("b", "m")) == {"a", "b"}
    assert going(memory("a", "m"), memory("b", "m"), in_use=("b",)) == set()
    assert going(memory("a", "m"), memory("b", "m", "n"), memory("c", "n"), in_use=("c",)) == set()


def test_a_message_of_a_pinned_memory_or_a_rule_stays_with_all_its_memories() -> None:
    assert going(memory("a", "m"), memory("b", "m", pinned=True)) == set()
    assert going(memory("a", "m"), memory("b", "m", kind=Kind.PROCEDURAL)) == set()


def test_earlier_versions_go_with_the_current_one_and_stay_with_it() -> None:
    old, new = memory("old", "m", retired_at=at(1, 2), superseded_by="new"), memory("new", "n")
    assert going(old, new) == {"old", "new"}
    assert going(old, new, in_use=("new",)) == set()
    other = memory("other", "m")
    assert going(old, new, other, in_use=("new",)) == set()  # else history would be said on in the message


def test_what_is_retired_alone_is_history_and_stays() -> None:
    assert going(memory("undone", "m", retired_at=at(1, 2), undone=True)) == set()


def test_what_was_used_at_no_known_time_stays() -> None:
    assert disuse.going([memory("later")], {"later": ""}, LIMIT, "") == []


def test_what_stands_in_core_memory_stays() -> None:
    assert going(memory("a"), memory("b"), always="and so on: text of a.") == {"b"}


ties = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), max_size=20)


@given(
    ties, st.sets(st.integers(0, 9)), st.dictionaries(st.integers(0, 8), st.integers(1, 9), max_size=5), st.randoms()
)
def test_nothing_that_stays_shares_a_message_with_what_goes(
    said: list[tuple[int, int]], in_use: set[int], replaced: dict[int, int], chance: random.Random
) -> None:
    later = {old: new for old, new in replaced.items() if new > old}
    held = [
        memory(
            f"k{n}",
            *(f"m{m}" for k, m in said if k == n),
            retired_at=at(1, 2) if n in later else None,
            superseded_by=f"k{later[n]}" if n in later else None,
        )
        for n in range(10)
    ]
    names = tuple(f"k{n}" for n in in_use)
    gone = going(*held, in_use=names)
    staying = {source.message_id for one in held if one.id not in gone for source in one.sources}
    leaving = {source.message_id for one in held if one.id in gone for source in one.sources}
    assert not staying & leaving
    assert not gone & {one.id for one in held if one.retired_at is None and one.id in names}
    assert all((one.id in gone) == (one.superseded_by in gone) for one in held if one.superseded_by)
    mixed = list(held)
    chance.shuffle(mixed)
    assert going(*mixed, in_use=names) == gone


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    with Store.open(tmp_path / "m.db") as store:
        yield Filled(store)


def test_the_messages_go_with_the_memories_and_nothing_that_stays_loses_its_provenance(filled: Filled) -> None:
    both = filled.say("I have a red boat, and my code is Amsel", now=OLD)
    boat = filled.keep("I have a red boat", of=[both], now=OLD, formed_by="rules")
    code = filled.keep("my code is Amsel", of=[both], now=OLD, formed_by="rules")
    alone = filled.say("The shed is green", now=OLD)
    shed = filled.keep("The shed is green", of=[alone], now=OLD, formed_by="rules")
    asked = filled.say("Which boat?", now=NEW)
    messages.set_recalled(filled.store, asked.id, [])
    filled.store.run("INSERT INTO recalled VALUES (?, 0, ?, 'semantic', 'a line', 1.0, '{}')", (asked.id, boat.id))
    now = at(2, 12)
    chosen = disuse.unused(filled.store, now, 180)
    assert [one.id for one in chosen] == [shed.id]
    what = disuse.closure(filled.store, chosen)
    assert (what.memories, what.messages, what.kept) == ((shed.id,), (alone.id,), ())
    assert disuse.forget(filled.store, what, now).traces == 0
    assert memories.get(filled.store, code.id).sources
    assert purge.generation(filled.store)
    assert disuse.unused(filled.store, now, 180) == []
    assert disuse.unused(filled.store, now, 0) == []


def test_what_came_to_the_store_lately_has_its_time_however_old_it_says_it_is(filled: Filled) -> None:
    old, imported = (filled.keep(text, now=OLD) for text in ("The shed is green", "The gate is blue"))
    operations.record(filled.store, action="add", actor="import", items=[imported.id], now=NEW)
    assert [one.id for one in disuse.unused(filled.store, NEW, 30)] == [old.id]
    assert len(disuse.unused(filled.store, at(2, 12), 30)) == 1
    assert len(disuse.unused(filled.store, "2027-03-01T00:00:00Z", 30)) == 2


def made(store: Store, action: str, text: str, now: str, *said: Message, of: Sequence[Memory] = ()) -> Memory:
    """Make a memory as an operation does that can be undone."""
    journal = Journal(store, action=action, actor="consolidate", now=now)
    sources = [Source(message.id, 0, 1) for message in said]
    formed_by = SUMMED_UP if of else "rules"
    one = journal.add(
        kind=Kind.SEMANTIC, text=text, trust=Trust.USER, sources=sources, formed_by=formed_by, pinned=bool(of)
    )
    journal.record({"of": [each.id for each in of]} if of else None)
    return one


def test_what_was_undone_keeps_the_message_that_another_came_from_and_with_it_what_says_the_same(
    filled: Filled,
) -> None:
    old, new = filled.say("I live at the mill", now=OLD), filled.say("At the mill I play the oboe", now=NEW)
    made(filled.store, "form", "I live at the mill", OLD, old)
    made(filled.store, "form", "I play the oboe", NEW, new)
    made(filled.store, "form", "I live at the mill", NEW, new)
    undoing.undo(filled.store, undoing.last(filled.store, 1), NEW)
    assert disuse.unused(filled.store, NEW, 30) == []


def test_what_a_pinned_summary_is_about_stays_also_where_no_message_ties_them(filled: Filled) -> None:
    days = [filled.keep(f"I swam on day {n}", now=OLD, kind=Kind.EPISODIC) for n in range(3)]
    assert len(disuse.unused(filled.store, at(2, 12), 30)) == len(days)
    made(filled.store, operations.SUMMING, "I swam: 3 times", OLD, of=days)
    assert disuse.unused(filled.store, at(2, 12), 30) == []


def test_what_has_been_forgotten_meanwhile_is_no_obstacle(filled: Filled) -> None:
    shed = filled.keep("The shed is green", now=OLD)
    chosen = disuse.unused(filled.store, NEW, 30)
    purge.forget(filled.store, purge.closure_of(filled.store, [shed.id]), NEW)
    assert disuse.closure(filled.store, chosen).empty
