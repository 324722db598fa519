"""What the user asked to keep, compared with the older memories."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memcli.memory import remember
from memcli.memory.caring import Carer
from memcli.memory.consolidate import Consolidated, finish
from memcli.memory.editing import edit
from memcli.memory.formation import kept
from memcli.memory.formation.extract import Candidate
from memcli.memory.formation.former import MessageFormer
from memcli.memory.formation.reconcile import Decision, Step
from memcli.memory.formation.records import Action, Change, Stopped
from memcli.store import memories, operations, purge, undoing
from memcli.store.database import Store
from memcli.types import Memory
from tests.store.making import EMBEDDER, NOW, Filled, at

LATER = at(5)


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    with Store.open(tmp_path / "memcli.db") as store:
        yield Filled(store)


def ask(filled: Filled, text: str, now: str = LATER, **more: str) -> Memory:
    (one,) = remember.remember(filled.store, [text], embedder=EMBEDDER, now=now, **more)  # type: ignore[arg-type]
    return one.memory


def settle(filled: Filled, memory: Memory, step: Step, *olds: Memory) -> tuple[Change, ...]:
    said = Candidate(memory.text, 0, len(memory.text), memory.kind, 1.0)
    return kept.settle(filled.store, memory, Decision(step, said, olds), now=at(6), zone=UTC)


def run(filled: Filled, former: MessageFormer | None = None) -> Consolidated:
    done = Consolidated()
    finish(
        filled.store,
        former or former_of(filled),
        Carer(filled.store, None, lambda: datetime.fromisoformat(at(6))),
        clock=lambda: at(6),
        progress=lambda *_: None,
        done=done,
        portrait_chars=0,
    )
    return done


def former_of(filled: Filled) -> MessageFormer:
    return MessageFormer(filled.store, EMBEDDER, lambda: datetime(2026, 3, 6, tzinfo=UTC), zone=UTC)


def held(filled: Filled) -> list[tuple[object, ...]]:
    return filled.store.rows("SELECT * FROM memories ORDER BY id") + filled.store.rows("SELECT * FROM memory_conflicts")


# --- what is written ---


def test_what_it_replaces_ends_on_its_day_and_stays_as_history(filled: Filled) -> None:
    old, new = filled.keep("I live in Lisbon"), ask(filled, "I live in Porto")
    (change,) = settle(filled, new, Step.SUPERSEDE, old)
    assert (change.action, change.memory.text) == (Action.SUPERSEDED, "I live in Porto")
    assert change.old is not None
    assert (change.old.superseded_by, change.old.valid_to, change.old.retired_at) == (new.id, "2026-03-05", LATER)
    assert not memories.waits(filled.store, new.id)


def test_a_formed_memory_that_says_the_same_gives_way_to_the_users_words(filled: Filled) -> None:
    old, new = filled.keep("lives in Porto", formed_by="rules"), ask(filled, "I live in Porto.")
    (change,) = settle(filled, new, Step.IGNORE, old)
    assert change.action is Action.UPDATED
    assert change.old is not None
    assert (change.old.superseded_by, change.old.valid_to) == (new.id, None)
    assert (change.memory.text, change.memory.times_said) == ("I live in Porto.", 2)


def test_two_texts_of_the_user_that_say_the_same_both_stay(filled: Filled) -> None:
    old, new = filled.keep("Porto is where I live"), ask(filled, "I live in Porto.")
    assert settle(filled, new, Step.IGNORE, old) == ()
    assert memories.get(filled.store, old.id) == old
    assert not memories.waits(filled.store, new.id)


def test_an_undecided_contradiction_is_marked(filled: Filled) -> None:
    old, new = filled.keep("Rent is 900"), ask(filled, "Rent is 950")
    (change,) = settle(filled, new, Step.CONFLICT, old)
    assert (change.action, change.memory.conflicts) == (Action.CONFLICT, (old.id,))


@pytest.mark.parametrize("step", [Step.SUPERSEDE, Step.UPDATE, Step.IGNORE, Step.CONFLICT])
def test_undo_takes_it_back(filled: Filled, step: Step) -> None:
    old, new = filled.keep("lives in Lisbon", formed_by="rules"), ask(filled, "I live in Porto")
    before = held(filled)
    assert settle(filled, new, step, old)
    assert held(filled) != before
    (operation,) = undoing.last(filled.store, 1)
    assert (operation.action, operation.actor) == ("reconcile", "consolidate")
    undoing.undo(filled.store, [operation], at(7))
    assert held(filled) == before


def test_a_comparison_that_comes_to_nothing_is_no_operation(filled: Filled) -> None:
    new = ask(filled, "I live in Porto")
    (last,) = operations.recent(filled.store, 1)
    assert settle(filled, new, Step.ADD) == ()
    assert operations.recent(filled.store, 1) == [last]
    assert not memories.waits(filled.store, new.id)


def test_what_was_forgotten_or_settled_meanwhile_is_left_alone(filled: Filled) -> None:
    old, new, gone = filled.keep("Lisbon"), ask(filled, "I live in Porto"), ask(filled, "I live in Rome")
    purge.forget(filled.store, purge.closure_of(filled.store, [gone.id]), NOW)
    assert settle(filled, gone, Step.SUPERSEDE, old) == ()
    purge.forget(filled.store, purge.closure_of(filled.store, [old.id]), NOW)
    assert settle(filled, new, Step.SUPERSEDE, old) == ()
    assert settle(filled, new, Step.SUPERSEDE, filled.keep("Lisbon again")) == ()


# --- what is compared ---


def test_each_is_compared_once_with_what_is_older(filled: Filled) -> None:
    first = ask(filled, "I live in Lisbon", at(2))
    second = ask(filled, "I moved, I live in Porto now, no longer in Lisbon", at(3))
    done = run(filled)
    assert [(c.memory.id, c.old and c.old.id) for c in done.reconciled] == [(second.id, first.id)]
    assert memories.unreconciled(filled.store, now=NOW) == []
    assert run(filled).reconciled == []


def test_a_newer_memory_is_not_replaced_by_an_older_text(filled: Filled) -> None:
    ask(filled, "I moved, I live in Porto now, no longer in Lisbon", at(2))
    filled.keep("I live in Lisbon", now=at(3), formed_by="rules")
    assert run(filled).reconciled == []


def test_what_was_edited_is_compared_as_well(filled: Filled) -> None:
    ask(filled, "I live in Lisbon", at(2))
    other = ask(filled, "I have a bike", at(3))
    run(filled)
    edit(filled.store, other, "I moved, I live in Porto now, no longer in Lisbon", embedder=EMBEDDER, now=at(4))
    assert [change.old and change.old.text for change in run(filled).reconciled] == ["I live in Lisbon"]


@pytest.mark.parametrize("more", [{"expires_at": at(20)}, {}])
def test_what_holds_for_a_while_and_whole_documents_replace_nothing(filled: Filled, more: dict[str, str]) -> None:
    ask(filled, "I live in Lisbon", at(2))
    text = "I moved, I live in Porto now, no longer in Lisbon"
    ask(filled, text if more else text + " and so on" * 60, at(3), **more)
    assert run(filled).reconciled == []
    assert memories.unreconciled(filled.store, now=NOW) == []


def test_what_is_about_somebody_else_is_not_replaced(filled: Filled) -> None:
    sister = ask(filled, "My sister Ines lives in Lisbon", at(2))
    ask(filled, "I moved, I live in Porto now, no longer in Lisbon", at(3))
    run(filled)
    assert memories.get(filled.store, sister.id).retired_at is None


def test_a_correction_that_would_have_to_be_merged_is_marked_and_no_text_is_changed(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = ask(filled, "Nan is Eva Novak", at(2)), ask(filled, "Nan is spelled Nowak", at(3))
    merged = Candidate("Nan is Eva Nowak", 0, 16, new.kind, 1.0)

    def merge(said: Candidate, *_: object) -> Decision:
        return Decision(Step.UPDATE, merged, (old,)) if said.text == new.text else Decision(Step.ADD, said)

    monkeypatch.setattr(kept, "reconcile", merge)
    run(filled)
    assert memories.get(filled.store, new.id).conflicts == (old.id,)
    assert {m.text for m in memories.current(filled.store, now=NOW)} == {old.text, new.text}


def test_a_stop_leaves_the_rest_for_the_next_time(filled: Filled) -> None:
    for n in range(3):
        ask(filled, f"I have {n} cats")
    former, before = former_of(filled), held(filled)
    former.stop()
    with pytest.raises(Stopped):
        run(filled, former)
    assert held(filled) == before
    former.resume()
    run(filled, former)
    assert memories.unreconciled(filled.store, now=NOW) == []
