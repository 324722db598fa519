"""Markdown: what export writes to be read, and what import takes of lists."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.memory.importing import markdown
from memcli.types import Kind, Trust
from tests.fakes import ScriptedModel
from tests.program import Program

ESCAPE = "\x1b[2Jred\u202e"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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


def test_a_users_copies_of_pages_are_no_pages_of_an_earlier_export(full: Program, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    full("export", "--format", "markdown", "-o", folder)
    (folder / "archive").mkdir()
    copies = [folder / "all.md", folder / "archive" / "memories.md"]
    full("export", "-o", copies[0])
    copies[1].write_bytes((folder / "memories.md").read_bytes())
    before = [copy.read_bytes() for copy in copies]
    assert full("export", "--format", "markdown", "-o", folder, "--force").status == 0
    assert [copy.read_bytes() for copy in copies] == before


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
