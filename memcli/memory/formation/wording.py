"""Wording: what a statement says without how it says it, so that two of them can be told to say the same. Pure.

Embeddings hold "50 mg of sertraline" and "50 mg of levothyroxine", "older" and "younger", "buy" and "sell" for near
neighbours, so nothing here goes by nearness: two statements say the same where they have the same words in the same
order, once words that say nothing are left out and a few closed sets of words count as one. Such words are known for
English; in other languages only case, punctuation and spaces are passed over.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from memcli.memory.form import states_something

_NUMBER = r"\d+(?:[.,:/-]\d+)*"
_TOKEN = re.compile(rf"{_NUMBER}|[^\W\d_]+|[£$€¥₹%°#+=&@<>*/\\^|~]|(?<!\w)-(?=\d)")
# A word in which case or punctuation may be the point: a password, an address, an identifier. A number with its unit
# is none.
_CODE = re.compile(r"(?=\S*\d)(?=\S*[^\W\d_])\S+|\S*\w[@#=<>{}\\_/+*$%&^|~.]\w\S*|\S*[a-z]\S*[A-Z]\S*")
_MEASURE = re.compile(rf"{_NUMBER}-?(?:[a-z]{{1,3}}|[£$€¥₹%°]c?)?", re.IGNORECASE)
_OUTER = "\"'“”‘’()[].,;:!?…"

# --- words that say nothing ---

_FILLERS = frozenset(
    "so well oh ok okay also too really very actually just quite honestly basically btw fyi please pls still now "
    "currently already anyway though hey hi yes yeah".split()
)
_GLUE = frozenset("a an the of and is am are be do does that there".split())
_AT = frozenset("in at on for".split())  # one counts for another, and says nothing before a time
_PHRASES = re.compile(
    r"\b(?:by the way|as you know|you know|as i said|as i told you|like i said|(?:just )?so you know|for info|"
    r"these days|at the moment|please remember(?: that)?|remember(?: that)?|(?:just )?(?:a )?(?:quick )?reminder"
    r"(?: that)?|note that|keep in mind(?: that)?)\b"
)

_PLEASE = re.compile(r"\W*please\b,?", re.IGNORECASE)  # an order asks nothing

# --- words that count as one ---

_EXPANDED = (
    (re.compile(r"\bcan(?:'?t|not)\b"), "can not"),
    (re.compile(r"\bwon'?t\b"), "will not"),
    (re.compile(r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should)n'?t\b"), r"\1 not"),
    (re.compile(r"\bi'?m\b"), "i am"),
    (re.compile(r"\b(you|we|they)'re\b"), r"\1 are"),
    (re.compile(r"\b(i|you|we|they)'ve\b|\b(i)ve\b"), r"\1\2 have"),
    (re.compile(r"\b(\w+)'ll\b"), r"\1 will"),
    (re.compile(r"\b(\w+)'d\b"), r"\1 would"),
    (re.compile(r"'s?\b"), " "),
    (re.compile(r"\b(have|has) got\b"), "have"),
    (re.compile(r"\bcan not (?:stand|bear|abide)\b"), "hate"),
    (re.compile(r"^(?:i|we) have an? (?=.*\b(?:called|named)\b)"), "my "),
    (re.compile(r"\bhave an? ([^\W\d_]+) allergy\b"), r"am allergic to \1"),
    (re.compile(r"\ballergic to ([^\W\d_]{3,})s\b"), r"allergic to \1"),
)
_HAVE = "have"
_ALIKE = {
    word: group.split()[0]
    for group in (
        "have has own owns",
        "name names called named",
        "like likes enjoy enjoys",
        "hate hates detest detests loathe loathes",
        "love loves adore adores",
        "live lives reside resides",
        "work works job",
        "afraid scared terrified frightened",
        "vegetarian veggie",
        "diabetes diabetic",
        "asthma asthmatic",
        "mother mum mom mam mummy",
        "father dad daddy",
        "child kid",
        "children kids",
        "movie film",
        "big large",
        "buy purchase",
        "doctor gp physician",
        "bicycle bike",
        "phone telephone",
        "colour color",
        "favourite favorite",
        "flat apartment",
        "holiday vacation",
        "truck lorry",
        "fridge refrigerator",
        "every each",
        "start begin",
        "starts begins",
        "answer reply respond",
        "answers replies responses",
        "brief short",
        "no not never",
    )
    for word in group.split()
} | {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
}
ONESELF = "i"  # in `Wording.whom`
_PRONOUNS = {
    word: group.split()[0]
    for group in (
        "i me my mine myself",
        "we us our ours",
        "you your yours",
        "he him his",
        "she her hers",
        "they them their theirs",
        "it its",
    )
    for word in group.split()
}
# When in the week or the day: such words may open a sentence as well as close it.
_TIMES = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday weekday weekend morning afternoon evening night day week "
    "every daily weekly".split()
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What a statement says.

    `words` stand in their order, `times` are those of them that may move, `whom` it speaks of by pronouns, `verbatim`
    what must be the same to the letter; `has` and `asks` are whether it says "have", or asks.
    """

    words: tuple[str, ...]
    times: tuple[str, ...]
    whom: frozenset[str]
    verbatim: tuple[str, ...]
    has: bool
    asks: bool
    said: int  # words that are no fillers: how fully it is put


@lru_cache(maxsize=4096)  # what is near to one memory is near to others
def wording(text: str) -> Wording:
    """Return what a statement says."""
    flat = _flat(text)
    found = _TOKEN.findall(_PHRASES.sub(" ", _expanded(flat)))
    tokens = [_alike(word) for word in found if word not in _FILLERS]
    words = [word for word in tokens if not (word in _GLUE or word in _PRONOUNS or word == _HAVE)]
    rest, times = _moved([word for word, after in pairwise([*words, ""]) if word != "at" or after not in _TIMES])
    return Wording(
        words=tuple(rest),
        times=tuple(times),
        whom=frozenset(_PRONOUNS[word] for word in tokens if word in _PRONOUNS),
        verbatim=tuple(_codes(text)),
        has=_HAVE in tokens,
        asks=not states_something(_PLEASE.sub("", text)),
        said=len(tokens),
    )


def same(one: Wording, other: Wording) -> bool:
    """Tell whether two statements say the same."""
    return (
        bool(one.words)
        and (one.words, one.times, one.verbatim) == (other.words, other.times, other.verbatim)
        and not (one.asks or other.asks)
        and one.has == other.has
        and (one.whom == other.whom or {one.whom, other.whom} == {frozenset(), frozenset({ONESELF})})
    )


def identical(one: str, other: str) -> bool:
    """Tell whether two texts are the same but for case, punctuation and spaces, where these are not the point."""
    tokens, others = (_TOKEN.findall(_flat(text)) for text in (one, other))
    return (
        bool(tokens)
        and tokens == others
        and list(_codes(one)) == list(_codes(other))
        and states_something(one) == states_something(other)
    )


def _flat(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().replace("’", "'")


def _expanded(text: str) -> str:
    for pattern, full in _EXPANDED:
        text = pattern.sub(full, text)
    return text


def _alike(word: str) -> str:
    """Return what stands for a word: itself, unless it is one of a few synonyms, or a time in the plural."""
    if word in _AT:
        return "at"
    bare = word.removesuffix("s")
    return _ALIKE.get(bare, bare) if bare in _TIMES else _ALIKE.get(word, word)


def _moved(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words without the one stretch of time among them, and that; with several of these all stay in place.

    "Yoga on Tuesdays, choir on Fridays" must not become "yoga on Fridays, choir on Tuesdays".
    """
    places = [place for place, word in enumerate(words) if word in _TIMES]
    if not places or places[-1] - places[0] + 1 != len(places):
        return list(words), []
    return [*words[: places[0]], *words[places[-1] + 1 :]], list(words[places[0] : places[-1] + 1])


def _codes(text: str) -> Iterator[str]:
    for word in unicodedata.normalize("NFC", text).split():
        bare = word.strip(_OUTER)
        if _CODE.fullmatch(bare) and not _MEASURE.fullmatch(bare):
            yield bare
