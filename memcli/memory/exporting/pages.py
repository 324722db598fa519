"""Markdown to read: a page for each thread, one of the memories by kind, and an index.

Invariants: each page begins with a mark by which memcli knows it again; stored text stays in the quotation or the item
it stands in (see `marking`). The page of memories can be imported: see `importing/markdown.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from memcli.memory.exporting.marking import file_name, item, line, plain, quote
from memcli.memory.timeline import LOCAL, OUT_OF_RANGE, day
from memcli.store import core, memories, messages, threads
from memcli.store.database import Store
from memcli.types import Kind, Memory, Message, Recalled, Role, Thread, Trust

MARK = "<!-- memcli: "
HEADINGS = {Kind.PROCEDURAL: "How to act", Kind.SEMANTIC: "What is so", Kind.EPISODIC: "What happened"}
EARLIER = "No longer so"
CORE = "Always at hand"
THREADS = "threads"  # the folder with their pages

Clean = Callable[[str], str]

_SPEAKERS = {Role.USER: "You", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System", Role.TOOL: "Tool"}


def document(store: Store, clean: Clean, now: str) -> Iterator[str]:
    """Yield everything as one document: the memories, then the conversations."""
    yield _mark("export")
    yield from _memories(store, clean, now)
    for thread in _in_order(store):
        yield "\n"
        yield from _thread(store, thread, clean)


def folder(store: Store, clean: Clean, now: str) -> Iterator[tuple[str, Iterator[str]]]:
    """Yield the files of a folder, each with its texts: the threads, the memories, and last the index."""
    listed = _in_order(store)
    names = _names(listed)
    for thread in listed:
        yield f"{THREADS}/{names[thread.id]}", thread_page(store, thread, clean)
    yield "memories.md", iter([_mark("memories"), *_memories(store, clean, now)])
    yield "index.md", _index(store, listed, names, clean)


def thread_page(store: Store, thread: Thread, clean: Clean) -> Iterator[str]:
    """Yield the page of one thread."""
    yield _mark("thread")
    yield from _thread(store, thread, clean)


def _mark(what: str) -> str:
    return f"{MARK}{what} -->\n\n"


def _in_order(store: Store) -> list[Thread]:
    return sorted(threads.all_threads(store), key=lambda thread: (thread.created_at, thread.id))


def _names(listed: Sequence[Thread]) -> dict[str, str]:
    """Return a name for each file; where case does not count, two that differ in nothing else are numbered."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for thread in listed:
        stem = file_name(thread).removesuffix(".md")
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names[thread.id] = f"{name}.md"
    return names


# --- conversations --------------------------------------------------------------------------------------------------


def _thread(store: Store, thread: Thread, clean: Clean) -> Iterator[str]:
    yield f"# {_title(thread, clean)}\n\n"
    yield f"*{_span(thread)} · {_count(thread.messages, 'message')} · {thread.id}*\n"
    today, now = "", ""
    for said in messages.in_batches(store, thread.id):
        notes = messages.recalled(store, [message.id for message in said])
        for message in said:
            today, before = day(message.created_at), today
            if today != before:
                yield f"\n## {today}\n"
            now = _time(message.created_at)
            yield f"\n**{_speaker(message, clean)}** · {now}{_beside(message)}\n\n"
            yield from _noted(notes.get(message.id, ()), clean)
            yield quote(clean(message.content))


def _title(thread: Thread, clean: Clean) -> str:
    return line(clean(thread.name or thread.title)) or thread.id


def _span(thread: Thread) -> str:
    first, last = day(thread.created_at), day(thread.updated_at)
    return first if first == last else f"{first} to {last}"


def _speaker(message: Message, clean: Clean) -> str:
    if message.name and (name := line(clean(message.name))):
        return name
    if message.role is Role.USER and message.trust is Trust.DOCUMENT:
        return "Document"
    return _SPEAKERS[message.role]


def _beside(message: Message) -> str:
    return " · stopped" if message.interrupted else ""


def _noted(notes: Iterable[Recalled], clean: Clean) -> Iterator[str]:
    """Yield the notes that stood before a message."""
    held = [f"- {line(clean(note.line))}\n" for note in notes]
    if held:
        yield "Notes:\n\n" + "".join(held) + "\n"


def _time(stored: str) -> str:
    try:
        return f"{datetime.fromisoformat(stored).astimezone(LOCAL):%H:%M}"
    except OUT_OF_RANGE:
        return stored[11:16]


# --- memories -------------------------------------------------------------------------------------------------------


def _memories(store: Store, clean: Clean, now: str) -> Iterator[str]:
    standing = memories.current(store, now=now)
    current = {memory.id for memory in standing}
    earlier = [memory for memory in memories.current(store, now=now, retired=True) if memory.id not in current]
    yield "# Memories\n\n"
    yield f"*{_count(len(standing), 'memory', 'memories')}, and {len(earlier)} earlier*\n"
    blocks = core.blocks(store)
    if blocks:
        yield f"\n## {CORE}\n"
        yield from (f"\n**{plain(block.label)}**\n\n{quote(plain(clean(block.text)))}" for block in blocks)
    for kind, heading in HEADINGS.items():
        yield from _listed(heading, [memory for memory in standing if memory.kind is kind], clean)
    yield from _listed(EARLIER, earlier, clean)


def _listed(heading: str, found: Sequence[Memory], clean: Clean) -> Iterator[str]:
    if found:
        yield f"\n## {heading}\n\n"
        yield from (item(clean(memory.text), _about(memory, clean)) for memory in found)


def _about(memory: Memory, clean: Clean) -> str:
    """Return what there is to know of a memory, in parts that an import can tell apart."""
    parts = [memory.created_at[:10]]
    parts += [f"since {memory.valid_from}"] if memory.valid_from else []
    parts += [f"until {memory.valid_to}"] if memory.valid_to else []
    parts += [f"#{plain(clean(tag))}" for tag in memory.tags]
    parts += ["pinned"] if memory.pinned else []
    parts += [f"said {memory.times_said} times"] if memory.times_said > 1 else []
    parts += [f"in the words of {_whose(memory.trust)}"] if memory.trust is not Trust.USER else []
    parts += [f"expires {memory.expires_at}"] if memory.expires_at else []
    if memory.retired_at:
        why = "taken back" if memory.undone else f"replaced by {memory.superseded_by}" if memory.superseded_by else ""
        parts += [f"believed until {memory.retired_at[:10]}", *([why] if why else [])]
    return " · ".join([*parts, memory.id])


def _whose(trust: Trust) -> str:
    return {Trust.ASSISTANT: "the assistant", Trust.TOOL: "a tool"}.get(trust, "a document")


# --- the index ------------------------------------------------------------------------------------------------------


def _index(store: Store, listed: Sequence[Thread], names: dict[str, str], clean: Clean) -> Iterator[str]:
    yield _mark("index")
    yield "# What memcli remembers\n\n"
    yield f"- [Memories](memories.md) · {_count(memories.count(store), 'memory', 'memories')}\n"
    if listed:
        yield "\n## Conversations\n\n"
    for thread in reversed(listed):
        about = f"{_span(thread)} · {_count(thread.messages, 'message')}"
        yield f"- [{_title(thread, clean)}]({THREADS}/{names[thread.id]}) · {about}\n"


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or one + 's'}"
