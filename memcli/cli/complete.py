"""What the shell completes: ids, threads, models, labels and setting keys, read from where they are.

Completion never raises, never creates a store, never prints and never asks: a key press must not have effects. Of an
encrypted store it knows nothing, unless a file gives the passphrase.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import typer

from memcli import config, passphrase
from memcli.config import BY_KEY
from memcli.errors import MemcliError
from memcli.paths import Paths
from memcli.store import core, memories
from memcli.store import threads as thread_rows
from memcli.store.database import Store
from memcli.ui.sanitize import one_line


def _store() -> Store | None:
    try:
        paths = Paths.default()
        settings = config.load(paths, os.environ)
        named, file = settings.text("db"), settings.text("passphrase_file")
        key = (lambda: passphrase.from_file(Path(file))) if file else None
        return Store.open(Path(named) if named else paths.store, create=False, key=key)
    except MemcliError:
        return None


def items(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield ids of memories with their texts."""
    store = _store()
    if store:
        with store:
            for memory in memories.current(store, now="", retired=True):
                if memory.id.startswith(incomplete):
                    yield memory.id, one_line(memory.text)[:60]


def threads(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield names, or ids, of threads with their titles."""
    store = _store()
    if store:
        with store:
            for thread in thread_rows.all_threads(store):
                name = thread.name or thread.id
                typeable = name if name == one_line(name) else thread.id  # the shell would act on the rest
                if typeable.startswith(incomplete):
                    yield typeable, one_line(thread.title)


def labels(incomplete: str) -> Iterator[str]:
    """Yield labels of core blocks, and the two usual ones."""
    store = _store()
    known = {"user", "persona"}
    if store:
        with store:
            known |= {block.label for block in core.blocks(store)}
    yield from sorted(label for label in map(one_line, known) if label.startswith(incomplete))


def models(incomplete: str) -> Iterator[str]:
    """Yield names of installed models."""
    from memcli.inference import catalog

    names = (one_line(m.name) for m in catalog.list_models(Paths.default()))
    yield from (name for name in names if name.startswith(incomplete))


def models_for(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Yield names of models to pull after `models pull`, else of those that are installed."""
    if str(ctx.params.get("action")) != "pull":
        yield from models(incomplete)
        return
    from memcli.inference import hub_models

    yield from (offer.name for offer in hub_models.OFFERS if offer.name.startswith(incomplete))


def keys(incomplete: str) -> Iterator[tuple[str, str]]:
    """Yield setting keys with what they do."""
    yield from ((key, setting.help) for key, setting in BY_KEY.items() if key.startswith(incomplete))
