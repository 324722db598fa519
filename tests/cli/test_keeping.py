"""consolidate cares for what is kept: with the true former, from the command line."""

from __future__ import annotations

import pytest

from tests.program import Program

OLD, NEW = "I live in Lisbon.", "I moved: I live in Porto now, no longer in Lisbon."


@pytest.fixture
def moved(memcli: Program) -> Program:
    for text in (OLD, NEW):
        assert memcli("remember", text).status == 0
    return memcli


def listed(memcli: Program, *more: str) -> dict[str, dict[str, object]]:
    return {m["text"]: m for m in memcli("list", "--json", *more).json["memories"]}


def test_of_two_remembered_texts_the_later_one_closes_the_earlier(moved: Program) -> None:
    done = moved("consolidate")
    assert done.status == 0
    assert done.out.startswith("no message waits: 1 ")
    assert list(listed(moved)) == [NEW]
    both = listed(moved, "--all")
    assert both[OLD]["superseded_by"] == both[NEW]["id"]
    history = moved("history", str(both[NEW]["id"])).out
    assert OLD in history
    assert NEW in history
    assert moved("consolidate").out == "no message waits\n"


def test_undo_brings_it_back(moved: Program) -> None:
    moved("consolidate")
    assert "reconcile by consolidate" in moved("undo", "2", "--yes").out
    assert set(listed(moved)) == {OLD, NEW}
    assert moved("core", "show", "user").status == 3


def test_a_dry_run_of_it_changes_nothing(moved: Program) -> None:
    shown = moved("consolidate", "--dry-run").out
    assert NEW in shown
    assert "core memory user would be refreshed" in shown
    assert set(listed(moved)) == {OLD, NEW}


def test_core_tells_which_block_is_kept_by_consolidate_and_setting_it_takes_it_over(moved: Program) -> None:
    assert moved("consolidate").out.endswith("core memory user refreshed\n")
    assert moved("core").out == f"user\t{NEW}\tkept by consolidate\n"
    assert moved("core", "--json").json["blocks"][0]["author"] == "consolidate"
    moved("core", "set", "user", "A vet.")
    moved("remember", "I have a dog.")
    moved("consolidate")
    assert moved("core").out == "user\tA vet.\n"


def test_the_block_is_as_short_as_is_set(moved: Program) -> None:
    moved("config", "set", "portrait_chars", "0")
    assert "core" not in moved("consolidate").out
    moved("config", "set", "portrait_chars", "250")
    moved("consolidate")
    assert moved("core").status == 0
    moved("config", "set", "portrait_chars", "0")
    assert moved("consolidate").out == "no message waits; core memory user refreshed\n"
    assert moved("core", "show", "user").status == 3


def test_forgetting_takes_the_block_along_and_says_so(moved: Program) -> None:
    moved("consolidate")
    id_ = str(listed(moved)[NEW]["id"])
    plan = moved("forget", id_, "--dry-run")
    assert f"core:user {NEW}" in plan.out
    assert moved("forget", id_, "--yes").status == 0
    assert moved("core", "show", "user").status == 3
    assert moved("consolidate").out == "no message waits\n"
