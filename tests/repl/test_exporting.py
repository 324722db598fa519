"""/export: this conversation, or everything, into files of the user's."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.repl.harness import ENTER, Repl
from tests.repl.test_completion import offered


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "notes"
    made.mkdir()
    monkeypatch.chdir(made)
    return made


def test_export_writes_this_conversation_to_be_read(repl: Repl, folder: Path) -> None:
    screen = repl.type("/new trip to Oslo", ENTER, "hi there", ENTER, "/export", ENTER)
    assert repl.assistant.thread
    (made,) = folder.iterdir()
    assert made.name == f"trip-to-oslo-{repl.assistant.thread.id}.md"
    assert f"exported to {made.name}\n" in screen
    assert "> hi there\n" in made.read_text()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_export_all_writes_everything_and_jsonl_what_can_be_imported(repl: Repl, folder: Path) -> None:
    repl.remember("my dog is called Rex")
    repl.type("hi", ENTER, "/new", ENTER, "once more", ENTER)
    repl.type("/export --all", ENTER, "/export --all --format jsonl", ENTER, "/export one.jsonl", ENTER)
    assert {path.name for path in folder.iterdir()} == {"memcli-export", "memcli-export.jsonl", "one.jsonl"}
    assert "my dog is called Rex" in (folder / "memcli-export" / "memories.md").read_text()
    assert len(list((folder / "memcli-export" / "threads").iterdir())) == 2
    everything, one = (folder / "memcli-export.jsonl").read_text(), (folder / "one.jsonl").read_text()
    assert "Rex" in everything
    assert "Rex" not in one
    assert ('"hi"' in one, "once more" in one) == (False, True)


def test_export_asks_before_it_replaces_anything(repl: Repl, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = folder / "my talk.md"
    there.write_text("mine")
    answers = iter([False, True])
    asked: list[str] = []
    monkeypatch.setattr("memcli.repl.session.confirm", lambda question: (asked.append(question), next(answers))[1])
    screen = repl.type("hi", ENTER, "/export my talk.md", ENTER)
    assert "nothing was exported" in screen
    assert there.read_text() == "mine"
    repl.type("/export my talk.md", ENTER)
    assert "> hi\n" in there.read_text()
    assert asked == ["my talk.md is there already. Replace it?"] * 2


def test_export_of_nothing_or_with_an_unknown_option_says_what_can_be_done(repl: Repl, folder: Path) -> None:
    assert "/export --all exports everything" in repl.type("/export", ENTER)
    assert "[--all] [--format FORMAT] [FILE]" in repl.type("/export --format pdf x", ENTER)
    assert list(folder.iterdir()) == []


def test_export_completes_its_options_and_formats(repl: Repl) -> None:
    session = repl.session()
    assert offered(session, "/export ") == ["/export --all", "/export --format"]
    assert offered(session, "/export --format ") == ["/export --format markdown", "/export --format jsonl"]
    assert offered(session, "/export --all j") == []
    assert offered(session, "/ex") == ["/export "]
