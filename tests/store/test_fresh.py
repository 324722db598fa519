"""What came into force since some work was last done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.memory.formation import merger, summariser
from memcli.store import fresh, operations, outgoing
from memcli.store.database import Store
from memcli.store.fresh import Batch
from tests.store.making import NOW, Filled


def test_an_export_takes_along_how_far_each_work_has_come() -> None:
    assert set(outgoing.MARKS) == {merger.MARK, summariser.MARK}


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    with Store.open(tmp_path / "memcli.db") as store:
        yield Filled(store)


def note(filled: Filled, action: str, *items: str) -> int:
    return operations.record(filled.store, action=action, actor="user", items=items, now=NOW)


def test_each_current_memory_comes_once_with_the_first_operation_about_it(filled: Filled) -> None:
    a, b, gone = (filled.keep(text) for text in ("a", "b", "c"))
    filled.supersede(gone, b)
    first = note(filled, "add", b.id, a.id, gone.id, "core:user")
    note(filled, "edit", a.id)
    assert fresh.batches(filled.store, "work") == [Batch(first, (b.id, a.id))]


def test_what_lies_behind_the_mark_and_some_actions_are_passed_over(filled: Filled) -> None:
    a, b = filled.keep("a"), filled.keep("b")
    first, second = note(filled, "add", a.id), note(filled, "merge", b.id)
    fresh.reach(filled.store, "work", first)
    assert fresh.batches(filled.store, "work") == [Batch(second, (b.id,))]
    assert fresh.batches(filled.store, "work", but=["merge"]) == []
    assert fresh.batches(filled.store, "other") == [Batch(first, (a.id,)), Batch(second, (b.id,))]


def test_a_mark_only_moves_forward_as_a_number(filled: Filled) -> None:
    for number, reached in ((9, 9), (10, 10), (2, 10)):
        fresh.reach(filled.store, "work", number)
        assert fresh.reached(filled.store, "work") == reached
