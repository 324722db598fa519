"""Attribute: whose words a quoted text is, said on the line that quotes it. Pure.

Invariants: what is not the user's own stands behind a label that says whose it is, up to the end of its line, so that
it cannot close its label; a name that an import gives cannot pass for the user, or end the line.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from memcli.types import Candidate, Trust

LABELS = {Trust.ASSISTANT: "you said: ", Trust.DOCUMENT: "a document says: ", Trust.TOOL: "a tool says: "}
PASTED = LABELS[Trust.DOCUMENT]
LEFT_OUT = "[…]"  # in the user's own words, where he quotes or pastes something
NAME_CHARS = 40

# Openings that say nothing. In front of a note they send a small model off: "Hi! My dog is ..." was answered with
# nonsense for one date of three, "My dog is ..." for none.
_PLEASANTRY = re.compile(
    r"^(?:(?:hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|ok|okay|yes|no|well|oh|wow)"
    r"(?: there| again| so much)?[!.,:;]+\s+)+(?=\S)",
    re.IGNORECASE,
)

# What is a role and no name, so that no import can give somebody the user's part.
_ROLES = frozenset("user theuser human me myself i you we assistant ai bot system tool document developer".split())
_LETTERS = re.compile(r"[^\W\d_]+")
_ALPHABETS = ("LATIN", "GREEK", "CYRILLIC")  # have letters that look like one another's


def attributed(item: Candidate, text: str, limit: int) -> str:
    """Return `text`, which is the whole or a part of what an item says, on one line of about `limit` characters.

    Of a message of the user his own words come first, and then what he pasted or quoted.
    """
    said = speaker(item)
    by_user = item.kind == "message" and item.trust is Trust.USER
    own, foreign = parted(item.text, text) if by_user else (one_line(text), "")
    own = _PLEASANTRY.sub("", own)
    if not foreign:
        return said + shortened(own, limit)
    room = max(limit - len(own), limit // 2)
    pasted = PASTED + shortened(foreign, room)
    if not own:
        return pasted
    return f"{said}{shortened(own, max(limit - len(foreign), limit // 2))} {pasted}"


def speaker(item: Candidate) -> str:
    """Return what is put before the words of an item: "" for the user's own."""
    name = shown_name(item.name) if item.kind == "message" else ""
    return f"{name} said: " if name else LABELS.get(item.trust, "")


def shown_name(name: str | None) -> str:
    """Return a name, "" for what is none: a role, several lines, letters of alphabets that look alike."""
    seen = "".join(char for char in unicodedata.normalize("NFKC", name or "") if unicodedata.category(char) != "Cf")
    if ":" in seen or len(seen.splitlines()) != 1:
        return ""
    letters = _LETTERS.findall(seen)
    alphabets = {unicodedata.name(char, "").split(" ")[0] for word in letters for char in word}
    mixed = len(alphabets.intersection(_ALPHABETS)) > 1
    role = not letters or "".join(letters).casefold() in _ROLES
    return "" if mixed or role else shortened(one_line(seen), NAME_CHARS)


def own_words(text: str) -> str:
    """Return what the writer of a message says himself, on one line; "" where all of it is pasted or quoted."""
    return parted(text, text)[0]


def pasted_from(text: str, place: int) -> bool:
    """Tell whether what stands at a place of a message goes on with something that was pasted or quoted before it."""
    behind = max((end for start, end in _own(text) if start <= place), default=0)
    return behind < place and bool(text[behind:place].strip())


def parted(text: str, part: str) -> tuple[str, str]:
    """Return what is the writer's own in a `part` of the message `text`, and what is not, each on one line.

    What is pasted or quoted is told by the whole message: a fence may have been opened before the part begins.
    """
    own = _own(text)
    start = text.find(part)
    if start < 0:  # not a stretch of it: nothing tells whose words they are
        return "", one_line(part)
    end = start + len(part)
    mine: list[str] = []
    theirs: list[str] = []
    at = start
    within = [(min(max(first, start), end), min(max(behind, start), end)) for first, behind in own]
    for first, behind in [*within, (end, end)]:
        if text[at:first].strip():
            theirs.append(text[at:first])
            mine.append(LEFT_OUT)
        mine.append(text[first:behind])
        at = max(at, behind)
    said = one_line(" ".join(mine))
    return (said if _has_words(said) else ""), one_line(" ".join(theirs))


@lru_cache(maxsize=256)  # a message is ranked, and then noted
def _own(text: str) -> tuple[tuple[int, int], ...]:
    from memcli.memory.formation.spans import own  # its patterns take as long as a start

    return tuple(own(text))


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def fenced(text: str) -> str:
    """Return a text between fences that it cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def one_line(text: str) -> str:
    """Return `text` with a blank wherever it has white space, line breaks of any kind included."""
    return " ".join(text.split())


def shortened(text: str, limit: int) -> str:
    """Return `text`, cut where it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
