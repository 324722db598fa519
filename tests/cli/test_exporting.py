"""export: to a pipe, to a file, as Markdown; and back in again, through the front door."""

from __future__ import annotations

import copy
import json
import os
import random
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from memcli.memory import importing
from memcli.memory.exporting import files
from memcli.memory.importing import markdown
from memcli.store import health, outgoing
from memcli.store.database import Store
from memcli.types import Kind, Trust
from memcli.ui.terminal import Terminal
from tests.fakes import ScriptedModel
from tests.memory.test_porting import with_every_record
from tests.porting import export
from tests.program import Outcome, Program, Stream

ESCAPE = "\x1b[2Jred\u202e"


@pytest.fixture
def full(memcli: Program) -> Program:
    """A program whose store has every sort of record."""
    with Store.open(memcli.paths.store) as store:
        with_every_record(store)
    return memcli


@pytest.fixture
def other(memcli: Program, tmp_path: Path) -> Program:
    return Program(tmp_path / "other", {})


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
        "messages: 2 yours, 2 the assistant's, 1 of documents; memories: 5 yours\n"
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


def test_dry_run_says_whose_words_would_come_in(full: Program, other: Program) -> None:
    exported = full("export").out
    done = other("import", "-", "--dry-run", stdin=exported)
    assert done.out.splitlines()[1] == ("messages: 2 yours, 2 the assistant's, 1 of documents; memories: 5 yours")
    assert other("export").out == '{"type": "store", "memcli": 1, "marks": {}}\n'
    words = other("import", "-", "--dry-run", "--json", stdin=exported).json["words"]
    assert words["messages"] == {"user": 2, "assistant": 2, "document": 1}


# --- Markdown -------------------------------------------------------------------------------------------------------


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel("# Not a heading\n```\nnever closed\n- x\n<!-- memcli: export -->")


def test_a_folder_has_a_file_for_each_thread_the_memories_and_an_index(full: Program, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    done = full("export", "--format", "markdown", "-o", folder)
    assert done.err == f"exported to {folder}: 4 files\n"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.md"))
    assert [re.sub("-[0-9a-z]{10}", "-ID", name) for name in found] == [
        "index.md", "memories.md", "threads/a-talk-ID.md", "threads/first-ID.md",
    ]  # fmt: skip
    assert {mode(path) for path in folder.rglob("*")} == {0o600, 0o700}
    index = (folder / "index.md").read_text()
    for name in found[1:]:
        assert f"]({name})" in index
    memories = (folder / "memories.md").read_text()
    headings = re.findall(r"^## (.*)", memories, re.MULTILINE)
    assert headings == ["Always at hand", "How to act", "What is so", "No longer so"]
    assert re.search(r"^- answer in French\n  \*2026-03-02 · pinned · \w+\*$", memories, re.MULTILINE)
    assert re.search(r"^- lives in Rome\n  \*2026-03-01 · since 2020 · .*#city · #home · ", memories, re.MULTILINE)


def test_what_was_said_cannot_break_the_page(memcli: Program) -> None:
    memcli("ask", "--thread", "# odd [name](x)\n- list", "one\r# two\n\n~~~\n", "--no-stdin")
    memcli("remember", stdin="- not an item\n# not a heading\n```\n1. no number *bold* <b>")
    page = memcli("export", "--format", "markdown").out
    ours = ("> ", "- ", "  ", "# ", "## ", "**", "*", "<!-- memcli: export -->")
    assert all(line.startswith(ours) or line in ("", ">") for line in page.split("\n"))
    assert re.findall(r"^#+ .*", page, re.MULTILINE)[:2] == ["# Memories", "## What is so"]
    assert "# \\# odd \\[name\\](x) - list" in page
    assert "> one# two\n>\n> ~~~\n" in page  # a carriage return alone would end a line
    assert "> # Not a heading\n> ```\n> never closed\n" in page
    assert "- \\- not an item\n  \\# not a heading\n  \\`\\`\\`\n  1\\. no number \\*bold\\* \\<b\\>\n" in page


def test_nothing_in_a_page_acts_on_a_terminal(memcli: Program) -> None:
    memcli(
        "import", "-", stdin=json.dumps({"role": "user", "content": ESCAPE, "name": ESCAPE, "thread": ESCAPE}) + "\n"
    )
    memcli("remember", ESCAPE, "--tag", f"a{ESCAPE}")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", memcli("export", "--format", "markdown").out)


def test_an_earlier_export_is_replaced_when_asked_and_nothing_else_is(full: Program, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    full("export", "--format", "markdown", "-o", folder)
    (folder / "own.md").write_text("mine")
    assert "holds files" in full("export", "--format", "markdown", "-o", folder).err
    full("threads", "forget", "a talk", "--yes")
    assert full("export", "--format", "markdown", "-o", folder, "--force").status == 0
    assert [path.name[:5] for path in (folder / "threads").iterdir()] == ["first"]
    assert (folder / "own.md").read_text() == "mine"
    (folder / "index.md").write_text("mine too")
    done = full("export", "--format", "markdown", "-o", folder, "--force")
    assert (done.status, (folder / "index.md").read_text()) == (1, "mine too")
    assert "is not of an export" in done.err


def test_a_file_that_ends_in_md_is_one_document(full: Program, tmp_path: Path) -> None:
    file = tmp_path / "all.md"
    assert full("export", "-o", file).status == 0
    assert file.read_text() == full("export", "--format", "markdown").out
    assert file.read_text().count("\n# ") == 3


def kept(program: Program) -> list[tuple[str, str, list[str], str]]:
    found = program("list", "--json").json["memories"]
    return sorted((m["text"], m["kind"], m["tags"], m["created_at"][:10]) for m in found)


def test_the_page_of_memories_comes_back_in(full: Program, other: Program, tmp_path: Path) -> None:
    full("export", "--format", "markdown", "-o", tmp_path / "notes")
    done = other("import", "--trust", "user", tmp_path / "notes" / "memories.md")
    assert done.out.startswith("imported 2 memories\n")
    assert kept(other) == kept(full)
    assert other("import", "--trust", "user", tmp_path / "notes" / "memories.md").out.startswith("imported nothing new")
    refused = other("import", *(tmp_path / "notes" / "threads").glob("a-talk*"))
    assert (refused.status, "there to be read" in refused.err) == (1, True)
    assert other("import", "-", stdin=full("export", "--format", "markdown").out).out.startswith("imported nothing new")


PLAIN = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Zl", "Zp")) | st.sampled_from("\n\n  -*#`~.)1>_[]<&\\·"),
    min_size=1, max_size=60,
).filter(lambda text: any(char.isprintable() and not char.isspace() for char in text))  # fmt: skip


@given(st.lists(PLAIN.map(lambda text: text.strip("\r\n")), min_size=1, max_size=5, unique=True))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_comes_back_from_markdown_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    from memcli.memory.exporting import marking

    page = "<!-- memcli: memories -->\n\n## What is so\n\n" + "".join(
        marking.item(text, f"2026-03-01 · #a·b · #{marking.plain('*x')} · abc123") for text in texts
    )
    found = markdown.parse(page, unsaid=Trust.USER)
    assert found.bad == []
    assert [record.text for _, record in found.memories] == texts
    assert {record.tags for _, record in found.memories} == {("a·b", "*x")}
    assert {record.kind for _, record in found.memories} == {Kind.SEMANTIC}


def test_lists_of_others_become_memories_one_for_each_item(memcli: Program) -> None:
    page = (
        "# About me\n\nSome prose.\n\n- I like tea.\n  And coffee.\n* I live in Rome.\n    + with a dog\n"
        "1. I play chess.\n- [x] Bought a boat.\n-\n> - quoted\n```\n- code\n```\n"
    )
    done = memcli("import", "-", "--trust", "user", stdin=page)
    assert done.out.startswith("imported 5 memories\n")
    assert "6 lines passed over that are in no list" in done.err
    assert [text for text, *_ in kept(memcli)] == [
        "Bought a boat.", "I like tea.\nAnd coffee.", "I live in Rome.", "I play chess.", "with a dog",
    ]  # fmt: skip


def test_markdown_is_known_by_its_ending_its_beginning_or_what_is_said(memcli: Program, tmp_path: Path) -> None:
    for name, text in {"a.md": "- one\n", "b.txt": "# Title\n\n- two\n", "c.markdown": "prose\n- three\n"}.items():
        (tmp_path / name).write_text(text)
        assert memcli("import", tmp_path / name).status == 0
    (tmp_path / "d.txt").write_text("prose\n- four\n")
    assert "not JSON" in memcli("import", tmp_path / "d.txt").err
    assert memcli("import", "--format", "markdown", tmp_path / "d.txt").status == 0
    (tmp_path / "e.jsonl").write_text("- five\n")
    assert "not JSON" in memcli("import", tmp_path / "e.jsonl").err
    done = memcli("import", "--format", "markdown", "-", stdin="no list\n")
    assert (done.status, "has no items of lists" in done.err) == (1, True)


# --- files that somebody else made ----------------------------------------------------------------------------------

ODD: tuple[object, ...] = (
    *(None, True, False, 0, -1, 2**70, 1e308, float("nan"), [], {}, [[]], {"a": None}, ["abc123"], [1, 2, 3]),
    *("", "x", "\ud800", "\x00", "2026-03-01", "core:user", "abc123", {"do": "add", "id": "abc123"}),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """An export of every sort of record."""
    with Store.open(tmp_path_factory.mktemp("whole") / "memcli.db") as store:
        with_every_record(store)
        return [json.loads(line) for line in export(store).splitlines()]


def places(value: object) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a JSON value."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [place for inner in value.values() for place in places(inner)]
    if isinstance(value, list):
        return [(value, at) for at in range(len(value))] + [place for inner in value for place in places(inner)]
    return []


def changed(whole: list[dict[str, Any]], seed: int) -> list[Any]:
    """Return the records with some values taken out, or put in the place of others, or made odd."""
    chance = random.Random(seed)
    others = [inner[at] for inner, at in places(whole)]
    lines = copy.deepcopy(whole)
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(places(lines))
        if chance.random() < 0.3:
            del container[key]
        else:
            container[key] = copy.deepcopy(chance.choice(chance.choice([others, ODD])))
    return lines


SEEDS = st.integers(0, 2**32)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_line_of_a_changed_export_is_taken_or_refused(whole: list[dict[str, Any]], seed: int) -> None:
    lines = changed(whole, seed)
    assume(all(not isinstance(line, dict) or line.get("memcli") in (1, None) for line in lines))  # a newer format
    parsed = importing.parse([json.dumps(line) for line in lines])
    assert len(parsed.records) + len(parsed.bad) == len(lines)
    assert {at for at, _ in parsed.bad} <= set(range(1, len(lines) + 1))


@given(seed=SEEDS)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_a_bad_line_imports_nothing_and_any_other_leaves_a_sound_store(
    memcli: Program, whole: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    program, again = (Program(tmp_path_factory.mktemp("home"), {}) for _ in range(2))
    text = "".join(json.dumps(line) + "\n" for line in changed(whole, seed))
    done = program("import", "-", stdin=text)
    assert done.status in (0, 1)
    if done.status:
        assert re.search(r"line \d+", done.err)
        assert not program.paths.store.exists()
        return
    exported = program("export").out
    assert program("list", "--all").status == program("list", "--as-of", "2026-03-04", "--all").status == 0
    assert again("import", "-", stdin=exported).status == 0
    assert again("export").out == exported
    with Store.open(program.paths.store) as store:
        assert health.check(store) == []
    while (undone := program("undo", "--yes")).status == 0:
        assert "bug" not in undone.err
    assert undone.status == 3


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_whatsoever_end_in_a_traceback(memcli: Program, data: bytes) -> None:
    for more in ([], ["--format", "markdown"]):
        assert memcli("import", "-", "--dry-run", *more, stdin=data).status in (0, 1)
