"""The records that travel between the layers, and the vocabularies they use.

Everything here is plain data: frozen, comparable, importable by every layer and importing none of them.
Times are ISO 8601 strings in UTC with second precision ("2026-03-01T09:30:00Z"), so they sort as text.
`valid_from` and `valid_to` are ISO dates at the precision that is known ("2026", "2026-03", "2026-03-01").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """Who speaks in a thread, in the words of chat templates."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Kind(StrEnum):
    """What a memory is about: what happened, what is so, how to act."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    PROCEDURAL = "procedural"


class Trust(StrEnum):
    """Whose words a text is. Only `user` text may become a memory unasked."""

    USER = "user"
    ASSISTANT = "assistant"
    DOCUMENT = "document"
    TOOL = "tool"


class Owner(StrEnum):
    """What an indexed chunk belongs to."""

    MESSAGE = "message"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Thread:
    """One conversation: the scope of short-term memory."""

    id: str
    name: str | None
    created_at: str
    updated_at: str
    messages: int = 0
    title: str = ""  # the opening of its first user message, for people to recognise it by


@dataclass(frozen=True, slots=True)
class Message:
    """One turn's text in a thread. `seq` is its place in the order of arrival, over all threads."""

    id: str
    seq: int
    thread_id: str
    role: Role
    content: str
    trust: Trust
    created_at: str
    name: str | None = None
    external_id: str | None = None
    model: str | None = None  # which model's token ids `tokens` are
    tokens: tuple[int, ...] = ()  # an answer exactly as it was sampled
    interrupted: bool = False
    excerpt: str | None = None  # what stands in the window, which had no room for all of it

    @property
    def shown(self) -> str:
        """What stands in the window."""
        return self.content if self.excerpt is None else self.excerpt


@dataclass(frozen=True, slots=True)
class Source:
    """Provenance: the characters `start:end` of a message that a memory rests on."""

    message_id: str
    start: int
    end: int


SUMMED_UP = "consolidation"  # `formed_by` of a memory that sums up what happened on several days


@dataclass(frozen=True, slots=True)
class Memory:
    """A statement kept across threads; bi-temporal: true from/to, believed from/to."""

    id: str
    kind: Kind
    text: str
    trust: Trust
    created_at: str
    retired_at: str | None = None
    superseded_by: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    expires_at: str | None = None
    tags: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    formed_by: str | None = None  # which path of formation made it; None: the user asked for it
    times_said: int = 1  # how many times it was said
    confirmed_at: str | None = None  # when it was last said again
    conflicts: tuple[str, ...] = ()  # the current memories that it contradicts; undecided, both are kept
    importance: float = 1.0  # in 0..1; what the user asked to keep has all of it
    pinned: bool = False  # never fades
    undone: bool = False  # its making was taken back when it was retired
    order: int = field(default=0, compare=False)  # its place in the order of arrival; ids are random


@dataclass(frozen=True, slots=True)
class Uses:
    """When a memory was said and when it was recalled, each in order, with what else its strength depends on."""

    kind: Kind
    importance: float
    pinned: bool
    times_said: int
    said: tuple[str, ...]
    recalled: tuple[str, ...]

    @property
    def last(self) -> str:
        """The time of its last use; "" where it was used at no time that is known."""
        return max((*self.said[-1:], *self.recalled[-1:]), default="")


@dataclass(frozen=True, slots=True)
class CoreBlock:
    """A short labelled text that is always in the context."""

    label: str
    text: str
    updated_at: str
    author: str = "user"  # or "consolidate", which rewrites its own blocks only


@dataclass(frozen=True, slots=True)
class Filters:
    """Hard limits of a search; None and empty mean no limit.

    Dates without a time of day have no zone: they are held against the local days of `since` and `until`, which are
    their days in UTC where `since_day` and `until_day` do not say otherwise.
    """

    kinds: tuple[str, ...] = ()  # of Kind, and "message"
    thread_id: str | None = None
    tags: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    since_day: str | None = None
    until_day: str | None = None
    as_of: str | None = None
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """One item that a stage of recall brought up, with that stage's raw measurements.

    `words` says how well its words match (FTS5's -bm25(), larger is better, 0 when no word matched), `parts` what each
    word of the query gives to it, in their order; `cosine` is its best chunk's similarity to the query in [-1, 1] (0
    when there are no vectors).
    """

    id: str
    kind: str  # a Kind, or "message"
    text: str
    created_at: str
    trust: Trust
    words: float = 0.0
    parts: tuple[float, ...] = ()
    cosine: float = 0.0
    excerpt: str = ""  # the best chunk, for long items
    thread_id: str | None = None
    seq: int = 0
    name: str | None = None
    external_id: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    retired_at: str | None = None
    superseded_by: str | None = None
    undone: bool = False
    tags: tuple[str, ...] = ()
    refs: tuple[str, ...] = ()
    said_in: tuple[str, ...] = ()  # of a memory: the messages it came from that have its text word for word
    order: int = 0  # of a memory: its place in the order of arrival, as `seq` is a message's


@dataclass(frozen=True, slots=True)
class Outdated:
    """A message that says what is no longer so: how well its outdated words match by themselves, and what is so now."""

    message_id: str
    successor_id: str
    words: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A candidate with its score; `why` gives each feature's contribution and sums to `score`.

    `relevance` is the estimated probability that the item belongs to what was asked. Scores compare the candidates of
    one question; relevance compares across questions.
    """

    item: Candidate
    score: float
    why: dict[str, float]
    relevance: float = 0.0
    replaced_by: str | None = None  # of a message that says what is no longer so: the memory that says what is


@dataclass(frozen=True, slots=True)
class Recalled:
    """A note placed before a user message: the text as the model sees it, frozen when it was placed."""

    item_id: str
    kind: str
    line: str
    score: float
    why: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """One labelled part of the assembled context."""

    label: str
    origin: str
    text: str
    tokens: int = 0
    score: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What went into the window, what was cut, and why. `total` is the sum over `segments`, in tokens."""

    window: int
    reserved: int
    segments: tuple[Segment, ...]
    dropped: tuple[Segment, ...] = ()

    @property
    def total(self) -> int:
        """Tokens that llama.cpp evaluates for this prompt on a cold run."""
        return sum(segment.tokens for segment in self.segments)

    @property
    def free(self) -> int:
        """Tokens of the window that are neither used nor kept for the answer."""
        return self.window - self.reserved - self.total


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of the list that a chat template renders.

    `parts` are the labelled pieces whose texts concatenate to the turn's content. `ids` is given for an
    answer whose sampled token ids are known: they stand for the content instead of tokenising it again.
    """

    role: Role
    parts: tuple[Segment, ...]
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt: token ids, and for each id the index of the segment it is counted for.

    `segments` hold the parts in order with their token counts; text of the template itself is counted
    under segments labelled "template". The counts sum to ``len(ids)``, the texts to `text`; `special` are the
    places `start:end` in it where special tokens stand, and not words that spell them. `answered` are the ids of the
    earlier answers in it, as far as they are known, in order.
    """

    ids: tuple[int, ...]
    segments: tuple[Segment, ...]
    text: str
    special: tuple[tuple[int, int], ...] = ()
    answered: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn. Temperature 0 is greedy; `grammar` (GBNF, its root is "root") limits what it can be."""

    temperature: float = 0.7
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int | None = None
    max_tokens: int | None = None  # of the answer proper
    max_thinking: int | None = None  # of the thinking before it; None: as much as leaves room for the answer
    grammar: str = ""


class Piece(NamedTuple):
    """A stretch of what a model says, as it is drawn; `thought` is thinking, which is no part of the answer."""

    text: str
    thought: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished (or stopped) generation. Counts are tokens, times are seconds.

    `ids` and `text` are the answer proper; `thought` of the `generated` tokens were thinking, its tags included. `ids`
    are empty where no sampled ones spell the text.
    """

    text: str
    ids: tuple[int, ...]
    evaluated: int
    generated: int
    first_token: float
    total: float
    stopped: bool = False  # the user stopped it
    full: bool = False  # cut off: by the window, by max_tokens, or because it went in circles
    thought: int = 0
    restored: int = 0  # tokens of the prompt whose state came from a file
