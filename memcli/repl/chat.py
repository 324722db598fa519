"""The state of one REPL session, which the loop and the slash commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from memcli.assistant import Assistant
from memcli.memory.formation.worker import Worker
from memcli.memory.timeline import utc
from memcli.store import messages, purge, threads
from memcli.store.database import Store
from memcli.types import Message, Role, Thread
from memcli.ui.sanitize import clean
from memcli.ui.terminal import Terminal
from memcli.workspace import Workspace

EXCERPT = 600  # characters of a message that are shown again when a thread is taken up


@dataclass
class Chat:
    """What is talked with, in which thread, and what the next prompt has to know."""

    terminal: Terminal
    workspace: Workspace
    assistant: Assistant
    seed: int | None
    confirm: Callable[[str], bool]
    reload_typed: Callable[[], None]  # the typed lines, from their file
    unsent: str = field(default="", init=False)  # what failed: the next prompt begins with it
    warned: bool = field(default=False, init=False)  # Ctrl-C on an empty line has said how to leave
    leaving: bool = field(default=False, init=False)
    worker: Worker | None = field(default=None, init=False)  # forms memories beside the conversation
    generation: int = field(init=False)  # of the store, when what is held here of it was read

    def __post_init__(self) -> None:
        self.generation = purge.generation(self.store)

    @property
    def store(self) -> Store:
        return self.assistant.store

    @property
    def now(self) -> str:
        return utc(self.workspace.clock())

    @property
    def model_name(self) -> str:
        """The name under which the model is installed, or the one it gives itself."""
        path = self.workspace.model_path
        return path.stem if path else self.assistant.model.name

    @property
    def styled(self) -> bool:
        return self.terminal.capable

    def aside(self, text: str) -> None:
        """Print something that is neither an answer nor data: dimmed, where that is possible."""
        if not self.styled:
            self.terminal.out(text)
            return
        from rich.text import Text

        self.terminal.console().print(Text(clean(text), style="dim"))

    def let_go(self) -> None:
        """Drop what is held of what was forgotten since; the thread is taken up anew."""
        if self.generation == purge.generation(self.store):
            return
        self.generation = purge.generation(self.store)
        self.reload_typed()
        thread = self.assistant.thread
        self.assistant.resume(threads.find(self.store, thread.id) if thread else None, name=self.assistant.thread_name)

    def show_last_exchange(self, thread: Thread) -> None:
        """Show where the thread stands: the last question and what was answered."""
        for message in _last_exchange(messages.of_thread(self.store, thread.id)):
            mark = "> " if message.role is Role.USER else ""
            text = message.content.strip()
            self.aside(mark + (text if len(text) <= EXCERPT else text[: EXCERPT - 1].rstrip() + "…"))
            self.aside("")


def _last_exchange(said: list[Message]) -> list[Message]:
    start = max((place for place, m in enumerate(said) if m.role is Role.USER), default=0)
    return said[start:]
