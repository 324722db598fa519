"""Condense: what a running summary says of evicted messages.

    evicted messages -> the user's own statements and questions (extracted)
                     -> or the model's lines, as far as the messages bear them out, and what these leave out

Invariants: a line either quotes the user or holds no name and no number, and few other words, that he did not say;
what the assistant said bears nothing out, for it may have made it up; of documents, pasted or not, a line says no more
than that they were there. The same messages give the same lines.

Formation is imported where it is used: its patterns take as long as a start of the program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from memcli.config import SMALL
from memcli.engines import ChatModel
from memcli.errors import ModelError
from memcli.memory.attributing import own_words, parted
from memcli.memory.summary import ASKED, Line, extend, line, segment
from memcli.memory.timeline import LOCAL, day
from memcli.store import ids
from memcli.types import Answer, Message, Role, Sampling, Segment, Trust, Turn

if TYPE_CHECKING:
    from memcli.memory.formation.extract import Candidate

SHARE = 8  # of the window, an eighth at most
# Small models are not asked: SmolLM2-135M, seven stretches of 10 to 14 messages: of 30 lines none held,
# and each time it took as long as an answer. They get half the room, and no questions: behind lines such as "the user
# asked: Why is the sky blue?" it began its own answers so. Of 15 questions to a note it answered 9 right without a
# summary, 10 behind six statements, 8 behind twelve, 5 behind twelve with six questions.
SMALL_SHARE = 16
READ = 100  # messages: the newest of a longer stretch, such as an imported thread
TOLD = 0.5  # weight of a line by the model
BORNE_OUT = 0.7  # of a line's words, the share that the user must have said
COVERED = 0.6  # of a statement's words, the share from which the model's lines say it
LEAST = 2  # words that say something; lines of the model that must hold, or none of them counts
LEAST_WIDE = 6  # characters that say something, where a script has no spaces
ANSWER_TOKENS = 200

INSTRUCTION = (
    "Before we go on, note for yourself what matters of our conversation so far: what I told you, what I asked for, "
    "what we decided. Write up to six short lines; each begins with a dash and says one thing with its names and "
    "numbers."
)
GRAMMAR = 'root ::= line line? line? line? line? line?\nline ::= "- " [^\\n]+ "\\n"\n'

_WORDS_OF_TALK = frozenset(
    "user users assistant ask asked tell told say said want wanted mention mentioned discuss discussed decide decided "
    "recommend recommended explain explained suggest suggested".split()
)
NOT_KEPT = "[not kept: "  # how the store's stand-in for an attached text begins
_SENTENCE = re.compile(r"[^.!?。！？\n]+[.!?。！？]*")


@dataclass(frozen=True, slots=True)
class Condensed:
    """A summary that is not stored yet: of a thread's messages up to `to_seq`."""

    id: str
    lines: tuple[Line, ...]
    to_seq: int
    made_by: str  # "model" or "extract"
    evaluated: int = 0  # tokens that the model evaluated for it
    seconds: float = 0.0


@dataclass
class Condenser:
    """Extends a summary by what is evicted; implements fitting.Condense. `made` is the last one, where one was made.

    `id` is the summary's that it begins with. `on_start` hears how many messages the model is asked to sum up; without
    it the model is not asked.
    """

    id: str
    model: ChatModel
    lines: tuple[Line, ...]
    today: str
    on_start: Callable[[int], None] | None
    made: Condensed | None = None

    def __call__(self, turns: Sequence[Turn], gone: Sequence[Message]) -> Segment | None:
        """Return the segment for all that has been evicted. Raises KeyboardInterrupt."""
        stated, answer = extracted(gone), None
        by_model: list[Line] = []
        if turns and self.on_start and self.model.parameters >= SMALL:
            self.on_start(len(gone))
            with suppress(ModelError):  # the quotations stand for it
                text, answer = told(self.model, turns, today=self.today)
                by_model = verified(text, gone)
        new = [*by_model, *left_out(stated, by_model)]
        self._extend(sorted(new, key=lambda one: one.day), gone[-1].seq, "model" if by_model else "extract", answer)
        return self.segment

    def catch_up(self, gone: Sequence[Message]) -> None:
        """Take in evicted messages that are in no summary: theirs went with something else that was forgotten."""
        self._extend(extracted(gone), gone[-1].seq, "extract", None)

    @property
    def segment(self) -> Segment | None:
        """The summary as it stands."""
        return segment(self.lines, self.id)

    def _extend(self, new: Sequence[Line], to_seq: int, made_by: str, answer: Answer | None) -> None:
        self.id = ids.new_id()
        small = self.model.parameters < SMALL
        told_ = [one for one in new if one.weight > ASKED] if small else new
        room = self.model.window // (SMALL_SHARE if small else SHARE)
        self.lines = extend(self.lines, told_, room, self.model.count)
        cost = (answer.evaluated, answer.total) if answer else (0, 0.0)
        self.made = Condensed(self.id, self.lines, to_seq, made_by, *cost)


# --- extracted ------------------------------------------------------------------------------------------------------


def extracted(said: Sequence[Message]) -> list[Line]:
    """Return lines that quote the user: what he stated that is worth keeping, else what he asked."""
    own = [message for message in said if message.role is Role.USER and not message.name]
    return [one for message in own[-READ:] for one in _quoted(message)]


def a_document(message: Message) -> str:
    """Return what a line says of a document: that it was there, and nothing that is in it."""
    return f"(a document of {len(message.content):,} characters)"


def _quoted(message: Message) -> list[Line]:
    from memcli.memory.formation.clauses import units
    from memcli.memory.formation.extract import candidates
    from memcli.memory.formation.judge import judge

    when = day(message.created_at)
    if message.content.startswith(NOT_KEPT):  # its question stands for it
        return []
    if message.trust is not Trust.USER:
        return [line(when, a_document(message), ASKED)]
    found = units(message.content)
    verdicts = judge(found, message=message.content) if found else []
    stated = candidates(message.content, verdicts, datetime.fromisoformat(message.created_at).astimezone(LOCAL))
    if stated:
        return [_stated(one, message, when) for one in stated]
    opening = _opening(own_words(message.content))
    if not _says_something(opening):
        return []  # thanks, greetings, "and then?"
    return [line(when, opening, ASKED)]


def _stated(one: Candidate, message: Message, when: str) -> Line:
    asks = message.content[one.end :].lstrip().startswith(("?", "？"))
    return line(when, f"{one.text}?", ASKED) if asks else line(when, one.text, one.keep)


def _opening(text: str) -> str:
    """Return the first sentence that says something."""
    sentences = [match[0].strip() for match in _SENTENCE.finditer(text)]
    return next((one for one in sentences if _says_something(one)), " ".join(text.split()))


def _says_something(text: str) -> bool:
    from memcli.memory.formation.extract import wide
    from memcli.memory.formation.likeness import content

    return len(text) >= LEAST_WIDE if wide(text) else len(content(text)) >= LEAST


# --- told by the model ----------------------------------------------------------------------------------------------


def told(model: ChatModel, turns: Sequence[Turn], *, today: str) -> tuple[str, Answer | None]:
    """Let the model say what matters of `turns`, which it mostly has evaluated; ("", None) where they leave no room.

    Raises ModelError, KeyboardInterrupt.
    """
    ask = Turn(Role.USER, (Segment("message", "", INSTRUCTION),))
    prompt = model.render([*turns, ask], today=today)
    if len(prompt.ids) + ANSWER_TOKENS > model.window:
        return "", None
    sampling = Sampling(temperature=0.0, max_tokens=ANSWER_TOKENS, max_thinking=0, grammar=GRAMMAR)
    text = "".join(piece.text for piece in model.stream(prompt, sampling) if not piece.thought)
    whole = text[: text.rfind("\n") + 1] if model.answer.full else text  # the last line may not be
    return whole, model.answer


def verified(text: str, said: Sequence[Message]) -> list[Line]:
    """Return the lines of the model's `text` that the user's words bear out; none at all where most of them are not."""
    written = [one[2:].strip() for one in text.splitlines() if one.startswith("- ")]
    own = [message for message in said if message.role is Role.USER and message.trust is Trust.USER]
    sentences = [(m, s[0]) for m in own for s in _SENTENCE.finditer(own_words(m.content))]
    # The few words that a line may add are none of a document's: it may say anything of the user.
    others = [m.content for m in said if m.trust in (Trust.DOCUMENT, Trust.TOOL)]
    pasted = [parted(m.content, m.content)[1] for m in own]
    borrowed = _stems("\n".join((*others, *pasted))) - _stems("\n".join(sentence for _, sentence in sentences))
    lines = [one for one in dict.fromkeys(written) if borrowed.isdisjoint(_stems(one))]
    borne_out = [found for one in lines if (found := _borne_out(one, sentences))]
    return borne_out if len(borne_out) >= max(LEAST, len(written) / 2) else []


def _borne_out(text: str, sentences: Sequence[tuple[Message, str]]) -> Line | None:
    from memcli.memory.formation.likeness import negated

    if not bears_out("\n".join(sentence for _, sentence in sentences), text, BORNE_OUT):
        return None
    words = _stems(text)
    message, sentence = max(sentences, key=lambda one: len(words & _stems(one[1])))
    return None if negated(text) != negated(sentence) else line(day(message.created_at), text, TOLD)


def bears_out(said: str, text: str, share: float) -> bool:
    """Tell whether what was said has this share of a text's words, and all of its names and numbers."""
    from memcli.memory.formation.likeness import names, numbers

    words, heard = _stems(text), _stems(said)
    return (
        len(words) >= LEAST
        and len(words & heard) >= share * len(words)
        and all(_stems(name) <= heard for name in names(f"and {text}"))
        and numbers(text) <= numbers(said)
    )


def left_out(stated: Iterable[Line], lines: Sequence[Line]) -> list[Line]:
    """Return what the user stated and `lines` do not say."""
    there = set().union(*(_stems(one.text) for one in lines)) if lines else set()
    return [
        one for one in stated if one.weight > ASKED and len((words := _stems(one.text)) & there) < COVERED * len(words)
    ]


def _stems(text: str) -> set[str]:
    from memcli.memory.formation.likeness import content

    return {word[:5] for word in content(text) if word not in _WORDS_OF_TALK}
