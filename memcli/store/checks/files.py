"""Files: readable by their owner alone, cleaned of what was forgotten, and nothing left behind by who was killed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from memcli.errors import StoreUnwritable
from memcli.store import backup, cleaning, gate, traces
from memcli.store.checks.record import Check, Means, counted
from memcli.store.database import Store

_OTHERS = 0o077


def modes(store: Store) -> list[str]:
    """Return which files of the store others can read."""
    return [f"{path} can be read by others: chmod 600" for path in _open(store)]


def _open(store: Store) -> list[Path]:
    return [path for path in traces.files(store) if stat.S_IMODE(path.stat().st_mode) & _OTHERS]


def _close(store: Store, means: Means) -> None:
    for path in _open(store):
        try:
            path.chmod(0o600)
        except OSError as error:
            raise StoreUnwritable(f"{path} keeps its mode: {error.strerror}", "ask who owns the file") from error


def forgetting(store: Store) -> list[str]:
    """Return whether bytes of what was forgotten may still be in the files."""
    return ["a forgetting was not cleaned up after"] if cleaning.unclean(store) else []


def _clean(store: Store, means: Means) -> None:
    cleaning.require_idle(store)
    cleaning.finish(store)


def noted(store: Store) -> list[str]:
    """Return whether texts are kept that a finished forgetting removed."""
    if cleaning.unclean(store):
        return []
    count = int(store.value("SELECT count(*) FROM forgetting"))
    return counted(count, "texts are still noted that were forgotten")


def _clean_noted(store: Store, means: Means) -> None:
    with store.atomic():
        cleaning.mark(store)
    with cleaning.leaving(store):
        cleaning.clean(store)
        cleaning.done(store)


def leftovers(store: Store) -> list[str]:
    """Return which half-written copies of the store lie beside it, of processes that were killed."""
    stuck = [f"{path} is left from a conversion" for path in gate.left_over(store.path)]
    return stuck + [f"{path} is half a copy of the store, left behind by a backup" for path in _left(store)]


def _left(store: Store) -> list[Path]:
    try:
        return backup.leftovers(store.path.parent)
    except OSError:
        return []


def _remove(store: Store, means: Means) -> None:
    with gate.passing(store.path, store.busy_ms):
        gate.clean_up(store.path)
    for path in _left(store):
        try:
            os.unlink(path)
        except OSError as error:
            raise StoreUnwritable(f"{path} cannot be removed: {error.strerror}", "remove it yourself") from error


# They go first: no copy of the file is to be made before.
FORGETTING = (
    Check("forgetting", "A forgetting is over when every file is clean.", forgetting, _clean, "it is finished"),
    Check(
        "forgotten texts",
        "What was forgotten is noted only until the files are clean of it.",
        noted,
        _clean_noted,
        "the files are cleaned of them",
    ),
)
CHECKS = (
    Check("file modes", "The store's files are their owner's alone.", modes, _close, "others lose their rights"),
    Check(
        "leftovers", "A killed backup or conversion leaves nothing for long.", leftovers, _remove, "they are removed"
    ),
)
