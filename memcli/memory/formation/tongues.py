"""The commonest times in languages other than English: one grammar for the tables of `tongue_words`.

A text's tongue is told by its words for time and its small words; where English has more of those it is English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

from memcli.memory.formation import times
from memcli.memory.formation.times import VOID, Read, Rule, Said, Tense, Time, rule, void
from memcli.memory.formation.tongue_words import EUROPEAN, Words
from memcli.memory.formation.tongue_words_eastern import EASTERN
from memcli.memory.periods.phrases import MONTHS

_TABLES = (*EUROPEAN, *EASTERN)
_UNITS = ("day", "week", "month", "year")
_ENGLISH = re.compile(
    r"\b(?:the|my|and|of|i|i'm|i've|i'll|we|we're|is|are|was|it|it's|he|she|they|has|have|had|with|our|her|his|this|for"
    r"|from|on|at|to|by|got|a|an|ago|last|next)\b"
)
_ENGLISH_TIME = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|week|weeks|month|months|year|years|(?:mon|tues|wednes|thurs|fri|satur"
    r"|sun)days?"
    r"|mon|tue|tues|wed|thu|thur|thurs|fri|sat|tmrw|tmr|tmw|2moro|easter|january|february|march|may|june|july|october"
    r"|december)\b"
)
_SINCE = re.compile(r"\b(?:seit|depuis|sinds|sedan)\s(?:dem |le )?$")
_FROM = re.compile(r"\b(?:desde|da|dal|od|с|з|від)\s(?:el |o |a )?$")  # since, or from then on
_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_SIGN, _TIME = 2, 3  # what a small word and a word for time weigh


@dataclass(frozen=True, slots=True)
class Tongue:
    """What a table of words comes to: `rules` take before full dates of the calendar, `bare` behind them."""

    past: re.Pattern[str]
    rules: tuple[Rule, ...]
    bare: tuple[Rule, ...]

    def lean(self, low: str, start: int) -> Tense:
        before = low[max(start - 12, 0) : start]
        if self.past.search(low) or _SINCE.search(before):
            return Tense.PAST
        return Tense.UNSURE if _FROM.search(before) else Tense.AHEAD


def spoken(low: str) -> Tongue | None:
    """Return the tongue of a text in lower case; None for English, and for what none of the tables knows."""
    scores = [
        _SIGN * len(signs.findall(low)) + _TIME * bool(named.search(low))
        for signs, named in (_told(words) for words in _TABLES)
    ]
    best = max(range(len(_TABLES)), key=scores.__getitem__)
    english = _SIGN * len(_ENGLISH.findall(low)) + _TIME * bool(_ENGLISH_TIME.search(low))
    return _tongue(_TABLES[best]) if scores[best] > english else None


@cache
def _told(words: Words) -> tuple[re.Pattern[str], re.Pattern[str]]:
    names = "|".join((*words.days, *words.weekdays.split(), *words.ahead, *words.ago, *words.gone))
    return rule(words.signs, void)[0], rule(re.sub(r"\?P<\w+>", "?:", _edged(words, names)), void)[0]


@cache
def _tongue(words: Words) -> Tongue:
    named = _Reader(words)
    bare = [*((phrase, named.monthday) for phrase in words.nth), (words.bare, named.weekday)]
    return Tongue(
        rule(words.past, void)[0],
        tuple(rule(_edged(words, phrase), reader) for phrase, reader in _taking(words, named)),
        tuple(rule(_edged(words, phrase), reader) for phrase, reader in bare),
    )


def _taking(words: Words, named: _Reader) -> Iterator[tuple[str, Read]]:
    yield from ((phrase, void) for phrase in words.habit)
    yield from ((phrase, named.weekday_and) for phrase in words.weekday_and)
    yield from ((phrase, partial(named.counted, direction=1)) for phrase in words.ahead)
    yield from ((phrase, partial(named.counted, direction=-1)) for phrase in words.ago)
    for away, phrases in ((-1, words.last), (0, words.this), (1, words.following)):
        for phrase in phrases:
            if "{U}" not in phrase:
                yield phrase.replace("{X}", "{W}"), partial(named.which, away=away)
            if "{W}" not in phrase:
                yield phrase.replace("{X}", "{U}"), partial(named.neighbour, away=away)
    yield from ((phrase, named.coming) for phrase in words.coming)
    yield from ((phrase, named.gone) for phrase in words.gone)
    for phrase, away in sorted(words.days.items(), key=lambda one: -abs(one[1])):
        yield phrase, partial(_day, away=away)
    yield from ((phrase, named.monthday) for phrase in words.weekday_nth)


def _edged(words: Words, phrase: str) -> str:
    """Fill the places of a phrase, which must begin and end with a whole word."""
    number = f"(?P<n>[0-9]{{1,3}}|{words.numbers.replace(' ', '|')})"
    for place, pattern in (
        ("{N}", number),
        ("{U}", f"(?P<unit>{words.units.replace(' ', '|')})"),
        ("{W}", f"(?P<weekday>{words.weekdays.replace(' ', '|')}){words.part}"),
        ("{D}", r"(?P<day>[0-3]?[0-9])(?![0-9]|[.:,/][0-9])"),
        ("{.}", rf"(?! ?[.]? ?(?:de |di |of )?(?:{_MONTH})(?!\w))"),
    ):
        phrase = phrase.replace(place, pattern)
    return rf"(?<!\w)(?:{phrase})(?!\w)" if words.spaced else f"(?:{phrase})"


def _day(match: re.Match[str], said: Said, *, away: int) -> Time:
    return times.day(said.today, away)


def _place(names: str, said: str) -> int:
    return next(number for number, name in enumerate(names.split()) if re.fullmatch(name, said))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Readers of phrases in the words of one table."""

    words: Words

    def _weekday(self, match: re.Match[str]) -> int:
        return _place(self.words.weekdays, match["weekday"])

    def _count(self, match: re.Match[str]) -> int:
        said = match.groupdict().get("n") or ""
        return int(said) if said.isdigit() else _place(self.words.numbers, said) + 1 if said else 1

    def counted(self, match: re.Match[str], said: Said, *, direction: int) -> Time:
        if direction > 0 and said.lean(*match.span()) is Tense.PAST:
            return VOID  # how long something took
        unit = _UNITS[_place(self.words.units, match["unit"])]
        return times.shifted(said, direction * self._count(match), unit)

    def weekday_and(self, match: re.Match[str], said: Said) -> Time:
        """Read "Samstag in einer Woche" and "samedi en huit"."""
        if said.lean(*match.span()) is Tense.PAST:
            return VOID
        first = times.coming(said.today, self._weekday(match)).first or said.today
        return times.day(first, 7 * self._count(match))

    def which(self, match: re.Match[str], said: Said, *, away: int) -> Time:
        """Read "next Friday": where it may be this week's or the next one's it is none."""
        number = self._weekday(match)
        if self.words.by_week:
            return times.of_week(said.today, number, away)
        if away < 0 or (away == 0 and said.lean(*match.span()) is Tense.PAST):
            return times.gone(said.today, number)
        found = times.coming(said.today, number)
        sure = away == 0 or found == times.of_week(said.today, number, 1)
        return found if sure else VOID

    def neighbour(self, match: re.Match[str], said: Said, *, away: int) -> Time:
        unit = _UNITS[_place(self.words.units, match["unit"])]
        return VOID if unit == "day" else times.neighbour(said, away, unit)

    def coming(self, match: re.Match[str], said: Said) -> Time:
        return times.coming(said.today, self._weekday(match))

    def gone(self, match: re.Match[str], said: Said) -> Time:
        return times.gone(said.today, self._weekday(match))

    def weekday(self, match: re.Match[str], said: Said) -> Time:
        return times.weekday(said, self._weekday(match), *match.span())

    def monthday(self, match: re.Match[str], said: Said) -> Time:
        name = match.groupdict().get("weekday")
        number = self._weekday(match) if name else None
        return times.monthday(said, int(match["day"]), *match.span(), weekday=number)
