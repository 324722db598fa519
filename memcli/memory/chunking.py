"""Cut a text into pieces that an embedder reads whole: on sentence borders, with one sentence of overlap.

Invariants: every character that is not white space lies in at least one piece; no piece counts more than `window`
tokens (as far as the counts of its parts add up, which they do for tokenizers that split at white space first).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from memcli.store.index import Piece

CHUNK_TOKENS = 128  # measured on BEAM: whole answers drown their one relevant sentence, single sentences lose context

_BORDER = re.compile(r"(?<=[.!?…。！？])[\s\"')\]]*\s+|\n+|(?<=[。！？])")

Span = tuple[int, int]


def chunk(text: str, count: Callable[[str], int], window: int = CHUNK_TOKENS) -> list[Piece]:
    """Return the pieces of `text` in order; one piece where it fits, none where it is blank."""
    if not text.strip():
        return []
    if len(text) <= 2 * window and count(text) <= window:
        return [_piece(text, 0, len(text))]
    parts = [part for sentence in _sentences(text) for part in _fitting(text, sentence, count, window)]
    sizes = [count(text[start:end]) for start, end in parts]
    return [_piece(text, parts[a][0], parts[b - 1][1]) for a, b in _pack(sizes, window)]


def _piece(text: str, start: int, end: int) -> Piece:
    body = text[start:end]
    start += len(body) - len(body.lstrip())
    body = body.strip()
    return Piece(start, start + len(body), body)


def _sentences(text: str) -> Iterator[Span]:
    start = 0
    for border in _BORDER.finditer(text):
        if text[start : border.end()].strip():
            yield start, border.end()
            start = border.end()
    if text[start:].strip():
        yield start, len(text)


def _fitting(text: str, span: Span, count: Callable[[str], int], window: int) -> Iterator[Span]:
    """Halve a sentence, at white space where there is some, until its parts fit."""
    start, end = span
    if end - start <= 1 or (end - start <= 20 * window and count(text[start:end]) <= window):
        yield span
        return
    middle = (start + end) // 2
    space = text.rfind(" ", start + 1, middle)
    cut = space + 1 if space > start + (end - start) // 4 else middle
    yield from _fitting(text, (start, cut), count, window)
    yield from _fitting(text, (cut, end), count, window)


def _pack(sizes: list[int], window: int) -> Iterator[tuple[int, int]]:
    """Yield ranges a:b of consecutive parts that fit together; each begins with the last part of the one before."""
    first = 0
    while first < len(sizes):
        last, total = first + 1, sizes[first]
        while last < len(sizes) and total + sizes[last] <= window:
            total += sizes[last]
            last += 1
        yield first, last
        if last == len(sizes):
            return
        overlaps = last - first > 1 and sizes[last - 1] + sizes[last] <= window
        first = last - 1 if overlaps else last
