"""What is said when the REPL opens: the model, the store, where the thread stands, and how to get a better model."""

from __future__ import annotations

import os

from memcli import __version__
from memcli.repl.chat import Chat
from memcli.store import memories, messages

_GIB = 1 << 30
# Memory of the machine in GiB (it reports a little less than it was sold with) -> parameters that run well at Q4:
# about 0.6 GB per billion for the weights, and as much again must stay free for everything else.
_SIZES = ((5, "1-2B"), (11, "3-4B"), (23, "7-8B"), (47, "14B"))
_LARGEST = "32B"


def greet(chat: Chat) -> None:
    """Say who is there and what is known; the starter model says what it is."""
    chat.terminal.out(f"memcli {__version__} · {chat.model_name}{_size(chat.assistant.model.parameters)}")
    kept = _count(memories.count(chat.store), "memory", "memories")
    said = _count(messages.count(chat.store), "message", "messages")
    chat.aside(f"{chat.store.path} · {kept}, {said}")
    if chat.workspace.model_is_starter:
        chat.aside(_about_starter(machine_memory()))
    chat.aside("/help lists the commands, Ctrl-D leaves.\n")
    if chat.assistant.thread is not None:
        chat.show_last_exchange(chat.assistant.thread)


def _size(parameters: int) -> str:
    if parameters <= 0:
        return ""
    return f" ({parameters / 1e9:.1f}B parameters)" if parameters >= 1e9 else f" ({parameters / 1e6:.0f}M parameters)"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _about_starter(memory: int | None) -> str:
    fits = f"{round(memory / _GIB)} GB of memory hold {suggested(memory)} at Q4" if memory else "A larger one"
    return (
        "This small starter model shows that the memory works; it is not clever.\n"
        f"{fits}: memcli models add FILE; memcli models use NAME"
    )


def machine_memory() -> int | None:
    """Return the machine's memory in bytes, None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def suggested(memory: int) -> str:
    """Return the size of model that suits a machine with `memory` bytes."""
    return next((size for below, size in _SIZES if memory < below * _GIB), _LARGEST)
