"""Working the queue off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from memcli.errors import ModelError, NoModel
from memcli.memory import consolidate, remember
from memcli.memory.caring import Carer
from memcli.memory.consolidate import Consolidated
from memcli.memory.formation.records import Action, Change, Formed, Stopped
from memcli.memory.formation.work import read_back
from memcli.store import core, memories, purge, queue, undoing
from memcli.store.database import Store
from memcli.types import Message
from tests.fakes import ScriptedFormer
from tests.store.making import EMBEDDER, NOW, Filled, at


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    with Store.open(tmp_path / "memcli.db") as store:
        yield Filled(store)


def say(filled: Filled, *texts: str) -> list[str]:
    ids = [filled.say(text).id for text in texts]
    for id_ in ids:
        queue.enqueue(filled.store, id_, NOW)
    return ids


def run(store: Store, former: ScriptedFormer, heard: list[tuple[int, int]] | None = None) -> Consolidated:
    done = Consolidated()
    consolidate.consolidate(
        store,
        former,
        Carer(store, EMBEDDER, lambda: datetime.fromisoformat(NOW)),
        clock=lambda: NOW,
        progress=lambda *far: heard.append(far) if heard is not None else None,
        done=done,
    )
    return done


class Breaking(ScriptedFormer):
    """Cannot form messages that begin with "bad"."""

    def form(self, message: Message) -> Formed:
        if message.content.startswith("bad"):
            raise ModelError("the model fell over")
        return super().form(message)


def test_every_message_is_read_once_and_progress_tells_how_far(filled: Filled) -> None:
    ids = say(filled, "one", "two?", "three")
    heard: list[tuple[int, int]] = []
    done = run(filled.store, ScriptedFormer(filled.store), heard)
    assert [formed.message_id for formed in done.formed] == ids
    assert done.counts()[Action.ADDED] == 2
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert run(filled.store, ScriptedFormer(filled.store)).formed == []


def test_a_message_that_fails_does_not_keep_the_others_and_is_set_aside_in_the_end(filled: Filled) -> None:
    say(filled, "bad", "one", "two")
    done = run(filled.store, Breaking(filled.store))
    assert (len(done.formed), done.failed, queue.waiting(filled.store)) == (2, 1, 1)
    for _ in range(2):
        assert run(filled.store, Breaking(filled.store)).failed == 1
    assert (queue.waiting(filled.store), queue.set_aside(filled.store)) == (0, 1)
    assert run(filled.store, Breaking(filled.store)).failed == 0


def test_a_model_that_fails_at_every_message_ends_it(filled: Filled) -> None:
    say(filled, *(f"bad {n}" for n in range(5)))
    with pytest.raises(ModelError):
        run(filled.store, Breaking(filled.store))
    assert queue.waiting(filled.store) == 5


def test_a_missing_model_is_not_held_against_the_message(filled: Filled) -> None:
    class Missing(ScriptedFormer):
        def form(self, message: Message) -> Formed:
            raise NoModel("there is none")

    say(filled, "one")
    for _ in range(2 * queue.MOST_FAILURES):
        with pytest.raises(NoModel):
            run(filled.store, Missing(filled.store))
    assert queue.waiting(filled.store) == 1


def test_what_was_stopped_is_formed_by_the_next(filled: Filled) -> None:
    say(filled, "one")
    former = ScriptedFormer(filled.store)
    former.stop()
    with pytest.raises(Stopped):
        run(filled.store, former)
    assert len(run(filled.store, ScriptedFormer(filled.store)).formed) == 1


def test_a_message_that_another_process_took_meanwhile_is_left_to_it(filled: Filled) -> None:
    class Slow(ScriptedFormer):
        def form(self, message: Message) -> Formed:
            if message.content == "one":
                queue.claim(filled.store, "another", "2026-03-02T00:00:00Z", 60)
            return super().form(message)

    _, second = say(filled, "one", "two")
    done = run(filled.store, Slow(filled.store))
    assert [formed.message_id for formed in done.formed] == [second]
    assert [m.text for m in memories.current(filled.store, now=NOW)] == ["two"]


def test_what_was_forgotten_before_it_could_be_told_is_not_told(filled: Filled) -> None:
    tea, milk = filled.keep("likes tea"), filled.keep("likes milk")
    formed = Formed("m", (Change(Action.ADDED, tea), Change(Action.ADDED, milk)))
    purge.forget(filled.store, purge.closure_of(filled.store, [tea.id]), NOW)
    assert [change.memory for change in read_back(filled.store, formed).changes] == [milk]


def test_a_copy_in_memory_leaves_the_store_as_it_is(filled: Filled) -> None:
    say(filled, "one", "two")
    before = filled.store.db.serialize("main")
    with filled.store.copy() as copy:
        assert len(run(copy, ScriptedFormer(copy)).formed) == 2
        assert memories.count(copy) == 2
    assert filled.store.db.serialize("main") == before


# --- the core block about the user ---


def block(store: Store) -> tuple[str, str] | None:
    held = core.get(store, "user")
    return (held.text, held.author) if held else None


def test_the_block_about_the_user_is_made_and_stays_until_something_changes(filled: Filled) -> None:
    filled.keep("I live in Lisbon")
    assert run(filled.store, ScriptedFormer(filled.store)).core == ["user"]
    assert block(filled.store) == ("I live in Lisbon.", "consolidate")
    before = filled.store.db.serialize("main")
    assert run(filled.store, ScriptedFormer(filled.store)).core == []
    assert filled.store.db.serialize("main") == before


def test_what_was_superseded_leaves_the_block_and_an_empty_one_is_removed(filled: Filled) -> None:
    old = filled.keep("I live in Lisbon")
    run(filled.store, ScriptedFormer(filled.store))
    new = filled.keep("I live in Porto", now=at(2))
    filled.supersede(old, new)
    assert run(filled.store, ScriptedFormer(filled.store)).core == ["user"]
    assert block(filled.store) == ("I live in Porto.", "consolidate")
    filled.supersede(new, filled.keep("Porto is a town", now=at(3)))
    assert run(filled.store, ScriptedFormer(filled.store)).core == ["user"]
    assert block(filled.store) is None
    assert run(filled.store, ScriptedFormer(filled.store)).core == []


def test_a_block_written_by_hand_is_left_alone(filled: Filled) -> None:
    filled.keep("I live in Lisbon")
    run(filled.store, ScriptedFormer(filled.store))
    remember.set_core(filled.store, "user", "A vet.", now=NOW, limit=100, append=True)
    filled.keep("I have a dog")
    assert run(filled.store, ScriptedFormer(filled.store)).core == []
    assert block(filled.store) == ("I live in Lisbon.\nA vet.", "user")


def test_undo_takes_the_block_back(filled: Filled) -> None:
    filled.keep("I live in Lisbon")
    run(filled.store, ScriptedFormer(filled.store))
    filled.keep("I have a dog", now=at(2))
    run(filled.store, ScriptedFormer(filled.store))
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert block(filled.store) == ("I live in Lisbon.", "consolidate")
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert block(filled.store) is None


def test_progress_counts_what_the_user_asked_to_keep(filled: Filled) -> None:
    say(filled, "one")
    remember.remember(filled.store, ["two", "three"], embedder=None, now=NOW)
    heard: list[tuple[int, int]] = []
    run(filled.store, ScriptedFormer(filled.store), heard)
    assert heard == [(0, 1), (1, 1), (2, 3), (3, 3), (4, 5), (5, 5)]  # and once more, with each other
