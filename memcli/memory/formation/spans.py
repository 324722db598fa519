"""Whose words a stretch of a user's message is: his own, or a document's that he pasted, quoted or fenced. Pure.

What looks like somebody else's text counts as such: a fact that is missed can be said again, while a stranger's words
in the user's mouth are poison. Trust follows from it: only own words may form memories, and notes tell them apart.

Invariants: a text cannot close the fence or the tag that it was pasted into; the time grows with the length of the
text, however hostile, as what could be tried at each place is possessive or bounded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from memcli.memory.formation import machines

Span = tuple[int, int]

# Most messages have none of these, and are their writer's own: that is seen ten times as fast.
_SUSPECT = re.compile(
    rf"[\n:：\"“„«‹「『`<>{{}}\[\]|{machines.CODES}]|(?<!\w)['‘]|,[^,]*,[^,]*,"
    r"|\A[ \t]*(?:[$#%/*;]|PS |ERR|WARN|INFO|DEBUG|FATAL|TRACE)",
    re.IGNORECASE,
)
# Fences on lines of their own: what stands between the first and the last of a sort is a document, as the text in it
# may have fences of its own; behind an odd one, to the end.
_FENCE = re.compile(
    r"^[ \t]{0,3}(?P<mark>`{3,}|~{3,}|\"{3,}|'{3,}|-{3,}|={3,}|\*{3,}|_{3,}|#{4,}|<{3,}|>{3,}$)[^\n]*$", re.MULTILINE
)
_INLINE_FENCE = re.compile(r"(?P<mark>`{3,}|\"\"\"|''')(?:(?!(?P=mark)).)*(?:(?P=mark)|$)", re.DOTALL)
_TAG = re.compile(r"<(?P<tag>[A-Za-z][\w-]{0,30})(?:\s[^<>]{0,200})?>")
_TAG_END = re.compile(r"</(?P<tag>[A-Za-z][\w-]{0,30})>")
_CODE = re.compile(r"`[^`\n]+`")
_QUOTED_LINE = re.compile(r"^[ \t]{0,3}>.*$", re.MULTILINE)

# Quotation marks around at least LEAST_QUOTED words, or a whole sentence: a title or a nickname is the user's own.
LEAST_QUOTED = 5  # words
LEAST_QUOTED_WIDE = 2 * LEAST_QUOTED  # characters, where a script has no spaces
_OPENING = re.compile(r"[\"“„«‹「『]|(?<!\w)['‘]")
_CLOSING = {
    '"': re.compile(r'["\n]'),  # or over lines, see _OVER_LINES
    "“": re.compile(r"”"),
    "„": re.compile(r"[“”]"),
    "«": re.compile(r"»"),
    "‹": re.compile(r"›"),
    "「": re.compile(r"」"),
    "『": re.compile(r"』"),
    "'": re.compile(r"['\n]"),
    "‘": re.compile(r"[’\n]"),
}
# Characters. A mark that has no closing one of its own kind may be a slip, unlike the others.
_MOST_QUOTED = {**dict.fromkeys('"“„«‹「『', 20_000), **dict.fromkeys("'‘", 400)}
_HANDED_OVER = 2000  # characters of a quotation behind which the user speaks again
_APOSTROPHE = re.compile(r"['’]\w")
_OVER_LINES = re.compile(r"""(?<=\S)"(?![^\s.,;:!?)\]}'’])""")  # closes what opened on an earlier line

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
_SHOWN = (  # and the rest stands below: "here is what I got:"
    r"here(?:['’]?s| is| are| was| were)?|this is what|(?:i|we|it|he|she|they) (?:just )?(?:got|found|received|saw)|"
    r"got this|look at (?:this|these)|see (?:this|these)|came back(?: with)?|returned|returns|outputs?|shows?|"
    r"responded|"
    r"answered|told me"
)
_HANDING_OVER = re.compile(  # as far as a colon
    rf"(?:(?:^|[.!?,;:\n][^\S\n]*|\b(?:{_ASKING})\s+)(?:{_TASK})\b[^\n:?!.]{{0,120}}"
    rf"|\b(?:{_WHOSE}) (?:[\w'’-]+ ){{0,4}}(?:{_DOCUMENT})\b[^\n:?!.]{{0,60}}"
    rf"|\b(?:{_SAID})\b[^\n:?!.]{{0,60}}"
    r"|\b(?:following|below|here it is|here you go))$",
    re.IGNORECASE,
)
_HIS_OWN = re.compile(  # and yet nothing is handed over: what is to be kept, and an address
    r"\W*(?:(?:please|pls|and|also|just|now|ok(?:ay)?|so|(?:can|could) you)\W+){0,4}"
    r"(?:remember|memori[sz]e|(?:keep|bear) in mind|do(?:n['’]?t| not) forget)(?: the| this| these)?"
    r"(?: following)?(?: (?:facts?|things?|points?))?(?: about me)?$"
    r"|[^\n]{0,60}\bmy (?:[\w'’-]+ )?e-?mail(?: address)? is$",
    re.IGNORECASE,
)
_SHOWING = re.compile(rf"\b(?:{_SHOWN})\b[^\n:?!.]{{0,60}}$", re.IGNORECASE)  # as far as a colon that ends its line
_CLAUSE_END = re.compile(r"[\n:?!.]")
_TIME = re.compile(r"\d")
_CJK_HANDING_OVER = re.compile(
    r"(?:翻译|翻譯|訳し|翻訳|総括|总结|要約|摘要|校对|添削|번역|요약|교정)[^\n：:]{0,60}[：:]"
)
_BLANK = re.compile(r"\s*")
_BREAK = re.compile(r"[ \t]*\n")
_PARAGRAPH = re.compile(r"\n\s*\n")


def own(text: str) -> list[Span]:
    """Return the stretches of a message that are its writer's own words, in order, without white space around them."""
    foreign = sorted(_foreign(text)) if _SUSPECT.search(text) else []
    found: list[Span] = []
    start = 0
    for first, behind in [*foreign, (len(text), len(text))]:
        if first > start:
            found.append((start, first))
        start = max(start, behind)
    return [span for span in (_trimmed(text, *one) for one in found) if span[0] < span[1]]


def _foreign(text: str) -> Iterator[Span]:
    yield from _fenced(text)
    yield from _tagged(text)
    yield from machines.spans(text)
    inline = (_INLINE_FENCE,) if any(mark in text for mark in ("```", '"""', "'''")) else ()
    for pattern in (*inline, _CODE, _QUOTED_LINE):
        yield from (match.span() for match in pattern.finditer(text))
    for start, end in _quotations(text):
        inner = text[start + 1 : end - 1]
        if len(inner.split()) >= LEAST_QUOTED or sum(ord(char) > 0x2E7F for char in inner) >= LEAST_QUOTED_WIDE:
            yield start, end
    yield from _handed_over(text)


def _fenced(text: str) -> Iterator[Span]:
    """Yield what stands between lines of dashes, backticks and the like; the last one may be missing.

    Where two sorts overlap, either may have come with what the other holds: both count.
    """
    fences = [(match.start(), match.end(), match["mark"][0]) for match in _FENCE.finditer(text)]
    count = Counter(mark for _, _, mark in fences)
    closing = {mark: end for _, end, mark in fences}
    last = {mark: end if count[mark] % 2 == 0 else len(text) for mark, end in closing.items()}
    behind = 0
    for start, _, mark in fences:
        if start >= behind or closing[mark] > behind:
            behind = last[mark]
            yield start, behind


def _tagged(text: str) -> Iterator[Span]:
    """Yield what stands between a tag and the last that closes one of its name; where none does, all that follows."""
    last = {match["tag"]: match.end() for match in _TAG_END.finditer(text)}
    behind = 0
    for match in _TAG.finditer(text):
        if match.start() < behind:
            continue
        end = last.get(match["tag"], 0)
        behind = end if end > match.start() else len(text)
        yield match.start(), behind


def _quotations(text: str) -> Iterator[Span]:
    """Yield what stands in quotation marks, the marks included, from left to right."""
    closings: dict[str, int] = {}  # where the next one is for each opening mark, so that none is sought twice
    over = -1  # and where the next one is that closes over lines
    at = 0
    while opened := _OPENING.search(text, at):
        mark, at = opened[0], opened.end()
        if closings.get(mark, -1) < at:
            closing = _CLOSING[mark].search(text, at)
            closings[mark] = closing.start() if closing else len(text)
        end = closings[mark]
        if mark == '"' and text[end : end + 1] == "\n" and _opens(text, opened.start()):
            if over < at:
                closing = _OVER_LINES.search(text, at)
                over = closing.start() if closing else len(text)
            end = over
        elif mark == '"' and _opens(text, end):  # a quotation within it
            end = _last_of_line(text, end)
        if _closes(text, mark, at, end):
            at = end + 1
            yield opened.start(), at


def _opens(text: str, place: int) -> bool:
    """Tell whether a straight mark stands as an opening one does: before a word, and not behind one."""
    return not text[place - 1 : place].strip(" \t\n([{—–-:") and text[place + 1 : place + 2].strip() != ""


def _quoted_at(text: str, place: int) -> int | None:
    """Return where the quotation ends that opens at this place, if one does."""
    mark = text[place : place + 1]
    if mark not in _CLOSING:
        return None
    closing = _CLOSING[mark].search(text, place + 1, place + min(_MOST_QUOTED[mark], _HANDED_OVER) + 2)
    if closing is None or not _closes(text, mark, place + 1, closing.start()):
        return None
    # It may quote in its turn, with the same mark.
    return _last_of_line(text, closing.start(), place + _HANDED_OVER) + 1 if mark == '"' else closing.end()


def _last_of_line(text: str, place: int, limit: int | None = None) -> int:
    """Return where the last mark of the line stands that one at `place` belongs to, before `limit`."""
    end = text.find("\n", place, limit)
    return text.rfind(text[place], place, limit if end < 0 else end)


def _closes(text: str, mark: str, inner: int, end: int) -> bool:
    """Tell whether what stands at `end` closes the quotation that `mark` opens, with the text from `inner` on in it."""
    if not 0 < end - inner <= _MOST_QUOTED[mark] or text[end : end + 1] in ("", "\n"):
        return False
    return mark not in "'‘" or not _APOSTROPHE.match(text, end)


def _handed_over(text: str) -> Iterator[Span]:
    """Yield what follows "translate this:", to the end of its paragraph, or to the end of all where lines follow."""
    filled = len(text.rstrip())
    for places in (_colons(text), (match.end() for match in _CJK_HANDING_OVER.finditer(text))):
        paragraph = -1  # where the last one ended, so that none is sought twice
        for start in places:
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


def _colons(text: str) -> Iterator[int]:
    """Yield the places behind the colons with which something is handed over. Clauses without one cost nothing."""
    clause = 0
    for match in _CLAUSE_END.finditer(text):
        colon = match.start()
        if match[0] == ":" and not _TIME.match(text, colon + 1):
            shows = _BREAK.match(text, colon + 1) and _SHOWING.search(text, clause, colon)
            handed = shows or _HANDING_OVER.search(text, clause, colon)
            if handed and not _HIS_OWN.match(text, clause, colon):
                yield colon + 1
        clause = colon


def _trimmed(text: str, start: int, end: int) -> Span:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - (len(inner) - len(inner.rstrip()))
