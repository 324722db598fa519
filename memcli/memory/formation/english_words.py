"""The words of English time: patterns of them for text in lower case, and the numbers that they stand for."""

from __future__ import annotations

import re

from memcli.memory.periods.phrases import MONTHS

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBERS = {
    **{word: number for number, word in enumerate(_ONES)},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
    **{"a": 1, "an": 1},
}
_ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth
twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first""".split()
_UNITS = {"min": "minute", "hr": "hour", "wk": "week", "yr": "year"}


def either(words: list[str]) -> str:
    """Return a pattern for any of the words, the longer one first, in which a hyphen may be a space."""
    return "|".join(word.replace("-", r"[-\s]") for word in sorted(words, key=len, reverse=True))


NUMBER = rf"(?P<n>[0-9]{{1,3}}|(?:{either(_TENS)})[-\s](?:{either(_ONES[1:10])})|{either(list(_NUMBERS))})"
UNIT = r"(?P<unit>minute|min|hour|hr|day|week|wk|fortnight|month|year|yr)s?'?"
WEEKS = r"(?P<unit>day|week|fortnight)s?"
ORDINAL = rf"(?:[0-3]?[0-9](?:st|nd|rd|th)|{either(_ORDINALS)})"
THE_DAY = rf"(?:the (?P<day>{ORDINAL})|(?P<figure>[0-3]?[0-9](?:st|nd|rd|th)))"
MONTH = f"(?P<month>{either([name for name in MONTHS if name.isascii()])})"

_FULL = r"(?:mondays?|tues?(?:days?)?|weds|wednesdays?|thur(?:s|sdays?)?|fri(?:days?)?|saturdays?|sundays?)"
# "mon", "wed", "thu", "sat" and "sun" are other words or names too, and count beside what makes them a day.
_SHORT = (
    r"(?:(?:(?<=\bon\s)|(?<=\bthis\s)|(?<=\bnext\s)|(?<=\blast\s)|(?<=\bby\s)|(?<=\bis\s)|(?<=\bdue\s)|(?<=\btil\s)"
    r"|(?<=\bfrom\s))(?:mon|wed|thu|sat|sun)\b|^(?:mon|wed|sat|sun)\b(?! \w*[^\W0-9_a-z]|')|^thu\b(?= ?[-–—:,=])"
    r"|(?<!the\s)(?<!i\s)(?<!we\s)(?<!he\s)(?<!she\s)(?<!they\s)\b(?:mon|wed|thu|sat|sun)\b"
    r"(?=\.?,? (?:@ ?)?(?:[0-9]|at [0-9]|morning|afternoon|evening|eve\b|night|noon|lunch|(?:next )?week\b|the [0-9])"
    r"|\.?$))"
)
DAY_NAME = rf"(?:\b{_FULL}\b|{_SHORT})\.?"
WEEKDAY = rf"(?P<weekday>{DAY_NAME})"
ANY_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\.?"  # within a list

TODAY = r"(?:today|2day|this (?:very )?(?:morning|afternoon|arvo|evening)|tonight|tonite|2nite)"
TOMORROW = r"(?:tom+or+r?ow|tomoz|tomoro|tmrw|tmrow|tmmrw|tmr|tmw|2moro|2morro|2morrow|2mrw|2moz)"
YESTERDAY = r"(?:yesterday|yesterdy|yesteday|ystrday|ystday|yday|yest)"
SEASON = "(?:spring|summer|autumn|fall|winter)"
# Behind a figure such as "the 14th": anything but a noun that it counts.
NO_NOUN = (
    r"(?=$| ?[^\w\s'-]| (?:at|in|on|and|or|i|i'm|i'll|im|we|we're|my|our|he|she|it|they|you|his|her|their|the|to|with"
    r"|so"
    r"|for|from|not|but|is|was|are|were|will|then|when|because|cos|cuz|bc|as|if|this|that|of|by|after|before|till?"
    r"|until"
    r"|around|about|near|via|a|an|half|noon|midnight|morning|afternoon|evening|[0-9]|[@&–—-])(?![\w'])|'s )"
)


def count(word: str) -> int:
    if word.isdigit():
        return int(word)
    first, *rest = re.split(r"[\s-]+", word)
    return _NUMBERS[first] + (_NUMBERS[rest[0]] if rest else 0)


def unit(word: str) -> str:
    return _UNITS.get(word, word)


def ordinal(word: str) -> int:
    figures = re.match("[0-9]+", word)
    return int(figures[0]) if figures else _ORDINALS.index(re.sub(r"\s+", "-", word)) + 1


def weekday(word: str) -> int:
    return ("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(word[:3])
