"""Excerpts: of a text that is too long for the window, the parts that the question is about.

    text -> pieces -> scores (words, and vectors of the best of them) -> as many as there is room for, in their order

Invariants: an excerpt is made of the text's own stretches, with a mark where something is missing; the mark tells where
a message goes on in the midst of what was pasted into it, as the fence before that may be what is missing.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memcli.engines import Embedder
from memcli.memory import indexing
from memcli.memory.attributing import pasted_from
from memcli.store.index import Piece
from memcli.types import Segment

SHARE = 0.75  # of the room that a long text may take: the rest is for what was said before, and notes
TEMPLATE = 64  # tokens around a message
GAP = "\n[…]\n"
GAP_PASTED = "\n[… of a document:]\n"
GAP_TOKENS = 8
LONGEST_GAP = 8  # characters of blanks that are kept between two parts
EDGE = 300  # characters at either end of a message that say what it is about
EMBEDDED = 64  # pieces, the best by their words: some two seconds


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What stands in the window for a longer text: `parts` of its `of` pieces, together `tokens` of `whole`."""

    text: str
    parts: int
    of: int
    tokens: int
    whole: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A message and the documents that came with it, as they stand in the window; an excerpt where one was made."""

    text: str
    documents: tuple[str, ...]
    excerpt: Excerpt | None = None  # of the message
    excerpts: tuple[Excerpt | None, ...] = ()  # of each document

    @property
    def cut(self) -> tuple[Segment, ...]:
        """What was left out, for the ledger."""
        cuts = [("message", "new", self.excerpt), *(("document", "stdin", one) for one in self.excerpts)]
        return tuple(
            Segment(
                label,
                origin,
                "",
                one.whole - one.tokens,
                None,
                f"{one.of - one.parts} of its {one.of} parts left out: the whole does not fit",
            )
            for label, origin, one in cuts
            if one
        )

    @property
    def notices(self) -> list[str]:
        """What the user should know of it."""
        own, rest = "the message", "those at its ends and what is nearest to them"
        told = [_notice(own, self.excerpt, rest)] if self.excerpt else []
        return told + [_notice("the document", one, "those nearest to the question") for one in self.excerpts if one]


def _notice(what: str, made: Excerpt, which: str) -> str:
    return f"{what} has {made.whole} tokens, more than fit: {made.parts} of its {made.of} parts are read, {which}"


def within(
    text: str, documents: Sequence[str], room: int, count: Callable[[str], int], embedder: Embedder | None
) -> Shown:
    """Return a message and its documents so that both leave some of `room`, in tokens of the model's by its `count`."""
    unchanged = Shown(text, tuple(documents), None, (None,) * len(documents))
    if sum(len(one.encode("utf-8", "replace")) for one in (text, *documents)) + TEMPLATE <= room:
        return unchanged  # a token has a byte at least
    sizes, own = [count(one) for one in documents], count(text)
    if sum(sizes) + own + TEMPLATE <= room:
        return unchanged
    room = int(SHARE * room)
    made = None
    if own > (room // 2 if documents else room):
        made = excerpt(text, about(text), room // 2 if documents else room, count, embedder, ends=True)
        text, own = made.text, made.tokens
    each = [max(room - own, 0) * size // sum(sizes) for size in sizes]
    cuts = tuple(
        excerpt(one, about(text), limit, count, embedder, ends=False) if size > limit else None
        for one, size, limit in zip(documents, sizes, each, strict=True)
    )
    shown = tuple(cut.text if cut else one for one, cut in zip(documents, cuts, strict=True))
    return Shown(text, shown, made, cuts)


def excerpt(
    text: str, question: str, room: int, count: Callable[[str], int], embedder: Embedder | None, *, ends: bool
) -> Excerpt:
    """Return the parts of `text` that answer `question`, in at most about `room` tokens of the model's, by its `count`.

    Its last part is taken too where `ends`: in a message the question often comes last.
    """
    pieces = indexing.cut(text, embedder)
    sizes = [count(piece.text) + GAP_TOKENS for piece in pieces]
    fixed = [0, len(pieces) - 1] if ends else [0]
    scores = _scores(question, [piece.text for piece in pieces], embedder)
    ranked = sorted(range(len(pieces)), key=lambda place: (-scores[place], place))
    chosen: set[int] = set()
    for place in [*fixed, *ranked]:
        if place not in chosen and sizes[place] <= room:
            room -= sizes[place]
            chosen.add(place)
    gap = (lambda at: GAP_PASTED if pasted_from(text, at) else GAP) if ends else lambda at: GAP
    shown = _joined(text, [pieces[place] for place in sorted(chosen)], gap) if chosen else _opening(text, room, count)
    return Excerpt(shown, len(chosen), len(pieces), count(shown), count(text))


def about(text: str) -> str:
    """Return the two ends of a long message, which stand for it in a search."""
    return text if len(text) <= 2 * EDGE else f"{text[:EDGE]} {text[-EDGE:]}"


def _scores(question: str, texts: Sequence[str], embedder: Embedder | None) -> list[float]:
    """Return for each text half of its share of the best words, and half of its share of the best cosine."""
    words = _by_words(question, texts)
    best = sorted(range(len(texts)), key=lambda place: -words[place])[:EMBEDDED]
    cosines = [0.0] * len(texts)
    if embedder is not None:
        asked, *vectors = (_vector(v) for v in embedder.embed([question, *(texts[place] for place in best)]))
        for place, vector in zip(best, vectors, strict=True):
            cosines[place] = max(sum(map(float.__mul__, asked, vector)), 0.0)
    high = [max(values) or 1.0 for values in (words, cosines)]
    return [word / high[0] / 2 + cosine / high[1] / 2 for word, cosine in zip(words, cosines, strict=True)]


def _by_words(question: str, texts: Sequence[str]) -> list[float]:
    """Return the summed rarity of the question's words in each text (inverse document frequency, as in BM25)."""
    from memcli.memory.formation.likeness import content  # its patterns take as long as a start

    held = [{word[:6] for word in content(text)} for text in texts]
    known = Counter(word for words in held for word in words)
    asked = {word[:6] for word in content(question)}
    rarity = {word: math.log(1 + len(texts) / known[word]) for word in asked if known[word]}
    return [sum(rarity.get(word, 0.0) for word in words & asked) for words in held]


def _vector(packed: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(packed) // 4}f", packed)


def _opening(text: str, room: int, count: Callable[[str], int]) -> str:
    """Return so much of the beginning as there is room for: not even one piece fits."""
    length = len(text)
    while length > 1 and count(text[:length] + GAP) > room:
        length //= 2
    return text[:length].rstrip() + GAP.rstrip("\n")


def _joined(text: str, pieces: Sequence[Piece], mark: Callable[[int], str]) -> str:
    """Put pieces together, which may overlap; a mark stands for what lies between them."""
    shown, end = "", 0
    for piece in pieces:
        gap = text[end : piece.start] if piece.start > end else ""
        between = (
            mark(piece.start) if gap.strip() else gap[:LONGEST_GAP]
        )  # a run of blanks may be longer than the window
        shown += between if shown or gap.strip() else ""
        shown += text[max(piece.start, end) : piece.end]
        end = max(end, piece.end)
    return shown + (GAP.rstrip("\n") if text[end:].strip() else "")
