"""Recall: from a question to ranked items, with the reason for every score.

    terms(question) -> full text        \
                                          >-- store.search.gather --> rank --> choose
    embedder(question) -> vectors       /

`rank` and `choose` are pure: the same candidates give the same order, whatever order they came in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memcli.memory.form import states_something
from memcli.store import messages
from memcli.store.database import Store
from memcli.store.search import gather
from memcli.store.words import match_query
from memcli.types import Candidate, Embedder, Filters, Hit, Trust

# English function words: they match nearly every text and carry no subject.
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being but by can could did do does doing
    for from had has have having he her here hers him his how i if in into is it its itself just me more most my no nor
    not now of off on once only or other our ours out over own same she should so some such than that the their theirs
    them then there these they this those through to too under until up us very was we were what when where which while
    who whom why will with would you your yours""".split()
)

_WORD = re.compile(r"\w+(?:['’]\w+)?")


@dataclass(frozen=True, slots=True)
class Weights:
    """What each feature adds to a score. Words and cosine are relative to the best candidate's, so each lies in 0..1.

    Found by a grid over LoCoMo and BEAM development conversations (evidence recall at 10 of both).
    """

    words: float = 0.5
    cosine: float = 0.5
    user: float = 0.15  # said by the user, in a thread with the assistant
    speaker: float = 0.15  # said by the person whom the question names
    neighbour: float = 0.5  # of the better neighbouring turn's own score: a question and its answer stand together
    memory: float = 0.1  # kept on purpose rather than said in passing


WEIGHTS = Weights()
NOISE = 0.1  # similarity below which two texts have nothing to do with each other; 80 of 100 unrelated pairs lie there
BREADTH = 400  # chunks that each stage brings up: enough that R@50 is not cut, few enough to score in milliseconds


def terms(question: str, names: Iterable[str] = ()) -> list[str]:
    """Return the words of a question that are worth looking up, without function words and speakers' names.

    Where nothing else is left they all stay: "who are you" and a bare name must find something too.
    """
    said = [word.removesuffix("'s").removesuffix("’s") for word in _WORD.findall(question)]
    spoken = {part.casefold() for name in names for part in name.split()}
    content = [word for word in said if word.casefold() not in STOP_WORDS]
    return [word for word in content if word.casefold() not in spoken] or content or said


def search(
    store: Store, question: str, filters: Filters, *, embedder: Embedder | None, now: str, weights: Weights = WEIGHTS
) -> list[Hit]:
    """Return everything that either stage found, best first. Without an embedder words alone decide."""
    vector = embedder.embed([question])[0] if embedder else None
    names = messages.names(store)
    match = match_query(terms(question, names))
    found = gather(store, match=match, vector=vector, filters=filters, limit=BREADTH, now=now)
    found = [c for c in found if c.words > 0 or c.cosine >= NOISE]
    spoken = [c.id for c in found if c.kind == "message"]
    return rank(question, found, messages.neighbours(store, spoken), names, weights)


def rank(
    question: str,
    found: Sequence[Candidate],
    neighbours: Mapping[str, Sequence[str]],
    names: Iterable[str],
    weights: Weights = WEIGHTS,
) -> list[Hit]:
    """Score candidates by the named weights; equal scores are ordered by time, newest first, then by id."""
    best_words = max((c.words for c in found), default=0.0) or 1.0
    best_cosine = max((c.cosine for c in found), default=0.0) or 1.0
    asked = {word.casefold() for word in _WORD.findall(question.replace("'s", "").replace("’s", ""))}
    named = {name for name in names if asked & {part.casefold() for part in name.split()}}

    def own(c: Candidate) -> dict[str, float]:
        why = {
            "words": weights.words * c.words / best_words,
            "cosine": weights.cosine * max(c.cosine, 0.0) / best_cosine,
        }
        if c.kind != "message":
            why["memory"] = weights.memory
        elif c.name in named:
            why["speaker"] = weights.speaker
        if c.name is None and c.trust is Trust.USER:
            why["user"] = weights.user
        return why

    reasons = {c.id: own(c) for c in found}
    alone = {id_: sum(why.values()) for id_, why in reasons.items()}
    for c in found:
        beside = max((alone.get(other, 0.0) for other in neighbours.get(c.id, ())), default=0.0)
        if beside:
            reasons[c.id]["neighbour"] = weights.neighbour * beside
    hits = [Hit(c, sum(reasons[c.id].values()), reasons[c.id]) for c in found]
    hits.sort(key=lambda hit: hit.item.id)
    hits.sort(key=lambda hit: (hit.score, hit.item.created_at), reverse=True)
    return hits


@dataclass(frozen=True, slots=True)
class Choice:
    """What is placed into the context, and what was near but left out, with the reason."""

    chosen: tuple[Hit, ...]
    left: tuple[tuple[Hit, str], ...]


# Similarity that a note needs: 20 questions reached 0.31 with the note that answers them (0.26 for one of two facts in
# a sentence), and 0.17 in 90 of 100 cases with any other. A word in common makes up for some of it.
MIN_COSINE = 0.30
MIN_COSINE_WITH_WORD = 0.15
ASKS_ASSISTANT = re.compile(
    r"\b(?:you|your)\s+(?:\w+\s+)?(?:say|said|suggest\w*|recommend\w*|tell|told|mention\w*|wr[io]te|g[ia]ve|answer\w*|"
    r"advise?|advice|explain\w*|propose\w*|idea|list|plan)\b",
    re.IGNORECASE,
)


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
    needed = MIN_COSINE_WITH_WORD if item.words else MIN_COSINE
    if item.cosine < needed and not (item.cosine == 0.0 and item.words):  # exactly 0: there are no vectors
        return f"similarity {item.cosine:.2f} is under {needed:.2f}"
    return ""
