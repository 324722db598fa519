"""Cut what a user said into the clauses that can each be kept or left. Pure, for any language with punctuation.

A unit is a stretch between strong breaks (full stop, question mark, semicolon, dash, line), and within it between
commas and conjunctions behind which a new clause begins: "I'm a nurse, so what shoes" has two units, "Ann, Bob and Eve
bake" one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memcli.memory.formation.spans import Span, own

MOST_UNITS = 120  # of one message; a longer one is a document, whatever it is called

# Possessive quantifiers, and looks behind at where a run begins, keep the time linear for runs of marks or blanks.
_QUOTES = r"[\"'”’)]"  # that end with the sentence
_ABBREVIATED = (
    r"(?<![\s(][A-Z])(?<!^[A-Z])(?<!\b(?:Dr|Mr|Ms|St|No|vs|Jr|Sr))"
    r"(?<!\b(?:Mrs|Rev|Gen|Col|Sgt|etc|e\.g|i\.e|a\.m|p\.m|a\.k))"
)
# Where a sentence ends. Not behind "Dr." and initials, not within 3.5 or a.m.; ellipses and emoticons end one too.
_STOPS = (
    rf"{_ABBREVIATED}[.](?=\s|$|{_QUOTES}){_QUOTES}*",
    rf"(?<![!?…])[!?…]++{_QUOTES}*+(?=\s|$|[A-Z(])",
    r"\.{2,}",
    r"[。！？；]+[」』”]?",
    r";(?=\s)",
    r"\n+",
    r"\s[-–—]{1,2}\s",
    r"—",
    r"\s//?\s",
)
_STOP = re.compile("|".join(_STOPS))
_ITEM = re.compile(r"^[ \t]*(?:[-*•·]|\(?\d{1,2}[.)])[ \t]+", re.MULTILINE)

_SUBJECT = (
    r"(?:i(?:['’]?(?:m|ve|d|ll))?|im|ive|we(?:['’](?:re|ve|d|ll))?|he|she|they|it(?:['’]?s)?|you|there(?:['’]?s)?|"
    r"that(?:['’]?s)|my|our|his|her|their|this|the|everyone|nobody|someone)"
)
_ASKS = (
    r"(?:what(?:['’]?s)?|whats|how|which|who|whom|where|when|why|is|are|am|can|could|would|will|should|shall|do|does|"
    r"did|has|have|any|please|pls|plz|help|give|tell|show|suggest|recommend|write|draft|explain|make|find|plan|list|"
    r"translate|got any|ideas)"
)
_JOINS = (  # behind a comma
    r"(?:and|but|so|because|cos|cuz|coz|since|as|though|although|which|who|whose|where|while|yet|or|then|hence|plus|"
    r"also|if|unless|until)"
)
_JOINS_BARE = (  # where people write without commas
    r"(?:so|but|and so|and also|because|cos|cuz|coz|although|however|anyway|also|plus|whereas)"
)
_COMMA = r",\s++"
_GAP = r",?(?<!\s)\s++"
_CLAUSES = (
    rf"{_COMMA}(?={_JOINS}\s+(?:{_SUBJECT}|{_ASKS}|now|just|never|expect|not|always|no|only)\b)",
    rf"{_COMMA}(?={_SUBJECT}\s+(?!and\b|or\b)[\w'’])",
    rf"{_COMMA}(?={_ASKS}\s)",
    rf"{_GAP}(?={_JOINS_BARE}\s+(?:{_SUBJECT}|{_ASKS})\s)",
    r"(?<!\s)\s++(?=and (?:i|i['’]m|im|we|my|he|she|they|our)\s)",
    rf"{_COMMA}(?=so\s)",
    r"[，、](?=\S{4})",
    r"，",
)
_CLAUSE = re.compile("|".join(_CLAUSES), re.IGNORECASE)  # what stands between two
_CONDITION = re.compile(
    r"(?:[\w ]{0,30}[:,] )?(?:and |so |please |also )?"
    r"(?:when(?:ever)?|if|every time|each time|any ?time|before|after|unless|until|once)\b",
    re.IGNORECASE,
)
_WH = re.compile(
    r"(?:so )?(?:what|how|which|who|where|why|is|are|can|could|would|will|should|do|does|did)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Unit:
    """One clause of a message: the characters `start:end`, and the number of the sentence that it belongs to."""

    text: str
    start: int
    end: int
    sentence: int
    stop: str  # what ends its sentence: ".", "?", "!" or ""
    last: bool  # it is the last unit of its sentence


def units(text: str) -> list[Unit]:
    """Return the units of what the writer of `text` says himself."""
    found: list[Unit] = []
    number = 0
    for span in own(text):
        for first, behind, stop in _sentences(text, span):
            pieces = list(_clauses(text, (first, behind)))
            for place, (start, end) in enumerate(pieces):
                found.append(Unit(text[start:end], start, end, number, stop, place == len(pieces) - 1))
            number += bool(pieces)
            if len(found) > MOST_UNITS:
                return found[:MOST_UNITS]
    return found


def _sentences(text: str, span: Span) -> Iterator[tuple[int, int, str]]:
    start, limit = span
    for match in _STOP.finditer(text, start, limit):
        yield from _stripped(text, start, match.start(), match[0].strip()[:1])
        start = match.end()
    yield from _stripped(text, start, limit, "")


def _stripped(text: str, start: int, end: int, stop: str) -> Iterator[tuple[int, int, str]]:
    item = _ITEM.match(text, start, end)
    if item:
        start = item.end()
    inner = text[start:end]
    first, behind = start + len(inner) - len(inner.lstrip()), end - (len(inner) - len(inner.rstrip()))
    if any(char.isalnum() for char in text[first:behind]):
        yield first, behind, "?" if stop in "？" and stop else stop


def _clauses(text: str, span: Span) -> Iterator[Span]:
    start, limit = span
    one_order = start  # where the clause ends that is not cut: "when I say X, list Y" is one order
    if _CONDITION.match(text, start, limit):
        comma = text.find(",", start, limit)
        one_order = limit if comma < 0 else comma
    for match in _CLAUSE.finditer(text, start, limit):
        if start == span[0] and match.start() <= one_order and not _WH.match(text, match.end()):
            continue
        if match.start() > start:
            yield from _worded(text, start, match.start())
            start = match.end()
    yield from _worded(text, start, limit)


def _worded(text: str, start: int, end: int) -> Iterator[Span]:
    inner = text[start:end]
    stripped = inner.strip(" \t,;:()")
    if any(char.isalnum() for char in stripped):
        first = start + inner.index(stripped)
        yield first, first + len(stripped)
