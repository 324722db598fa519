"""The conversation at the terminal: read, answer or obey, until the user leaves.

Invariants: an error ends a turn and never the session; what was typed is never lost by one; a turn is saved before
the next prompt appears; memories are formed while the prompt is up, and neither beside an answer nor beside a command.
"""

from __future__ import annotations

from contextlib import closing

from memcli.assistant import Assistant
from memcli.errors import InputError, MemcliError
from memcli.repl import commands, toolbar, welcome
from memcli.repl import history as typed
from memcli.repl.chat import Chat
from memcli.repl.completion import SlashCompleter
from memcli.repl.echo import silent
from memcli.repl.forming import Forming
from memcli.repl.prompt import Prompt, away, confirm, is_command
from memcli.turn import Prepared
from memcli.types import Sampling
from memcli.ui.interrupt import stopping
from memcli.ui.stream import MarkdownStream
from memcli.ui.terminal import Terminal
from memcli.workspace import Workspace


class Session:
    """One run of the REPL."""

    def __init__(self, terminal: Terminal, workspace: Workspace, assistant: Assistant, seed: int | None) -> None:
        history = typed.history(assistant.store, workspace.paths.history)
        self.chat = Chat(terminal, workspace, assistant, seed, confirm, history.reload)
        assistant.notice = self.chat.aside
        self._completer = SlashCompleter(self.chat)
        self._toolbar = ""
        self._prompt = Prompt(history, self._completer, lambda: self._toolbar, colored=terminal.colored)
        self._forming = Forming(self.chat, self._prompt, self._refresh)

    def run(self) -> None:
        """Talk until the user leaves. Raises KeyboardInterrupt where an answer is interrupted a second time."""
        welcome.greet(self.chat)
        self._forming.start()
        try:
            with silent(self.chat.terminal.stdin):  # from before the prompt, so that it leaves no moment with an echo
                while not self.chat.leaving:
                    self._step()
        finally:
            self._forming.close()
            self.chat.assistant.leave()

    def _step(self) -> None:
        """Read once, and do what was asked."""
        self._forming.show()
        self._refresh(report=True)
        self._forming.resume()
        text = self._read()
        self.chat.let_go()  # of what another process has had forgotten meanwhile
        if not text.strip():
            return
        try:
            self._obey(text.strip())
        except MemcliError as error:
            self.chat.unsent = "" if is_command(text) else text  # a command is one arrow up away
            self.chat.terminal.error(error)
        if not self.chat.leaving:
            self.chat.terminal.out()

    def _refresh(self, *, report: bool = False) -> None:
        """Read what the prompt shows; a store that cannot be read now leaves the old toolbar."""
        self._completer.forget()
        try:
            self._toolbar = toolbar.line(self.chat)
        except MemcliError as error:
            if report:
                self.chat.terminal.error(error)

    def _read(self) -> str:
        """Return what was typed, "" for nothing. Ctrl-D leaves, and so does Ctrl-C on two empty lines in a row."""
        chat = self.chat
        default, chat.unsent = chat.unsent, ""
        try:
            text = self._prompt.read(default)
            chat.warned = False
            return text
        except EOFError:
            chat.leaving = True
        except KeyboardInterrupt:
            chat.leaving = chat.warned
            chat.warned = True
            if not chat.leaving:
                chat.aside("Ctrl-D leaves")
        return ""

    def _obey(self, text: str) -> None:
        with away():
            if is_command(text):
                self._command(text)
            else:
                self._answer(text.removeprefix("/") if text.startswith("//") else text)

    def _command(self, line: str) -> None:
        try:
            self._forming.pause()
            commands.run(self.chat, line)
        except KeyboardInterrupt:
            self.chat.aside("interrupted")

    def _answer(self, text: str) -> None:
        """Answer on the screen; the first Ctrl-C keeps what was said so far."""
        chat = self.chat
        stream = MarkdownStream(chat.terminal.console(), chat.styled)
        stream.wait()
        chat.assistant.notice = stream.aside
        try:
            prepared = self._prepare(text)
            with stopping(chat.assistant.model.stop):
                sampling = Sampling(temperature=chat.assistant.temperature, seed=chat.seed)
                with closing(chat.assistant.run(prepared, sampling)) as pieces:
                    for piece in pieces:
                        (stream.think if piece.thought else stream.feed)(piece.text)
        finally:
            stream.finish()
            chat.assistant.notice = chat.aside
        last = chat.assistant.last
        if last and last.answer.stopped:
            chat.aside("stopped")
        elif last and last.answer.full:
            chat.aside("cut off here: it went in circles, or met the setting answer_tokens")

    def _prepare(self, text: str) -> Prepared:
        try:
            self._forming.pause()
            return self.chat.assistant.prepare(text)
        except KeyboardInterrupt:
            raise InputError("interrupted before the answer began") from None
