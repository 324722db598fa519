"""The core block `user`: what is known of the user himself, in a few short lines of his own. Pure.

It is chosen by what can be seen of any memory, whatever it is about: whether it has faded, how often it was said, of
whom, how long ago.
What the user prefers is not in it: preferences are at hand in every context anyhow, and nothing is to be said twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from memcli.memory.fading import FADED
from memcli.memory.form import prefers
from memcli.memory.formation.likeness import content
from memcli.types import Kind, Memory, Trust

LABEL = "user"
LONGEST = 80  # characters of a statement: a longer one would take the place of two
ASKED = 1  # a text that the user asked to keep counts as if it had been said once more

# First persons, so that a statement about him is known from one about the world: a closed class of words, in the
# languages that formation reads dates of. Verbs stand for those that leave the pronoun out.
_OPENING = r"\W*(?:(?:and|but|so|also|well|now|und|et|y|e|en)[, ]+)?"
_I = re.compile(
    rf"{_OPENING}(?:i|i['’]?m|i['’]?ve|my name|ich|mein name|je|j['’]\w+|yo|soy|vivo|trabajo|tengo|me llamo|me chamo|"
    r"eu|sou|moro|tenho|io|sono|abito|lavoro|ho|mi chiamo|ik|jag|jestem|mieszkam|я)(?![\w'’])|"
    r"\W*(?:[私僕俺我]|[나저]는)",
    re.IGNORECASE,
)
_MY = re.compile(
    rf"{_OPENING}(?:my|our|we|we['’]re|we['’]ve|meine?|unsere?|wir|mon|ma|mes|notre|nos|nous|mi|mis|nuestr[oa]|"
    r"nosotros|meu|minha|nosso|nossa|nós|mio|mia|nostr[oa]|noi|mijn|onze|ons|wij|min|mitt|mina|vår|vi|mój|moja|moje|"
    r"мой|моя|моё|мои|мы)(?![\w'’])|\W*(?:うち|わたし|(?:내|우리|제) )",
    re.IGNORECASE,
)
_MENTIONED = re.compile(
    r"(?<![\w'’])(?:i|me|my|mine|we|us|our|ours|mir|mich|mein\w*|uns\w*|moi|mon|mes|mi|mis|meu|minha|mio|mia|mij|mijn"
    r"|mig|mój|moja|мой|моя|меня|мне)(?!\w)|[私僕俺我]",
    re.IGNORECASE,
)
# Codes, numbers and addresses: recall brings them when they are asked for, and they need not be seen before.
_DETAIL = re.compile(r"\b(?!(?:19|20)\d\d\b)\d{4}|\d[\d-]{5}|[@#=<>{}\\]|\b(?=\w*\d)(?=\w*[^\W\d_])\w")


def portrait(memories: Iterable[Memory], limit: int, strengths: Mapping[str, float] = MappingProxyType({})) -> str:
    """Return the text of the block from current memories, of at most `limit` characters; "" where there is nothing.

    `strengths` are theirs, by their ids; what is not in it has not faded.
    """

    def strongest(memory: Memory) -> tuple[bool, int, int, str, int]:
        return (strengths.get(memory.id, 1.0) >= FADED, *_strongest(memory))

    chosen: list[Memory] = []
    for memory in sorted((one for one in memories if _fits(one)), key=strongest, reverse=True):
        longer = [*chosen, memory]
        if not _said(memory, chosen) and len(_text(longer)) <= limit:
            chosen = longer
    return _text(chosen)


def _fits(memory: Memory) -> bool:
    """Tell whether a memory is a short statement of the user about himself, for good and undisputed."""
    text = _line(memory.text)
    return (
        memory.kind is Kind.SEMANTIC
        and memory.trust is Trust.USER
        and not (memory.retired_at or memory.valid_to or memory.expires_at or memory.conflicts)
        and len(text) <= LONGEST
        and _nearness(text) > 0
        and not prefers(text)
        and not _DETAIL.search(text)
    )


def _strongest(memory: Memory) -> tuple[int, int, str, int]:
    asked = ASKED if memory.formed_by is None else 0
    nearness = _nearness(_line(memory.text))
    return memory.times_said + asked, nearness, memory.confirmed_at or memory.created_at, memory.order


def _nearness(text: str) -> int:
    """Return how much a statement is about the one who makes it: he is its subject, what is his is, or he occurs."""
    return 3 if _I.match(text) else 2 if _MY.match(text) else 1 if _MENTIONED.search(text) else 0


def _said(memory: Memory, chosen: Sequence[Memory]) -> bool:
    words = set(content(memory.text))
    return any(words <= set(content(other.text)) for other in chosen)


def _text(chosen: Iterable[Memory]) -> str:
    """Return statements as one line, the oldest first, so that a new one changes the end rather than the beginning."""
    lines = (_line(memory.text) for memory in sorted(chosen, key=lambda m: (m.created_at, m.order)))
    return " ".join(line if line[-1] in ".!?…。！？" else f"{line}." for line in lines)


def _line(text: str) -> str:
    return " ".join(text.split())
