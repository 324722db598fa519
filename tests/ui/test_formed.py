"""How what was formed is told."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from memcli.memory.consolidate import Consolidated
from memcli.memory.formation.records import Action, Change, Formed
from memcli.types import Kind, Memory, Trust
from memcli.ui.formed import line, rows, summary


def memory(text: str) -> Memory:
    return Memory(text, Kind.SEMANTIC, text, Trust.USER, "2026-03-01T09:30:00Z")


def change(action: Action, text: str, old: str | None = None) -> Change:
    return Change(action, memory(text), memory(old) if old else None)


def told(*changes: Change, width: int = 80) -> str:
    return line(Formed("m", changes), width)


ADDED = change(Action.ADDED, "sister Ines is a vet")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([ADDED], "remembered: sister Ines is a vet · /undo"),
        ([ADDED, change(Action.ADDED, "likes tea")], "remembered: sister Ines is a vet; likes tea · /undo"),
        ([change(Action.UPDATED, "Inês is a vet", "Ines is a vet")], "updated: Inês is a vet · /undo"),
        (
            [change(Action.SUPERSEDED, "lives in Porto", "lives in Lisbon"), ADDED],
            "retired: lives in Lisbon (now: lives in Porto) · remembered: sister Ines is a vet · /undo",
        ),
        ([change(Action.STRENGTHENED, "likes tea")], ""),
        ([], ""),
        (
            [change(Action.ADDED, "is 40"), change(Action.CONFLICT, "is 40", "is 41")],
            "remembered: is 40 (but also: is 41) · /undo",
        ),
    ],
)
def test_a_line_says_what_was_changed(changes: list[Change], text: str) -> None:
    assert told(*changes, width=100) == text


@pytest.mark.parametrize("width", [10, 30, 40, 60, 80, 120])
@pytest.mark.parametrize("text", ["a long statement about tea " * 5, "私はお茶が好きです。" * 12])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_line_never_exceeds_the_terminal_and_always_says_how_to_undo(width: int, text: str, count: int) -> None:
    shown = told(*(change(Action.ADDED, f"{n} {text}") for n in range(count)), width=width)
    assert cell_len(shown) <= width
    assert shown.endswith("… · /undo") or "more · /undo" in shown
    assert "\n" not in shown


def test_a_long_text_takes_the_room_that_short_ones_leave() -> None:
    shown = told(ADDED, change(Action.ADDED, "x" * 80), change(Action.ADDED, "likes tea"), width=80)
    assert shown.startswith("remembered: sister Ines is a vet; xxx")
    assert shown.endswith("…; likes tea · /undo")
    assert cell_len(shown) == 80


def test_what_does_not_fit_is_counted() -> None:
    many = [change(Action.ADDED, f"statement number {n} is of some length") for n in range(9)]
    assert told(*many, width=100).endswith(" · and 7 more · /undo")


def test_a_text_cannot_act_on_the_terminal() -> None:
    assert told(change(Action.ADDED, "a\x1b[2Jb\nc\u202ed")) == "remembered: ab cd · /undo"


def test_a_summary_counts_what_was_done() -> None:
    done = Consolidated(
        [Formed("m", (ADDED, ADDED)), Formed("n", (change(Action.STRENGTHENED, "likes tea"),))], core=["user"]
    )
    assert summary(done) == "2 messages read: 2 remembered, 1 said again; core memory user refreshed"
    assert summary(done, planned=True).startswith("2 messages would be read: 2 remembered")
    assert summary(Consolidated()) == "no message waits"
    assert summary(Consolidated([Formed("m")])) == "1 message read: nothing new"
    assert summary(Consolidated(reconciled=[change(Action.SUPERSEDED, "b", "a")])) == "no message waits: 1 superseded"


def test_a_plan_has_a_row_for_each_change_and_for_each_message_without() -> None:
    done = Consolidated([Formed("m1", (change(Action.SUPERSEDED, "b", "a"),)), Formed("m2")])
    assert rows(done, {"m2": "how are you?"}, {"m1": "m"}) == [
        ("m", "superseded", "b (before: a)"),
        ("m2", "nothing", "how are you?"),
    ]
