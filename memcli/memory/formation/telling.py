"""Telling: what happened on several days, in one sentence by a chat model, as far as every episode bears it out.

Small models are not asked: they make up what is not there (see condensing).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from memcli.engines import ChatModel
from memcli.errors import ModelError
from memcli.memory.condensing import bears_out
from memcli.memory.formation.episodes import denies
from memcli.memory.formation.likeness import names
from memcli.memory.formation.wording import ONESELF, wording
from memcli.types import Role, Sampling, Segment, Turn

SHOWN = 12  # episodes, the newest ones; the sentence must hold for all
MOST_TOKENS = 60
INSTRUCTION = (
    "These are notes that I made on different days:\n{notes}\n\n"
    "Write one short sentence, in my words and in the past tense, that says what is so in every one of these notes. "
    "Use only words that stand in every note. No dates, and no count."
)
GRAMMAR = 'root ::= [^ \\n.!?:0-9] [^\\n.!?:0-9]+ "."\n'


def told(model: ChatModel, texts: Sequence[str], *, today: str) -> str:
    """Return a sentence without its full stop that each of the texts bears out; "" where there is none.

    Raises KeyboardInterrupt.
    """
    notes = "\n".join(f"- {' '.join(text.split())}" for text in texts[-SHOWN:])
    prompt = model.render([Turn(Role.USER, (Segment("message", "", INSTRUCTION.format(notes=notes)),))], today=today)
    if len(prompt.ids) + MOST_TOKENS > model.window:
        return ""
    sampling = Sampling(temperature=0.0, max_tokens=MOST_TOKENS, max_thinking=0, grammar=GRAMMAR)
    with suppress(ModelError):  # the user's own words stand for it
        text = "".join(piece.text for piece in model.stream(prompt, sampling) if not piece.thought)
        sentence = " ".join(text.split()).removesuffix(".")
        if not (model.answer.full or model.answer.stopped) and holds(sentence, texts):
            return sentence
    return ""


def holds(sentence: str, texts: Sequence[str]) -> bool:
    """Tell whether every text has all the words, names and numbers of a sentence, which denies nothing.

    It speaks of "I", "she" or "they" where each of them does; a text without any is about the one who says it.
    """
    named = {name.removesuffix("'s") for name in names(f"and {sentence}")}
    whom = wording(sentence).whom
    return not denies(sentence) and all(
        bears_out(text, sentence, 1.0) and named <= _words(text) and whom <= (wording(text).whom or {ONESELF})
        for text in texts
    )


def _words(text: str) -> set[str]:
    """Return the words as they stand, since names are not to be taken for one another by how they begin."""
    return {word.strip("\"'“”‘’()[].,;:!?…").casefold().replace("’", "'").removesuffix("'s") for word in text.split()}
