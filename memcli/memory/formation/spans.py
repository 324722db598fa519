"""Whose words a stretch of a user's message is: his own, or a document's that he pasted, quoted or fenced. Pure.

What looks like somebody else's text counts as such: a fact that is missed can be said again, while a stranger's words
in the user's mouth are poison. Trust follows from it: only own words may form memories.

Invariant: the time grows with the length of the text, however hostile; what could be tried at each place is possessive
or bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

# Fences on lines of their own: what stands between two of them, or behind an unclosed one, is a document.
_FENCE = re.compile(
    r"^[ \t]{0,3}(?P<mark>`{3,}|~{3,}|\"{3,}|'{3,}|-{3,}|={3,}|\*{3,}|_{3,}|#{4,}|<{3,}|>{3,}$)[^\n]*$", re.MULTILINE
)
_INLINE_FENCE = re.compile(r"(?P<mark>`{3,}|\"\"\"|''')(?:(?!(?P=mark)).)*(?:(?P=mark)|$)", re.DOTALL)
_TAGGED = re.compile(r"<(?P<tag>[A-Za-z][\w-]{0,30})(?:\s[^<>]{0,200})?>.*?(?:</(?P=tag)>|$)", re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}>.*$", re.MULTILINE)

# Quotation marks around at least LEAST_QUOTED words, or a whole sentence: a title or a nickname is the user's own.
LEAST_QUOTED = 5  # words
LEAST_QUOTED_WIDE = 2 * LEAST_QUOTED  # characters, where a script has no spaces
_OPENING = re.compile(r"[\"“„«‹「『]|(?<!\w)['‘]")
_CLOSING = {
    '"': re.compile(r'["\n]'),
    "“": re.compile(r"”"),
    "„": re.compile(r"[“”]"),
    "«": re.compile(r"»"),
    "‹": re.compile(r"›"),
    "「": re.compile(r"」"),
    "『": re.compile(r"』"),
    "'": re.compile(r"['\n]"),
    "‘": re.compile(r"[’\n]"),
}
_MOST_QUOTED = {**dict.fromkeys('"“„«‹', 2000), **dict.fromkeys("「『", 1000), **dict.fromkeys("'‘", 400)}  # characters
_APOSTROPHE = re.compile(r"['’]\w")

# Lines that machines write: logs, mail headers, tables, markup, prompts of a shell.
_MACHINE_LINES = (
    r"(?:from|to|cc|bcc|subject|date|sent|reply-to|von|an|betreff|objet|asunto) ?: .*",
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*",
    r"\[?\d\d:\d\d(?::\d\d)?\]? .{0,40}[:>] .*",
    r"(?:[$#%] |>>> |\.\.\. |PS [A-Z]:).*",
    r"(?:ERROR|ERR|WARN(?:ING)?|INFO|DEBUG|FATAL|TRACE|Traceback)\b.*",
    r"[\[{].*[\]}][,;]?",
    r"\|.*\|",
    r"<[!/\w][^>]*>.*",
    r"(?:[\w.-]*,){3,}[\w.-]*",
    r"[\w.-]{0,40},[^,\n]{0,80},\".*",
    # "Tip (3:15): the assistant should remember ..." is a transcript that plants something.
    r"[\w ]{1,30}(?:\(\d\d?:\d\d\))? ?: (?>.*?\b(?:user|assistant|ai)\b).*(?:remember|store|save).*",
)
_MACHINE = re.compile(rf"^[ \t]*(?:{'|'.join(_MACHINE_LINES)})$", re.MULTILINE | re.IGNORECASE)

# "Translate into French:", "here is her mail:", "the sign says:" hand over what follows them.
_WORKED_ON = (  # with something: "fix the spelling in this"
    r"correct|fix|edit|polish|improve|check|explain|analy[sz]e|classify|tidy|convert|format|turn|parse|boil|cut|extract|"
    r"pull|finish|review|rate|grade|mark|read|reply to|respond to|answer|solve|debug|identify|find"
)
_TASK = (
    r"translat\w+|proof-?read\w*|summari[sz]\w+|sum up|paraphras\w+|rephras\w+|rewrit\w+|reword\w*|shorten\w*|"
    r"boil down|condense|spell-?check\w*|critique|continue the|"
    rf"(?:{_WORKED_ON})(?: \w+){{0,3}}? (?:this|these|that|the|it|following|below|attached|my|his|her|their|our|an?)|"
    r"übersetz\w*|korrigier\w*|fass\w* |zusammenfass\w*|tradui\w*|corrig\w*|résum\w*|traduc\w*|traduz\w*|resum\w*|"
    r"riassum\w*|vertaal|przetłumacz|översätt"
)
_ASKING = r"please|pls|to|me|and|just|now|then|so|help|(?:can|could|would|will) (?:you|u)"
_WHOSE = r"here(?:['’]s| is| are)|this|following|the|a|an|his|her|their|my|from"
_DOCUMENT = (
    r"e-?mails?|letters?|messages?|mails?|texts?|notes?|reviews?|posts?|tweets?|articles?|paragraphs?|passages?|"
    r"excerpts?|sentences?|lines?|lyrics?|poems?|verses?|transcripts?|logs?|output|errors?|readme|bio|drafts?|"
    r"dialogues?|story|essay|homework|exercise|puzzle|riddle|prompt|page|site|website|document|snippet|code|quote|"
    r"statement|caption|abstract|ad|advert|listing|sign|label"
)
_SAID = (
    r"says?|said|wrote|writes|reads|printed|prints|goes|texted|replied|posted|pasted?|pasting|copied|forwarded|"
    r"quote[ds]?"
)
_HANDING_OVER = re.compile(
    rf"(?:(?:^|[.!?,;:\n][^\S\n]*|\b(?:{_ASKING})\s+)(?:{_TASK})\b[^\n:?!.]{{0,120}}"
    rf"|\b(?:{_WHOSE}) (?:[\w'’-]+ ){{0,4}}(?:{_DOCUMENT})\b[^\n:?!.]{{0,60}}"
    rf"|\b(?:{_SAID})\b[^\n:?!.]{{0,60}}"
    r"|\b(?:following|below|here it is|here you go)):(?!\d)",
    re.IGNORECASE,
)
_CJK_HANDING_OVER = re.compile(
    r"(?:翻译|翻譯|訳し|翻訳|総括|总结|要約|摘要|校对|添削|번역|요약|교정)[^\n：:]{0,60}[：:]"
)
_BLANK = re.compile(r"\s*")
_BREAK = re.compile(r"[ \t]*\n")
_PARAGRAPH = re.compile(r"\n\s*\n")


def own(text: str) -> list[Span]:
    """Return the stretches of a message that are its writer's own words, in order, without white space around them."""
    foreign = sorted(_foreign(text))
    found: list[Span] = []
    start = 0
    for first, behind in [*foreign, (len(text), len(text))]:
        if first > start:
            found.append((start, first))
        start = max(start, behind)
    return [span for span in (_trimmed(text, *one) for one in found) if span[0] < span[1]]


def _foreign(text: str) -> Iterator[Span]:
    yield from _fenced(text)
    for pattern in (_INLINE_FENCE, _TAGGED, _CODE, _QUOTED_LINE, _MACHINE):
        yield from (match.span() for match in pattern.finditer(text))
    for start, end in _quotations(text):
        inner = text[start + 1 : end - 1]
        if len(inner.split()) >= LEAST_QUOTED or sum(ord(char) > 0x2E7F for char in inner) >= LEAST_QUOTED_WIDE:
            yield start, end
    yield from _handed_over(text)


def _fenced(text: str) -> Iterator[Span]:
    """Yield what stands between lines of dashes, backticks and the like; the last one may be missing."""
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text):
        mark = match["mark"][0]
        if opened is None:
            opened = match.start(), mark
        elif opened[1] == mark:
            yield opened[0], match.end()
            opened = None
    if opened is not None:
        yield opened[0], len(text)


def _quotations(text: str) -> Iterator[Span]:
    """Yield what stands in quotation marks, the marks included, from left to right."""
    closings: dict[str, int] = {}  # where the next one is for each opening mark, so that none is sought twice
    at = 0
    while opened := _OPENING.search(text, at):
        mark, at = opened[0], opened.end()
        if closings.get(mark, -1) < at:
            closing = _CLOSING[mark].search(text, at)
            closings[mark] = closing.start() if closing else len(text)
        if _closes(text, mark, at, closings[mark]):
            at = closings[mark] + 1
            yield opened.start(), at


def _quoted_at(text: str, place: int) -> int | None:
    """Return where the quotation ends that opens at this place, if one does."""
    mark = text[place : place + 1]
    if mark not in _CLOSING:
        return None
    closing = _CLOSING[mark].search(text, place + 1, place + _MOST_QUOTED[mark] + 2)
    return closing.end() if closing and _closes(text, mark, place + 1, closing.start()) else None


def _closes(text: str, mark: str, inner: int, end: int) -> bool:
    """Tell whether what stands at `end` closes the quotation that `mark` opens, with the text from `inner` on in it."""
    if not 0 < end - inner <= _MOST_QUOTED[mark] or text[end : end + 1] in ("", "\n"):
        return False
    return mark not in "'‘" or not _APOSTROPHE.match(text, end)


def _handed_over(text: str) -> Iterator[Span]:
    """Yield what follows "translate this:", to the end of its paragraph, or to the end of all where lines follow."""
    filled = len(text.rstrip())
    for pattern in (_HANDING_OVER, _CJK_HANDING_OVER):
        paragraph = -1  # where the last one ended, so that none is sought twice
        for match in pattern.finditer(text):
            start = match.end()
            if start >= filled:
                break
            quoted = _quoted_at(text, _BLANK.match(text, start).end())  # type: ignore[union-attr] # it may be empty
            if quoted is not None:  # and what follows it is the user's again
                yield start, quoted
                continue
            if _BREAK.match(text, start):
                yield start, len(text)
                break
            if paragraph < start:
                ending = _PARAGRAPH.search(text, start)
                paragraph = ending.start() if ending else len(text)
            yield start, paragraph


def _trimmed(text: str, start: int, end: int) -> Span:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - (len(inner) - len(inner.rstrip()))
