"""Exports on their way out: sanitised, to stdout, a file or a folder.

Invariant: the lines of a file are those of stdout, in which every character that a terminal would act on is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from memcli.memory import exporting
from memcli.memory.exporting import files, pages
from memcli.store import outgoing
from memcli.store.database import Store
from memcli.types import Thread
from memcli.ui.sanitize import clean, json_line

ENDINGS = (".md", ".markdown")  # of a single document

TOLD = 100  # lines between two reports of progress

Progress = Callable[[int, int], None]


def jsonl(store: Store) -> Iterator[str]:
    """Yield all records as lines, many at a time; no transaction is open meanwhile."""
    return files.parts(store, _lines(exporting.records(store)))


def document(store: Store, now: str) -> Iterator[str]:
    """Yield everything as one Markdown document, in large parts."""
    return files.parts(store, pages.document(store, clean, now))


def to_file(store: Store, target: Path, *, force: bool, progress: Progress) -> str:
    """Write all records to a file, and return what was done. Raises InputError."""
    path = files.checked(target, store)
    with store.atomic("BEGIN"):
        total = outgoing.count(store)
        told = _counted(_lines(exporting.records(store)), lambda done: progress(done, total))
        files.write(path, told, force=force)
    return _told(store, f"exported {total} records to {target}")


def to_pages(store: Store, target: Path, *, now: str, force: bool, progress: Progress) -> str:
    """Write Markdown to a file that ends like one, or to a folder, and return what was done. Raises InputError."""
    path = files.checked(target, store)
    with store.atomic("BEGIN"):
        if target.suffix.lower() in ENDINGS and not path.is_dir():
            files.write(path, pages.document(store, clean, now), force=force)
            return _told(store, f"exported to {target}")
        made = [*pages.folder(store, clean, now)]
        files.write_folder(path, made, mark=pages.MARK, within=pages.THREADS, force=force, progress=progress)
    return _told(store, f"exported to {target}: {len(made)} files")


def thread_to_file(store: Store, thread: Thread, target: Path, *, markdown: bool, force: bool) -> str:
    """Write one thread to a file, as Markdown or as records, and return what was done. Raises InputError."""
    path = files.checked(target, store)
    with store.atomic("BEGIN"):
        told = pages.thread_page(store, thread, clean) if markdown else _lines(exporting.of_thread(store, thread.id))
        files.write(path, told, force=force)
    return _told(store, f"exported to {target}")


def _told(store: Store, done: str) -> str:
    return done if store.secret is None else f"{done}, which is not encrypted as the store is"


def _lines(records: Iterable[outgoing.Json]) -> Iterator[str]:
    return (json_line(record) + "\n" for record in records)


def _counted(texts: Iterable[str], progress: Callable[[int], None]) -> Iterator[str]:
    for done, text in enumerate(texts, 1):
        yield text
        if done % TOLD == 0:
            progress(done)
