"""Asking: what a question is about, who it names, and what kind of answer it wants.

Pure functions over text. What is said about the conversation itself ("can you list the order in which I mentioned ...
throughout our chats") is cut away: looked up as it stands, it finds whatever else was said about conversations.
Every pattern is anchored or bounded, so that the time taken grows with the length of the text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from memcli.store import spelling
from memcli.store.spelling import fold

# English function words: they match nearly every text and carry no subject.
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being but by can could did do does doing
    for from had has have having he her here hers him his how i if in into is it its itself just me more most my no nor
    not now of off on once only or other our ours out over own same she should so some such than that the their theirs
    them then there these they this those through to too under until up us very was we were what when where which while
    who whom why will with would you your yours""".split()
)

_SAYING = (
    r"(?:brought up|bring up|mention(?:ed)?|discuss(?:ed)?|talk(?:ed)? about|t(?:ell|old)(?: you)?(?: about)?|"
    r"sa(?:y|id)|described?|asked?(?: you)?(?: about)?|cover(?:ed)?)\b"
)
_ADVISING = r"(?:recommend|suggest|sa(?:y|id)|t(?:ell|old)|advised?|proposed?|mention|g[ia]ven?)(?:ed)?\b"
_TALK = r"(?:conversations?|chats?|discussions?|sessions?|messages?|requests|questions|threads?)\b"
_SHOWING = (
    r"(?:list|walk me through|tell me(?: about)?|give me|provide|summari[sz]e|explain|show me|"
    r"remind me(?: of| about)?|describe|recall|help me (?:remember|recall))\b"
)
# What a question says about the conversation or about its own answer.
_ABOUT_TALK = re.compile(
    "|".join(
        (
            rf"^\W{{0,10}}(?:(?:can|could|would|will) you|please)(?: please)? {_SHOWING}",
            r"^\W{0,10}(?:tell me(?: about)?|remind me(?: of| about)?|summari[sz]e|list|"
            r"do you (?:remember|recall|know)|what do you (?:remember|know) about)\b",
            rf"\b(?:the )?order (?:in which|that) (?:i|we) (?:have |had )?{_SAYING}",
            r"\b(?:the )?(?:different|various|several|many) (?:\w{1,30} )?"
            r"(?:aspects|concepts|topics|things|points|ideas)(?: of| related to| about)?\b",
            rf"\b(?:throughout|across|in|over|during|from|through) (?:all )?(?:of )?(?:my|our|these|the) "
            rf"(?:\w{{1,30}} ){{0,2}}{_TALK}",
            r", in order\b(?! to)",
            r"\b(?:mention|list|name|give|include) (?:me )?(?:only|just|exactly)\b[^.?!]{0,80}",
            r"\b(?:an? |the )?(?:\w{1,30} )?(?:summary|overview|recap) of\b",
            rf"\b(?:did|have|had) (?:i|we) (?:ever |also )?{_SAYING}",
            rf"\b(?:i|we) (?:have |had )?{_SAYING}",
            rf"\b(?:did|have|had) you (?:ever )?{_ADVISING}(?: (?:me|to me)\b)?",
        )
    ),
    re.IGNORECASE,
)
_OVERVIEW = re.compile(r"\b(?:summar(?:y|ies|i[sz]e[ds]?)|overview|recap)\b", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow (?:many|much|long|old|often|far|tall|big)\b", re.IGNORECASE)
_WHEN = re.compile(r"^\W{0,10}when\b|\b(?:what|which) (?:date|day|month|year|time)\b|\bhow long\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `spoken` is the subject in the words of the one it is about, as vectors compare it best."""

    text: str
    subject: str
    spoken: str
    words: tuple[str, ...]  # worth looking up
    named: frozenset[str]  # the speakers it names
    overview: bool  # it wants everything said, the assistant's part included
    number: bool  # it wants a number
    date: bool  # it wants a time


def understand(text: str, names: Collection[str] = ()) -> Question:
    """Read a question. `names` are the speakers of the store. Any text is taken."""
    text = " ".join(text.split())
    subject = _subject(text)
    named = _named(subject, names)
    return Question(
        text=text,
        subject=subject,
        spoken=_spoken(subject, named),
        words=tuple(terms(subject, names)),
        named=named,
        overview=_OVERVIEW.search(text) is not None,
        number=_HOW_MANY.search(text) is not None,
        date=_WHEN.search(text) is not None,
    )


def terms(question: str, names: Iterable[str] = ()) -> list[str]:
    """Return the words of a question that are worth looking up, without function words and speakers' names.

    Where nothing else is left they all stay: "who are you" and a bare name must find something too.
    """
    said = [_bare(word) for word in spelling.said(question)]
    spoken = {fold(part) for name in names for part in name.split()}
    content = [word for word in said if fold(word) not in STOP_WORDS]
    return [word for word in content if fold(word) not in spoken] or content or said


def _subject(text: str) -> str:
    left = " ".join(_ABOUT_TALK.sub(" ", text).split()).strip(" ,?.")
    return left if any(map(str.isalnum, left)) else text


def _named(text: str, names: Iterable[str]) -> frozenset[str]:
    said = {fold(_bare(word)) for word in spelling.said(text)}
    return frozenset(name for name in names if said & {fold(part) for part in name.split()})


def _spoken(subject: str, named: Iterable[str]) -> str:
    """Put "I" for the names of speakers: what they say of themselves does not hold their names."""
    parts = sorted({part for name in named for part in name.split()}, key=len, reverse=True)
    if not parts:
        return subject
    anyone = "|".join(map(re.escape, parts))
    return " ".join(re.sub(rf"\b(?:{anyone})(?:['’]s)?(?!\w)", "I", subject, flags=re.IGNORECASE).split())


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("’s")
