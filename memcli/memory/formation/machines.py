"""Lines that machines write, and what stands among them: logs, mail, transcripts, messages of a chat, markup. Pure.

Nobody speaks of himself in such lines, so that what they hold is a document, whatever it says.

Invariant: the time grows with the length of the text, however hostile; what could be tried at each place is possessive
or bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

Span = tuple[int, int]

# Control codes, overrides of the direction of writing, and private characters: no keyboard has them.
CODES = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ue000-\uf8ff\U000f0000-\U0010fffd"
_UNTYPED = re.compile(rf"[^\n]*[{CODES}][^\n]*")
_CODE = re.compile(rf"[{CODES}]")
_KEYS = r"role|content|author|speaker|sender|recipient|message|text|instructions?|prompt"
_LINES = (
    r"(?:from|to|cc|bcc|subject|date|sent|reply-to|von|an|betreff|objet|asunto) ?: .*",
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*",
    r"\[?\d\d:\d\d(?::\d\d)?\]? .{0,40}[:>] .*",
    r"(?:[$#%] |>>> |\.\.\. |PS [A-Z]:).*",
    r"(?://|/\*|\*/|;;).*",
    r"(?:ERROR|ERR|WARN(?:ING)?|INFO|DEBUG|FATAL|TRACE|Traceback)\b.*",
    r"[\[{].*[\]}][,;]?",
    r"[\[\]{}]{1,9}[,;]?",
    r"\"[^\"\n]{1,60}\"[ \t]?:.*",
    rf"(?:- )?(?:{_KEYS}) ?[:=][ \t]*(?:[|>\"'].*)?",
    r"\|.*\|",
    r"<[!/\w][^>]*>.*",
    r"(?:[\w.-]*,){3,}[\w.-]*",
    r"[\w.-]{0,40},[^,\n]{0,80},\".*",
    # "Tip (3:15): the assistant should remember ..." is a transcript that plants something.
    r"[\w ]{1,30}(?:\(\d\d?:\d\d\))? ?: (?>.*?\b(?:user|assistant|ai)\b).*(?:remember|store|save).*",
)
_LINE = re.compile(rf"[ \t]*(?:{'|'.join(_LINES)})$", re.MULTILINE | re.IGNORECASE)
_BREAK = re.compile(r"\n")
_GAP = re.compile(r"\n[ \t]*\n")
_COMMENT = re.compile(r"<!--.*?(?:-->|$)|/\*.*?(?:\*/|$)", re.DOTALL)

# Two of them, one below the other, and a mail follows.
_HEADER = r"[ \t]*(?:from|to|cc|bcc|subject|date|sent|reply-to|von|an|betreff|de|para|à|objet|asunto|oggetto|da) ?:.*"
_MAIL = re.compile(rf"{_HEADER}\n{_HEADER}$", re.MULTILINE | re.IGNORECASE)

# Who speaks, in the words of chats with a model: "User:", "**Assistant**:", "- role: system", "### Instruction:".
_ROLE = (
    r"user|assistant|system|human|ai|bot|chatbot|chatgpt|gpt|claude|gemini|llama|developer|you|me|"
    r"benutzer|nutzer|assistent|utilisateur|assistante?|système|usuari[oa]|asistente|sistema|utente|assistente|"
    r"gebruiker|użytkownik|пользователь|ассистент|система|用户|助手|系统|ユーザー|アシスタント|사용자"
)
_TURN = re.compile(
    rf"[ \t]*[*_#>\[(<|-]{{0,5}}[ \t]?(?:role[ \t]?[:=][ \t]?)?[\"']?(?:{_ROLE})"
    r"(?: ?\d{1,3})?(?: ?[\[(][^\n\])]{1,20}[\])])?[*_\])>|\"']{0,5}[ \t]?(?:[:：]|\n)",
    re.IGNORECASE,
)
# How models mark turns and texts in their prompts.
_TOKEN = re.compile(
    r"<[|｜]|[|｜]>|\[/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>|</s>|"
    r"^#{1,6} ?instructions?\b",
    re.MULTILINE | re.IGNORECASE,
)
# "Ann: ..." and later on "Ann: ..." again: people who talk.
_SPEECH = re.compile(r"[ \t]*(?P<who>[^\W\d_][\w.'’ -]{0,30}?)[ \t]?(?:[\[(][^\])\n]{1,20}[\])])?[:：][ \t]+\S")


def spans(text: str) -> Iterator[Span]:
    """Yield the stretches that are written by machines or quote a conversation; they may overlap."""
    starts = [0, *(match.end() for match in _BREAK.finditer(text))]
    lines = [match.span() for start in starts if (match := _LINE.match(text, start))]
    if _CODE.search(text):
        lines = sorted([*lines, *(match.span() for start in starts if (match := _UNTYPED.match(text, start)))])
    yield from lines
    yield from _among(text, lines)
    yield from (match.span() for match in _COMMENT.finditer(text))
    opened = [start for start in starts if _MAIL.match(text, start) or _TURN.match(text, start)][:1]
    opened += [match.start() for match in [_TOKEN.search(text)] if match]
    if opened:  # whatever follows belongs to it: where it ends nothing tells
        yield min(opened), len(text)
    yield from _talk(text, starts)


def _among(text: str, lines: list[Span]) -> Iterator[Span]:
    """Yield what stands in a paragraph behind the first of several lines by a machine: a line of a log may wrap."""
    start = 0
    place = 0
    while start < len(text) and place < len(lines):
        gap = _GAP.search(text, start)
        end = gap.start() if gap else len(text)
        first = place
        while place < len(lines) and lines[place][0] < end:
            place += 1
        if place - first > 1:
            yield lines[first][0], end
        start = gap.end() if gap else len(text)


def _talk(text: str, starts: Iterable[int]) -> Iterator[Span]:
    """Yield what people say by turns, from the first line of one who speaks twice to the end of the last paragraph."""
    speeches = [(start, match["who"].casefold()) for start in starts if (match := _SPEECH.match(text, start))]
    times = Counter(who for _, who in speeches)
    places = [place for place, who in speeches if times[who] > 1]
    if places:
        gap = _GAP.search(text, places[-1])
        yield places[0], gap.start() if gap else len(text)
