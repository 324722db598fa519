"""Write exports: into files of the user's own, private and whole, and to who reads them as they come.

Invariants: a file is there with all of it or not at all, is 0600, and takes the place of another only where that was
asked for; nothing goes into memcli's own folders, where a forgetting looks for traces. A reader that is idle holds
nobody up: what it has not read yet is in memory, and no transaction is open meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from memcli.errors import InputError, StoreError
from memcli.paths import Paths, make_private, named
from memcli.store.database import Store
from memcli.store.header import holds_store
from memcli.store.traces import ENDINGS

PART = 16_000_000  # characters that are read at one moment: some 20,000 messages
_FORCE = "another name, or --force, writes it anyway"


def parts(store: Store, texts: Iterator[str]) -> Iterator[str]:
    """Yield texts in large parts, each read in one transaction that is over when it is yielded.

    All parts are of one view of the store. Raises StoreError where another process has written in between, so that
    there is no such view.
    """
    seen: int | None = None
    while True:
        with store.atomic("BEGIN"):
            version = int(store.value("PRAGMA data_version"))
            part = _part(texts)
        if not part:
            return
        if seen not in (None, version):
            raise StoreError(
                "another memcli has changed the store during the export: what was written is not whole",
                "run it again, or export to a file: -o FILE",
            )
        seen = version
        yield part


def _part(texts: Iterator[str]) -> str:
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= PART:
            break
    return "".join(held)


def checked(path: Path, store: Store) -> Path:
    """Return where an export may go. Raises InputError for a store and for memcli's own folders."""
    target = Path(os.path.realpath(named(path)))
    if target in {store.path.with_name(store.path.name + ending) for ending in ENDINGS}:
        raise InputError(f"{path} is the store itself", "name another file: -o FILE")
    if target.is_file() and holds_store(target):
        raise InputError(f"{path} is a store, or a backup of one, and is not replaced", "name another file: -o FILE")
    if store.paths and _own(store.paths) & {target, *target.parents}:
        raise InputError(f"{path} lies in one of memcli's own folders", "export to a folder of yours: -o FILE")
    return target


def _own(paths: Paths) -> set[Path]:
    return {Path(os.path.realpath(folder)) for folder in (paths.data, paths.config, paths.cache, paths.state)}


def write(path: Path, texts: Iterable[str], *, force: bool = False) -> None:
    """Write a file, in one step. Raises InputError where there is one already and not `force`, or it cannot be."""
    try:
        _require_free(path, force=force)
        make_private(path.parent)
        scratch = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "w", encoding="utf-8", newline="") as file:
                file.writelines(texts)
                file.flush()
                os.fsync(file.fileno())
            _require_free(path, force=force)  # again: writing took a while
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def write_folder(
    folder: Path,
    pages: Sequence[tuple[str, Iterable[str]]],
    *,
    mark: str,
    within: str,
    force: bool,
    progress: Callable[[int, int], None],
) -> None:
    """Write pages into a folder that is new or empty, or with `force` over those of an earlier export.

    Pages that an earlier export left in the folder `within` it, and that are none any more, are removed; elsewhere a
    page is a copy of the user's. What does not begin with `mark` is not memcli's, and stays. Raises InputError, before
    anything is written where a page would take the place of such a file.
    """
    try:
        if folder.is_dir() and any(folder.iterdir()) and not force:
            raise InputError(f"{folder} is there already and holds files", "another name, or --force")
        before = set(_marked(folder, within, mark)) if folder.is_dir() else set()
        for name, _ in pages:
            if (folder / name).exists() and folder / name not in before:
                raise InputError(f"{folder / name} is not of an export", "move it away, or export to another folder")
        for done, (name, texts) in enumerate(pages, 1):
            write(folder / name, texts, force=True)
            before.discard(folder / name)
            progress(done, len(pages))
        for left in before:
            if left.parent == folder / within:
                left.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _marked(folder: Path, within: str, mark: str) -> Iterator[Path]:
    """Yield the pages that an export has written into a folder and the one within it."""
    for path in (*folder.glob("*.md"), *(folder / within).glob("*.md")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(len(mark)) == mark.encode():
                    yield path


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be written: {(error.strerror or 'it cannot be used').lower()}")


def _require_free(path: Path, *, force: bool) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'no regular file'}", "name a file: -o FILE")
    if not force:
        raise InputError(f"{path} is there already", _FORCE)
