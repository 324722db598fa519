"""Filters as SQL: one condition on chunks for every search, so that none lets through what another holds back.

Times are compared at the precision that is known: "2026-03" as a limit lasts until its end, and a memory from "2026-03"
may be from any of its days. As text that is a "~" behind the shorter one, which sorts after every digit and sign.
"""

from __future__ import annotations

from typing import Any

from memcli.store.database import listed
from memcli.types import Filters

_SAID = "i.created_at"  # of messages, always to the second: bare, so that its index serves
MESSAGE = "message"  # the kind that a message has in filters and results


def condition(filters: Filters, now: str) -> tuple[str, dict[str, Any]]:
    """Return a condition on ``chunks AS c`` with its named parameters, all beginning with ``f_``."""
    sides = []
    if not filters.kinds or MESSAGE in filters.kinds:
        sides.append(_message_side(filters))
    if not filters.kinds or set(filters.kinds) - {MESSAGE}:
        sides.append(_memory_side(filters))
    return f"({' OR '.join(sides)})", _parameters(filters, now)


def narrow(filters: Filters) -> bool:
    """Tell whether few chunks are likely to pass, so that a search does well to apply the filter first."""
    return bool(filters.kinds or filters.thread_id or filters.tags or filters.since or filters.until or filters.as_of)


def _parameters(filters: Filters, now: str) -> dict[str, Any]:
    return {
        "f_now": filters.as_of or now,
        "f_kinds": listed(filters.kinds),
        "f_thread": filters.thread_id,
        "f_tags": listed(filters.tags),
        "f_tag_count": len(set(filters.tags)),
        "f_since": filters.since,
        "f_until": filters.until,
        "f_as_of": filters.as_of,
    }


def _side(owner: str, terms: list[str]) -> str:
    return "(" + " AND ".join([f"c.owner = '{owner}'", *terms]) + ")"


def _message_side(filters: Filters) -> str:
    terms = []
    if filters.tags:
        terms.append("0")  # messages carry no tags
    if filters.thread_id:
        terms.append("c.owner_id IN (SELECT id FROM messages WHERE thread_id = :f_thread)")
    times = _within(_SAID, filters)
    if filters.as_of:
        times.append(_by(_SAID, ":f_as_of"))
    if times:
        terms.append(f"c.owner_id IN (SELECT i.id FROM messages AS i WHERE {' AND '.join(times)})")
    return _side("message", terms)


def _memory_side(filters: Filters) -> str:
    terms = _memory_terms(filters)
    chosen = [f"c.owner_id IN (SELECT i.id FROM memories AS i WHERE {' AND '.join(terms)})"] if terms else []
    return _side("memory", chosen)


def _memory_terms(filters: Filters) -> list[str]:
    terms = _within("coalesce(i.valid_from, i.created_at)", filters)
    if filters.kinds:
        terms.append("i.kind IN (SELECT value FROM json_each(:f_kinds))")
    if filters.thread_id:
        terms.append(
            "i.id IN (SELECT s.memory_id FROM memory_sources AS s JOIN messages AS m ON m.id = s.message_id"
            " WHERE m.thread_id = :f_thread)"
        )
    if filters.tags:
        terms.append(
            "i.id IN (SELECT memory_id FROM memory_tags WHERE tag IN (SELECT value FROM json_each(:f_tags))"
            " GROUP BY memory_id HAVING count(*) = :f_tag_count)"
        )
    if filters.as_of:
        terms.append(_by("i.created_at", ":f_as_of"))
        terms.append(f"(i.retired_at IS NULL OR NOT {_by('i.retired_at', ':f_as_of')})")
    elif not filters.retired:
        terms.append("i.retired_at IS NULL")
    if not filters.retired:
        terms.append(f"(i.expires_at IS NULL OR NOT {_by('i.expires_at', ':f_now')})")
    return terms


def _within(time: str, filters: Filters) -> list[str]:
    terms = []
    if filters.since:
        terms.append(f"{time} >= :f_since" if time == _SAID else f"{time} || '~' >= :f_since")
    if filters.until:
        terms.append(_by(time, ":f_until"))
    return terms


def _by(time: str, limit: str) -> str:
    """Return that `time` is not after `limit`."""
    return f"{time} <= {limit} || '~'"
