"""What the words around a time make of it: "early May", "the week before 3 May", "since May", "from May to July"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from memcli.memory.periods import phrases, stretches
from memcli.memory.periods.patterns import COUNTED, Found
from memcli.memory.periods.phrases import WEEKDAYS
from memcli.memory.periods.stretches import Stretch


@dataclass(frozen=True, slots=True)
class Window:
    """A time with its ends, the last one excluded; None is an open end. `grain` is the length of what was named."""

    start: datetime | None
    end: datetime | None
    span: tuple[int, int]
    grain: timedelta
    vague: bool = False


_LOOK_BACK = 48  # characters before a time that the longest of these patterns takes
_ORDINALS = {"first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": 5}
_PART = re.compile(
    r"\b(?:(?P<early>early(?:\sin)?|(?:beginning|start)\sof)|(?P<mid>mid|(?:middle|midst)\sof)|(?P<late>late(?:\sin)?|end\sof)"
    rf"|(?P<half>first|second)\shalf\sof|(?P<week>{'|'.join(_ORDINALS)})\sweek(?:end)?\s(?:of|in)|(?P<whole>week(?:end)?)\sof)"
    r"[\s-](?:the\s)?$"
)
_OFFSET = re.compile(
    rf"(?:{COUNTED}|\b(?:the|last)\s(?P<one>day|week|weekend|month|year|{'|'.join(WEEKDAYS)}))".replace(" ", r"\s")
    + r"\s(?P<side>before|after|prior\sto|following)\s(?:the\s)?$"
)
_RELATION = re.compile(
    r"\b(?P<word>since|before|prior\sto|after|until|till|up\sto|by|around|circa|between|from|more\sthan|less\sthan)\s(?:the\s)?$"
)
_TO = re.compile(r"\s{0,3}(?P<word>and|to|until|till|up\sto|through|thru|[-–—])\s{0,3}(?:the\s)?")
_BACK_TO = frozenset({"since", "less than"})
_UP_TO = frozenset({"until", "till", "up to", "by"})
_EARLIER = frozenset({"before", "prior to", "more than"})


def windows(low: str, found: Sequence[Found], *, opened: bool = True) -> list[Window]:
    """Return the windows that the times found in a text (in lower case) stand for, in their order.

    Unless `opened`, "since May" stands for May itself.
    """
    whole = _apart([_narrowed(low, one) for one in found])
    made: list[Window] = []
    at = 0
    while at < len(whole):
        try:
            joined = _joined(low, whole[at], whole[at + 1]) if at + 1 < len(whole) else None
            if joined:
                made.append(joined)
            elif not whole[at].weak:
                made.append(_related(low, whole[at]) if opened else _plain(whole[at]))
        except (ValueError, OverflowError):  # around the year 1, or 9999
            joined = None
        at += 2 if joined else 1
    return [window for window in made if not window.vague or len(made) == 1]


def _apart(found: Sequence[Found]) -> list[Found]:
    """Drop times that a later one has taken in, as in "last weekend before April 10"."""
    return [one for n, one in enumerate(found) if not any(one.start >= other.start for other in found[n + 1 : n + 2])]


def _narrowed(low: str, one: Found) -> Found:
    """Apply "early", "end of", "first week of", "two weeks before" to the time that they stand before."""
    before = low[max(one.start - _LOOK_BACK, 0) : one.start]
    match = _PART.search(before) or _OFFSET.search(before)
    if not match:
        return one
    start = one.start - (len(before) - match.start())
    groups = {name: said for name, said in match.groupdict().items() if said}
    try:
        stretch = _beside(groups, one.stretch) if "side" in groups else _part(groups, one.stretch)
    except (ValueError, OverflowError):
        return one
    return replace(one, start=start, stretch=stretch)


def _part(groups: phrases.Groups, whole: Stretch) -> Stretch:
    if "whole" in groups:
        return stretches.around(groups["whole"], whole.start)
    if "week" in groups:
        return stretches.cut(whole, f"week {_ORDINALS[groups['week']]}")
    if "half" in groups:
        return stretches.cut(whole, f"half {_ORDINALS[groups['half']]}")
    return stretches.cut(whole, next(name for name in ("early", "mid", "late") if name in groups))


def _beside(groups: phrases.Groups, named: Stretch) -> Stretch:
    """Return "two weeks before" or "the Sunday after" what was named."""
    direction = 1 if groups["side"] in ("after", "following") else -1
    edge = named.end if direction > 0 else named.start
    one = groups.get("one")
    if one is None:
        return stretches.away(edge, phrases.number(groups), groups["unit"], direction)
    if one in WEEKDAYS:
        return phrases.weekday(one, direction, edge if direction < 0 else edge - timedelta(days=1))
    if one == "weekend":
        return phrases.neighbour(one, direction, edge)
    return Stretch(*sorted((edge, stretches.shifted(edge, direction, one))))


def _plain(one: Found) -> Window:
    return Window(one.stretch.start, one.stretch.end, (one.start, one.end), one.stretch.length, one.vague)


def _related(low: str, one: Found) -> Window:
    """Open an end of a time by "since", "before" or "until" before it."""
    whole = one.stretch
    match = _RELATION.search(low[max(one.start - _LOOK_BACK, 0) : one.start])
    word = " ".join(match["word"].split()) if match else ""
    span, grain = (one.start, one.end), whole.length
    if match and word not in ("from", "between"):
        span = (one.start - (len(match[0])), one.end)
    if word in _BACK_TO:
        return Window(whole.start, None, span, grain)
    if word == "after":
        return Window(whole.end, None, span, grain)
    if word in _EARLIER:
        return Window(None, whole.start, span, grain)
    if word in _UP_TO:
        return Window(None, whole.end, span, grain)
    if word in ("around", "circa"):
        whole = stretches.widened(whole)
    return Window(whole.start, whole.end, span, whole.length, one.vague)


def _joined(low: str, one: Found, other: Found) -> Window | None:
    """Return "between X and Y" or "from X to Y" as one time."""
    match = _TO.fullmatch(low, one.end, other.start)
    before = _RELATION.search(low[max(one.start - _LOOK_BACK, 0) : one.start])
    opened = before["word"] if before else ""
    if not match or (match["word"] == "and") is not (opened == "between"):
        return None
    first, last = _aligned(one, other)
    if last.end <= first.start:
        return None
    start = one.start - (len(before[0]) if before else 0)
    return Window(first.start, last.end, (start, other.end), max(first.length, last.length))


def _aligned(one: Found, other: Found) -> tuple[Stretch, Stretch]:
    """Give a partner without a year that of the other, so that the first comes first."""
    first, last = one.stretch, other.stretch
    if one.yearless:
        first = _moved(first, last.start.year - first.start.year)
        first = _moved(first, -1) if first.start > last.start else first
    elif other.yearless:
        last = _moved(last, first.start.year - last.start.year)
        last = _moved(last, 1) if last.start < first.start else last
    return first, last


def _moved(whole: Stretch, years: int) -> Stretch:
    return Stretch(stretches.plus_months(whole.start, 12 * years), stretches.plus_months(whole.end, 12 * years))
