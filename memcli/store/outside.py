"""Take texts out of what memcli writes beside the store: typed lines, the log, what a killed editor left.

Invariant: an entry goes where it holds a removed text, or eight bytes of one that nothing kept holds; and where it
holds the words by which the user asked for it, in any case. A typed line that was kept as a message or a memory stays,
then, unless what it says has been forgotten.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from memcli.errors import StoreUnwritable
from memcli.paths import write_private
from memcli.store import traces, typed
from memcli.store.database import Store
from memcli.store.scan import WIDTH, Windows
from memcli.store.traces import SHORTEST

LONG = 4_000  # bytes of an entry from which on one look at all its windows is quicker than one at each (0.2 ms)


@dataclass(frozen=True, slots=True)
class _Gone:
    """What was removed: texts, their windows, and words that were asked for, without case."""

    texts: tuple[str, ...]
    wanted: Windows
    asked: tuple[str, ...]


def take_out(store: Store, texts: Sequence[str], asked: Sequence[str] = ()) -> list[Path]:
    """Take what holds any of `texts`, or what was `asked` for, out of typed lines and log, and remove what an editor
    left; return the files. Raises StoreUnwritable.
    """
    if not texts and not asked:
        return []
    stripped = tuple(text.strip() for text in texts if text.strip())
    gone = _Gone(stripped, traces.sought(texts), tuple(text.strip().casefold() for text in asked if text.strip()))
    changed: list[Path] = []
    for path in traces.beside(store):
        try:
            if _taken_out(store, path, gone):
                changed.append(path)
        except FileNotFoundError:
            continue  # another process was quicker
        except OSError as error:
            reason = (error.strerror or "it cannot be used").lower()
            raise StoreUnwritable(f"{path} cannot be cleaned: {reason}", "delete that file yourself") from error
    return changed


def _taken_out(store: Store, path: Path, gone: _Gone) -> bool:
    paths = store.paths
    if paths is None:
        return False
    if path == paths.history.absolute():
        return _rewritten(path, typed.entries, typed.written, _holding(store, path, gone))
    if path == paths.log.absolute():
        return _rewritten(path, _lines, "".join, _holding(store, path, replace(gone, texts=())))
    if path.parent.parent == paths.state.absolute() and traces.unkept(store, traces.in_file(store, path, gone.wanted)):
        shutil.rmtree(path.parent)  # the private folder of an editor that was killed
        return True
    return False


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _holding(store: Store, path: Path, gone: _Gone) -> Callable[[str], bool]:
    left = traces.unkept(store, traces.in_file(store, path, gone.wanted))
    pieces = set(left.each())

    def holds(entry: str) -> bool:
        # A short text is in other entries by chance, so only an entry equal to it goes.
        if any(text in entry if len(text) >= SHORTEST else entry.strip() == text for text in gone.texts):
            return True
        if gone.asked and any(words in entry.casefold() for words in gone.asked):
            return True
        data = entry.encode(errors="surrogateescape")
        if len(data) > LONG:
            return bool(left.among(data))
        return any(data[start : start + WIDTH] in pieces for start in range(len(data) + 1 - WIDTH))

    return holds


def _rewritten(
    path: Path, cut: Callable[[str], list[str]], joined: Callable[[Iterable[str]], str], goes: Callable[[str], bool]
) -> bool:
    """Write the file without the entries that go, and tell whether there were any."""
    there = cut(typed.read(path))
    kept = [entry for entry in there if not goes(entry)]
    if len(kept) == len(there):
        return False
    write_private(path.resolve(), joined(kept).encode("utf-8", errors="surrogateescape"))  # a link stays one
    return True
