"""Events that a question dates by: "before I moved" is a stretch of time once memory knows when that was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from itertools import islice

from memcli.memory.form import states_something
from memcli.memory.periods import Anchor, Period, anchors, dates_in
from memcli.types import Candidate, Hit, Trust

MOST = 2  # events of one question that are looked up
SURE = 0.5  # relevance that the memory of an event needs: a wrong date hurts more than none
MONTH = 30 * 86_400  # seconds: how sharp the edge of such a time is
_BEFORE, _AFTER = ("before", "until"), ("after", "since")


def periods(text: str, look: Callable[[str], Sequence[Hit]], zone: tzinfo | None) -> list[Period]:
    """Return the times that the events in a question mean. `look` searches memory for an event; `zone` is the asker's.

    Only what leads up to an event or follows it: "while surfing" says when, but not on which days.
    """
    dated = (anchor for anchor in anchors(text) if anchor.relation in (*_BEFORE, *_AFTER))
    found = (_period(anchor, look(anchor.text), zone) for anchor in islice(dated, MOST))
    return [period for period in found if period]


def _period(anchor: Anchor, hits: Sequence[Hit], zone: tzinfo | None) -> Period | None:
    hit = next(filter(_tells, hits), None)
    if hit is None or hit.relevance < SURE:
        return None
    start, end = _when(hit.item, zone)
    before = anchor.relation in _BEFORE
    return Period(
        start=None if before else start, end=end if before else None, words=anchor.text, span=anchor.span, grain=MONTH
    )


def _tells(hit: Hit) -> bool:
    """Tell whether a hit can date an event: an earlier question about it, or an answer to that, cannot."""
    item = hit.item
    return item.kind != "message" or ((item.name or item.trust is not Trust.ASSISTANT) and states_something(item.text))


def _when(item: Candidate, zone: tzinfo | None) -> tuple[str, str]:
    """Return when an event was: as the memory has it, or as the message says, or when it was told."""
    if item.valid_from:
        return item.valid_from, item.valid_from
    named = dates_in(item.text, datetime.fromisoformat(item.created_at).astimezone(zone))
    if len(named) == 1 and named[0].start and named[0].end:
        return named[0].start, named[0].end
    return item.created_at, item.created_at
