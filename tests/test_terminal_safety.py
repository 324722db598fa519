"""No control byte but newline and tab reaches a stream, whatever is stored, typed, named or answered."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from memcli.cli.app import FAMILIES, command_of
from memcli.store import messages, threads
from memcli.store.database import Store
from memcli.types import Role, Trust
from tests.fakes import ScriptedModel
from tests.hostile import PIECES, left_on_a_terminal, storable
from tests.inference import gguf_files
from tests.program import Outcome, Program
from tests.repl.harness import CTRL_D, CTRL_U, ENTER, PAUSE, TAB, Repl, pasted

WORST = "".join(piece for piece in PIECES if piece.encode("utf-8", "ignore").decode() == piece and piece != "\x00")


@dataclass(frozen=True)
class Mode:
    """How the program is run: what it writes to, and with which options."""

    name: str
    tty: bool = False
    options: tuple[str, ...] = ()
    environ: tuple[tuple[str, str], ...] = ()


MODES = (
    Mode("pipe"),
    Mode("quiet", options=("--quiet",)),
    Mode("debug", options=("--debug",)),
    Mode("colour", tty=True, environ=(("TERM", "xterm-256color"),)),
    Mode("no colour", tty=True, options=("--no-color",), environ=(("TERM", "xterm-256color"),)),
    Mode("dumb", tty=True, environ=(("TERM", "dumb"),)),
)


def fill(home: Path, memcli: Program, text: str) -> None:
    """Make a store that has `text` wherever a text can stand, also where memcli itself would not have put it."""
    lines = [
        {"thread": text, "role": role, "name": text, "content": f"{text} {role}", "id": f"{text}{role}"}
        for role in ("user", "assistant", "tool", "system")
    ]
    lines += [{"type": "memory", "text": f"{text} {trust}", "trust": trust} for trust in Trust]
    lines += [{"type": "core", "trust": "user", "label": "user", "text": text}]
    (home / "lines.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert memcli("import", str(home / "lines.jsonl")).status == 0
    assert memcli("remember", f"I am here {text}", "--tag", "here").status == 0
    with Store.open(memcli.paths.store) as store:
        store.run("UPDATE memory_tags SET tag = ?", (text,))
        store.run("UPDATE core_blocks SET label = ?", (text,))
        store.run("UPDATE memories SET formed_by = ?, valid_from = ?", (text, text))
        store.run("UPDATE meta SET value = ? WHERE key = 'embedder'", (text,))


def commands(home: Path, text: str, ids: list[str]) -> Iterator[tuple[str, ...]]:
    """Yield command lines that show what is stored, or say what is wrong with what was typed."""
    named = str(home / text.replace("/", "_")[:40])
    memory, message = ids
    for line in (
        *(["list"], ["list", "--all", "--json"], ["list", "--jsonl"], ["show", memory], ["show", message, "--json"]),
        *(
            ["show", message],
            ["history", memory],
            ["search", text],
            ["search", text, "--explain"],
            ["search", text, "--json"],
        ),
        *(["search", "here", "--explain", "--json"], ["search", "here"], ["context", text], ["context", text, "--raw"]),
        *(["context", text, "--json"], ["threads"], ["threads", "show", text], ["core"], ["stats"], ["doctor"]),
        *(["doctor", "--json"], ["config", "show"], ["config", "set", text, text], ["config", "get", text]),
        *(["config", "set", "model", text], ["models"], ["models", "add", named], ["models", "use", text]),
        *(
            ["import", named],
            ["forget", text],
            ["forget", "--query", "here", "--dry-run"],
            ["pin", text],
            ["show", text],
        ),
        *(["search", "x", "--kind", text], ["search", "x", "--since", text], ["remember", "x", "--expires", text]),
        *(["remember", "x", "--tag", text], ["core", "set", text, "x"], ["--db", named, "list"], ["undo", text]),
        *(["--config", named, "config", "show"], [text], [f"--{text}"], ["ask", text, "--model", named]),
        *(["ask", text], ["ask", text, "--json"], ["edit", memory, f"now {text}"], ["consolidate"], []),
        *(
            ["export"],
            ["export", "--format", "markdown"],
            ["export", "-o", f"{named}.jsonl"],
            ["backup", f"{named}.db"],
        ),
        *(["import", f"{named}.jsonl", "--dry-run"], ["import", text], ["backup", named], ["doctor", "--fix"]),
        *(["unpin", text], ["unpin", memory], ["reindex"], ["reindex", "--embedder", text]),
        *(["encrypt"], ["decrypt"], ["rekey", "--json"], ["--passphrase-fd", text, "list"]),
    ):
        yield tuple(line)


def check(done: Outcome, mode: Mode, line: tuple[str, ...]) -> None:
    assert done.status != 70, (line, done.err)
    for printed in (done.out, done.err):
        assert not left_on_a_terminal(printed, colored=mode.tty), (mode.name, line, printed)
    if "--json" in line:
        for document in done.out.splitlines():
            json.loads(document)


def drive(memcli: Program, model: ScriptedModel, text: str, *, every: bool) -> int:
    """Run the commands on a store of its own, in every mode or in the modes by turns, and return how many were."""
    with TemporaryDirectory() as name:
        home = Path(name)
        program = Program(home / "home", {})
        gguf_files.write(home / f"{text.replace('/', '_')[:40]}.gguf", {"general.name": text}, {})
        fill(home, program, text)
        with Store.open(program.paths.store) as store:
            ids = [str(store.value(f"SELECT id FROM {table} LIMIT 1")) for table in ("memories", "messages")]
        model.answers = [f"<think>{text}</think>{text}"]
        lines = list(commands(home, text, ids))
        for number, line in enumerate(lines):
            for mode in MODES if every else [MODES[number % len(MODES)]]:
                run(program, mode, line)
        for number, stdin in enumerate((f"{text}\nhere", f"here\n{text}")):
            run(program, MODES[number], ("chat",), stdin)
            run(program, MODES[number], ("search", "--batch", "--json"), stdin)
            run(program, MODES[number], ("ask", "here", "--keep"), stdin)
        run(program, MODES[3], ("ask", "here"), environ={"MEMCLI_MODEL": text, "MEMCLI_CONTEXT_SIZE": text})
    return len(lines)


def run(
    program: Program, mode: Mode, line: tuple[str, ...], stdin: str | None = None, environ: dict[str, str] | None = None
) -> None:
    program.environ.clear()
    program.environ.update(mode.environ, **(environ or {}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TERM", program.environ.get("TERM", "xterm"))  # Rich looks there
        check(program(*mode.options, *line, stdin=stdin, tty=mode.tty), mode, line)


def test_no_command_is_left_out(tmp_path: Path) -> None:
    tried = {command_of(line) for line in commands(tmp_path, WORST, ["memory", "message"])}
    assert FAMILIES.keys() - tried == {"chat"}, "which is tried apart, by lines of stdin"


def test_no_command_prints_a_control_byte(memcli: Program, model: ScriptedModel) -> None:
    assert drive(memcli, model, WORST, every=False) > 60


@pytest.mark.long
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=storable)
def test_no_command_prints_a_control_byte_whatever_is_stored(memcli: Program, model: ScriptedModel, text: str) -> None:
    assert drive(memcli, model, text, every=True) > 60


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_shell_completes_has_no_control_byte(
    shell: str, memcli: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path, memcli, WORST)
    monkeypatch.setenv("MEMCLI_DB", str(memcli.paths.store))
    for line in ("show ", "chat --thread ", "core show ", "config get ", "ask --model "):
        monkeypatch.setenv("COMP_WORDS", f"memcli {line}")
        monkeypatch.setenv("COMP_CWORD", str(len(line.split()) + 1))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"memcli {line}")
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        memcli.environ["_MEMCLI_COMPLETE"] = f"complete_{shell}"
        monkeypatch.setenv("_MEMCLI_COMPLETE", f"complete_{shell}")
        with pytest.raises(SystemExit):
            memcli()
        offered = capsys.readouterr()
        assert offered.out.strip() or line == "ask --model "
        assert not left_on_a_terminal(offered.out + offered.err)


# --- the REPL -------------------------------------------------------------------------------------------------------


def typed(repl: Repl, *keys: str) -> str:
    """Return what prompt_toolkit and memcli print while keys are typed."""
    screen = io.StringIO()
    output = Vt100_Output(screen, lambda: Size(rows=24, columns=100), term="xterm", enable_bell=False)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=output):
        parts = "".join((*keys, CTRL_U, CTRL_D)).split(PAUSE)
        for number, part in enumerate(parts[1:], 1):
            threading.Timer(0.7 * number, pipe.send_text, [part]).start()
        pipe.send_text(parts[0])
        repl.session().run()
    return screen.getvalue() + repl.printed()


# What prompt_toolkit draws with: styles, places, modes, and a title of its own making.
_DRAWN = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]|\x1b[78=>]|\r|\x1b\][02];\x07")
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\x80-\x9f]")


def test_the_repl_shows_no_control_byte_of_what_is_stored_typed_or_answered(tmp_path: Path) -> None:
    hostile = WORST.replace("\r", "").replace("\n", "")
    repl = Repl(tmp_path, ScriptedModel(WORST))
    repl.remember(f"here {WORST}")
    now = "2026-03-01T09:00:00Z"
    thread = threads.create(repl.store, now=now, name=f"here {WORST}")
    messages.add(repl.store, thread_id=thread.id, role=Role.USER, content=WORST, trust=Trust.USER, now=now)
    lines = (
        "/list",
        "/search here",
        "/threads",
        "/context here",
        "/nothing " + hostile,
        hostile,
        "/why",
        "/context raw",
    )
    first = typed(repl, *(f"{pasted(line)}{ENTER}" for line in lines), "/resume ", TAB, PAUSE)
    again = typed(repl, "\x12here", PAUSE, "\x07", "\x1b[A", PAUSE)  # the history, searched and stepped through
    for printed in (first, again):
        drawn = _DRAWN.sub("", printed)
        assert "\x1b" not in drawn
        assert not _DIRECTIONS.findall(drawn)
    assert "here" in first
    repl.store.close()
