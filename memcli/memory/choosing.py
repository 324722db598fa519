"""Choosing: which of the ranked items are placed into the context, and why not the others. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memcli.memory.form import prefers, states_something
from memcli.types import Hit, Kind, Trust


@dataclass(frozen=True, slots=True)
class Choice:
    """What is placed into the context, and what was near but left out, with the reason."""

    chosen: tuple[Hit, ...]
    left: tuple[tuple[Hit, str], ...]


# The relevance that a note needs; docs/RECALL.md has what each bar keeps out and what it lets in.
BAR = 0.2
# What to do follows from a preference that is kept, which need not resemble the question: "I can't stand horror films".
BAR_OF_PREFERENCE = 0.05

ASKS_ASSISTANT = re.compile(
    r"\b(?:you|your)\s+(?:\w+\s+)?(?:say|said|suggest\w*|recommend\w*|tell|told|mention\w*|wr[io]te|g[ia]ve|answer\w*|"
    r"advise?|advice|explain\w*|propose\w*|idea|list|plan)\b",
    re.IGNORECASE,
)


# What only greets or thanks: nothing belongs to it, however many greetings there are in memory.
_PLEASANTRY = re.compile(
    r"\W*(?:(?:hi|hello|hey|hiya|thanks|thank you|thx|cheers|bye|goodbye|good (?:morning|afternoon|evening|night)|ok|"
    r"okay|great|cool|nice|yes|no|sure|there|again|so much|a lot|very much)\b\W*){1,8}",
    re.IGNORECASE,
)


def asks_or_tells(text: str) -> bool:
    """Return False for a message to which nothing can belong: a greeting, thanks, or no words at all."""
    return any(map(str.isalnum, text)) and _PLEASANTRY.fullmatch(text) is None


def choose(question: str, hits: Sequence[Hit], *, limit: int, present: frozenset[str] = frozenset()) -> Choice:
    """Pick at most `limit` notes for the context. What is `present` in the window already is passed over."""
    chosen: list[Hit] = []
    left: list[tuple[Hit, str]] = []
    texts: set[str] = set()
    asks_assistant = bool(ASKS_ASSISTANT.search(question))
    for hit in (hit for hit in hits if hit.item.id not in present):
        reason = _objection(hit, texts, asks_assistant=asks_assistant)
        if not reason and len(chosen) >= limit:
            reason = f"over the limit of {limit} notes"
        if reason:
            left.append((hit, reason))
        else:
            chosen.append(hit)
            texts.add(hit.item.text.casefold())
        if len(left) + len(chosen) >= 4 * limit + 4:
            break
    return Choice(tuple(chosen), tuple(left))


def _objection(hit: Hit, texts: set[str], *, asks_assistant: bool) -> str:
    item = hit.item
    if item.text.casefold() in texts:
        return "says the same as a better note"
    if item.kind == "message" and item.trust is Trust.ASSISTANT and not asks_assistant and item.name is None:
        return "the assistant's own words, which were not asked for"
    if item.kind == "message" and not states_something(item.text):
        return "a question, which answers nothing"
    bar = BAR_OF_PREFERENCE if item.kind == Kind.SEMANTIC and prefers(item.text) else BAR
    return f"relevance {hit.relevance:.2f} is under {bar:.2f}" if hit.relevance < bar else ""
