"""Turn a rendered prompt into token ids and say for every id which span it is counted for.

Invariants: a control token, or another that the template marks something with, comes only from the template's own
text, never from content that spells it; for text without such spellings the ids are those that llama.cpp gives for the
whole text; every id has exactly one owner.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntFlag
from functools import lru_cache
from typing import Protocol

from memcli.inference.backend import LoadedModel, encoded

ASCII_SPACE = " \t\n\v\f\r"  # what C's isspace() takes, as llama.cpp strips it
BOS = -1  # owner of the first token where no span has it: the tokenizer adds it


class Attr(IntFlag):
    """The bits of llama_token_attr that matter here."""

    UNKNOWN = 1 << 0
    CONTROL = 1 << 3
    USER_DEFINED = 1 << 4
    LSTRIP = 1 << 7
    RSTRIP = 1 << 8


SPECIAL = Attr.UNKNOWN | Attr.CONTROL  # what llama.cpp reads in a text only when told to


class Vocabulary(Protocol):
    """What tokenising needs of a model. `bos` is the id that every prompt begins with, None where there is none."""

    @property
    def bos(self) -> int | None: ...

    def tokenize(self, text: str, *, special: bool) -> list[int]: ...

    def piece(self, token: int) -> bytes: ...

    def attributes(self, token: int) -> Attr: ...


class ModelVocabulary:
    """The vocabulary of a loaded model."""

    def __init__(self, model: LoadedModel) -> None:
        self._model = model
        adds = model.library.llama_vocab_get_add_bos(model.vocab)
        first = int(model.library.llama_vocab_bos(model.vocab))
        self.bos: int | None = first if adds and first >= 0 else None
        self.attributes = lru_cache(maxsize=4096)(self._attributes)
        # A thread's next prompt holds the texts of its last one: without this a third of a turn's own work is to
        # tokenise them again.
        self._known = lru_cache(maxsize=1024)(self._tokenize)

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        return list(self._known(text, special))

    def _tokenize(self, text: str, special: bool) -> tuple[int, ...]:
        return tuple(self._model.tokenize(text, special=special))

    def piece(self, token: int) -> bytes:
        return self._model.piece(token)

    def _attributes(self, token: int) -> Attr:
        return Attr(int(self._model.library.llama_vocab_get_attr(self._model.vocab, token)))


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a rendered prompt, counted for `owner`.

    Only a span that is not `content` may hold control tokens. `ids` stand for the text of an answer as sampled.
    """

    text: str
    owner: int
    content: bool
    ids: tuple[int, ...] = ()


def encode(spans: Sequence[Span], vocabulary: Vocabulary, marks: Iterable[str] = ()) -> tuple[list[int], list[int]]:
    """Return the prompt's token ids, and for each its owner. `marks` are spelled by no content, as in `user_defined`.

    Follows llama.cpp's own partition: text between two special tokens, whoever wrote it, is tokenised as one fragment,
    because tokens merge across the border of template and content. A token belongs to the span of its first byte.
    """
    scaffold = {span.text for span in spans if not span.content}
    split = {text: list(partition(text, vocabulary)) for text in scaffold}
    plain = {part for parts in split.values() for part in parts if isinstance(part, str)}
    structural = sorted({*marks, *user_defined(plain, vocabulary)})
    writer = _Writer(vocabulary)
    for span in spans:
        if span.ids:
            writer.put_ids(span.ids, span.owner)
        elif span.content:
            writer.put_content(span.text, span.owner, structural)
        else:
            writer.put_scaffold(split[span.text], span.owner)
    writer.flush()
    if vocabulary.bos is not None and writer.ids[:1] != [vocabulary.bos]:
        writer.ids.insert(0, vocabulary.bos)
        writer.owners.insert(0, BOS)
    return writer.ids, writer.owners


def partition(text: str, vocabulary: Vocabulary) -> Iterator[str | int]:
    """Split template text into plain stretches and the ids of its control tokens, in order.

    llama.cpp itself says which control tokens the text holds; each is then found by its spelling. Reading the
    attributes of a whole vocabulary to do the same takes up to a quarter of a second.
    """
    position = 0
    for token in vocabulary.tokenize(text, special=True):
        if not vocabulary.attributes(token) & SPECIAL:
            continue
        spelling = vocabulary.piece(token).decode("utf-8", "replace")
        start = text.find(spelling, position)
        if not spelling or start < 0:
            continue  # the tokenizer's own mark for text it does not know
        if start > position:
            yield text[position:start]
        yield token
        position = start + len(spelling)
    if position < len(text):
        yield text[position:]


def user_defined(texts: Iterable[str], vocabulary: Vocabulary) -> set[str]:
    """Return the user-defined tokens of a template's texts: some models mark turns, tools or thinking with them, and
    llama.cpp reads them in any text that spells them.
    """
    found = set()
    for text in texts:
        for token in vocabulary.tokenize(text, special=False):
            spelling = vocabulary.piece(token).decode("utf-8", "replace")
            if vocabulary.attributes(token) & Attr.USER_DEFINED and spelling.strip():
                found.add(spelling)
    return found


class _Writer:
    """Collects ids with their owners; the fragment in hand is tokenised when a special token or known ids end it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.ids: list[int] = []
        self.owners: list[int] = []
        self._vocabulary = vocabulary
        self._fragment: list[tuple[str, int]] = []
        self._strip_start = False

    def put_ids(self, ids: Sequence[int], owner: int) -> None:
        self.flush()
        self._strip_start = False
        self.ids += ids
        self.owners += [owner] * len(ids)

    def put_content(self, text: str, owner: int, structural: Sequence[str]) -> None:
        """Add content; a spelling of the template's own tokens is cut in two, so that it stays text."""
        start = 0
        for cut in sorted(cut for spelling in structural for cut in _inside(spelling, text)):
            self._fragment.append((text[start:cut], owner))
            self.flush()
            start = cut
        self._fragment.append((text[start:], owner))

    def put_scaffold(self, parts: Sequence[str | int], owner: int) -> None:
        for part in parts:
            if isinstance(part, str):
                self._fragment.append((part, owner))
                continue
            attributes = self._vocabulary.attributes(part)
            self.flush(strip_end=bool(attributes & Attr.LSTRIP))
            self.put_ids((part,), owner)
            self._strip_start = bool(attributes & Attr.RSTRIP)

    def flush(self, *, strip_end: bool = False) -> None:
        """Tokenise the fragment in hand and attribute its tokens by the bytes they stand for."""
        text = "".join(piece for piece, _ in self._fragment)
        body = text.lstrip(ASCII_SPACE) if self._strip_start else text
        offset = len(text) - len(body)  # stripped characters are one byte each
        body = body.rstrip(ASCII_SPACE) if strip_end else body
        starts, at = [], 0
        for piece, _ in self._fragment:
            starts.append(at)
            at += len(encoded(piece))
        ids = self._vocabulary.tokenize(body, special=False) if body else []
        lengths = [len(self._vocabulary.piece(token)) for token in ids]
        if sum(lengths) == len(encoded(body)) + 1:
            lengths[0] -= 1  # SentencePiece puts a space before a text
        for token, length in zip(ids, lengths, strict=True):
            self.ids.append(token)
            self.owners.append(self._fragment[bisect_right(starts, offset) - 1][1])
            offset += length
        self._fragment, self._strip_start = [], False


def _inside(spelling: str, text: str) -> Iterator[int]:
    """Yield a place within every occurrence of `spelling`, overlapping ones included."""
    start = text.find(spelling)
    while start >= 0:
        yield start + 1
        start = text.find(spelling, start + 1)
