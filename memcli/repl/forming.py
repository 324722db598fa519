"""Memories that are formed while the user reads or types, and the lines that say so.

Invariants: nothing is formed but while the prompt is up; a line is printed after what it says is on disk, in the
prompt's thread, above what is being typed, or where that cannot be, before the next prompt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress

from memcli.memory.formation.records import Formed, Former
from memcli.memory.formation.worker import Worker
from memcli.memory.timeline import utc
from memcli.paths import append_private
from memcli.repl.chat import Chat
from memcli.repl.prompt import Prompt
from memcli.store.database import Store
from memcli.ui.formed import line

BUSY_MS = 20  # a pause is not to wait longer for a store that others hold; what does not fit in is tried again


class Forming:
    """The worker of a session, where it has one. `refresh` reads anew what the prompt shows."""

    def __init__(self, chat: Chat, prompt: Prompt, refresh: Callable[[], None]) -> None:
        self._chat, self._prompt, self._refresh = chat, prompt, refresh
        self._lines: deque[Formed] = deque()  # filled by the worker's thread
        if chat.assistant.use_memory and chat.assistant.save and chat.workspace.config.text("formation") == "on":
            chat.worker = self._worker()

    def _worker(self) -> Worker:
        store, workspace = self._chat.store, self._chat.workspace

        def make(store: Store) -> Former:
            return workspace.former(store)

        def log(text: str) -> None:
            with suppress(OSError):  # a full disk costs the log and never the conversation
                append_private(workspace.paths.log, text)

        return Worker(
            lambda: store.another(busy_ms=BUSY_MS),
            make,
            clock=lambda: utc(workspace.clock()),
            tell=self._tell,
            log=log,
        )

    def start(self) -> None:
        if self._chat.worker:
            self._chat.worker.start()

    def resume(self) -> None:
        if self._chat.worker:
            self._chat.worker.resume()

    def pause(self) -> None:
        if self._chat.worker:
            self._chat.worker.pause()

    def close(self) -> None:
        """Let what is waiting wait, and say what was formed last."""
        if self._chat.worker:
            self._chat.worker.close()
        self.show()

    def show(self) -> None:
        """Print what is still to be told."""
        while self._lines:
            text = line(self._lines.popleft(), self._chat.terminal.console().width - 1)
            if text:
                self._chat.aside(text)

    def _tell(self, formed: Formed) -> None:
        """Hear of a message that was formed, in the worker's thread."""
        if formed.changes:
            self._lines.append(formed)
        self._prompt.soon(self._arrived)

    def _arrived(self) -> None:
        self._refresh()
        if self._lines and self._chat.styled:
            self._prompt.above(self.show)
        else:
            self._prompt.redraw()
