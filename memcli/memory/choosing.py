"""Choosing: which of the ranked items are placed into the context, and why not the others. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memcli.memory.form import prefers, states_something
from memcli.types import Candidate, Hit, Kind, Trust


@dataclass(frozen=True, slots=True)
class Choice:
    """What is placed into the context, and what was near but left out, with the reason."""

    chosen: tuple[Hit, ...]
    left: tuple[tuple[Hit, str], ...]


# The relevance that a note needs; docs/RECALL.md has what each bar keeps out and what it lets in.
BAR = 0.2
MOST = 0.6  # share of a message's characters from which a memory formed of it can stand in its place
NOTE_CHARS = 400  # a note is a reminder: the best chunk of a longer text is quoted
# What to do follows from a preference that is kept, which need not resemble the question: "I can't stand horror films".
BAR_OF_PREFERENCE = 0.05

# What was said earlier in the same conversation and has a word of the question: it has left the window, and a message
# that states five facts is near none of them ("What is my sister's job?": relevance .014).
BAR_OF_THREAD = 0.01

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


def choose(
    question: str,
    hits: Sequence[Hit],
    *,
    limit: int,
    present: frozenset[str] = frozenset(),
    spoken: frozenset[str] = frozenset(),
    thread: str | None = None,
) -> Choice:
    """Pick at most `limit` notes for the context, the best first; of what is left out the nearest are told.

    What is `present` in the window already is passed over.

    `spoken` are the messages that stand in the window themselves: so do the memories that were formed of their words.
    What was said in `thread`, the one that is talked in, needs less relevance.
    """
    items = [hit.item for hit in hits]
    there = [item for item in items if item.id in present or not spoken.isdisjoint((item.id, *item.said_in))]
    known = {item.id for item in there}
    chosen: list[Hit] = []
    left: list[tuple[Hit, str]] = []
    asks_assistant = bool(ASKS_ASSISTANT.search(question))
    told = 4 * limit + 4
    for hit in _with_stand_ins([hit for hit in hits if hit.item.id not in known]):
        # A question that is asked every week is there many times, and none of them may hide what answers it.
        if len(left) + len(chosen) >= told and (len(chosen) >= limit or hit.relevance < BAR_OF_THREAD):
            continue
        notes = [one.item for one in chosen]
        reason = _objection(hit, thread, asks_assistant=asks_assistant) or _repeats(hit.item, notes, there)
        if not reason and len(chosen) >= limit:
            reason = f"over the limit of {limit} notes"
        if not reason:
            chosen.append(hit)
        elif len(left) + len(chosen) < told:
            left.append((hit, reason))
    return Choice(tuple(chosen), tuple(left))


def _with_stand_ins(hits: Sequence[Hit]) -> list[Hit]:
    """Return hits so that what was formed of most of a message comes before it: it says the same, and shorter."""
    formed: dict[str, list[Hit]] = {}
    for hit in hits:
        for message_id in hit.item.said_in:
            formed.setdefault(message_id, []).append(hit)
    ordered: dict[str, Hit] = {}
    for hit in hits:
        stand_ins = [one for one in formed.get(hit.item.id, ()) if _is_most(one.item, hit.item)]
        ordered |= {one.item.id: one for one in (*stand_ins, hit) if one.item.id not in ordered}
    return list(ordered.values())


def _repeats(item: Candidate, notes: Sequence[Candidate], there: Sequence[Candidate]) -> str:
    """Return which of the better notes, or of what is in the window already, says what `item` says; "" if none does."""
    for other in notes:
        if item.text.casefold() == other.text.casefold():
            return "says the same as a better note"
        if item.id in other.said_in or _shows(other, item):
            return f"its words are in a better note: {other.id}"
    for other in there:
        if (item.id in other.said_in and _is_most(other, item)) or _shows(other, item):
            return f"its words are in the window already: {other.id}"
    return ""


def _is_most(memory: Candidate, message: Candidate) -> bool:
    return len(memory.text) >= MOST * len(message.text)


def _shows(message: Candidate, memory: Candidate) -> bool:
    """Tell whether a note of a message quotes the words that a memory was formed of."""
    return message.id in memory.said_in and memory.text in quoted(message)


def quoted(item: Candidate) -> str:
    """Return what a note quotes of an item, which it may still shorten to NOTE_CHARS."""
    return item.text if len(item.text) <= NOTE_CHARS else item.excerpt or item.text


def _objection(hit: Hit, thread: str | None, *, asks_assistant: bool) -> str:
    item = hit.item
    if hit.replaced_by:
        return f"said before it changed: see {hit.replaced_by}"
    if item.kind == "message" and item.trust is Trust.ASSISTANT and not asks_assistant and item.name is None:
        return "the assistant's own words, which were not asked for"
    if item.kind == "message" and not states_something(item.text):
        return "a question, which answers nothing"
    bar = BAR_OF_PREFERENCE if _preference(item) else BAR
    if thread is not None and item.thread_id == thread and item.words:
        bar = BAR_OF_THREAD
    return f"relevance {hit.relevance:.2f} is under {bar:.2f}" if hit.relevance < bar else ""


def _preference(item: Candidate) -> bool:
    return item.kind == Kind.SEMANTIC and item.trust is Trust.USER and prefers(item.text)
