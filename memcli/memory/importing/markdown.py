"""Read Markdown to import: the items of its lists, as memories. Headings, prose, quotations and code are no statements.

Of the page of memories that `export` writes, what is no longer so is left out, and each memory gets its kind, its date
and its tags back; anybody may have written into that page meanwhile, so it says no more about whose words they are than
another file does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from memcli.errors import InputError
from memcli.memory import remember
from memcli.memory.exporting.marking import unescaped
from memcli.memory.exporting.pages import HEADINGS, MARK
from memcli.memory.importing.fields import BadLine, day, tags, time
from memcli.memory.importing.foreign import new_memory
from memcli.memory.importing.records import NewMemory, Record
from memcli.types import Kind, Trust

_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])(?:[ \t]+(?P<text>.*))?")
_TASK = re.compile(r"\[[ xX]\][ \t]+")
_FENCE = re.compile(r"[ \t]*(?P<fence>`{3,}|~{3,})")
_BEGINNING = re.compile(r"(?:#{1,6}[ \t]|[-*+][ \t]|[0-9]{1,9}[.)][ \t]|<!-- memcli: )")
_KINDS = {heading: kind for kind, heading in HEADINGS.items()}
_SPACE = "  "  # before each further line of an exported item


@dataclass
class Page:
    """What was read: memories with the lines that they begin in, and how many lines with words were passed over."""

    memories: list[tuple[int, NewMemory]] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    passed_over: int = 0

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(memory for _, memory in self.memories)


def is_markdown(text: str) -> bool:
    """Tell whether a file begins as a Markdown file does, and not as JSON lines."""
    return _BEGINNING.match(text.lstrip("\ufeff \t\r\n")) is not None


def parse(text: str, *, unsaid: Trust = Trust.DOCUMENT) -> Page:
    """Read a file; `unsaid` is whose words the memories are. Raises InputError for a thread's page."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].startswith(f"{MARK}thread"):
        raise InputError("a conversation in Markdown is there to be read", "export it with --format jsonl to import it")
    page = Page()
    ours = lines[0].startswith(MARK)
    for number, found in _exported(lines, page) if ours else _items(lines, page):
        try:
            page.memories.append((number, _memory(found, unsaid)))
        except BadLine as error:
            page.bad.append((number, str(error)))
        except InputError as error:
            page.bad.append((number, error.message))
    return page


@dataclass(frozen=True)
class _Found:
    text: str
    kind: Kind | None = None
    about: tuple[str, ...] = ()


def _memory(found: _Found, unsaid: Trust) -> NewMemory:
    told = {"tags": [unescaped(part[1:]) for part in found.about if part.startswith("#")]}
    parts = (part.partition(" ") for part in found.about)
    dates = {name: value for name, _, value in parts if name in ("since", "until", "expires")}
    return new_memory(
        remember.check_text(found.text),
        found.kind,
        None,
        unsaid,
        tags=tags(told),
        created_at=time({"date": found.about[0]}, "date") if found.about else None,
        valid_from=day(dates, "since"),
        valid_to=day(dates, "until"),
        expires_at=time(dates, "expires"),
    )


# --- of any file ----------------------------------------------------------------------------------------------------


def _items(lines: Sequence[str], page: Page) -> Iterator[tuple[int, _Found]]:
    """Yield the items of lists with the numbers of their lines; lines that are indented below belong to them."""
    fence = ""
    held: tuple[int, list[str]] | None = None
    for number, line in enumerate(lines, 1):
        mark = _FENCE.match(line)
        if fence or mark:
            fence = _after(fence, mark["fence"] if mark else "")
            page.passed_over += bool(line.strip())
            continue
        item = _ITEM.fullmatch(line)
        if item:
            if held:
                yield held[0], _Found("\n".join(held[1]))
            text = _TASK.sub("", item["text"] or "", count=1).strip()
            held = (number, [text]) if text else None
        elif held and line.strip() and line[0] in " \t":
            held[1].append(line.strip())
        elif line.strip():
            if held:
                yield held[0], _Found("\n".join(held[1]))
            held = None
            page.passed_over += 1
    if held:
        yield held[0], _Found("\n".join(held[1]))


def _after(fence: str, mark: str) -> str:
    """Return the fence that is open behind a line: the one that it opens, or none where it closes the other."""
    if not fence:
        return mark
    return "" if mark[:1] == fence[0] and len(mark) >= len(fence) else fence


# --- of a page that memcli wrote ------------------------------------------------------------------------------------


def _exported(lines: Sequence[str], page: Page) -> Iterator[tuple[int, _Found]]:
    """Yield the memories under the headings of kinds."""
    kind: Kind | None = None
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if line.startswith("#"):
            kind = _KINDS.get(line.removeprefix("## ").strip())
        elif kind and line.startswith("- "):
            end = _end(lines, number)
            yield number, _told([line[2:], *(part.removeprefix(_SPACE) for part in lines[number:end])], kind)
            number = end
        elif kind and line.strip():
            page.passed_over += 1


def _end(lines: Sequence[str], start: int) -> int:
    """Return where an item ends: at the next one or a heading, less blank lines."""
    end = start
    while end < len(lines) and not lines[end].startswith(("- ", "#")):
        end += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return end


def _told(parts: Sequence[str], kind: Kind) -> _Found:
    *text, about = parts
    if text and about.startswith("*") and about.endswith("*"):
        return _Found(unescaped("\n".join(text)), kind, tuple(about[1:-1].split(" · ")))
    return _Found(unescaped("\n".join(parts)), kind)  # somebody's own, without a line about it
