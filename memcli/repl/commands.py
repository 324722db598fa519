"""The slash commands: one registry from which dispatch, help and completion come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from memcli.errors import InputError
from memcli.repl import choices, exporting, remembering, talking
from memcli.repl.chat import Chat
from memcli.repl.choices import Choice, nothing


@dataclass(frozen=True, slots=True)
class Command:
    """One slash command. `complete` gives what its next argument can be, after the words that stand already."""

    name: str
    usage: str
    help: str
    run: Callable[[Chat, str], None]
    complete: Callable[[Chat, Sequence[str]], Iterable[Choice]] = nothing
    aliases: tuple[str, ...] = ()


def _help(chat: Chat, args: str) -> None:
    shown = [find(args.removeprefix("/"))] if args else COMMANDS
    width = max(len(f"{c.name} {c.usage}") for c in shown)
    for command in shown:
        chat.terminal.out(f"  /{f'{command.name} {command.usage}':{width}}  {command.help}")
    if not args:
        chat.aside(KEYS)


def _names(chat: Chat, before: Sequence[str]) -> Iterable[Choice]:
    return () if before else [Choice(command.name, command.help) for command in COMMANDS]


KEYS = """
  Enter sends, Alt-Enter begins a new line, Tab completes, Ctrl-R searches.
  Ctrl-C stops an answer, Ctrl-D leaves.
  A pasted block gets a fence: a document's words. Ctrl-_ takes it away: yours, to be remembered.
  A message that begins with a slash is typed with two: //like this"""

COMMANDS: tuple[Command, ...] = (
    Command("help", "[COMMAND]", "what can be typed here", _help, _names),
    Command(
        "context",
        "[raw|diff|full] [MESSAGE]",
        "what the model sees, with its tokens",
        talking.context,
        choices.views,
    ),
    Command("why", "", "what was recalled for the last answer, and why", talking.why),
    Command("remember", "[--kind KIND] TEXT", "keep a text, verbatim", remembering.remember, choices.kind_option),
    Command("forget", "ID...", "forget for real, with a receipt", remembering.forget, choices.items),
    Command("undo", "[N]", "take back what was done last", remembering.undo, choices.operations),
    Command(
        "search",
        "[--explain] QUERY",
        "search messages and memories",
        remembering.search,
        choices.explain_option,
    ),
    Command(
        "core",
        "[show|set|append|clear] [LABEL] [TEXT]",
        "what is always in the context",
        remembering.core,
        choices.core,
    ),
    Command("list", "[KIND]", "the memories", remembering.list_, choices.kinds),
    Command("threads", "", "the conversations", talking.threads),
    Command("new", "[NAME]", "begin a new thread", talking.new),
    Command("resume", "THREAD", "go on in another thread", talking.resume, choices.threads),
    Command("model", "[NAME]", "the models, or talk with another one", talking.model, choices.models),
    Command("stats", "", "what is stored, and what answers have cost", talking.stats),
    Command(
        "export",
        exporting.USAGE,
        "this conversation, or everything, into a file",
        exporting.export,
        exporting.choices,
    ),
    Command("quit", "", "leave (Ctrl-D)", talking.quit_, aliases=("exit", "q")),
)

BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}


def find(name: str) -> Command:
    """Return the command called `name`. Raises InputError with the nearest name."""
    if name in BY_NAME:
        return BY_NAME[name]
    near = get_close_matches(name, BY_NAME, n=1)
    hint = (
        f"did you mean /{near[0]}?" if near else "/help lists the commands; a message with a slash in front is typed //"
    )
    raise InputError(f"there is no command /{name}", hint)


def run(chat: Chat, line: str) -> None:
    """Run a line that begins with a slash. Raises what the command raises."""
    name, _, args = re.split(r"(\s+|$)", line[1:], maxsplit=1)
    find(name).run(chat, args.strip())
