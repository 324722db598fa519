"""Ranking: scores of candidates by named weights, with each feature's contribution.

Pure: the same candidates give the same order, whatever order they came in; contributions sum to the score.
Words and cosine are taken relative to the best candidate's, so that each lies in 0..1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from memcli.memory.asking import Question
from memcli.memory.attributing import own_words
from memcli.memory.form import instructs
from memcli.memory.periods import Period, closeness
from memcli.memory.relevance import relevance
from memcli.memory.superseding import AS_WELL, settled
from memcli.types import Candidate, Hit, Kind, Outdated, Trust

Around = Mapping[int, Sequence[Sequence[int]]]  # by a message's seq: the turns next to it, those two turns away, ...


@dataclass(frozen=True, slots=True)
class Weights:
    """What each feature adds to a score at most.

    Found by coordinate ascent on LoCoMo and BEAM development conversations (997 and 108 questions; the mean over both
    of recall at 5, 10, 25 and 50), then rounded. docs/RECALL.md has what each is worth, and how weights found on some
    of the conversations do on the others.
    """

    words: float = 0.5
    cosine: float = 0.5
    near: tuple[float, ...] = (0.5, 0.5)  # of a word's weight where it stands one, two turns away instead
    nearby_cosine: float = 0.15  # the most similar of the turns within the same reach
    thread: float = 0.2  # of words and cosine of the thread's best turn
    user: float = 0.4  # said by the user, not only pasted or quoted by him, in a thread with the assistant
    speaker: float = 0.15  # said by the person whom the question names
    substance: float = 0.35  # long enough to say something
    number: float = 0.15  # has a number, where one is asked for
    date: float = 0.15  # has a time, where one is asked for
    time: float = 0.5  # from the time that the question names
    instruction: float = 0.7  # of the cosine: how to act seldom resembles what it applies to
    memory: float = 0.1  # kept on purpose rather than said in passing
    # Taken from a memory that has faded, and from a message that was found for its words. Not fitted, as neither of the
    # two has memories: enough to decide between what fits alike, and at no cost to what was told once and is asked for
    # a year later (docs/RECALL.md). What has wholly faded ranks as if it had been said in passing.
    faded: float = 0.1


WEIGHTS = Weights()

ALWAYS = ("words", "cosine")  # told even where they gave nothing
FAINT = 0.4  # cosine: the best of a store that has nothing like it does not count as a full one
FULL_LENGTH = 220  # characters, about forty words: from there on the length of a turn says no more about its worth

_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|couple|dozen|hundred|once|twice)\b", re.IGNORECASE
)
_DATE = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this (?:week|month|year|morning|weekend|summer)|week|weekend|"
    r"month|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|"
    r"october|november|december|(?:19|20)\d\d|\d+(?:st|nd|rd|th)|since|years?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what the store knows of it: the times it means, and how much each of its words tells."""

    question: Question
    periods: Sequence[Period] = ()
    telling: Sequence[float] = ()  # a weight for each word, in the order of a candidate's parts


def rank(
    asked: Asked,
    found: Sequence[Candidate],
    around: Around,
    weights: Weights = WEIGHTS,
    outdated: Sequence[Outdated] = (),
    strengths: Mapping[str, float] = MappingProxyType({}),
) -> list[Hit]:
    """Score candidates; equal scores are ordered by strength, then arrival, newest first, memories before messages.

    A message that was found for its `outdated` words stands below the memory that took their place. `strengths` are
    those of memories, by their ids; what is not in it has not faded.
    """
    scene = _Scene(asked, found, around, weights, strengths)
    hits = []
    for c in found:
        why = {name: value for name, value in scene.contributions(c) if value or name in ALWAYS}
        hits.append(Hit(c, math.fsum(why.values()), why, scene.relevance(c)))
    if outdated:
        hits = settled(hits, scene.replaced(outdated))
    hits.sort(key=lambda hit: (hit.score, *_arrival(hit.item, strengths)), reverse=True)
    return hits


def _arrival(c: Candidate, strengths: Mapping[str, float]) -> tuple[bool, float, str, int]:
    """Return what sorts items by when they came, so that a second more or less makes no difference.

    A message came when it was said, as an import may bring old ones late; what is formed late has an earlier time.
    """
    return (False, 0.0, c.created_at, c.seq) if c.kind == "message" else (True, strengths.get(c.id, 1.0), "", c.order)


class _Scene:
    """The candidates in one view: what stands beside what, and what each measurement is relative to."""

    def __init__(
        self,
        asked: Asked,
        found: Sequence[Candidate],
        around: Around,
        weights: Weights,
        strengths: Mapping[str, float],
    ) -> None:
        self.asked, self.weights, self.around = asked, weights, around
        self.found = found
        self.turns = {c.seq: c for c in found if c.seq}
        self.beside = {c.id: list(self._beside(c)) for c in found}
        self.nearby_words = {c.id: self._nearby_words(c) for c in found}
        self.most_words = max((c.words for c in found), default=0.0) or 1.0
        self.most_cosine = max([FAINT, *(c.cosine for c in found)])
        self.threads: dict[str | None, float] = {}
        for c in self.turns.values():
            self.threads[c.thread_id] = max(self._matching(c), self.threads.get(c.thread_id, 0.0))
        self.strengths = {**self._spoken(strengths), **strengths}

    def contributions(self, c: Candidate) -> Iterator[tuple[str, float]]:
        """Yield every feature's name and what it adds."""
        w, cosine = self.weights, self._cosine(c)
        yield "words", w.words * c.words / self.most_words
        yield "nearby_words", w.words * self.nearby_words[c.id] / self.most_words
        yield "cosine", w.cosine * cosine
        yield "nearby_cosine", w.nearby_cosine * max((self._cosine(o) for _, o in self.beside[c.id]), default=0.0)
        yield "thread", w.thread * (self.threads[c.thread_id] if c.seq else self._matching(c))
        yield "time", w.time * timely(c, self.asked.periods)
        yield "faded", -self.weights.faded * (1 - self.strengths.get(c.id, 1.0))
        yield from self._of_the_text(c)
        if c.kind != "message":
            yield "memory", w.memory
        if self._by_named(c):
            yield "speaker", w.speaker
        if c.name is None and c.trust is Trust.USER and (c.kind != "message" or own_words(c.text)):
            yield from self._of_the_user(c, cosine)

    def relevance(self, c: Candidate) -> float:
        """Return how likely `c` belongs to the question at all."""
        return relevance(c, self.beside[c.id], self.asked.telling, by_named=self._by_named(c))

    def replaced(self, outdated: Sequence[Outdated]) -> dict[str, str]:
        """Return for each message that was found for its outdated words the memory that says what is so now."""
        items = {c.id: c for c in self.found}
        best: dict[str, tuple[float, int, str]] = {}
        for one in outdated:
            message, successor = items.get(one.message_id), items.get(one.successor_id)
            match = self._alike(one.words, one.cosine)
            if message and successor and match > 0 and self._found_for(message, successor, match):
                best[message.id] = max((match, successor.order, successor.id), best.get(message.id, (0.0, 0, "")))
        return {message_id: successor_id for message_id, (*_, successor_id) in best.items()}

    def _found_for(self, message: Candidate, successor: Candidate, match: float) -> bool:
        """Tell whether a message was found for words of it that match so well, and not for others or for its time."""
        if timely(message, self.asked.periods) > timely(successor, self.asked.periods):
            return False  # the past is asked for
        others = (c for c in self.found if c.id != successor.id and message.id in c.said_in)
        better = max((self._alike(c.words, c.cosine) for c in others), default=0.0)
        return match >= better and match >= AS_WELL * self._alike(message.words, message.cosine)

    def _spoken(self, strengths: Mapping[str, float]) -> dict[str, float]:
        """Return the strength of each message that was found for the words of a memory: that of the best matching one.

        Else the same statement would stay where it is, as a message. One that no memory came from does not fade.
        """
        messages = {c.id: c for c in self.turns.values()}
        best: dict[str, tuple[float, float]] = {}
        for c in self.found:
            match = self._alike(c.words, c.cosine) if c.said_in else 0.0
            for said in (messages[id_] for id_ in c.said_in if id_ in messages):
                if match >= AS_WELL * self._alike(said.words, said.cosine):
                    best[said.id] = max((match, strengths.get(c.id, 1.0)), best.get(said.id, (0.0, 0.0)))
        return {id_: strength for id_, (_, strength) in best.items()}

    def _alike(self, words: float, cosine: float) -> float:
        """Return how well what measures so matches by itself, as this question weighs it."""
        w = self.weights
        return w.words * words / self.most_words + w.cosine * max(cosine, 0.0) / self.most_cosine

    def _by_named(self, c: Candidate) -> bool:
        return c.kind == "message" and c.name in self.asked.question.named

    def _beside(self, c: Candidate) -> Iterator[tuple[int, Candidate]]:
        """Yield the candidates near `c` in its thread, each with its distance: 0 for the next turn."""
        for distance, seqs in enumerate(self.around.get(c.seq, ())[: len(self.weights.near)]):
            for seq in seqs:
                if seq in self.turns:
                    yield distance, self.turns[seq]

    def _of_the_text(self, c: Candidate) -> Iterator[tuple[str, float]]:
        w, question = self.weights, self.asked.question
        yield "substance", w.substance * (substance(c.text) if c.kind == "message" else 1.0)
        if question.number and _NUMBER.search(c.text):
            yield "number", w.number
        if question.date and _DATE.search(c.text):
            yield "date", w.date

    def _of_the_user(self, c: Candidate, cosine: float) -> Iterator[tuple[str, float]]:
        w = self.weights
        if not self.asked.question.overview:
            yield "user", w.user
        if is_instruction(c):
            yield "instruction", w.instruction * cosine

    def _cosine(self, c: Candidate) -> float:
        return max(c.cosine, 0.0) / self.most_cosine

    def _matching(self, c: Candidate) -> float:
        words = (c.words + self.nearby_words[c.id]) / self.most_words
        return self.weights.words * words + self.weights.cosine * self._cosine(c)

    def _nearby_words(self, c: Candidate) -> float:
        """Return what words add that stand in a turn nearby: an answer need not repeat those of its question."""
        others = [(self.weights.near[distance], other.parts) for distance, other in self.beside[c.id] if other.words]
        if not others:
            return 0.0
        best = (max([part, *(share * parts[i] for share, parts in others)]) for i, part in enumerate(c.parts))
        return math.fsum(best) - math.fsum(c.parts)


def timely(c: Candidate, periods: Sequence[Period]) -> float:
    """Return in 0..1 how near an item is to the nearest of the periods; 0 where there are none."""
    # A memory holds from some day on until another, or for good; what was said was said then.
    start = c.valid_from or c.created_at
    end = start if c.kind == "message" or not c.valid_from else c.valid_to
    return max((closeness(period, start, end) for period in periods), default=0.0)


def substance(text: str) -> float:
    """Return in 0..1 how much a turn of this length is likely to say: "Thanks!" says nothing, whatever it resembles."""
    return min(1.0, math.log1p(len(text)) / math.log1p(FULL_LENGTH))


def is_instruction(c: Candidate) -> bool:
    """Tell whether the item says how to act, in the user's own words."""
    return c.kind == Kind.PROCEDURAL or (c.kind == "message" and instructs(c.text) and instructs(own_words(c.text)))
