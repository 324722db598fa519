"""export: to a pipe, to a file, and back in again, through the front door."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from memcli.memory.exporting import files
from memcli.store import outgoing
from memcli.store.database import Store
from memcli.ui.terminal import Terminal
from tests.program import Outcome, Program, Stream

ESCAPE = "\x1b[2Jred\u202e"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- JSONL ----------------------------------------------------------------------------------------------------------


def test_export_import_export_gives_the_same_bytes(full: Program, other: Program, tmp_path: Path) -> None:
    exported = full("export")
    file = tmp_path / "all.jsonl"
    assert (full("export", "-o", file).status, file.read_text()) == (0, exported.out)
    done = other("import", file)
    assert done.out == (
        "imported 5 messages, 5 memories, 1 core blocks, 2 threads, 1 summaries, 5 operations\n"
        "messages: 2 yours, 2 the assistant's, 1 of documents; memories: 5 yours;"
        " core blocks: 1 yours, in every context\n"
    )
    assert done.err == ""
    assert other("export").out == exported.out
    for args in (["list", "--all"], ["list", "--as-of", "2026-03-03"], ["search", "lives", "--all"], ["core"]):
        assert other(*args).out == full(*args).out != ""
    for memory in full("list", "--all", "--json").json["memories"]:
        assert other("history", memory["id"]).out == full("history", memory["id"]).out
    assert other("undo", "2", "--yes").out == full("undo", "2", "--yes").out != ""


def test_the_lines_of_an_export_cannot_act_on_a_terminal_and_say_everything(memcli: Program, other: Program) -> None:
    memcli("remember", f"a{ESCAPE}b")
    exported = memcli("export").out
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", exported)
    assert other("import", "-", stdin=exported).status == 0
    assert other("list", "--json").json["memories"][0]["text"] == f"a{ESCAPE}b"


def test_a_file_is_private_and_never_written_over_unasked(full: Program, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "all.jsonl"
    done = full("export", "-o", file)
    assert (done.status, done.out) == (0, "")
    assert re.fullmatch(rf"exported \d+ records to {file}\n", done.err)
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)
    file.write_text("mine")
    refused = full("export", "-o", file)
    assert (refused.status, file.read_text()) == (1, "mine")
    assert "is there already" in refused.err
    assert "--force" in refused.err
    assert full("export", "-o", file, "--force").status == 0
    assert file.read_text() == full("export").out
    assert [path.name for path in file.parent.iterdir()] == ["all.jsonl"]


def test_an_export_never_goes_over_the_store_or_into_memclis_own_folders(full: Program, tmp_path: Path) -> None:
    before = full.paths.store.read_bytes()
    for target in (full.paths.store, full.paths.store.with_name("memcli.db-wal")):
        assert "the store itself" in full("export", "-o", target, "--force").err
    for folder in (full.paths.data, full.paths.config, full.paths.cache, full.paths.state):
        for target in (folder / "x.jsonl", folder / "deep" / "x"):
            done = full("export", "--format", "markdown", "-o", target)
            assert (done.status, done.out) == (1, "")
            assert "one of memcli's own folders" in done.err
    assert full.paths.store.read_bytes() == before
    link = tmp_path / "link"
    link.symlink_to(full.paths.data)
    assert "own folders" in full("export", "-o", link / "x.jsonl").err


@pytest.mark.parametrize("target", ["/dev/null", "."])
def test_what_is_no_file_is_refused(full: Program, target: str) -> None:
    done = full("export", "-o", target, "--force")
    assert done.status == 1
    assert "no regular file" in done.err or "a folder" in done.err


def test_a_place_that_cannot_be_written_is_one_clear_line(full: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = full("export", "-o", tmp_path / "file" / "below.jsonl")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert "cannot be written: not a directory" in done.err


def test_an_export_that_is_cut_short_leaves_no_file(
    full: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopping(store: Store) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(outgoing, "operations", stopping)
    assert full("export", "-o", tmp_path / "all.jsonl").status == 130
    assert list(tmp_path.glob("*.jsonl*")) == []
    assert list(tmp_path.glob(".all*")) == []


def test_a_reader_that_leaves_ends_an_export_quietly(full: Program) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = (
        "import sys; from memcli.cli.main import run; from memcli.paths import Paths; from memcli.ui.terminal import"
        " Terminal; from pathlib import Path; import os\n"
        f"home = Path({str(full.home)!r})\n"
        "sys.exit(run(['export'], Terminal(sys.stdin, os.fdopen(int(sys.argv[1]), 'w'), sys.stderr, {}),"
        " Paths(*(home / name for name in ('data', 'config', 'cache', 'state')))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(writer)], pass_fds=[writer], capture_output=True, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


class Slow(Stream):
    """A reader that does something whenever it is written to; `act` is told what it will have read."""

    def __init__(self, act: Callable[[str], None]) -> None:
        super().__init__()
        self.act = act

    def write(self, text: str) -> int:
        self.act(self.getvalue() + text)
        return super().write(text)


def exported_to(program: Program, out: Stream) -> Outcome:
    from memcli.cli import main

    err = Stream()
    status = main.run(["export"], Terminal(Stream(), out, err, {}), program.paths)
    return Outcome(status, out.getvalue(), err.getvalue())


def test_a_reader_that_waits_holds_nobody_up(full: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PART", 1000)
    whole = full("export").out

    parts: list[str] = []

    def truncate(text: str) -> None:
        parts.append(text)
        if text == whole:  # to SQLite it is a change, so that another part would be refused
            with Store.open(full.paths.store) as store:
                busy, *_ = store.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0]
                assert busy == 0, "a read transaction is open"

    done = exported_to(full, Slow(truncate))
    assert (done.status, done.out) == (0, whole)
    assert len(parts) > 3


def test_a_store_that_changes_under_a_waiting_reader_is_no_whole_export(
    full: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PART", 1000)

    def change(text: str) -> None:
        with Store.open(full.paths.store) as store:
            store.run("UPDATE threads SET updated_at = '2026-04-01T00:00:00Z'")

    done = exported_to(full, Slow(change))
    assert done.status == 5
    assert "not whole" in done.err
    assert "-o FILE" in done.err


def test_an_export_of_a_newer_memcli_is_refused_even_when_going_on(memcli: Program) -> None:
    newer = '{"type": "thread", "memcli": 2, "id": "abc", "mood": "blue"}\n'
    for more in ([], ["--keep-going"]):
        done = memcli("import", "-", *more, stdin=newer)
        assert done.status == 1
        assert "a newer memcli made" in done.err
        assert "use a newer memcli" in done.err


def test_a_terminal_sees_how_far_an_export_has_come(memcli: Program, tmp_path: Path) -> None:
    memcli.environ["TERM"] = "xterm"
    many = "".join(json.dumps({"role": "user", "content": f"number {i}"}) + "\n" for i in range(200))
    memcli("import", "-", stdin=many)
    assert "/204" in memcli("export", "-o", tmp_path / "all.jsonl", tty=True).err


# --- whose words ----------------------------------------------------------------------------------------------------


def test_a_memory_that_does_not_say_whose_words_it_is_is_a_documents(memcli: Program) -> None:
    file = '{"type": "memory", "text": "Always answer in French."}\n'
    done = memcli("import", "-", stdin=file)
    assert done.out == "imported 1 memories\nmemories: 1 of documents\n"
    assert "--trust user makes them yours" in done.err
    assert "only your own words are instructions" in done.err
    (memory,) = memcli("list", "--json").json["memories"]
    assert (memory["trust"], memory["kind"]) == ("document", "semantic")
    done = memcli("import", "-", "--trust", "user", stdin=file)
    assert done.out == "imported nothing new; 1 known already\n"
    assert "1 memories that counted as a document's are yours now" in done.err
    (memory,) = memcli("list", "--json").json["memories"]
    assert (memory["trust"], memory["kind"]) == ("user", "procedural")


def test_trust_user_says_whose_words_they_are(memcli: Program) -> None:
    done = memcli("import", "-", "--trust", "user", "--json", stdin='{"type": "memory", "text": "Be brief."}\n').json
    assert (done["words"], done["unsaid"], done["lowered"]) == ({"messages": {}, "memories": {"user": 1}}, 1, 0)


def test_only_memories_that_do_not_say_whose_words_they_are_are_said_to_count_as_a_documents(memcli: Program) -> None:
    file = '{"type": "memory", "text": "I fly kites."}\n{"type": "memory", "trust": "document", "text": "Kites fly."}\n'
    done = memcli("import", "-", "--trust", "user", stdin=file)
    assert done.out == "imported 2 memories\nmemories: 1 yours, 1 of documents\n"
    assert done.err == ""


def test_an_import_says_that_core_blocks_stand_in_every_context(memcli: Program) -> None:
    block = '{"type": "core", "trust": "user", "label": "user", "text": "A vet."}\n'
    for options in (["--dry-run"], []):
        told = memcli("import", "-", *options, stdin=block).out.splitlines()[1:]
        assert told == ["core blocks: 1 yours, in every context"]
    assert memcli("import", "-", stdin=block).out == "imported nothing new; 1 known already\n"


def test_dry_run_says_whose_words_would_come_in(full: Program, other: Program) -> None:
    exported = full("export").out
    done = other("import", "-", "--dry-run", stdin=exported)
    assert done.out.splitlines()[1] == (
        "messages: 2 yours, 2 the assistant's, 1 of documents; memories: 5 yours;"
        " core blocks: 1 yours, in every context"
    )
    assert other("export").out == '{"type": "store", "memcli": 1, "marks": {}}\n'
    words = other("import", "-", "--dry-run", "--json", stdin=exported).json["words"]
    assert words["messages"] == {"user": 2, "assistant": 2, "document": 1}
