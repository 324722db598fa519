"""What memcli writes and whom it asks: README's table of files is complete, and only a pull opens a socket."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest

from memcli.cli.app import FAMILIES, command_of
from tests.inference.tiny import FULL, write_chat
from tests.repl.harness import CTRL_D, ENTER, PROMPT_UP

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[1]
AUDIT = Path(__file__).parent / "audit"
FOLDERS = {
    "data folder": "home/.local/share/memcli",
    "beside a backup": "cwd",
    "beside an export": "cwd",
    "config folder": "home/.config/memcli",
    "state folder": "home/.local/state/memcli",
    "cache folder": "home/.cache/memcli",
    "temporary folder": "tmp",
}
ROW = re.compile(r"^\| (?P<where>[^|]*)\| (?P<files>`[^|]*) \| (?P<modes>[^|]*) \|", re.MULTILINE)
# By which the standard library tries a temporary folder: it is gone at once.
TRIED = re.compile(r"tmp/[a-z0-9_]{8}")
# asyncio wakes itself up through a pair of sockets that have no address.
NETWORK = re.compile(r"socket\.(?!__new__|gethostname)|socket\.__new__ .*AF_INET")


@dataclass(frozen=True)
class Listed:
    """A row's pattern, from the folder of a test on, and the modes that it tells."""

    pattern: re.Pattern[str]
    modes: frozenset[str]


def listed() -> list[Listed]:
    """Return what README lists."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    folder, found = "", []
    for row in ROW.finditer(text[text.index("## Privacy and files") :]):
        named = row["where"].strip().split(",")[0]
        folder = FOLDERS[named] if named else folder
        for name in re.findall(r"`([^`]+)`", row["files"]):
            parts = re.split(r"([A-Z]{3,})", name.rstrip("/"))
            pattern = "".join("[^/]+" if place % 2 else re.escape(part) for place, part in enumerate(parts))
            folder_mode = name.endswith("/")
            modes = frozenset(mode for mode in re.findall(r"0\d{3}", row["modes"]) if (mode == "0700") == folder_mode)
            found.append(Listed(re.compile(f"{re.escape(folder)}/{pattern}"), modes))
    return found


@dataclass
class Home:
    """A home of its own for processes that are watched."""

    folder: Path

    def __post_init__(self) -> None:
        for name in ("home", "tmp", "cwd", "given"):
            (self.folder / name).mkdir(mode=0o700, parents=True)
        editor = self.given("editor.sh", '#!/bin/sh\necho "I keep wasps." > "$1"\ncp "$1" "$1~"\n')
        editor.chmod(0o700)
        secret = self.given("secret", "six random words in a row\n")
        secret.chmod(0o600)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "VISUAL": str(editor),
            "MEMCLI_PASSPHRASE_FILE": str(secret),
            "MEMCLI_NEW_PASSPHRASE_FILE": str(secret),
            "AUDIT_LOG": str(self.folder / "log"),
            "PYTHONPATH": f"{AUDIT}:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TERM": "xterm",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }

    def given(self, name: str, text: str) -> Path:
        """Write a file of the user's own."""
        file = self.folder / "given" / name
        file.write_text(text, encoding="utf-8")
        return file

    def run(self, lines: list[dict[str, Any]]) -> None:
        """Run command lines in one watched process."""
        file = self.given("lines.json", json.dumps(lines))
        argv = [sys.executable, str(AUDIT / "session.py"), str(file)]
        done = subprocess.run(
            argv, env=self.environ, cwd=self.folder / "cwd", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def on_a_terminal(self, *args: str) -> pexpect.spawn[str]:
        """Start a watched memcli on a terminal."""
        argv = ["-m", "memcli", *args]
        cwd = str(self.folder / "cwd")
        return pexpect.spawn(sys.executable, argv, env=self.environ, cwd=cwd, encoding="utf-8", timeout=300)

    def talk(self) -> dict[str, str]:
        """Chat on a terminal; return the files that are there meanwhile, with their modes."""
        child = self.on_a_terminal("chat", "--temperature", "0")
        child.expect(PROMPT_UP)
        child.send(f"My dog is Rex.{ENTER}")
        child.expect(PROMPT_UP)
        meanwhile = self.files()
        child.send(CTRL_D)
        assert ended(child) == 0
        return meanwhile

    def files(self) -> dict[str, str]:
        """Return everything below the folders that memcli may write to, with modes; a folder ends with a slash."""
        found = {}
        for top in ("home", "tmp", "cwd"):
            for path in (self.folder / top).rglob("*"):
                facts = path.lstat()
                name = path.relative_to(self.folder).as_posix() + "/" * stat.S_ISDIR(facts.st_mode)
                found[name] = "link" if path.is_symlink() else f"{stat.S_IMODE(facts.st_mode):04o}"
        return found

    def events(self) -> Iterator[dict[str, Any]]:
        for line in (self.folder / "log").read_text(encoding="utf-8").splitlines():
            yield json.loads(line)

    def written(self) -> set[str]:
        """Return what Python made or opened for writing, relative to the folder; other places as they are."""
        names = set()
        for event in self.events():
            if event["event"] == "open" or event["event"].startswith(("os.", "shutil.")):
                names |= {Path(about) for about in event["about"]}
        inside = {name.relative_to(self.folder).as_posix() for name in names if name.is_relative_to(self.folder)}
        return inside | {str(name) for name in names if not name.is_relative_to(self.folder)}

    def network(self) -> list[str]:
        told = (f"{event['event']} {event['about']}" for event in self.events())
        return [one for one in told if NETWORK.match(one)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "own")


def ended(child: pexpect.spawn[str]) -> int | None:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


def line(*args: str, stdin: str = "", status: int = 0) -> dict[str, Any]:
    return {"args": list(args), "stdin": stdin, "status": status}


def everything(home: Home) -> list[dict[str, Any]]:
    """Return command lines that use every command."""
    record = {"role": "user", "content": "I live in Hull."}
    kept = {"type": "memory", "id": "wasps", "text": "I keep hens."}
    records = [record, record | {"role": "assistant"}, kept, kept | {"id": "hens", "text": "I keep hens and geese."}]
    lines = home.given("lines.jsonl", "\n".join(map(json.dumps, records)))
    gguf = write_chat(home.folder / "given" / "tiny.gguf", FULL)
    return [
        line("--version"),
        line("config", "set", "answer_tokens", "1"),
        line("remember", "--json", stdin="I keep bees."),
        line("remember", "Always answer briefly."),
        line("ask", "What is it?", "--keep", "--thread", "letter", stdin="A letter to Ann."),
        line("ask", "What is it?", stdin="A secret letter."),
        line("chat", "--thread", "family", stdin="My sister is Ann.\n"),
        line("context", "Who is Ann?", "--raw"),
        line("import", str(lines)),
        line("consolidate"),
        line("search", "bees", "--explain"),
        line("search", "--batch", "--json", stdin="bees\nAnn\n"),
        line("list", "--all"),
        line("core", "set", "user", "I am Ida."),
        line("threads"),
        line("stats"),
        line("doctor"),
        line("models"),
        line("models", "add", str(gguf)),
        line("models", "use", "tiny"),
        line("models", "remove", "tiny", "--yes"),
        line("config", "show"),
        line("reindex"),
        line("--debug", "show", "nothing", status=3),
        line("history", "wasps"),
        line("pin", "hens"),
        line("unpin", "hens"),
        line("show", "hens"),
        line("undo", "--yes"),
        line("forget", "--query", "Hull", "--yes"),
        line("--db", str(home.folder / "cwd" / "other.db"), "remember", "elsewhere"),
        line("backup", "copy.db"),
        line("export", "-o", str(home.folder / "given" / "all.jsonl")),
        line("--db", "copy.db", "doctor", "--fix"),
        line("encrypt"),
        line("rekey"),
        line("remember", "I keep moths."),
        line("decrypt", "--yes"),
    ]


def unlisted(names: set[str]) -> list[str]:
    """Return what README's table does not list, but for the folders that hold the listed ones."""
    rows, folders = listed(), [f"{folder}/" for folder in FOLDERS.values()]
    return sorted(
        name
        for name in names
        if not any(row.pattern.fullmatch(name.rstrip("/")) for row in rows)
        and not any(folder.startswith(f"{name.rstrip('/')}/") for folder in folders)
    )


def audit(home: Home) -> None:
    """Use every command, and compare what was touched with what is listed."""
    home.run(everything(home))
    assert ended(home.on_a_terminal("edit", "wasps")) == 0
    meanwhile = home.talk()
    there = home.files()
    others = {name for name in (*meanwhile, *there) if name.startswith("cwd/")}
    assert others == {"cwd/other.db", "cwd/copy.db"}  # as the user named them
    assert any(name.endswith(".memcli-part") for name in home.written()), "a backup was seen while it was made"
    assert unlisted({*meanwhile, *there} - others) == []
    left = [name for name in unlisted(home.written() - others) if not name.startswith("given/")]
    assert [name for name in left if not TRIED.fullmatch(name)] == []
    rows = listed()
    for name, mode in {**meanwhile, **there}.items():
        told = [row.modes for row in rows if row.pattern.fullmatch(name.rstrip("/"))]
        assert mode == "link" or mode in (told[0] if told else {"0700", "0600"}), (name, mode)
    assert any("memcli.inference.probe" in event["about"] for event in home.events() if event["event"] == "start")
    used = {name for name in (*meanwhile, *there, *home.written()) if not name.startswith(("cwd/", "given/"))}
    for kind in ("history", "memcli.db-wal", "memcli.log", "config.toml", "probes.json", "memory.txt", "states/"):
        assert any(kind in name for name in used), kind  # else nothing was shown of it


def test_every_file_that_is_written_is_listed_and_nothing_goes_to_the_network(home: Home, embedder_cache: Path) -> None:
    cache = home.folder / FOLDERS["cache folder"]
    cache.parent.mkdir(parents=True, mode=0o700)
    (home.folder / "home/.cache").chmod(0o700)
    # To compile it takes a while. What other tests have found out about models stays behind.
    shutil.copytree(embedder_cache / "memcli", cache, ignore=shutil.ignore_patterns("probes.json", "states"))
    audit(home)
    assert home.network() == []


@pytest.mark.long
def test_every_file_of_a_first_run_is_listed_and_nothing_goes_to_the_network(home: Home) -> None:
    home.run([line("remember", "I am Ida."), line("models", "probe")])
    audit(home)
    assert home.network() == []


def test_a_pull_opens_a_socket_and_that_is_seen(home: Home) -> None:
    home.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    home.run([line("models", "pull"), line("list", "--all")])
    assert home.network() == []  # it only lists what there is
    home.run([line("models", "pull", "somebody/something-GGUF", status=4)])
    assert home.network()


def test_what_is_in_no_row_is_found() -> None:
    assert unlisted({"home/.cache/memcli/new.bin", "cwd/x", "home/.ssh/key"}) == [
        "cwd/x",
        "home/.cache/memcli/new.bin",
        "home/.ssh/key",
    ]
    assert unlisted({"home/.cache/memcli/models/a.gguf", "home/.cache/", "home/.local/state/memcli/history"}) == []


def test_no_command_is_left_out(home: Home) -> None:
    used = {command_of(one["args"]) for one in everything(home)}
    assert FAMILIES.keys() - used == {"edit"}, "which is used apart, on a terminal"
