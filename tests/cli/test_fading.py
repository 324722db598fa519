"""pin, unpin, and what list, show and search tell of strength."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from memcli.memory.formation.former import MessageFormer
from memcli.memory.formation.work import Work
from memcli.memory.timeline import utc
from memcli.store import memories
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Kind, Trust
from tests.program import Program

NOW = datetime.now(UTC)


def ago(days: int) -> str:
    return utc(NOW - timedelta(days=days))


def kept(memcli: Program, text: str, days: int = 0, *more: str) -> str:
    return str(memcli("remember", text, "--at", ago(days), "--json", *more).json["id"])


@pytest.fixture
def store(memcli: Program) -> Iterator[Store]:
    with Store.open(memcli.paths.store) as opened:
        yield opened


# --- list, show, search ---------------------------------------------------------------------------------------------


def test_show_tells_strength_and_why(memcli: Program) -> None:
    old = kept(memcli, "The cabin key hangs behind the clock.", 200)
    shown = memcli("show", old).out
    assert "strength      0.57: said once, last 6 months ago\n" in shown
    assert "importance    1.00\n" in shown
    memcli("ask", "Where does the cabin key hang?", "--no-stdin")
    assert "strength      1.00: said once, recalled once, last today\n" in memcli("show", old).out
    memcli("remember", "The cabin key hangs behind the clock.")
    assert ": said twice, recalled once, last today\n" in memcli("show", old).out


def test_json_has_strength_pin_and_importance(memcli: Program) -> None:
    old = kept(memcli, "The cabin key hangs behind the clock.", 360)
    for shape in (memcli("show", old, "--json").json, memcli("list", "--json").json["memories"][0]):
        assert shape["strength"] == pytest.approx(0.368, abs=0.002)
        assert (shape["pinned"], shape["importance"]) == (False, 1.0)
        assert shape["times_said"] == 1


def test_list_has_a_column_of_strengths(memcli: Program) -> None:
    kept(memcli, "The cabin key hangs behind the clock.", 360)
    pinned = kept(memcli, "The boat is moored in Trieste.", 360)
    memcli("pin", pinned)
    strengths = [line.split("\t")[3] for line in memcli("list").out.splitlines()]
    assert sorted(strengths) == ["0.37", "pinned"]
    assert "strength" in memcli("list", tty=True).out


def test_what_is_retired_or_expired_is_not_said_to_have_a_strength(memcli: Program) -> None:
    old = kept(memcli, "The cabin key hangs behind the clock.", 5)
    memcli("edit", old, "The cabin key hangs behind the stove.")
    over = kept(memcli, "The museum is closed.", 30, "--expires", ago(10))
    shown = {line.split("\t")[0]: line.split("\t") for line in memcli("list", "--all").out.splitlines()}
    assert shown[old[:6]][3] == shown[over[:6]][3] == ""
    assert "[expired " in shown[over[:6]][4]
    assert "strength" not in memcli("show", over).out
    assert "strength" not in memcli("show", old).out


def test_what_has_expired_is_gone_from_search_list_and_context_and_show_says_so(memcli: Program) -> None:
    over = kept(memcli, "The museum is closed.", 30, "--expires", ago(10))
    later = kept(memcli, "The museum opens again.", 30, "--expires", ago(-10))
    assert "expired       " in memcli("show", over).out
    assert "expires       " in memcli("show", later).out
    assert [m["id"] for m in memcli("list", "--json").json["memories"]] == [later]
    assert [hit["id"] for hit in memcli("search", "museum", "--json").json["results"]] == [later]
    then = memcli("search", "museum", "--json", "--as-of", ago(20)).json["results"]
    assert {hit["id"] for hit in then} == {over, later}
    assert "closed" not in memcli("context", "Is the museum closed?").out.split("Is the museum")[0]


def test_of_two_that_match_alike_search_shows_the_stronger_first_and_explains_it(memcli: Program) -> None:
    fresh, faded = kept(memcli, "The gate code is Amsel.", 10), kept(memcli, "The shed code is Birke.", 300)
    hits = memcli("search", "code", "--explain", "--json").json["results"]
    assert [hit["id"] for hit in hits] == [fresh, faded]
    assert hits[1]["why"]["faded"] < hits[0]["why"]["faded"] < 0
    assert all(sum(hit["why"].values()) == pytest.approx(hit["score"]) for hit in hits)


def test_a_search_of_the_past_has_the_strengths_of_then(memcli: Program) -> None:
    kept(memcli, "The gate code is Amsel.", 300)

    def faded(*more: str) -> float:
        return float(memcli("search", "code", "--explain", "--json", *more).json["results"][0]["why"].get("faded", 0))

    assert faded() < faded("--as-of", ago(100)) < faded("--as-of", ago(299)) <= 0
    assert faded("--at", ago(-300)) < faded() < faded("--at", ago(100)) < 0


def test_messages_alone_do_not_fade(memcli: Program) -> None:
    line = '{"thread": "t", "role": "user", "content": "The gate code is Amsel.", "created_at": "2001-01-01"}\n'
    memcli("import", "-", stdin=line)
    (hit,) = memcli("search", "code", "--explain", "--json").json["results"]
    assert "faded" not in hit["why"]


# --- pin ------------------------------------------------------------------------------------------------------------


def test_a_pinned_memory_does_not_fade_and_an_unpinned_one_does_again(memcli: Program) -> None:
    old = kept(memcli, "The gate code is Amsel.", 300)
    assert memcli("pin", old[:6]).out == f"{old}  pinned  The gate code is Amsel.\n"
    assert memcli("show", old, "--json").json["strength"] == 1.0
    assert "strength      1.00: pinned, does not fade; said once, last 10 months ago\n" in memcli("show", old).out
    assert "faded" not in memcli("search", "code", "--explain", "--json").json["results"][0]["why"]
    assert memcli("unpin", old).out == f"{old}  not pinned  The gate code is Amsel.\n"
    assert memcli("show", old, "--json").json["strength"] < 0.5


def test_pinning_again_changes_nothing_and_says_so(memcli: Program) -> None:
    old = kept(memcli, "The gate code is Amsel.")
    memcli("pin", old)
    again = memcli("pin", old)
    assert (again.status, again.out) == (0, f"{old}  pinned  (it was already)  The gate code is Amsel.\n")
    memcli("undo", "--yes")
    assert memcli("show", old, "--json").json["pinned"] is False
    assert "(it was already)" in memcli("unpin", old).out


def test_several_are_pinned_together_or_not_at_all(memcli: Program) -> None:
    one, other = kept(memcli, "The gate code is Amsel."), kept(memcli, "The shed code is Birke.")
    assert memcli("pin", one, other, "nothing-of-that").status == 3
    assert not any(m["pinned"] for m in memcli("list", "--json").json["memories"])
    done = memcli("pin", one, other, one, "--json").json["memories"]
    assert [(m["id"], m["pinned"], m["strength"]) for m in done] == [(one, True, 1.0), (other, True, 1.0)]
    memcli("undo", "--yes")
    assert not any(m["pinned"] for m in memcli("list", "--json").json["memories"])


def test_json_of_one_is_the_memory_and_of_none_is_empty(memcli: Program) -> None:
    one = kept(memcli, "The gate code is Amsel.")
    assert memcli("pin", one, "--json").json["id"] == one
    missing = memcli("unpin", "nothing-of-that", "--json")
    assert (missing.status, missing.json) == (3, {})


def test_only_current_memories_can_be_pinned(memcli: Program) -> None:
    asked = memcli("ask", "How are you?", "--no-stdin", "--json").json["message_id"]
    refused = memcli("pin", asked)
    assert refused.status == 1
    assert "is a message: only memories can be pinned" in refused.err
    old = kept(memcli, "The gate code is Amsel.")
    new = memcli("edit", old, "The gate code is Falke.", "--json").json["id"]
    refused = memcli("pin", old)
    assert (refused.status, "is retired and cannot be pinned" in refused.err, new in refused.err) == (1, True, True)
    assert f"cannot be unpinned\n        what took its place can be: memcli unpin {new}" in memcli("unpin", old).err
    over = kept(memcli, "The museum is closed.", 30, "--expires", ago(10))
    refused = memcli("pin", over)
    assert (refused.status, "expired on" in refused.err) == (1, True)


def test_undo_describes_a_pin_in_words_and_takes_it_back(memcli: Program) -> None:
    one = kept(memcli, "The gate code is Amsel.")
    memcli("pin", one)
    done = memcli("undo", "--yes")
    assert "  pin by you, " in done.out
    assert f"    unpin   {one} The gate code is Amsel.\n" in done.out
    memcli("pin", one)
    memcli("unpin", one)
    assert f"    pin     {one} The gate code is Amsel.\n" in memcli("undo", "--yes").out
    assert memcli("show", one, "--json").json["pinned"] is True


def test_what_takes_the_place_of_a_pinned_memory_is_pinned_until_that_is_undone(memcli: Program) -> None:
    old = kept(memcli, "The gate code is Amsel.", 300)
    memcli("pin", old)
    new = memcli("edit", old, "The gate code is Falke.", "--json").json
    assert new["pinned"] is True
    assert memcli("undo", "--yes").status == 0
    (left,) = memcli("list", "--json").json["memories"]
    assert (left["id"], left["pinned"]) == (old, True)
    taken = kept(memcli, "The gate code is Specht.")
    memcli("edit", old, "The gate code is Specht.")
    assert memcli("show", taken, "--json").json["pinned"] is True
    memcli("undo", "--yes")
    assert memcli("show", taken, "--json").json["pinned"] is False


# --- importance -----------------------------------------------------------------------------------------------------


def form(store: Store, *, at: str) -> None:
    former = MessageFormer(store, None, lambda: datetime.fromisoformat(at), UTC)
    while Work(store, former, lambda: at).step():
        pass


def said(memcli: Program, store: Store, text: str, at: str) -> None:
    memcli("import", "-", stdin=f'{{"thread": "t", "role": "user", "content": "{text}", "created_at": "{at}"}}\n')
    form(store, at=at)


def test_what_is_formed_is_less_important_than_what_was_asked_for_and_an_edit_keeps_that(
    memcli: Program, store: Store
) -> None:
    said(memcli, store, "I live in Lisbon.", ago(100))
    (formed,) = memcli("list", "--json").json["memories"]
    assert 0 < formed["importance"] <= 0.5
    assert formed["strength"] < memcli("show", kept(memcli, "The boat is red.", 100), "--json").json["strength"]
    edited = memcli("edit", formed["id"], "I live in Lisbon, near the river.", "--json").json
    assert edited["importance"] == formed["importance"]


def test_what_replaces_something_that_was_asked_for_is_as_important_and_takes_over_its_pin(
    memcli: Program, store: Store
) -> None:
    old = kept(memcli, "I live in Lisbon.", 100)
    memcli("pin", old)
    said(memcli, store, "I moved to Porto, I do not live in Lisbon any more.", ago(10))
    current = memories.current(store, now=utc(NOW))
    assert [m.id for m in current if m.id == old] == []
    assert any(m.pinned and m.importance == 1.0 for m in current)


def test_a_pin_is_taken_over_by_what_formation_writes(store: Store) -> None:
    with store.atomic():
        journal = Journal(store, action="form", actor="formation", now=ago(1))
        old, new = (
            journal.add(kind=Kind.SEMANTIC, text=text, trust=Trust.USER, formed_by="rules", pinned=pinned)
            for text, pinned in (("I live in Lisbon", True), ("I live in Porto", False))
        )
        journal.supersede(old.id, new.id, valid_to=None)
        journal.record()
    assert memories.get(store, new.id).pinned
