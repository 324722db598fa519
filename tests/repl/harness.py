"""A REPL in a folder of its own: keys go in through prompt_toolkit's pipe, what is printed comes out as text."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from memcli import config
from memcli.assistant import Assistant
from memcli.engines import ChatModel
from memcli.memory.formation.records import Former
from memcli.memory.remember import remember
from memcli.paths import Paths
from memcli.repl.session import Session
from memcli.store.database import Store
from memcli.types import Kind, Memory
from memcli.ui.terminal import Terminal
from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder

ENTER = "\r"
ALT_ENTER = "\x1b\r"
UNDO = "\x1f"  # Ctrl-_
CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_U = "\x15"
TAB = "\t"
UP = "\x1b[A"
PROMPT_UP = (
    r"\x1b\[\?2004h(\x1b\[\?1l)?\x1b\[\?25l\x1b\[0m\x1b\[\?7l"  # what a prompt that reads begins with; a pattern
)
PAUSE = "\0"  # no key: completion takes a moment

NOW = "2026-03-01T09:30:00Z"


def as_bytes(keys: str) -> bytes:
    """Return keys as a terminal sends them; a byte that is no UTF-8 is spelled as half a surrogate pair."""
    return keys.encode("utf-8", "surrogateescape")


def pasted(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


class Repl:
    """One user's REPL. Sessions follow each other on the same store, history and model."""

    def __init__(
        self,
        folder: Path,
        model: ChatModel,
        form: Callable[[Store], Former] | None = None,
        secret: str | None = None,
    ) -> None:
        self.paths = Paths(folder / "data", folder / "config", folder / "cache", folder / "state")
        self.model = model
        self.store = Store.open(self.paths.store, paths=self.paths, key=None if secret is None else lambda: secret)
        self.embedder = HashingEmbedder()
        settings = config.load(self.paths, {}, {"formation": "on" if form else "off"})
        self.terminal = Terminal(io.StringIO(), io.StringIO(), io.StringIO())
        self.workspace = Workspace(
            settings, self.paths, self.terminal.notice, lambda label: nullcontext(lambda done, total: None), _noon
        )
        self.workspace._store = self.store
        self.workspace._embedder, self.workspace._embedder_tried = self.embedder, True
        self.workspace._model = model
        if form:
            self.workspace.former = form  # type: ignore[method-assign, assignment]
        self.assistant = Assistant(self.store, model, self.embedder, settings, _noon)

    def remember(self, text: str, kind: Kind | None = None) -> Memory:
        return remember(self.store, [text], embedder=self.embedder, now=NOW, kind=kind)[0].memory

    def session(self) -> Session:
        return Session(self.terminal, self.workspace, self.assistant, None)

    def type(self, *keys: str) -> str:
        """Run one session in which `keys` are typed, then Ctrl-D; return what was printed, errors at the end."""
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
            parts = "".join((*keys, CTRL_U, CTRL_D)).split(PAUSE)  # Ctrl-U: a text that failed is put back
            for number, part in enumerate(parts[1:], 1):
                threading.Timer(1.0 * number, pipe.send_bytes, [as_bytes(part)]).start()
            pipe.send_bytes(as_bytes(parts[0]))
            self.session().run()
        return self.printed()

    def printed(self) -> str:
        """Return what was printed since it was last asked for."""
        text = ""
        for stream in (self.terminal.stdout, self.terminal.stderr):
            assert isinstance(stream, io.StringIO)
            text += stream.getvalue()
            stream.seek(0)
            stream.truncate()
        return text

    def said(self) -> list[tuple[str, str]]:
        """Return role and text of all messages in the store, in order."""
        return [(role, text) for role, text in self.store.rows("SELECT role, content FROM messages ORDER BY seq")]


def _noon() -> datetime:
    return datetime(2026, 3, 2, 12, tzinfo=UTC)
