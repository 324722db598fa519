"""Extract: from judged clauses to candidates, each a span of the message in the user's own words. Pure.

A candidate is short and stands by itself: neighbours of one sentence stay together, "She is fourteen" keeps what it
follows, openings such as "by the way" are left off. Nothing is ever reworded, so nothing can be invented.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from memcli.memory.formation.dating import when
from memcli.memory.formation.judge import Verdict
from memcli.memory.formation.patterns import anywhere
from memcli.types import Kind

KEEP = 0.3  # probability from which a clause is worth keeping; see docs/FORMATION.md
LONGEST = 25  # words of a memory: a statement, not a transcript
LONGEST_WIDE = 70  # characters, where a script has no spaces
LONGEST_EVER = 250  # characters of any script: 25 long words; Thai has no spaces either
FEW = 5  # words that may be added to a clause of their sentence
LEAST = 0.04  # probability below which they rather ask or order
SHORTEST = 2  # words; "Always." says nothing by itself
EPISODE = 0.2  # of a statement's probability, from which it is one that happened, where it has a date

# Openings that say nothing: "oh and by the way,", "ok so" before a new subject.
_LEADS = (
    r"and|but|so|also|oh|well|ok(?:ay)?|btw|by the way|fyi|for info|heads[ -]up|for what it['’]?s worth|"
    r"just so (?:you know|it['’]?s (?:noted|clear)|its (?:noted|clear)|you['’]?re aware)|"
    r"(?:just )?to (?:give|add) (?:you )?(?:some )?(?:context|background)|for (?:some )?context|context|background|"
    r"some background|status change|change of plan|update|news|(?:small |quick |gentle )?(?:reminder|note)(?: that)?|"
    r"note that|hi|hiya|hey|hello|anyway|anyways|plus|because|cos|cuz|since|as|right|sorry|actually|look|listen|see|"
    r"honestly|tbh|basically|in case (?:it helps|you need it|it matters)|if it helps|if it matters|remember(?: that)?|"
    r"please (?:remember|note)(?: that)?|(?:keep|bear) in mind(?: that)?|do(?:n['’]?t| not) forget(?: that)?|then|"
    r"now that|though|although|which|unrelated|one more thing|p\.?s|first|second|third|lastly|finally|good|great|"
    r"perfect|thanks|thank you|cheers|lol|haha|ugh|yes|yeah|yep|no|nope|"
    r"(?:the|these) following(?: (?:facts|things|points))?(?: about me)?"
)
_SUBJECTS = (
    r"i|i['’]\w+|im|ive|my|we|we['’]\w+|our|the|he|she|they|it|there|from now on|please|call|never|always|when\w*"
)
_LEAD = anywhere(rf"(?:\W*(?:(?:{_LEADS})(?:[,:;.!–—-]+\s*|\s+(?=(?:{_SUBJECTS})\b)))){{1,4}}")
_TAILS = (
    r"lol|haha+|lmao|tbh|btw|by the way|fyi|please|pls|thanks|thank you|though|so|and|but|as you know|i think|you know|"
    r"or something|anyway|x+"
)
_TAIL = anywhere(rf"(?:[\s,;:–—-]+(?:{_TAILS}))+\W*$")
LONGEST_TAIL = 200  # characters that may be left off; none is sought further back, which keeps the time linear
# What says nothing without the clause before it.
_REFERRING = (
    r"he|she|they|it|that|this|these|those|his|her|their|its|both|neither|one of (?:them|which)|"
    r"the (?:other|older|younger|eldest|second|first) one|he['’]s|she['’]s|they['’]re|it['’]?s|that['’]s|shes|hes|"
    r"theyre|when i do|not|nothing else|none|never|only|always|twice"
)
_REFERS = anywhere(rf"\W*(?:and |but |so |also )?(?:{_REFERRING})\b")
# Where a long clause may be cut.
_LINK = r"(?:and|but|because|which|so|where|when|while|although)\b"
_CUT = re.compile(rf"(?P<clause>[,;:(–—，、]|\s+(?={_LINK}))|\s+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory that is proposed: the characters `start:end` of its message, when it was true, how sure the judge is."""

    text: str
    start: int
    end: int
    kind: Kind
    keep: float
    valid_from: str | None = None
    valid_to: str | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    sentence: int
    kinds: dict[Kind, float]
    places: tuple[int, int]  # of its first and last unit

    @property
    def keep(self) -> float:
        return sum(self.kinds.values())

    @property
    def kind(self) -> Kind:
        return max(self.kinds, key=lambda kind: self.kinds[kind])


def candidates(message: str, verdicts: Sequence[Verdict], said_at: datetime, *, bar: float = KEEP) -> list[Candidate]:
    """Return what is proposed to be kept of a message, in its order."""
    pieces = [
        _Piece(v.unit.start, v.unit.end, v.unit.sentence, v.kinds, (place, place))
        for place, v in enumerate(verdicts)
        if v.keep >= bar
    ]
    taken = {piece.places[0] for piece in pieces}
    found = [
        _candidate(message, _completed(message, piece, verdicts, taken), verdicts, said_at)
        for piece in _joined(message, pieces)
    ]
    return [one for one in found if one is not None]


def _joined(message: str, pieces: Sequence[_Piece]) -> list[_Piece]:
    """Put together what would not stand alone: parts of one sentence, and what refers to the clause before it."""
    joined: list[_Piece] = []
    for piece in pieces:
        if joined and _belongs(message, joined[-1], piece):
            joined.append(_both(joined.pop(), piece))
        else:
            joined.append(piece)
    return joined


def _both(first: _Piece, second: _Piece) -> _Piece:
    stronger = max(first, second, key=lambda one: one.keep)
    places = (first.places[0], second.places[1])
    return replace(stronger, start=first.start, end=second.end, sentence=second.sentence, places=places)


def _belongs(message: str, before: _Piece, piece: _Piece) -> bool:
    whole = message[before.start : piece.end]
    if piece.places[0] != before.places[1] + 1 or not fits(whole) or "?" in whole:
        return False
    if (piece.kind is Kind.PROCEDURAL) != (before.kind is Kind.PROCEDURAL):
        return False
    if any(char.isalpha() for char in message[before.end : piece.start]):
        return False  # what stands between two units is somebody else's
    text = message[piece.start : piece.end]
    if _REFERS.match(text):
        return True
    if piece.sentence == before.sentence and _few(message[before.start : before.end]):
        return True
    orders = piece.kind is Kind.PROCEDURAL
    return (_few(text) or orders) if piece.sentence == before.sentence else (_few(text) and orders)


def _few(text: str) -> bool:
    return len(text.split()) <= 3 and not wide(text)


def _completed(message: str, piece: _Piece, verdicts: Sequence[Verdict], taken: Container[int]) -> _Piece:
    """Add the few words that end its sentence: "I eat fish again, so pescatarian I suppose"."""
    place = piece.places[1] + 1
    if place >= len(verdicts) or place in taken:
        return piece
    unit = verdicts[place].unit
    asks = unit.stop == "?" or verdicts[place].keep < LEAST
    few = len(unit.text.split()) <= FEW and fits(message[piece.start : unit.end])
    if unit.sentence != piece.sentence or asks or not few:
        return piece
    return replace(piece, end=unit.end, places=(piece.places[0], place))


def fits(text: str) -> bool:
    """Tell whether a text is short enough to be a memory."""
    if len(text) > LONGEST_EVER:
        return False
    return len(text) <= LONGEST_WIDE if wide(text) else len(text.split()) <= LONGEST


def wide(text: str) -> bool:
    """Tell whether a text is written without spaces."""
    return sum(ord(char) > 0x2E7F for char in text) > len(text) / 3


def _candidate(message: str, piece: _Piece, verdicts: Sequence[Verdict], said_at: datetime) -> Candidate | None:
    start, end = trimmed(message, piece.start, piece.end)
    if not fits(message[start:end]):
        start, end = shortened(message, start, end)
    text = message[start:end]
    if not fits(text) or (not wide(text) and len(text.split()) < SHORTEST):
        return None
    if piece.kind is Kind.PROCEDURAL:
        return Candidate(text, start, end, piece.kind, piece.keep)
    sentence = message[verdicts[piece.places[0]].unit.start : verdicts[piece.places[1]].unit.end]
    dated = when(text, said_at, sentence=sentence)
    happened = piece.kind is Kind.EPISODIC or piece.kinds[Kind.EPISODIC] > EPISODE * piece.kinds[Kind.SEMANTIC]
    if dated is None or not happened:
        return Candidate(text, start, end, piece.kind, piece.keep)
    return Candidate(text, start, end, Kind.EPISODIC, piece.keep, dated.valid_from, dated.valid_to)


def trimmed(message: str, start: int, end: int) -> tuple[int, int]:
    """Leave off openings and endings that say nothing."""
    lead = _LEAD.match(message, start, end)
    if lead and end - lead.end() > 5:
        start = lead.end()
    tail = _TAIL.search(message, max(start, end - LONGEST_TAIL), end)
    if tail and tail.start() > start:
        end = tail.start()
    inner = message[start:end]
    stripped = inner.strip(" \t\n,;:–—-")
    first = start + inner.index(stripped)
    return first, first + len(stripped)


def shortened(message: str, start: int, end: int) -> tuple[int, int]:
    """Cut a long clause at the last comma, bracket or "and" that leaves it short enough, else between two words.

    What has neither stays as long as it is.
    """
    clause = gap = start
    for match in _CUT.finditer(message, start, end):
        if not fits(message[start : match.start()]):
            break
        gap = match.start()
        if match["clause"]:
            clause = gap
    best = clause if clause > start else gap
    return trimmed(message, start, best) if best > start else (start, end)
