"""What was believed then, through the front door: list and search as of a time, history, show and undo."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from memcli.store import undoing
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Kind, Memory, Owner, Trust
from tests.program import Program
from tests.store.making import Filled


def day(number: int) -> str:
    return f"2026-03-{number:02}T12:00:00Z"


@dataclass
class Moved:
    """A memory, its correction, what was wrongly taken for its update until that was undone, and its update."""

    rome: Memory
    oslo: Memory
    bonn: Memory


@pytest.fixture
def store(memcli: Program) -> Iterator[Store]:
    with Store.open(memcli.paths.store) as opened:
        yield opened


@pytest.fixture
def moved(memcli: Program, store: Store) -> Moved:
    filled = Filled(store)

    def form(text: str, now: str, over: Memory | None = None, valid_to: str | None = None) -> Memory:
        journal = Journal(store, action="form", actor="formation", now=now)
        made = journal.add(kind=Kind.SEMANTIC, text=text, trust=Trust.USER, formed_by="rules")
        filled.index(Owner.MEMORY, made.id, [text])
        if over:
            journal.supersede(over.id, made.id, valid_to=valid_to)
        journal.record()
        return made

    rome = form("Lives in Rome", day(1))
    oslo = form("Lives in Oslo", day(5), over=rome, valid_to="2026-03")
    undoing.undo(store, undoing.last(store, 1), day(7))
    bonn = form("Lives in Bonn, not in Rome", day(9), over=rome)
    return Moved(rome, oslo, bonn)


def listed(memcli: Program, *args: str) -> list[str]:
    return [m["text"] for m in memcli("list", "--json", *args).json["memories"]]


def test_list_shows_what_was_believed_then_across_updates_and_undo(memcli: Program, moved: Moved) -> None:
    seen = [listed(memcli, "--as-of", f"2026-03-{number:02}") for number in (1, 4, 5, 6, 7, 8, 9)]
    rome, oslo, bonn = ["Lives in Rome"], ["Lives in Oslo"], ["Lives in Bonn, not in Rome"]
    assert seen == [rome, rome, oslo, oslo, rome, rome, bonn]
    assert listed(memcli) == listed(memcli, "--as-of", "2126") == listed(memcli, "--as-of", "now") == bonn
    assert listed(memcli, "--as-of", "2026-03-05T11:59:59Z") == rome
    assert listed(memcli, "--as-of", "2026-03-05T12:00:00Z") == oslo


def test_a_listed_memory_looks_as_it_did_then(memcli: Program, moved: Moved) -> None:
    def looked(*args: str) -> list[tuple[object, ...]]:
        found = [json.loads(line) for line in memcli("list", "--jsonl", *args).out.splitlines()]
        return [(m["id"], m["retired_at"], m["superseded_by"], m["valid_to"], m["undone"]) for m in found]

    rome, oslo, bonn = moved.rome.id, moved.oslo.id, moved.bonn.id
    assert looked("--as-of", "2026-03-02") == [(rome, None, None, None, False)]
    assert looked("--as-of", "2026-03-06", "--all") == [
        (rome, day(5), oslo, "2026-03", False),
        (oslo, None, None, None, False),
    ]
    assert looked("--as-of", "2026-03-08", "--all") == [
        (rome, None, None, None, False),
        (oslo, day(7), None, None, True),
    ]
    assert looked("--all") == [
        (rome, day(9), bonn, None, False),
        (oslo, day(7), None, None, True),
        (bonn, None, None, None, False),
    ]
    assert looked("--as-of", "2026-03-02", "--kind", "episodic") == []


def test_a_list_of_the_past_for_people_marks_what_was_undone(memcli: Program, moved: Moved) -> None:
    assert memcli("list", "--as-of", "2026-03-06").out.endswith("\tLives in Oslo\n")
    assert "Lives in Oslo [undone 2026-03-07]\n" in memcli("list", "--all").out
    assert "undone" not in memcli("list").out
    early = memcli("list", "--as-of", "2026-02")
    assert (early.status, early.out, early.err) == (0, "", "nothing was believed as of 2026-02\n")
    assert "no episodic memories as of" in memcli("list", "--as-of", "2026-03-02", "--kind", "episodic").err


@pytest.mark.parametrize("command", [("list",), ("search", "Lives")])
def test_a_time_that_cannot_be_read_is_an_error(memcli: Program, moved: Moved, command: tuple[str, ...]) -> None:
    done = memcli(*command, "--as-of", "grimble")
    assert (done.status, done.out) == (1, "")
    assert "cannot read 'grimble' as a time" in done.err


def test_search_finds_and_shows_what_was_believed_then(memcli: Program, moved: Moved) -> None:
    def found(*args: str) -> list[tuple[object, ...]]:
        results = memcli("search", "--json", *args, "Lives").json["results"]
        return sorted((one["text"], one["valid_to"], one.get("retired_at"), one.get("undone")) for one in results)

    assert found("--as-of", "2026-03-02") == [("Lives in Rome", None, None, None)]
    assert found("--as-of", "2026-03-06") == [("Lives in Oslo", None, None, None)]
    assert found("--as-of", "2026-03-08") == [("Lives in Rome", None, None, None)]
    assert found() == found("--as-of", "2126") == [("Lives in Bonn, not in Rome", None, None, None)]
    assert found("--as-of", "2026-03-06", "--all") == [
        ("Lives in Oslo", None, None, None),
        ("Lives in Rome", "2026-03", day(5), False),
    ]
    assert ("Lives in Oslo", None, day(7), True) in found("--all")


# --- history --------------------------------------------------------------------------------------------------------


def test_history_tells_what_was_undone_and_when_each_was_believed(memcli: Program, moved: Moved) -> None:
    rome, oslo, bonn = moved.rome.id, moved.oslo.id, moved.bonn.id
    told = memcli("history", rome).out
    assert told == "\n".join(
        [
            f"{rome}  semantic  (this one)",
            "  Lives in Rome",
            f"  believed    {day(1)}..{day(5)} and {day(7)}..{day(9)}",
            f"  made        form by formation, {day(1)}",
            f"  superseded  by {oslo}: form by formation, {day(5)}; undo by you, {day(7)}",
            f"  said better by {bonn}: form by formation, {day(9)}",
            "",
            f"{oslo}  semantic  (undone)",
            "  Lives in Oslo",
            f"  believed    {day(5)}..{day(7)}",
            f"  made        form by formation, {day(5)}",
            f"  undone      undo by you, {day(7)}",
            "",
            f"{bonn}  semantic",
            "  Lives in Bonn, not in Rome",
            f"  believed    {day(9)}..",
            f"  made        form by formation, {day(9)}",
            f"  in place of {rome}",
            "",
        ]
    )
    assert memcli("history", bonn).out.replace("  (this one)", "") == told.replace("  (this one)", "")


def test_history_of_an_undone_memory_tells_whose_place_it_took(memcli: Program, moved: Moved) -> None:
    done = memcli("history", moved.oslo.id[:8], "--json").json
    assert [v["text"] for v in done["versions"]] == ["Lives in Rome", "Lives in Oslo", "Lives in Bonn, not in Rome"]
    rome, oslo, _ = done["versions"]
    assert rome["believed"] == [{"since": day(1), "until": day(5)}, {"since": day(7), "until": day(9)}]
    (lapse,) = rome["lapses"]
    undo = {"action": "undo", "actor": "user", "at": day(7)}
    assert (lapse["since"], lapse["until"], lapse["superseded_by"]) == (day(5), day(7), moved.oslo.id)
    assert (lapse["superseded"]["at"], lapse["undone"].items() >= undo.items()) == (day(5), True)
    assert (oslo["undone"], oslo["taken_back"].items() >= undo.items(), oslo["lapses"]) == (True, True, [])


def test_a_memory_that_is_believed_again_has_been_so_from_then_on(memcli: Program, store: Store, moved: Moved) -> None:
    undoing.undo(store, undoing.last(store, 1), day(10))
    assert (
        f"believed    {day(1)}..{day(5)} and {day(7)}..{day(9)} and from {day(10)}\n"
        in memcli("history", moved.rome.id).out
    )
    shown = memcli("show", moved.rome.id).out
    assert re.search(rf"believed +{day(1)}..{day(5)} and {day(7)}..{day(9)} and from {day(10)}\n", shown)
    assert "retired" not in shown


def test_history_tells_that_the_same_was_undone_before(memcli: Program) -> None:
    first = memcli("remember", "I like tea.", "--json").json["id"]
    memcli("undo", "--yes")
    second = memcli("remember", "I like tea.", "--json").json["id"]
    told = memcli("history", second).out
    assert told.startswith(f"{first}  semantic  (undone)\n")
    assert f"\n\n{second}  semantic  (this one)\n" in told
    assert second not in memcli("history", first).out


def test_show_says_that_and_by_whom_a_memory_was_undone(memcli: Program, moved: Moved) -> None:
    shown = memcli("show", moved.oslo.id).out
    assert re.search(rf"undone +undo by you, {day(7)}\n", shown)
    assert "retired" not in shown
    assert memcli("show", moved.oslo.id, "--json").json["undone"] is True
    assert memcli("show", moved.bonn.id, "--json").json["undone"] is False


def test_a_merged_memory_tells_what_it_says_better(memcli: Program, store: Store) -> None:
    filled = Filled(store)
    olds = [filled.keep(text, now=day(1)) for text in ("Likes tea", "Likes tea a lot")]
    journal = Journal(store, action="merge", actor="consolidate", now=day(2))
    made = journal.add(kind=Kind.SEMANTIC, text="Likes tea a lot, green most", trust=Trust.USER)
    for old in olds:
        journal.supersede(old.id, made.id, valid_to=None)
    journal.record()
    told = memcli("history", olds[0].id).out
    assert told.count(f"said better by {made.id}: merge by consolidate, {day(2)}\n") == 2
    assert f"in place of {olds[0].id}, {olds[1].id}\n" in told


# --- undo -----------------------------------------------------------------------------------------------------------


def test_undo_says_that_what_it_retires_is_history(memcli: Program) -> None:
    tea = memcli("remember", "I like tea.", "--json").json["id"]
    done = memcli("undo", "--yes")
    assert re.search(rf"retire +{tea} +I like tea\.\n", done.out)
    assert "stays as history: 'memcli forget ID' removes it" in done.err
    assert listed(memcli, "--all") == ["I like tea."]
    assert "retired and cannot be edited" in memcli("edit", tea, "I like rain.").err
    assert memcli("forget", tea, "--yes", "--json").json["removed"]["memories"] == 1
    assert listed(memcli, "--all") == []


def test_what_was_forgotten_is_in_no_past(memcli: Program, moved: Moved) -> None:
    assert memcli("forget", moved.bonn.id, "--yes").status == 0
    assert [listed(memcli, "--all", "--as-of", f"2026-03-{number:02}") for number in (2, 6, 8)] == [[], [], []]
    assert memcli("search", "--as-of", "2026-03-06", "--all", "Lives").status == 3


def test_what_was_undone_is_not_imported_back_to_life(memcli: Program, moved: Moved) -> None:
    lines = memcli("list", "--all", "--jsonl").out
    records = [json.dumps(json.loads(line) | {"type": "memory"}) for line in lines.splitlines()]
    done = memcli("import", "-", "--keep-going", stdin="\n".join(records))
    assert "a memory with retired_at is not imported" in done.err
    assert listed(memcli) == ["Lives in Bonn, not in Rome"]
