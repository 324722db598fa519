"""Stored texts in Markdown: they stay where they are put, and become no heading, list or anything around them."""

from __future__ import annotations

import re

from memcli.types import Thread

# What begins something in the middle of a line, by CommonMark 0.31 with the usual extensions; and at its beginning.
_INLINE = re.compile(r"[\\`*_\[\]<>|~&$!]")
_LEADING = re.compile(r"^([ \t]*)([#+=-])", re.MULTILINE)
_NUMBERED = re.compile(r"^([ \t]*[0-9]+)([.)])", re.MULTILINE)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_SLUG = re.compile(r"[a-z0-9]+")
_SLUG_LENGTH = 40


def plain(text: str) -> str:
    """Return a text so that Markdown shows it as it is."""
    escaped = _INLINE.sub(r"\\\g<0>", text)
    return _NUMBERED.sub(r"\1\\\2", _LEADING.sub(r"\1\\\2", escaped))


def unescaped(text: str) -> str:
    """Return the text that `plain` was given."""
    return _ESCAPED.sub(r"\1", text)


def line(text: str) -> str:
    """Return a text as `plain` does, on one line."""
    return plain(" ".join(text.split()))


def quote(text: str) -> str:
    """Return Markdown as a quotation: whatever it holds, a heading or a fence without an end, ends with it."""
    return "".join(f"> {part}".rstrip(" ") + "\n" for part in text.split("\n"))


def item(text: str, about: str) -> str:
    """Return a text as an item of a list, with a line about it at its end."""
    first, *more = plain(text).split("\n")
    return f"- {first}\n" + "".join(f"  {part}\n" if part else "\n" for part in more) + f"  *{about}*\n"


def file_name(thread: Thread) -> str:
    """Return a name that is safe on any system and stays: what the thread is called, and its id."""
    words = "-".join(_SLUG.findall((thread.name or thread.title).casefold()))[:_SLUG_LENGTH].strip("-")
    return f"{words}-{thread.id}.md" if words else f"{thread.id}.md"
