"""Files outside of the store that quote it, and are gone when something is forgotten: states of models, which have its
id in their names, and what `doctor --fix` copied beside it.

Invariant: such a file is made, and given its name, only while the write lock is held and nothing has been forgotten
since its content was read (`unforgotten`). So one that quotes what was forgotten is there before the forgetting is
committed, where `remove`, which comes after that, finds it; and a process that dies in between leaves none behind.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memcli.paths import Paths
from memcli.store import operations, undoing
from memcli.store.database import Store

FORGETTING = "forget"  # the operation
KEPT = ".before-fix-"  # between the store's name and a time: a copy from before something was mended
SALVAGED = ".salvaged-"  # likewise: what could be read of a damaged store, which is a store of its own


class Forgotten(Exception):
    """Something has been forgotten since."""


def name(store: Store, *parts: str) -> str:
    """Return the name, without an ending, of a file that quotes the store; `parts` tell it from others."""
    return "-".join((str(store.value("SELECT value FROM meta WHERE key = 'store'")), *parts))


def generation(store: Store) -> int:
    """Return a number that changes with every forgetting, and every undo, whose memories nothing is to quote either.

    Who keeps stored texts outside the store compares it before writing any of them back.
    """
    return operations.last(store, FORGETTING, undoing.ACTION)


@contextmanager
def unforgotten(store: Store, since: int) -> Iterator[None]:
    """Hold off every forgetting during the block. Raises Forgotten where there was one after generation `since`."""
    with store.atomic():
        if generation(store) != since:
            raise Forgotten
        yield


def files(store: Store) -> list[Path]:
    """Return the files that quote the store, unfinished ones included. Raises OSError."""
    return [*([] if store.paths is None else named(store.paths, name(store))), *copies(store.path)]


def copies(path: Path) -> list[Path]:
    """Return the copies that were made of the store at `path` before it was mended."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}{KEPT}*"))


def salvaged(path: Path) -> list[Path]:
    """Return the stores that were made of what could be read of the store at `path`."""
    return sorted(path.parent.glob(f"{glob.escape(path.name)}{SALVAGED}*"))


def named(paths: Paths, store_name: str) -> list[Path]:
    """Return the files that quote the store of this `name`. Raises OSError."""
    if not paths.states.is_dir():
        return []
    with os.scandir(paths.states) as entries:
        found = [e.name for e in entries if not e.is_dir(follow_symlinks=False)]
    return [paths.states / each for each in sorted(found) if each.removeprefix(".").startswith(f"{store_name}-")]


def remove(store: Store) -> tuple[list[Path], list[Path]]:
    """Remove the files that quote the store; return those that are gone, and what could not be removed."""
    gone: list[Path] = []
    stuck: list[Path] = []
    try:
        found = files(store)
    except OSError:
        return [], [store.paths.states] if store.paths else []
    for path in found:
        try:
            path.unlink()
        except FileNotFoundError:
            continue  # another process was quicker
        except OSError:
            stuck.append(path)
        else:
            gone.append(path)
    return gone, stuck
