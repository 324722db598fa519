"""Filters as SQL: one meaning for every search, so that none lets through what another holds back.

It comes in two forms: `condition` looks at one chunk after the other and suits a search that has found some already,
`passing` starts from the items and suits filters that let few through.

What was believed then: at a time T that is a memory with created_at <= T < retired_at, if it was retired, which T finds
in no lapse and not expired. So what happened in T's own second has happened, and what came and went within one second
was never believed.

Times are compared at the precision that is known: "2026-03" as a limit lasts until its end, and a memory from "2026-03"
may be from any of its days. As text that is a "~" behind the shorter one, which sorts after every digit and sign. Dates
have no zone, so they are compared with days, as those who set the limit count them, and times with times.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import Enum
from typing import Any

from memcli.store.database import Store, listed
from memcli.types import Filters

_SAID = "i.created_at"  # of messages, always to the second: bare, so that its index serves
_DAY = len("2026-03-01")
END = "~"  # behind a time that is known less precisely: it sorts after every digit and sign
_TRUE_FROM = "coalesce(i.valid_from, i.created_at)"
_DATED = f"length(i.valid_from) <= {_DAY}"  # of a memory that is known to have been true from a date, not from a time
MESSAGE = "message"  # the kind that a message has in filters and results


class _Form(Enum):
    """How a set of items is asked for: is this one in it, or which are."""

    CHECK = "EXISTS (SELECT 1 FROM {items} AND {key} = {of})"
    LIST = "{of} IN (SELECT {key} FROM {items})"


def condition(filters: Filters, now: str) -> tuple[str, dict[str, Any]]:
    """Return a condition on ``chunks AS c`` with its named parameters, all beginning with ``f_``."""
    return _condition(filters, _Form.CHECK), _parameters(filters, now)


def checked(store: Store, chunk_ids: Iterable[int], filters: Filters, now: str) -> list[int]:
    """Return those of `chunk_ids` that pass."""
    where, params = condition(filters, now)
    sql = f"""
        SELECT c.id FROM json_each(:checked) AS checked CROSS JOIN chunks AS c ON c.id = checked.value WHERE {where}
    """
    return [row[0] for row in store.rows(sql, {**params, "checked": listed(chunk_ids)})]


def passing(store: Store, filters: Filters, now: str) -> list[int]:
    """Return all chunks that pass."""
    # One text is read three times as fast as thousands of rows.
    sql = f"SELECT json_group_array(c.id) FROM chunks AS c WHERE {_condition(filters, _Form.LIST)}"
    found: list[int] = json.loads(store.value(sql, _parameters(filters, now)))
    return found


def narrow(filters: Filters) -> bool:
    """Tell whether few chunks are likely to pass, so that a search does well to apply the filter first."""
    return bool(filters.kinds or filters.thread_id or filters.tags or filters.since or filters.until or filters.as_of)


def _condition(filters: Filters, form: _Form) -> str:
    sides = []
    if (not filters.kinds or MESSAGE in filters.kinds) and not filters.tags:  # messages carry no tags
        sides.append(_side("message", "messages", _message_terms(filters), form))
    if not filters.kinds or set(filters.kinds) - {MESSAGE}:
        sides.append(_side("memory", "memories", _memory_terms(filters, form), form))
    return f"({' OR '.join(sides) or '0'})"


def _side(owner: str, table: str, terms: list[str], form: _Form) -> str:
    if not terms:
        return f"c.owner = '{owner}'"
    return f"(c.owner = '{owner}' AND {_in(form, 'c.owner_id', 'i.id', f'{table} AS i WHERE ' + ' AND '.join(terms))})"


def _in(form: _Form, of: str, key: str, items: str) -> str:
    """Return that the value `of` is among the `key` of `items`, a FROM clause with a condition."""
    return form.value.format(of=of, key=key, items=items)


def _parameters(filters: Filters, now: str) -> dict[str, Any]:
    return {
        "f_now": now,
        "f_kinds": listed(filters.kinds),
        "f_thread": filters.thread_id,
        "f_tags": listed(filters.tags),
        "f_tag_count": len(set(filters.tags)),
        "f_since": filters.since,
        "f_until": filters.until,
        "f_since_day": filters.since_day or (filters.since or "")[:_DAY],
        "f_until_day": filters.until_day or (filters.until or "")[:_DAY],
        "f_as_of": filters.as_of,
    }


def _message_terms(filters: Filters) -> list[str]:
    terms = ["i.thread_id = :f_thread"] if filters.thread_id else []
    if filters.since:
        terms.append(f"{_SAID} >= :f_since")
    if filters.until:
        terms.append(_by(_SAID, ":f_until"))
    if filters.as_of:
        terms.append(_by(_SAID, ":f_as_of"))
    return terms


def _memory_terms(filters: Filters, form: _Form) -> list[str]:
    terms = []
    if filters.since:
        terms.append(
            f"CASE WHEN {_DATED} THEN i.valid_from || '{END}' >= :f_since_day ELSE {_TRUE_FROM} >= :f_since END"
        )
    if filters.until:
        by_day, by_time = _by("i.valid_from", ":f_until_day"), _by(_TRUE_FROM, ":f_until")
        terms.append(f"CASE WHEN {_DATED} THEN {by_day} ELSE {by_time} END")
    if filters.kinds:
        terms.append("i.kind IN (SELECT value FROM json_each(:f_kinds))")
    if filters.thread_id:
        sources = "memory_sources AS s JOIN messages AS m ON m.id = s.message_id WHERE m.thread_id = :f_thread"
        terms.append(_in(form, "i.id", "s.memory_id", sources))
    if filters.tags:
        terms.append(
            "i.id IN (SELECT memory_id FROM memory_tags WHERE tag IN (SELECT value FROM json_each(:f_tags))"
            " GROUP BY memory_id HAVING count(*) = :f_tag_count)"
        )
    if filters.as_of:
        return terms + believed(":f_as_of", retired=filters.retired)
    if not filters.retired:
        terms.append("i.retired_at IS NULL")
        terms.append(f"(i.expires_at IS NULL OR NOT {_by('i.expires_at', ':f_now')})")
    return terms


def believed(then: str, *, retired: bool = False, expired: bool = False) -> list[str]:
    """Return conditions on ``memories AS i``: believed at `then`, the name of a parameter.

    With `expired` it may have expired by then; with `retired` it was just known by then.
    """
    terms = [_by("i.created_at", then)]
    if retired:
        return terms
    if not expired:
        terms.append(f"(i.expires_at IS NULL OR NOT {_by('i.expires_at', then)})")
    lapsed = f"l.memory_id = i.id AND {_by('l.since', then)} AND NOT {_by('l.until', then)}"
    return [
        *terms,
        f"(i.retired_at IS NULL OR NOT {_by('i.retired_at', then)})",
        f"NOT EXISTS (SELECT 1 FROM lapses AS l WHERE {lapsed})",
    ]


def _by(time: str, limit: str) -> str:
    """Return that `time` is not after `limit`."""
    return f"{time} <= {limit} || '{END}'"
