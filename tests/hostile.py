"""Texts that want to act on a terminal, and what of them is left in what was printed."""

from __future__ import annotations

import re

from hypothesis import strategies as st

# Everything between the edges of what a terminal reads: sequences whole and cut, by one byte or two, of each kind.
PIECES = (
    *("\x1b[31m", "\x1b[8m", "\x1b[5;7m", "\x1b[2J", "\x1b[10;10H", "\x1b[?1049h", "\x1b[6n", "\x1b[1A", "\x1b[2K"),
    *("\x1b]0;title\x07", "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\", "\x1b]52;c;aGk=\x07", "\x1bP1$r\x1b\\"),
    *("\x1b_Gf=100\x1b\\", "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\x1b(0", "\x1bc", "\x1b#8", "\x1b7", "\x1bN", "\x1b"),
    *("\x9b31m", "\x9b2J", "\x9d0;title\x9c", "\x90q\x9c", "\x98x\x9c", "\x9e", "\x9f", "\x85", "\x8d", "\x80"),
    *("\x00", "\x01", "\x05", "\x07", "\x08\x08", "\x0b", "\x0c", "\x0e", "\x0f", "\x11", "\x18", "\x1a", "\x7f"),
    *("\r", "\r\n", "\n", "\t", "\u2028", "\u2029", "\u202e", "\u202a", "\u2066", "\u2069", "\u200e", "\u200f"),
    *("\u061c", "\ud83d", "\udc9b", "\ufeff", "\u200b", "&#x202e;", "&#27;[31m", "[bold]", "[/]", "**", "`", "|"),
    *("[", "]", "m", "31m", "0;", "\\", "\\x1b", "a", "I live in Hull. ", "é", "中", "\U0001f600"),
)
texts = st.lists(st.sampled_from(PIECES) | st.characters(), max_size=12).map("".join)
storable = texts.map(lambda text: text.replace("\x00", "").encode("utf-8", "ignore").decode() + "x")

# Weights, italics, underlines, reversed; the sixteen colours and those by number, before and behind letters.
_STYLE = r"(?:[0123479]|2[1-9]|3[0-79]|4[0-79]|9[0-7]|10[0-7]|[34]8;5;\d+|[34]8;2;\d+;\d+;\d+)"
_OURS = re.compile(rf"\x1b\[(?:{_STYLE}(?:;{_STYLE})*)?m|\r?\x1b\[(?:2K|\d*A|\?25[hl])")
_ANY_STYLE = re.compile(r"\r?\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[hl])")
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def left_on_a_terminal(printed: str, *, colored: bool = False, foreign: bool = False) -> list[str]:
    """Return the characters in what was printed that a terminal acts on: only our own styles may stand there.

    `foreign`: whose styles they are is not told apart, as nothing but the second net was asked.
    """
    if colored:
        printed = (_ANY_STYLE if foreign else _OURS).sub("", printed)
    return _UNSAFE.findall(printed)
