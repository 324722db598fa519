"""Every way to a stream is the terminal's: no other module writes to one, and what gets past is stripped there."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.live import Live
from rich.text import Text

import memcli
from memcli.ui.sanitize import Sanitiser, clean, styled
from memcli.ui.stream import MarkdownStream
from memcli.ui.terminal import Terminal
from memcli.ui.thought import Thought
from tests.hostile import left_on_a_terminal, texts
from tests.program import Stream

PACKAGE = Path(memcli.__file__).parent
# What may write: the terminal itself; what writes plain text of an answer through the terminal's own console; and what
# runs in a process of its own, where stdout is a pipe to the one that started it, as in REFERENCE.
WRITERS = {"ui/terminal.py", "ui/stream.py", "inference/probe.py"}
REFERENCE = "inference/reference.py"
NAMES = {"stdout", "stderr", "__stdout__", "__stderr__"}
CALLS = {"print", "print_formatted_text", "echo", "secho", "Console", "get_console"}


@cache
def _trees() -> dict[str, ast.AST]:
    files = PACKAGE.rglob("*.py")
    return {file.relative_to(PACKAGE).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def _written(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            if name in CALLS and not _of_console(called):
                yield name
            if name in ("write", "writelines") and isinstance(called, ast.Attribute) and _is_stream(called.value):
                yield ast.unparse(called)


def _of_console(called: ast.expr) -> bool:
    """Tell whether it is `print` of a console, which is the terminal's."""
    return isinstance(called, ast.Attribute) and called.attr == "print" and "console" in ast.unparse(called.value)


def _is_stream(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in (*NAMES, "file")


def test_only_the_terminal_writes_to_a_stream() -> None:
    assert {name for name, tree in _trees().items() if list(_written(tree))} == WRITERS


@pytest.mark.parametrize("source", ["print(x)", "sys.stdout.write(x)", "typer.echo(x)", "Console().print(x)"])
def test_a_write_past_the_terminal_is_seen(source: str) -> None:
    assert list(_written(ast.parse(source)))


def test_the_process_streams_are_taken_in_one_place_only() -> None:
    taken = {
        name
        for name, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in NAMES and ast.unparse(node.value) == "sys"
    }
    assert taken == {"ui/terminal.py", "inference/probe.py", REFERENCE}


# --- the second net -------------------------------------------------------------------------------------------------


@given(texts)
def test_what_rich_prints_has_no_sequence_but_those_of_our_styles(text: str) -> None:
    out = Stream(tty=True)
    console = Terminal(Stream(), out, Stream(), {}).console()
    console.print(Text(text, style="bold red"))
    console.print(Text("ours", style="dim"))
    assert not left_on_a_terminal(out.getvalue(), colored=True, foreign=True)
    assert "ours" in out.getvalue()


def test_the_sequences_of_our_own_styles_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    out, plain = Stream(tty=True), io.StringIO()
    for console in (Terminal(Stream(), out, Stream(), {}).console(), Console(file=plain, force_terminal=True)):
        with Live(Text("two\nlines", style="bold"), console=console, auto_refresh=False, redirect_stdout=False) as live:
            live.update(Text("one", style="reverse"), refresh=True)
    assert out.getvalue() == plain.getvalue()
    assert "\x1b[2K" in out.getvalue()


@settings(max_examples=30)
@given(texts, st.lists(st.integers(0, 80)))
def test_an_answer_is_as_safe_as_its_whole_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in pairwise(places)]
    sanitiser = Sanitiser()
    assert "".join(map(sanitiser.feed, pieces)) == clean(text)
    out = Stream(tty=True)
    terminal = Terminal(Stream(), out, Stream(), {})
    stream, thought = MarkdownStream(terminal.console(), True), Thought(terminal.console)
    for piece in pieces:
        thought.feed(piece)
        stream.feed(piece)
    thought.end()
    stream.finish()
    assert not left_on_a_terminal(out.getvalue(), colored=True)


@pytest.mark.parametrize("entity", ["&#x202e;", "&#8238;", "&#27;[31m", "&#x9b;31m", "&rlm;"])
def test_an_entity_of_markdown_makes_no_character_that_a_terminal_acts_on(entity: str) -> None:
    out = Stream(tty=True)
    stream = MarkdownStream(Terminal(Stream(), out, Stream(), {}).console(), True)
    stream.feed(f"a {entity} b")
    stream.finish()
    assert not left_on_a_terminal(out.getvalue(), colored=True)


@given(texts)
def test_styled_leaves_clean_text_as_it_is(text: str) -> None:
    assert styled(clean(text)) == clean(text)
