"""BERT's uncased WordPiece: the same token ids as the reference tokenizer, in the standard library alone.

llama.cpp's own WordPiece drops the vowel signs of Indic scripts, keeps some accents and knows no limit for a word's
length, so whole languages would get vectors of other words. A text's ids here equal those of Hugging Face's
`BertNormalizer`, `BertPreTokenizer` and `WordPiece`; only characters younger than the tables of that library differ.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST_WORD = 100  # characters; the reference gives a longer word up as unknown
CACHED_WORDS = 20_000  # a few megabytes; conversation uses a fraction
SPECIAL = re.compile(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])")  # in a text, their spelling means the tokens themselves
# The blocks that BERT's original tokenizer calls Chinese: each of their characters is a word of its own.
IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class _Folding(dict[int, str]):
    """What each character becomes before words are split at spaces; a table for str.translate, filled on demand."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


def _fold(char: str) -> str:
    if char in "\t\n\r":
        return " "
    # Controls, soft hyphens, zero-width joiners, private use and lone surrogates vanish without splitting a word.
    if char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if char.isspace():
        return " "
    bare = (part.lower() for part in unicodedata.normalize("NFD", char) if unicodedata.category(part) != "Mn")
    folded = "".join(f" {part} " if _is_punctuation(part) else part for part in bare)
    return f" {folded} " if any(low <= ord(char) <= high for low, high in IDEOGRAPHS) else folded


def _is_punctuation(char: str) -> bool:
    """Every ASCII mark counts, also those that Unicode calls symbols."""
    if char.isascii():
        return char.isprintable() and not char.isalnum() and char != " "
    return unicodedata.category(char).startswith("P")


_folding = _Folding()


class WordPiece:
    """A vocabulary and the words already looked up in it. Continuations are spelled with "##"."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._ids = {piece: index for index, piece in enumerate(pieces)}
        self._longest = max(map(len, pieces))
        self._words: dict[str, tuple[int, ...]] = {}
        self.unknown = self._ids["[UNK]"]
        self.first = self._ids["[CLS]"]
        self.last = self._ids["[SEP]"]

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text` between [CLS] and [SEP]."""
        ids = [self.first]
        for number, part in enumerate(SPECIAL.split(text) if "[" in text else (text,)):
            if number % 2:
                ids.append(self._ids[part])
            else:
                self._extend(ids, part.translate(_folding).split())
        ids.append(self.last)
        return ids

    def _extend(self, ids: list[int], words: Iterable[str]) -> None:
        known = self._words
        for word in words:
            found = known.get(word)
            if found is None:
                if len(known) >= CACHED_WORDS:
                    known.clear()
                found = known[word] = self._split(word)
            ids += found

    def _split(self, word: str) -> tuple[int, ...]:
        """Take the longest piece that fits, again and again; one misfit makes the whole word unknown."""
        if len(word) > LONGEST_WORD:
            return (self.unknown,)
        ids: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                found = self._ids.get(prefix + word[start:end])
                if found is not None:
                    break
            else:
                return (self.unknown,)
            ids.append(found)
            start = end
        return tuple(ids)
