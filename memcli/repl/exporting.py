"""The slash command export: this conversation, or everything, into a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from memcli.errors import InputError, NothingFound
from memcli.paths import named
from memcli.repl.chat import Chat
from memcli.repl.choices import Choice
from memcli.store import threads
from memcli.types import Thread

USAGE = "[--all] [--format FORMAT] [FILE]"
FORMATS = {"markdown": "to be read", "jsonl": "to be imported again"}
ALL, FORMAT = "--all", "--format"
_EVERYTHING = "memcli-export"  # the folder, or file, where none is named


@dataclass(frozen=True, slots=True)
class _Wish:
    everything: bool
    markdown: bool
    file: str


def export(chat: Chat, args: str) -> None:
    """Write the thread that is talked in, or everything, and ask before anything is replaced."""
    from memcli.ui import exported  # a session that exports nothing starts without it

    wish = _read(args)
    held = chat.assistant.thread
    thread = threads.with_id(chat.store, held.id) if held and not wish.everything else None
    if thread is None and not wish.everything:
        raise NothingFound("nothing has been said here yet", f"/export {ALL} exports everything")
    target = Path(wish.file) if wish.file else _default(wish, thread)
    path = named(target)
    there = path.is_file() or (path.is_dir() and any(path.iterdir()))
    what = "it" if path.is_file() else "what an earlier export wrote there"
    if there and not chat.confirm(f"{target} is there already. Replace {what}?"):
        chat.aside("nothing was exported")
        return
    if thread is not None:
        done = exported.thread_to_file(chat.store, thread, target, markdown=wish.markdown, force=there)
    else:
        with chat.terminal.progress("Exporting") as progress:
            if wish.markdown:
                done = exported.to_pages(chat.store, target, now=chat.now, force=there, progress=progress)
            else:
                done = exported.to_file(chat.store, target, force=there, progress=progress)
    chat.aside(done)


def _read(args: str) -> _Wish:
    """Return what is wished for. Raises InputError for an option or a format that there is not."""
    everything, format_, rest = False, "", args
    while rest.startswith("--"):
        option, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        if option == FORMAT:
            format_, _, rest = rest.partition(" ")
            rest = rest.lstrip()
        elif option == ALL:
            everything = True
        if option not in (ALL, FORMAT) or (option == FORMAT and format_ not in FORMATS):
            raise InputError(f"{option} {format_}".strip() + " is no option here", f"/export {USAGE}")
    return _Wish(everything, format_ != "jsonl" if format_ else not rest.endswith(".jsonl"), rest)


def _default(wish: _Wish, thread: Thread | None) -> Path:
    from memcli.memory.exporting.marking import file_name

    name = file_name(thread) if thread else _EVERYTHING
    return Path(name if wish.markdown else f"{name.removesuffix('.md')}.jsonl")


def choices(chat: Chat, before: Sequence[str]) -> Iterable[Choice]:
    """Return what the next argument can be: an option, or after --format a format."""
    if list(before[-1:]) == [FORMAT]:
        return [Choice(name, about) for name, about in FORMATS.items()]
    options = {ALL: "everything, not this conversation alone", FORMAT: "markdown or jsonl"}
    return [Choice(option, about) for option, about in options.items() if option not in before]
