"""Completion of slash commands and their arguments, for prompt_toolkit.

Choices are read once per prompt, not once per key: a key press must not wait for the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from memcli.errors import MemcliError
from memcli.repl.chat import Chat
from memcli.repl.choices import Choice
from memcli.repl.commands import BY_NAME, COMMANDS
from memcli.ui.sanitize import one_line


class SlashCompleter(Completer):
    """Completes lines that begin with a slash; by the beginning of a word, arguments also by what they are about."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._known: dict[tuple[str, tuple[str, ...]], list[Choice]] = {}

    def forget(self) -> None:
        """Read the choices again when they are next asked for."""
        self._known.clear()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        text = document.text_before_cursor
        if not text.startswith("/") or text.startswith("//") or "\n" in text:
            return
        name, space, args = text[1:].partition(" ")
        if not space:
            yield from (
                _completion(c.name + (" " if c.usage else ""), c.help, typed=name, shown=f"/{c.name}")
                for c in COMMANDS
                if c.name.startswith(name)
            )
            return
        before, word = _split(args)
        for choice in self._choices(name, before):
            typed = args.lstrip() if choice.whole else word
            if _fits(choice, typed):
                yield _completion(choice.text, choice.about, typed=typed, shown=choice.text)

    def _choices(self, name: str, before: Sequence[str]) -> list[Choice]:
        command = BY_NAME.get(name)
        key = (name, tuple(before))
        if command is not None and key not in self._known:
            try:
                self._known[key] = list(command.complete(self._chat, before))
            except MemcliError:
                return []  # a locked store: the command itself will say so
        return self._known.get(key, [])


def _split(args: str) -> tuple[list[str], str]:
    """Return the finished words, and the one that is being typed."""
    words = args.split()
    return (words[:-1], words[-1]) if words and not args[-1].isspace() else (words, "")


def _fits(choice: Choice, typed: str) -> bool:
    return choice.text.startswith(typed) or (len(typed) > 1 and typed.casefold() in choice.about.casefold())


def _completion(text: str, about: str, *, typed: str, shown: str) -> Completion:
    # a name that a terminal would act on is shown cleaned and inserted cleaned: nothing else could be typed
    return Completion(one_line(text) + " " * text.endswith(" "), -len(typed), one_line(shown), one_line(about))
