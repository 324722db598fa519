"""Episodes: what happened again and again, and what can be said of all of it in the user's own words. Pure.

    "I went climbing with Mara today", "I went climbing with Mara in Sintra", "Went climbing with Mara again"
    -> "I went climbing with Mara: 3 times, 2026-03-03 to 2026-04-21"

A statement is the longest stretch with which all episodes of a cluster begin, word for word but for what only says
when. It must end where a part of the sentence does in each of them ("I had a job" is no part of "I had a job
interview"), and make a statement: it has a verb of the past, or is all that one of them says. Nothing is summed up that
is negated, hoped for, or joked about. Words of time and verbs are known for English; elsewhere only what one episode
says whole.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import combinations

from memcli.memory.form import states_something
from memcli.memory.formation.likeness import content
from memcli.memory.formation.marks import MARKS
from memcli.memory.timeline import LOCAL, day
from memcli.types import Kind, Memory, Trust

LEAST_DAYS = 3  # on which something happened, before it is said to happen again and again
LEAST_WORDS = 2  # that say something, of what all episodes share
LONGEST = 25  # words of a statement
_DAY = len("2026-03-01")

_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_UNREAL = ("irreal", "joke")  # marks of what did not happen
_NOT = re.compile(
    r"n['’]t\b|\b(?:not|no|never|none|nothing|nobody|neither|nor|without|hardly|barely|nearly|almost|cannot|dont|didnt|"
    r"cant|couldnt|wasnt|werent|isnt|wont|wouldnt|havent|hasnt|hadnt|missed|skipped|cancel\w*|instead)\b",
    re.IGNORECASE,
)
_AHEAD = re.compile(r"\b(?:will|won['’]t|going to|gonna|tomorrow|next)\b|['’]ll\b", re.IGNORECASE)
# What says when, or that it was not the first time: left out of what is compared.
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"
_PART = "morning|afternoon|evening|night|week|weekend|month|year|spring|summer|autumn|winter"
_WHEN = re.compile(
    rf"(?:today|tonight|yesterday|again|once more|just now|earlier(?: today)?|"
    rf"(?:this|last|on|in the|at the|over the|the other|all) (?:{_PART}|{_DAYS}|day)(?: (?:{_PART}))?|at night|"
    rf"(?:on )?{_DAYS}(?: (?:{_PART}))?|(?:on )?(?:the )?\d{{1,2}}(?:st|nd|rd|th)?(?: of)? (?:{_MONTHS})|"
    rf"(?:in|on) (?:{_MONTHS})(?: \d{{1,2}}(?:st|nd|rd|th)?)?|"
    rf"(?:an?|two|three|four|five|six|\d+) (?:{_PART}|days?|hours?|weeks?|months?|years?)s? ago)"
    r"(?!['’]?\w)",
    re.IGNORECASE,
)
_SKIPPED = frozenset("just also finally too".split())
_SAME = {"another": "a", "an": "a"}
# A stretch may end before these, or before a pause; but not between a verb and what belongs to it: who fell in love did
# not fall, and who wanted to go did not want.
_LINKS = frozenset(
    "and but or so because since as when while where after before until till then although though".split()
)
_PARTS = _LINKS | frozenset(
    "with without at in on to for from by near against about during around into over through under behind beside "
    "between among despite instead which who that if".split()
)
# Words that cannot end a statement.
_OPEN = _PARTS | frozenset(
    "a an the my our your his her their its this some any no of i we was were had am is are".split()
)
_I = "i"
_PARTICLES = frozenset("up out off down away back along together".split())
_PAST = frozenset(
    """was were had went did got met saw came left took made won lost began bought broke flew gave ran said told found
    sold fell felt slept ate drank drove rode swam sang spoke wrote read caught taught thought brought built burnt cut
    dreamt fed fought forgot froze grew heard hit held hurt kept knew laid led lent lit paid put quit rang rose sent
    shot shut sat spent stood stole stuck swept threw understood woke wore""".split()
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Episodes of one kind on different `days`, oldest first; `statement` is what all of them say, "" if nothing is."""

    members: tuple[Memory, ...]
    days: tuple[str, ...]
    statement: str

    def told(self, sentence: str) -> str:
        """Return a sentence about all of them with how often, and from when to when."""
        return f"{sentence}: {len(self.days)} times, {self.days[0]} to {self.days[-1]}"


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of an episode: a verb of the `past` or not; `ends` where a part of the sentence may end behind it."""

    folded: str
    start: int
    end: int
    ends: bool
    past: bool


@dataclass(frozen=True, slots=True)
class _Episode:
    """An episode by its day, with the words of its first clause; `whole` where it says nothing besides."""

    memory: Memory
    day: str
    words: tuple[_Word, ...]
    whole: bool


def clusters(memories: Iterable[Memory], zone: tzinfo = LOCAL) -> list[Cluster]:
    """Return the clusters of episodes that begin alike, on LEAST_DAYS days or more, each episode in one of them."""
    episodes = [one for memory in memories if (one := _episode(memory, zone))]
    found: dict[tuple[str, ...], list[_Episode]] = defaultdict(list)
    for episode in episodes:
        for size in range(LEAST_WORDS, len(episode.words) + 1):
            found[tuple(word.folded for word in episode.words[:size])].append(episode)
    made: list[Cluster] = []
    taken: set[str] = set()
    for stretch in sorted(found, key=lambda one: (-len(one), one)):  # the longest first: it says most
        free = [episode for episode in found[stretch] if episode.memory.id not in taken]
        statement = _statement(free, len(stretch)) if _days(free) >= LEAST_DAYS else ""
        if statement:
            taken |= {episode.memory.id for episode in free}
            made.append(_cluster(free, statement))
    return sorted(made, key=lambda cluster: (cluster.days[0], cluster.members[0].order))


def happened(memory: Memory) -> bool:
    """Tell whether a memory is of something that happened to the user, for good and undisputed."""
    return (
        memory.kind is Kind.EPISODIC
        and memory.trust is Trust.USER
        and not (memory.retired_at or memory.expires_at or memory.conflicts)
        and states_something(memory.text)
        and not denies(memory.text)
        and not any(MARKS[mark].search(memory.text) for mark in _UNREAL)
        and not _AHEAD.search(memory.text)
    )


def denies(text: str) -> bool:
    """Tell whether a text says that something did not happen, or nearly not."""
    return bool(_NOT.search(text))


def on(memory: Memory, zone: tzinfo = LOCAL) -> str:
    """Return the day of an episode, "" where only its month or year is known, or where it was yet to come."""
    said = day(memory.created_at, zone)
    when = memory.valid_from or said
    return when[:_DAY] if len(when) >= _DAY and when[:_DAY] <= said else ""


def _episode(memory: Memory, zone: tzinfo) -> _Episode | None:
    when = on(memory, zone) if happened(memory) else ""
    words = tuple(_words(memory.text)) if when else ()
    if not words:
        return None
    return _Episode(memory, when, words, _WORD.search(_without_times(memory.text), words[-1].end) is None)


def _days(episodes: Iterable[_Episode]) -> int:
    return len({episode.day for episode in episodes})


def _cluster(episodes: Sequence[_Episode], statement: str) -> Cluster:
    ordered = sorted(episodes, key=lambda one: (one.day, one.memory.created_at, one.memory.order))
    return Cluster(tuple(one.memory for one in ordered), tuple(sorted({one.day for one in ordered})), statement)


def loose(memories: Iterable[Memory], zone: tzinfo = LOCAL) -> list[Cluster]:
    """Return clusters of episodes that share words only: what can be said of them, if anything, others must find.

    Those on the most days come first; each episode is in one of them.
    """
    episodes = [one for memory in memories if (one := _episode(memory, zone))]
    found: dict[tuple[str, ...], list[_Episode]] = defaultdict(list)
    for episode in episodes:
        for pair in combinations(sorted(set(content(_without_times(episode.memory.text)))), LEAST_WORDS):
            found[pair].append(episode)
    made: list[Cluster] = []
    taken: set[str] = set()
    for pair in sorted(found, key=lambda one: (-_days(found[one]), one)):
        free = [episode for episode in found[pair] if episode.memory.id not in taken]
        if _days(free) >= LEAST_DAYS:
            taken |= {episode.memory.id for episode in free}
            made.append(_cluster(free, ""))
    return made


# --- words ----------------------------------------------------------------------------------------------------------


def _words(text: str) -> Iterator[_Word]:
    """Yield the words of the first clause, without those that say when, up to the first pause."""
    found = [match for match in _WORD.finditer(_without_times(text)) if match[0].casefold() not in _SKIPPED]
    start = found[0].start() if found else 0
    if found and found[0][0].casefold() == _I:  # "Went climbing" is said of oneself
        found = found[1:]
    for place, match in enumerate(found[:LONGEST]):
        after = found[place + 1] if place + 1 < len(found) else None
        between = text[match.end() : after.start()] if after else ""
        pause = after is None or any(char in between for char in ",;:.!?()–—\n")
        folded = match[0].casefold().replace("’", "'")
        past = _is_past(folded) and (place == 0 or match[0].islower())  # Ahmed is none
        following = after[0].casefold() if after else ""
        before = _LINKS if past or folded in _PARTICLES else _PARTS
        ends = (pause and ":" not in between) or following in before or bool(_WHEN.search(between))
        yield _Word(_SAME.get(folded, folded), match.start() if place else start, match.end(), ends, past)
        if pause:
            return


def _without_times(text: str) -> str:
    """Return the text with blanks in place of what says when, so that places in it stay."""
    return _WHEN.sub(lambda match: " " * len(match[0]), text)


# --- the statement --------------------------------------------------------------------------------------------------


def _statement(episodes: Sequence[_Episode], size: int) -> str:
    """Return what the first `size` words of all these episodes state, as one of them has it; "" for nothing."""
    said = {word.folded for word in episodes[0].words[:size]} - (_OPEN - _PAST) - _PARTICLES
    open_ = episodes[0].words[size - 1].folded in _OPEN
    if len(said) < LEAST_WORDS or open_ or not all(episode.words[size - 1].ends for episode in episodes):
        return ""
    plain = min(episodes, key=lambda one: _plainness(one, size))
    whole = any(episode.whole and len(episode.words) == size for episode in episodes)
    if not whole and not any(word.past for word in plain.words[:size]):
        return ""
    return _text(plain, size)


def _text(episode: _Episode, size: int) -> str:
    return " ".join(_without_times(episode.memory.text)[episode.words[0].start : episode.words[size - 1].end].split())


def _plainness(episode: _Episode, size: int) -> tuple[bool, int, str, int]:
    """Return what sorts the one that says who it was, in the fewest letters, before the others."""
    text = _text(episode, size)
    return not text.casefold().startswith(f"{_I} "), len(text), episode.day, episode.memory.order


def _is_past(word: str) -> bool:
    return word in _PAST or (len(word) > 4 and word.endswith("ed"))
