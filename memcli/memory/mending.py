"""Mend a store: what was found wrong is put right, one kind after the other, and looked for again.

    finish forgetting -> keep the file as it is -> mend (a transaction each) -> vectors -> check again

Of a file that cannot be opened at all its head is put right first.

Invariants: the file is copied before anything but a forgetting is touched, and only then; what cannot be copied is not
mended; a mending that fails leaves its own kind as it was; nothing that was said or remembered is deleted but what
refers to rows that are not there; a file with pages that cannot be read is left as it is; of it, and of one that has
other tables than memcli makes, what can be read is salvaged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import apsw

from memcli.engines import Embedder
from memcli.errors import StoreDamaged, StoreLocked
from memcli.memory import indexing
from memcli.store import backup, derived, heading, health, index, rebinding, salvage
from memcli.store.checks import files, structure, threads
from memcli.store.checks.record import MISLED, Check, Means, problems
from memcli.store.database import Store
from memcli.store.salvage import Salvaged

_BEYOND = {structure.PAGES, structure.SCHEMA}  # where these are left, the file is not mended but salvaged
_HEAD = Check("head", "The file begins as every store does.", lambda store: [], None, "they are put right")
ROUNDS = 3  # what is mended may bring to light what it hid

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Mended:
    """What one check found and what became of it: `left` is what it finds now, `failed` why it could not be mended."""

    check: Check
    found: tuple[str, ...]
    left: tuple[str, ...] = ()
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was wrong, where the file as it was is kept, and how many chunks still wait for their vectors.

    Where pages of it cannot be read, or tables are other than memcli makes them, what could be read is `salvaged`.
    """

    mended: tuple[Mended, ...]
    kept: Path | None = None
    waiting: int = 0
    salvaged: Salvaged | None = None

    @property
    def well(self) -> bool:
        """Whether nothing is wrong any more."""
        return not any(one.left for one in self.mended)


def mend(store: Store, embedder: Embedder | None, now: str, *, progress: Progress) -> Outcome:
    """Mend what can be mended. Raises StoreLocked, StoreUnwritable; a store that cannot be read at all is left alone.

    `progress` hears chunks that have their vectors, and all of them.
    """
    if not _fits(store, embedder):
        embedder = None
    means = Means(now, lambda text: indexing.cut(text, embedder))
    forgetting = [one for each in files.FORGETTING if (one := _mended(store, each, means)).found]
    found = _look(store)
    failed: dict[Check, str] = {}
    kept = _keep(store, now, found, failed) if any(one.mend for one in found) else None
    left = found
    for _ in range(ROUNDS if kept else 0):
        tried = _round(store, means, failed)
        left = _look(store)
        found = left | found
        if not tried or structure.PAGES in left or not left.keys() - failed.keys():
            break
    lost = left.keys() & _BEYOND
    saved = _salvage(store, embedder, means) if lost else None
    waiting = 0 if lost else _fill(store, embedder, progress)
    mended = [Mended(one, lines, left.get(one, ()), failed.get(one, "")) for one, lines in found.items()]
    return Outcome((*forgetting, *mended), kept, waiting, saved)


def mend_head(path: Path, now: str) -> Outcome | None:
    """Put right what a file begins with that cannot be opened; None where that is not what is wrong.

    Raises StoreLocked, StoreUnwritable.
    """
    path = Path(os.path.realpath(path))
    keep = _beside(path, derived.KEPT, now)
    wrong = heading.mend(path, keep)
    return Outcome((Mended(_HEAD, (f"{wrong} bytes are not those of a store",)),), keep) if wrong else None


def both(first: Outcome, then: Outcome) -> Outcome:
    """Return what two mendings came to, one after the other."""
    return replace(then, mended=(*first.mended, *then.mended), kept=first.kept or then.kept)


def rescue(store: Store, why: str, embedder: Embedder | None, now: str) -> Outcome | None:
    """Read what can be read of a store that is too damaged to be opened as one; None where that is nothing."""
    if not _fits(store, embedder):
        embedder = None
    try:
        saved = _salvage(store, embedder, Means(now, lambda text: indexing.cut(text, embedder)))
    except (StoreDamaged, apsw.Error, *MISLED):
        return None
    return Outcome((Mended(structure.PAGES, (why,), (why,)),), salvaged=saved) if saved else None


def _fits(store: Store, embedder: Embedder | None) -> bool:
    """Tell whether the store's vectors are by this embedder, or by none yet."""
    try:
        return embedder is not None and index.identity(store) in (None, embedder.identity)
    except (StoreDamaged, apsw.SQLError):
        return True  # what is salvaged has none


def _salvage(store: Store, embedder: Embedder | None, means: Means) -> Salvaged | None:
    """Read what can be read into a store beside the damaged one, and mend that; None where it comes to nothing."""
    place = _beside(store.path, derived.SALVAGED, means.now)
    whole = False
    try:
        with _leniently(store) as damaged:
            saved = salvage.salvage(damaged, place)
        with store.another(busy_ms=store.busy_ms, path=place) as fresh:
            failed: dict[Check, str] = {}
            for _ in range(ROUNDS):
                if not _round(fresh, means, failed):
                    break
            _fill(fresh, embedder, lambda done, of: None)
            whole = any(saved.rows.values()) and not health.check(fresh)
    finally:
        if not whole:
            for ending in ("", *backup.COMPANIONS):
                place.with_name(place.name + ending).unlink(missing_ok=True)
    return saved if whole else None


@contextmanager
def _leniently(store: Store) -> Iterator[Store]:
    """Give the store to be read page by page, in an encrypted one also those whose checksums are wrong."""
    secret = store.secret
    if secret is None:
        yield store
        return
    with Store.unsettled(store.path, busy_ms=store.busy_ms, key=lambda: secret) as unchecked:
        yield unchecked


def _look(store: Store) -> dict[Check, tuple[str, ...]]:
    """Return what every check finds, what is no damage included."""
    found = {one: tuple(lines) for one, lines in health.examine(store)}
    return found | {one: tuple(lines) for one in threads.CARE if (lines := problems(store, one))}


def _mended(store: Store, one: Check, means: Means) -> Mended:
    found = tuple(problems(store, one))
    reason = _attempt(store, one, means) if found else ""
    return Mended(one, found, tuple(problems(store, one)) if found else (), reason)


def _round(store: Store, means: Means, failed: dict[Check, str]) -> bool:
    """Mend what each check finds, in order, and tell whether anything was done."""
    tried = False
    if problems(store, structure.PAGES):
        reason = _attempt(store, structure.PAGES, means)
        if left := problems(store, structure.PAGES):
            failed[structure.PAGES] = reason or left[0]
            return False  # nothing is written to pages that cannot be read
        tried = True
    for one in (*health.CHECKS, *threads.CARE):
        if one.mend is None or one in failed or not problems(store, one):
            continue
        if reason := _attempt(store, one, means):
            failed[one] = reason
        tried = tried or one not in failed
    return tried


def _attempt(store: Store, one: Check, means: Means) -> str:
    """Mend one kind of problem; return why it could not be done, "" where it could."""
    try:
        if one.mend is not None:
            one.mend(store, means)
    except StoreLocked:
        raise
    except StoreDamaged as error:
        return error.message
    except (apsw.Error, *MISLED) as error:  # what only a damaged store brings about
        return " ".join(str(error).split())
    return ""


def _keep(store: Store, now: str, found: Iterable[Check], failed: dict[Check, str]) -> Path | None:
    """Copy the file as it is beside itself, and return where that is.

    None where that fails, as pages of an encrypted store do that cannot be read: then nothing can be mended.
    """
    place = _beside(store.path, derived.KEPT, now)
    try:
        backup.keep_as_it_is(store, place)
    except StoreDamaged:
        failed |= dict.fromkeys(found, "the file cannot be copied before")
        return None
    return place


def _beside(path: Path, what: str, now: str) -> Path:
    """Return a name for another form of the store at `path`, where nothing is yet."""
    stem = f"{path.name}{what}{now.replace(':', '-')}"
    names = (stem + (f"-{number}" if number > 1 else "") for number in count(1))
    return next(place for name in names if not (place := path.with_name(name)).exists())


def _fill(store: Store, embedder: Embedder | None, progress: Progress) -> int:
    """Give vectors to what waits for them, as far as the embedder is the store's own; return how many still wait."""
    try:
        waiting = index.missing(store)
        if embedder is not None and waiting and indexing.adopt(store, embedder):
            while indexing.catch_up(store, embedder):
                waiting = index.missing(store)
                progress(index.count(store) - waiting, index.count(store))
            rebinding.finish(store, embedder.identity)
        return index.missing(store)
    except (StoreDamaged, apsw.Error, *MISLED):
        return 0  # which the checks tell
