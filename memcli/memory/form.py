"""Creation: what a text the user gave us is. The judgement of chat messages is a later step; its queue is in the store.

Pure functions over text. They decide cheaply and err towards `semantic`, the kind that promises least.
"""

from __future__ import annotations

import re

from memcli.types import Kind

# A standing instruction speaks to the assistant: an order about how to act, now and later.
_INSTRUCTION = re.compile(
    r"^\W*(?:please\s+|and\s+)?(?:always|never|from now on|whenever|when(?:ever)? i (?:ask|say|write)|call me|"
    r"address me|do(?:n'?t| not) (?:ever|call|use|ask|tell|give|write|say|add|suggest)|"
    r"(?:answer|reply|respond|write|speak|use|keep|be|avoid|prefer|remember to|make sure)\b)|"
    r"\b(?:from now on|going forward|in future answers|every time i)\b",
    re.IGNORECASE,
)
# Something that happened: a verb in the past tense together with a point in time, or a dated plan.
_TIME = (
    r"(?:yesterday|today|tonight|tomorrow|ago|last (?:night|week|month|year|spring|summer|autumn|fall|winter)|"
    r"this (?:morning|afternoon|evening)|on (?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    r"(?:on|in|since) (?:the )?\d{1,4}\b|"
    r"in (?:january|february|march|april|may|june|july|august|september|october|november|december))"
)
_PAST = (
    r"(?:was|were|had|went|did|got|met|saw|came|left|took|made|won|lost|began|bought|broke|flew|gave|ran|said|told|"
    r"\w+ed)"
)
_EVENT = re.compile(rf"\b{_PAST}\b.*\b{_TIME}\b|\b{_TIME}\b.*\b{_PAST}\b", re.IGNORECASE | re.DOTALL)

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_ASKING = re.compile(
    r"^\W*(?:what|who|whom|whose|where|when|why|which|how|is|are|am|was|were|do|does|did|can|could|will|would|should|shall|"
    r"may|have|has|had|tell me|remind me|show me|give me|list|explain|write|summari[sz]e)\b",
    re.IGNORECASE,
)


def classify(text: str) -> Kind:
    """Return the kind of a text that the user asked to remember."""
    if _INSTRUCTION.search(text):
        return Kind.PROCEDURAL
    if _EVENT.search(text):
        return Kind.EPISODIC
    return Kind.SEMANTIC


def states_something(text: str) -> bool:
    """Return False for a text that only asks: recalling an old question would crowd out what answers it."""
    sentences = [s.strip() for s in _SENTENCE.findall(text) if s.strip()]
    return any(not s.endswith("?") and not _ASKING.search(s) for s in sentences)
