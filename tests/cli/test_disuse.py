"""What `consolidate` forgets by the user's rule, and what it never does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from memcli.memory.timeline import utc
from memcli.workspace import Workspace
from tests.fakes import ScriptedFormer
from tests.program import Program

NOW = datetime.now(UTC)
OLD = 400  # days


def ago(days: int) -> str:
    return utc(NOW - timedelta(days=days))


@pytest.fixture
def memcli(memcli: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr(Workspace, "former", lambda self, store=None: ScriptedFormer(store or self.store))
    return memcli


def rule(memcli: Program, days: int = 365) -> None:
    assert memcli("config", "set", "forget_unused_days", str(days)).status == 0


def kept(memcli: Program, text: str, days: int = OLD, *more: str) -> str:
    return str(memcli("remember", text, "--at", ago(days), "--json", *more).json["id"])


def said(memcli: Program, text: str, days: int = OLD) -> None:
    """Say something, of which a memory is formed with the next consolidation."""
    line = {"id": text, "thread": "t", "role": "user", "content": text, "created_at": ago(days)}
    assert memcli("import", "-", stdin=json.dumps(line) + "\n").status == 0


def texts(memcli: Program) -> list[str]:
    return sorted(m["text"] for m in memcli("list", "--json").json["memories"])


def test_everything_is_kept_unless_the_user_says_otherwise(memcli: Program) -> None:
    kept(memcli, "The gate code is Amsel.", 10_000)
    memcli("consolidate")
    assert texts(memcli) == ["The gate code is Amsel."]
    assert memcli("config", "get", "forget_unused_days").out == "0\n"


def test_what_was_not_used_for_so_long_is_forgotten_for_good_and_its_number_told(memcli: Program) -> None:
    kept(memcli, "The gate code is Amsel.")
    kept(memcli, "The shed code is Birke.", 300)
    said(memcli, "The boat is moored in Trieste.")
    rule(memcli)
    done = memcli("consolidate")
    assert done.out == "1 message read: 1 remembered; 2 unused memories forgotten for good\n"
    assert "forgetting what was not used for 365 days: it cannot be undone (forget_unused_days)" in done.err
    assert texts(memcli) == ["The shed code is Birke."]
    assert memcli("search", "Trieste").status == 3
    data = memcli.paths.store.read_bytes()
    assert b"Amsel" not in data
    assert b"Trieste" not in data
    over = memcli("undo", "--yes").err
    assert "passed over: forget by consolidate" in over
    assert "what is forgotten is gone for good" in over


def test_a_dry_run_lists_what_would_be_forgotten_and_forgets_nothing(memcli: Program) -> None:
    old = kept(memcli, "The gate code is Amsel.")
    rule(memcli)
    planned = memcli("consolidate", "--dry-run")
    assert "\tforgotten for good\tThe gate code is Amsel.\n" in planned.out
    assert planned.out.endswith("1 unused memory would be forgotten for good\n")
    assert memcli("consolidate", "--dry-run", "--json").json["forgotten"] == [old]
    assert texts(memcli) == ["The gate code is Amsel."]
    assert memcli("consolidate", "--json").json["forgotten"] == [old]
    assert texts(memcli) == []


def test_what_is_pinned_a_rule_a_preference_or_in_core_memory_stays(memcli: Program) -> None:
    memcli("pin", kept(memcli, "The gate code is Amsel."))
    kept(memcli, "Always answer in German.")
    kept(memcli, "I am allergic to peanuts.")
    kept(memcli, "The boat is called Nerina.")
    memcli("core", "set", "boat", "Good to know: The boat is called Nerina. And she is green.")
    kept(memcli, "The shed code is Birke.")
    rule(memcli)
    memcli("consolidate")
    assert texts(memcli) == [
        "Always answer in German.",
        "I am allergic to peanuts.",
        "The boat is called Nerina.",
        "The gate code is Amsel.",
    ]
    assert [block["label"] for block in memcli("core", "--json").json["blocks"]] == ["boat"]


def test_what_was_recalled_or_said_again_since_stays(memcli: Program) -> None:
    kept(memcli, "The gate code is Amsel.")
    kept(memcli, "The boat is moored in Trieste.")
    rule(memcli)
    memcli("ask", "What is the gate code?", "--no-stdin")
    memcli("remember", "The boat is moored in Trieste.")
    memcli("consolidate")
    assert texts(memcli) == ["The boat is moored in Trieste.", "The gate code is Amsel."]


def test_what_expired_as_long_ago_goes_whatever_it_is_and_what_expired_since_does_not(memcli: Program) -> None:
    kept(memcli, "Always answer in German.", 800, "--expires", ago(500))
    kept(memcli, "Always answer in French.", 800, "--expires", ago(100))
    rule(memcli)
    memcli("consolidate")
    assert [m["text"] for m in memcli("list", "--all", "--json").json["memories"]] == ["Always answer in French."]


def test_typed_lines_that_say_it_go_too(memcli: Program) -> None:
    kept(memcli, "The gate code is Amsel.")
    memcli.paths.history.parent.mkdir(parents=True, exist_ok=True)
    memcli.paths.history.write_text("\n# 2025-01-01\n+The gate code is Amsel.\n\n# 2025-01-02\n+hello\n")
    rule(memcli)
    memcli("consolidate")
    typed = memcli.paths.history.read_text()
    assert "Amsel" not in typed
    assert "hello" in typed


def test_what_was_pinned_until_now_has_its_time_before_it_again(memcli: Program) -> None:
    memcli("pin", kept(memcli, "The gate code is Amsel."))
    rule(memcli)
    memcli("undo", "--yes")
    memcli("consolidate")
    assert texts(memcli) == ["The gate code is Amsel."]


def test_the_number_of_days_is_checked(memcli: Program) -> None:
    for wrong in ("0.5", "soon", "1000000"):
        assert memcli("config", "set", "forget_unused_days", wrong).status == 1
