"""What a memory takes over from others that say the same, and one that nothing takes the place of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.errors import NothingFound
from memcli.store import memories, undoing
from memcli.store.database import Store
from memcli.store.journal import Journal
from tests.store.making import NOW, Filled, at


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    with Store.open(tmp_path / "memcli.db") as store:
        yield Filled(store)


def journal(filled: Filled) -> Journal:
    return Journal(filled.store, action="merge", actor="consolidate", now=at(9))


def undo(filled: Filled) -> None:
    undoing.undo(filled.store, undoing.last(filled.store, 1), at(10))


def test_sources_are_joined_counts_summed_and_undone_exactly(filled: Filled) -> None:
    shared, own, other = (filled.say(text, now=at(day)) for day, text in enumerate("abc", 1))
    kept = filled.keep("tea", of=[shared, own], now=at(2), times_said=2, importance=0.3)
    old = filled.keep("Tea", of=[shared, other], now=at(3), times_said=4, importance=0.2, pinned=True)
    with filled.store.atomic():
        made = journal(filled)
        made.absorb(kept.id, [old])
        made.record()
    now = memories.get(filled.store, kept.id)
    assert {source.message_id for source in now.sources} == {shared.id, own.id, other.id}
    assert (now.times_said, now.importance, now.pinned, now.confirmed_at) == (6, 0.3, True, at(3))
    undo(filled)
    assert memories.get(filled.store, kept.id) == kept


def test_what_is_gone_absorbs_nothing(filled: Filled) -> None:
    with pytest.raises(NothingFound):
        journal(filled).absorb("gone", [filled.keep("tea")])


def test_what_was_retired_has_no_successor_and_is_reopened_by_undo(filled: Filled) -> None:
    tea = filled.keep("tea")
    with filled.store.atomic():
        made = journal(filled)
        made.retire(tea.id)
        made.record()
    old = memories.get(filled.store, tea.id)
    assert (old.retired_at, old.superseded_by) == (at(9), None)
    with pytest.raises(NothingFound):
        journal(filled).retire(tea.id)
    undo(filled)
    assert memories.current(filled.store, now=NOW) == [tea]
