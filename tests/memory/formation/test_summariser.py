"""One memory for what happened on several days: when it is made, made anew, and no longer there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from memcli.memory import editing
from memcli.memory.formation.records import Stopped, Summed
from memcli.memory.formation.summariser import Ask, Summariser
from memcli.store import memories, operations, purge, undoing
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import SUMMED_UP, Kind, Memory, Trust
from tests.fakes import ScriptedModel
from tests.store.making import EMBEDDER, NOW, Filled, at

CLIMBED = "I went climbing with Mara"


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Filled]:
    with Store.open(tmp_path / "memcli.db") as store:
        yield Filled(store)


def happened(filled: Filled, day: int, text: str = CLIMBED, *, said: bool = True, **more: object) -> Memory:
    of = [filled.say(text, now=at(day))] if said else []
    made = filled.keep(text, of=of, now=at(day), kind=Kind.EPISODIC, formed_by="rules", **more)
    operations.record(filled.store, action="form", actor="formation", items=[made.id], now=at(day))
    return made


def summariser(filled: Filled, ask: Ask | None = None) -> Summariser:
    return Summariser(filled.store, EMBEDDER, lambda: datetime.fromisoformat(at(28)), lambda: None, ask)


def sum_up(filled: Filled, ask: Ask | None = None) -> list[Summed | Memory]:
    care = summariser(filled, ask)
    made = [one for step in care.steps() if (one := care.take(step))]
    care.done()
    return made


def summaries(filled: Filled) -> list[str]:
    return [memory.text for memory in memories.formed_by(filled.store, SUMMED_UP)]


def test_a_summary_has_all_sources_and_the_episodes_stay(filled: Filled) -> None:
    days = [happened(filled, 3, importance=0.2), happened(filled, 5, importance=0.6), happened(filled, 9)]
    (made,) = sum_up(filled)
    assert isinstance(made, Summed)
    summary = memories.get(filled.store, made.memory.id)
    assert summary.text == f"{CLIMBED}: 3 times, 2026-03-03 to 2026-03-09"
    assert (summary.kind, summary.trust, summary.formed_by) == (Kind.SEMANTIC, Trust.USER, SUMMED_UP)
    assert (summary.importance, summary.valid_from) == (1.0, "2026-03-03")
    assert set(summary.sources) == {source for day in days for source in day.sources}
    assert memories.current(filled.store, now=NOW, kind=Kind.EPISODIC) == days
    assert filled.found("climbing times") >= {summary.id}
    assert sum_up(filled) == []


def test_more_of_the_same_makes_it_anew_in_its_place(filled: Filled) -> None:
    for day in (3, 5, 9):
        happened(filled, day)
    (first,) = sum_up(filled)
    happened(filled, 12, f"{CLIMBED} at the gym")
    (second,) = sum_up(filled)
    assert isinstance(first, Summed)
    assert isinstance(second, Summed)
    assert second.before is not None
    assert (second.before.id, second.before.superseded_by) == (first.memory.id, second.memory.id)
    assert summaries(filled) == [f"{CLIMBED}: 4 times, 2026-03-03 to 2026-03-12"]


def test_what_parts_into_two_becomes_two(filled: Filled) -> None:
    for day in (3, 5, 9):
        happened(filled, day)
    for day in (4, 6):
        happened(filled, day, f"{CLIMBED} at the gym")
    sum_up(filled)
    assert summaries(filled) == [f"{CLIMBED}: 5 times, 2026-03-03 to 2026-03-09"]
    happened(filled, 12, f"{CLIMBED} at the gym")
    sum_up(filled)
    assert summaries(filled) == [
        f"{CLIMBED}: 3 times, 2026-03-03 to 2026-03-09",
        f"{CLIMBED} at the gym: 3 times, 2026-03-04 to 2026-03-12",
    ]
    assert sum_up(filled) == []


def test_what_was_taken_back_is_not_said_again_even_of_more(filled: Filled) -> None:
    for day in (3, 5, 9):
        happened(filled, day)
    sum_up(filled)
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert summaries(filled) == []
    happened(filled, 12)
    assert sum_up(filled) == []


def test_an_undone_update_leaves_the_earlier_summary(filled: Filled) -> None:
    for day in (3, 5, 9):
        happened(filled, day)
    sum_up(filled)
    (text,) = summaries(filled)
    happened(filled, 12)
    sum_up(filled)
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert summaries(filled) == [text]
    assert sum_up(filled) == []


def test_one_that_the_user_edited_is_his(filled: Filled) -> None:
    for day in (3, 5, 9):
        happened(filled, day)
    (made,) = sum_up(filled)
    assert isinstance(made, Summed)
    editing.edit(filled.store, made.memory, "I climb with Mara now and then", embedder=EMBEDDER, now=at(29))
    happened(filled, 12)
    assert sum_up(filled) == []
    assert summaries(filled) == []


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("cascade", [True, False])
def test_forgetting_one_day_takes_every_version_and_what_is_left_is_said_anew(
    filled: Filled, said: bool, cascade: bool
) -> None:
    days = [happened(filled, day, said=said) for day in (3, 5, 9)]
    sum_up(filled)
    days += [happened(filled, day, said=said) for day in (12, 15)]
    sum_up(filled)
    versions = {id_ for (id_,) in filled.store.rows("SELECT id FROM memories WHERE formed_by = ?", (SUMMED_UP,))}
    closure = purge.closure_of(filled.store, [days[4].id], cascade=cascade)
    assert set(closure.memories) == {days[4].id, *versions}
    assert closure.kept == ()
    receipt = purge.forget(filled.store, closure, NOW)
    assert receipt.traces == 0
    assert summaries(filled) == []
    sum_up(filled)
    assert summaries(filled) == [f"{CLIMBED}: 4 times, 2026-03-03 to 2026-03-12"]


def test_forgetting_a_message_takes_what_sums_it_up(filled: Filled) -> None:
    days = [happened(filled, day) for day in (3, 5, 9)]
    (made,) = sum_up(filled)
    assert isinstance(made, Summed)
    closure = purge.closure_of(filled.store, [days[0].sources[0].message_id])
    assert set(closure.memories) == {days[0].id, made.memory.id}


def test_it_goes_where_an_episode_turns_out_otherwise(filled: Filled) -> None:
    days = [happened(filled, day) for day in (3, 5, 9)]
    (made,) = sum_up(filled)
    assert isinstance(made, Summed)
    editing.edit(filled.store, days[1], "I stayed at home", embedder=EMBEDDER, now=at(10))
    assert [old.id for old in sum_up(filled) if isinstance(old, Memory)] == [made.memory.id]
    assert summaries(filled) == []
    undoing.undo(filled.store, undoing.last(filled.store, 1), NOW)
    assert summaries(filled) == [made.memory.text]


def test_what_is_left_in_common_takes_its_place(filled: Filled) -> None:
    days = [happened(filled, day) for day in (3, 5, 9)]
    sum_up(filled)
    editing.edit(filled.store, days[1], "I went climbing with Tom", embedder=EMBEDDER, now=at(10))
    sum_up(filled)
    assert summaries(filled) == ["I went climbing: 3 times, 2026-03-03 to 2026-03-10"]


def test_a_merge_of_two_on_one_day_changes_nothing(filled: Filled) -> None:
    days = [happened(filled, day) for day in (3, 5, 9, 9)]
    sum_up(filled)
    with filled.store.atomic():
        journal = Journal(filled.store, action="merge", actor="consolidate", now=at(10))
        journal.supersede(days[2].id, days[3].id, valid_to=None)
        journal.record()
    assert summariser(filled).steps() == []


def test_an_episode_that_went_meanwhile_stops_it(filled: Filled) -> None:
    days = [happened(filled, day) for day in (3, 5, 9)]
    care = summariser(filled)
    (step,) = care.steps()
    filled.supersede(days[0], filled.keep("no, that was Tom"))
    assert care.take(step) is None
    assert summaries(filled) == []


def test_two_processes_make_one(filled: Filled) -> None:
    for day in (3, 5, 9):
        happened(filled, day)
    one, other = summariser(filled), summariser(filled)
    (first,), (second,) = one.steps(), other.steps()
    assert one.take(first)
    assert other.take(second) is None
    assert len(summaries(filled)) == 1


def test_a_stop_writes_nothing(filled: Filled) -> None:
    for day in (3, 5, 9):
        happened(filled, day)
    asked: list[bool] = []

    def check() -> None:
        asked.append(True)
        if len(asked) == 2:  # after the thinking
            raise Stopped

    care = Summariser(filled.store, EMBEDDER, lambda: datetime.fromisoformat(NOW), check)
    with pytest.raises(Stopped):
        care.take(care.steps()[0])
    assert summaries(filled) == []


# --- with a chat model that may be asked ---

TOLD = ("Mara and I climbed in Sintra", "climbed the wall, Mara fell", "so tired: Mara and me climbed")


def test_its_sentence_is_kept_where_every_day_bears_it_out(filled: Filled) -> None:
    for day, text in enumerate(TOLD, 3):
        happened(filled, day, text)
    assert sum_up(filled) == []  # nothing can be said of these without
    model = ScriptedModel("I climbed with Mara.")
    sum_up(filled, lambda: model)
    assert summaries(filled) == ["I climbed with Mara: 3 times, 2026-03-03 to 2026-03-05"]
    assert sum_up(filled, lambda: model) == []
    assert len(model.prompts) == 1


def test_else_the_users_own_words_stand_for_it_or_nothing(filled: Filled) -> None:
    for day, text in enumerate(TOLD, 3):
        happened(filled, day, text)
    for day in (3, 5, 9):
        happened(filled, day, "I had a migraine")
    model = ScriptedModel("I love Mara.")
    sum_up(filled, lambda: model)
    assert summaries(filled) == ["I had a migraine: 3 times, 2026-03-03 to 2026-03-09"]
    assert len(model.prompts) == 2
    assert sum_up(filled, lambda: model) == []
    assert len(model.prompts) == 2  # nothing has come since, so it is not asked again


def test_it_is_loaded_once_and_only_where_there_is_something_to_say(filled: Filled) -> None:
    loaded: list[bool] = []

    def ask() -> None:
        loaded.append(True)

    happened(filled, 3)
    assert sum_up(filled, ask) == []
    assert loaded == []
    for day in (5, 9):
        happened(filled, day)
    for day in (3, 5, 9):
        happened(filled, day, "I had a migraine")
    assert len(sum_up(filled, ask)) == 2  # it could not be loaded
    assert loaded == [True]
