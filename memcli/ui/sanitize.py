"""Make any text safe to print: no control codes, escape sequences or bidi overrides reach a terminal.

`clean` is for people (what is unsafe disappears), `visible` for who wants to see it, `json_line` for programs (in both
it is escaped, nothing is lost); `styled` is for what was cleaned and then given styles by us.
"""

from __future__ import annotations

import json
import re

# ESC and CSI/OSC/DCS sequences as ECMA-48 forms them, so that "\x1b[31mred" leaves "red" and not "[31mred".
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
MARK = "\N{REPLACEMENT CHARACTER}"
_INTRODUCERS = frozenset("\x1b\x90\x98\x9b\x9d\x9e\x9f")  # what a sequence may begin with
# C0 but tab and newline, DEL, C1, line and paragraph separators, bidi marks and overrides, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What Rich writes for our styles, and where it draws again: colours and weights, up, erase, hide and show the cursor.
_STYLES = re.compile(r"(\r?(?:\x1b\[(?:[0-9;]*m|[0-9]*[AK]|\?25[hl]))+)")


def clean(text: str) -> str:
    """Return `text` without anything that a terminal would act on; newlines and tabs stay."""
    return _UNSAFE.sub("", _SEQUENCE.sub("", text.replace("\r\n", "\n")))


def styled(text: str) -> str:
    """Return `text` without anything that a terminal would act on but our own styles: a second net, behind `clean`."""
    return "".join(part if place % 2 else clean(part) for place, part in enumerate(_STYLES.split(text)))


def visible(text: str) -> str:
    """Return `text` with what a terminal would act on spelled out (\\x1b, \\u202e): nothing of it is lost."""
    return _UNSAFE.sub(lambda match: _escape(match.group()), text)


def masked(text: str) -> str:
    """Return `text` with a mark in the place of each character that a terminal would act on."""
    return _UNSAFE.sub(MARK, text)


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 0x100 else f"\\u{ord(char):04x}"


def one_line(text: str) -> str:
    """Return `text` cleaned and on a single line."""
    return " ".join(clean(text).split())


def json_line(value: object) -> str:
    """Return `value` as one line of JSON in which every unsafe character is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


class Sanitiser:
    """Cleans a text that comes in pieces exactly as `clean` would clean the whole."""

    def __init__(self) -> None:
        self._held = ""  # from the first introducer on, as a sequence may span any number of pieces
        self._given = 0  # characters of clean(held) that were returned

    def feed(self, piece: str) -> str:
        if not self._held and _INTRODUCERS.isdisjoint(piece):
            return clean(piece)
        self._held += piece
        text = clean(self._held)  # more input only makes it longer
        fresh, self._given = text[self._given :], len(text)
        return fresh
