"""One spelling for what people write in several ways, and pieces for scripts that put no spaces between words.

Full text reads a chunk's own text where that will do, and otherwise what `spelled` makes of it; a query is brought
into the same form by `pieces`. Invariant: both sides are plain words between spaces, so any SQLite can read them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

# Letters that Unicode does not take apart into a base and a mark, as people write them without the key for it.
_LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ŋ": "n", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)

# What a text may hold for the tokenizer to read it rightly by itself: ASCII, and the signs of western typography.
# Letters beyond ASCII are spelled here, and so is what came after Unicode 6.1, such as newer emoji: FTS5 takes it for
# letters.
_SPECIAL = re.compile(
    r"[^\x00-\x7f\xa0-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7\u2010-\u2027\u2030-\u205e\u2190-\u23f3\u2500-\u26ff]"
)

# Scripts without spaces. Two characters of Chinese, Japanese or Korean make about a word, and in Korean they free the
# word from its particles; alphabets of Southeast Asia need three to tell words apart.
_TWOS = (
    r"\u1100-\u11ff\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u312f\u3131-\u318e\u31a0-\u31bf"
    r"\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_THREES = (
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u109a-\u109d\u1780-\u17d3"
    r"\ua9e0-\ua9ef\uaa60-\uaa7f"
)
_RUN = re.compile(rf"(?P<twos>[{_TWOS}]+)|(?P<threes>[{_THREES}]+)|[^{_TWOS}{_THREES}]+")

# Canonical combining classes (the third field of UnicodeData.txt) of marks that people leave out: the vowel points of
# Hebrew, Arabic and Syriac, and accents. Vowel signs of India and the voicing of kana are not among them.
_POINTS, _ACCENTS = range(10, 37), range(202, 241)
_MARKED = (range(0x300, 0x1E00), range(0x20D0, 0x2100), range(0xA800, 0xAC00))  # where the scripts' marks stand


def fold(text: str) -> str:
    """Return `text` without case, accents, and width; "ß" becomes "ss", "ł" becomes "l", "æ" becomes "ae"."""
    if text.isascii():
        return text.lower()
    loose = _left_out().sub("", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFC", loose).translate(_LETTERS)


def plain(text: str) -> bool:
    """Tell whether the tokenizer makes of `text` what `fold` would."""
    return not _SPECIAL.search(text)


def spelled(text: str) -> str | None:
    """Return what full text is to read in place of `text`, None where the text itself will do."""
    if plain(text):
        return None
    return " ".join(gram for word in words(fold(text)) for run, size in _runs(word) for gram in _indexed(run, size))


def words(text: str) -> list[str]:
    """Return the words of `text`, with the marks that belong to their letters."""
    return _pattern(text.isascii(), joined=False).findall(text)


def said(text: str) -> list[str]:
    """Return the words of `text` as they are spoken: "don't" is one."""
    return _pattern(text.isascii(), joined=True).findall(text)


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield what to look up in the index for `text`, and whether it may be the beginning of what stands there."""
    for word in words(fold(text)):
        for run, size in _runs(word):
            if size and len(run) < size:
                yield run, True
            elif size:
                yield from ((gram, False) for gram in _grams(run, size))
            else:
                yield run, False


def unspaced(word: str) -> bool:
    """Tell whether `word` is of a script without spaces, at least in part."""
    return any(size for _, size in _runs(word))


def _runs(word: str) -> Iterator[tuple[str, int]]:
    """Yield the parts of a word by kind of script, and how many characters make a piece of it; 0: all."""
    for run in _RUN.finditer(word):
        yield run[0], 2 if run["twos"] else 3 if run["threes"] else 0


def _grams(run: str, size: int) -> Iterable[str]:
    return (run[start : start + size] for start in range(len(run) - size + 1))


def _indexed(run: str, size: int) -> Iterator[str]:
    """Yield the overlapping pieces of a run, and its end in shorter ones: every character begins some piece."""
    if not size:
        yield run
        return
    yield from _grams(run, size)
    for start in range(max(0, len(run) - size + 1), len(run)):
        yield run[start:]


@cache
def _pattern(ascii_only: bool, *, joined: bool) -> re.Pattern[str]:
    word = "[A-Za-z0-9]+" if ascii_only else rf"[^\W_]+(?:[{_marks()}]+[^\W_]*)*"
    return re.compile(f"{word}(?:['’]{word})?" if joined else word)


@cache
def _marks() -> str:
    """Return all marks of the scripts; the regular expressions of Python count none of them to a word."""
    return "".join(chr(c) for block in _MARKED for c in block if unicodedata.category(chr(c)) in ("Mn", "Mc"))


@cache
def _left_out() -> re.Pattern[str]:
    loose = (c for c in _marks() if unicodedata.combining(c) in _POINTS or unicodedata.combining(c) in _ACCENTS)
    return re.compile(f"[{''.join(loose)}]")
