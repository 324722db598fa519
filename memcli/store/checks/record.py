"""The shape of a check, and what mending is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apsw

from memcli.errors import StoreDamaged, StoreUnwritable
from memcli.store.database import Store
from memcli.store.index import Piece

# What values bring about that the schema rules out: they are damage, and some checks cannot look past them.
MISLED = (TypeError, ValueError, LookupError, AttributeError)

Find = Callable[[Store], list[str]]  # one line for each problem


@dataclass(frozen=True, slots=True)
class Means:
    """What the store itself does not know: the present, and how texts are cut into pieces."""

    now: str
    cut: Callable[[str], Sequence[Piece]]


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant. `mend` restores it, in one transaction; None where nothing but a backup does.

    `how` says in a few words what mending does, or what is to be done instead.
    """

    name: str
    invariant: str
    find: Find
    mend: Callable[[Store, Means], None] | None
    how: str


def problems(store: Store, one: Check) -> list[str]:
    """Return what a check finds; that it cannot be made is a problem, too."""
    try:
        return one.find(store)
    except (StoreDamaged, StoreUnwritable) as error:
        return [f"{one.name} cannot be checked: {error.message}"]
    except (apsw.Error, *MISLED) as error:  # of the kinds that a sound store cannot cause
        return [f"{one.name} cannot be checked: {' '.join(str(error).split())}"]


def counted(count: int, what: str) -> list[str]:
    """Return the line that says so where there is anything to count."""
    return [f"{count} {what}"] if count else []


def each(*statements: str) -> Callable[[Store, Means], None]:
    """Return what mends by running `statements`, which may name :now, in one transaction."""

    def mend(store: Store, means: Means) -> None:
        with store.atomic():
            for sql in statements:
                store.run(sql, {"now": means.now} if ":now" in sql else ())

    return mend


def counting(sql: str, what: str) -> Find:
    """Return what finds problems by counting the rows that `sql` yields."""

    def find(store: Store) -> list[str]:
        return counted(int(store.value(f"SELECT count(*) FROM ({sql})")), what)

    return find
