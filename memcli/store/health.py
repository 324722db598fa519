"""What `doctor` asks of a store: is every part of it sound, and do the parts agree? Nothing is changed here.

Each check derives anew what the modules of the store promise. `CHECKS` has them in the order in which they are mended,
so that each can rely on those before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from memcli.store.checks import beliefs, files, log, pieces, structure, threads, vectors, words
from memcli.store.checks.record import Check, problems
from memcli.store.database import Store

CHECKS: tuple[Check, ...] = (
    *files.FORGETTING,
    structure.PAGES,
    structure.SCHEMA,
    *structure.CHECKS,
    *words.CHECKS,  # before what changes chunks: their triggers need it
    structure.TEXTS,
    *log.CHECKS,
    *beliefs.CHECKS,
    *threads.CHECKS,
    *vectors.CHECKS[:1],  # before chunks are deleted, with their vectors
    *pieces.CHECKS,
    *vectors.CHECKS[1:],
    *files.CHECKS,
)


def check(store: Store) -> list[str]:
    """Return the store's health problems, one line each; a sound store has none."""
    return [line for _, lines in examine(store) for line in lines]


def examine(store: Store) -> Iterator[tuple[Check, list[str]]]:
    """Yield each check with the problems that it found, if there are any."""
    for one in CHECKS:
        if lines := problems(store, one):
            yield one, lines


def sound_vectors(store: Store) -> bool:
    """Tell whether chunks and vectors agree."""
    return not any(problems(store, one) for one in vectors.CHECKS)
