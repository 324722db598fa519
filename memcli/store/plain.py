"""What quotes a store in plain text beside it, and goes when the store is encrypted: it would be no secret otherwise.

Typed lines, the log, what a killed editor left, KV states, copies from before the store was mended. Typed lines and log
do not say which store they are about, so those of other stores go too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from memcli.errors import StoreUnwritable
from memcli.paths import EDITING, Paths
from memcli.store import derived, gate


def remove(paths: Paths, store: Path, store_name: str) -> list[Path]:
    """Overwrite and remove what quotes the `store`, and return it; see `derived.name`.

    Raises OSError, StoreUnwritable.

    Call it while nobody else has the store open: a chat that ends leaves a state behind.
    """
    folders = list(_left_by_editors(paths))
    within = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    single = [*_written(paths), *derived.named(paths, store_name), *derived.copies(store)]
    for path in (*single, *within, *folders):
        try:
            if path in folders:
                shutil.rmtree(path)
            else:
                gate.overwrite(path)
                path.resolve().unlink(missing_ok=True)  # a link stays one
        except OSError as error:
            reason = (error.strerror or "it cannot be used").lower()
            raise StoreUnwritable(
                f"{path} quotes the store and cannot be removed: {reason}", "remove it, then try again"
            ) from error
    return [*single, *folders]


def _written(paths: Paths) -> Iterator[Path]:
    """Yield typed lines and log, and what is left of one that was being written anew."""
    for path in (paths.history, paths.log):
        if path.is_file():
            yield path
        yield from path.parent.glob(f".{path.name}.*")


def _left_by_editors(paths: Paths) -> Iterator[Path]:
    """Yield the private folders of editors whose memcli is no more; the others are still being written."""
    for folder in paths.state.glob(f"{EDITING}*"):
        process = folder.name.removeprefix(EDITING).partition("-")[0]
        if folder.is_dir() and not folder.is_symlink() and not (process.isdecimal() and _lives(int(process))):
            yield folder


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True
