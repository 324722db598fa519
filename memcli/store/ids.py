"""Ids that people can type: made at random, found by an unambiguous beginning, shown as short as can be.

Invariants: an id has a letter in it, so it is never mistaken for a number; an exact id wins over a longer one that
begins with it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence

from memcli.errors import AmbiguousId, NothingFound
from memcli.store.database import Store, listed
from memcli.types import Owner

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u to misread
_LENGTH = 10  # 50 bits: among a million items, a new id meets an old one once in a billion
_SHORTEST_TYPED = 3
_SHORTEST_SHOWN = 6
_EXAMPLES = 5
_LAST = "\U0010ffff"  # sorts after anything that can follow a prefix

_SIDES = (("max", "<"), ("min", ">"))
_TABLES = {Owner.MESSAGE: "messages", Owner.MEMORY: "memories"}


def new_id() -> str:
    """Return a fresh random id."""
    while True:
        made = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        if not made.isdigit():
            return made


def resolve(store: Store, prefix: str, among: tuple[Owner, ...] | None = None) -> tuple[Owner, str]:
    """Return the one item whose id is `prefix`, or begins with it.

    Raises NothingFound, or AmbiguousId whose hint lists the first few that fit.
    """
    owners = tuple(Owner) if among is None else among
    found = match(store, {owner.value: _TABLES[owner] for owner in owners}, prefix)
    if found is None:
        short = len(prefix.strip()) < _SHORTEST_TYPED
        hint = f"type at least {_SHORTEST_TYPED} characters" if short else "memcli list and memcli search show ids"
        raise NothingFound(f"there is nothing with the id {prefix!r}", hint)
    label, id_ = found
    return Owner(label), id_


def match(store: Store, tables: Mapping[str, str], typed: str) -> tuple[str, str] | None:
    """Return the (label, id) that `typed` stands for in `tables` (label to name of a table), None for nothing.

    Raises AmbiguousId.
    """
    wanted = typed.strip()
    for spelling in dict.fromkeys((wanted, wanted.lower())):
        found = _select(store, tables, "id = :low", spelling)
        # A range rather than LIKE: it has no wildcards to escape, and it uses the index.
        if not found and len(spelling) >= _SHORTEST_TYPED:
            found = _select(store, tables, "id >= :low AND id < :high", spelling)
        if len(found) > 1:
            shown = ", ".join(id_ for _, id_ in found[:_EXAMPLES])
            raise AmbiguousId(f"the id {wanted!r} fits several", f"{shown}{', ...' if len(found) > _EXAMPLES else ''}")
        if found:
            return found[0]
    return None


def _select(store: Store, tables: Mapping[str, str], where: str, low: str) -> list[tuple[str, str]]:
    parts = (f"SELECT '{label}', id FROM {table} WHERE {where}" for label, table in tables.items())
    sql = " UNION ALL ".join(parts) + f" ORDER BY 2 LIMIT {_EXAMPLES + 1}"
    return [(label, id_) for label, id_ in store.rows(sql, {"low": low, "high": low + _LAST})]


def short(store: Store, ids: Iterable[str]) -> dict[str, str]:
    """Return for each of `ids` its shortest beginning (6 characters at least) that no other message or memory has."""
    sides = (
        f"(SELECT {end}(id) FROM {table} WHERE id {than} value)" for table in _TABLES.values() for end, than in _SIDES
    )
    rows = store.rows(f"SELECT value, {', '.join(sides)} FROM json_each(?)", (listed(ids),))
    return {id_: id_[: max(_SHORTEST_SHOWN, 1 + _shared(id_, near))] for id_, *near in rows}


def _shared(id_: str, neighbours: Sequence[str | None]) -> int:
    """Length of the longest beginning that `id_` shares with one of its neighbours in sorted order."""
    return max((_common(id_, other) for other in neighbours if other), default=0)


def _common(one: str, other: str) -> int:
    return next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )
