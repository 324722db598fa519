"""What a command works with, opened when it is first needed: the store, the embedder, the chat model.

Nothing is opened twice and nothing that a command does not ask for is opened at all; `close` undoes it all in order.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from memcli.config import SMALL, Config
from memcli.engines import ChatModel, Embedder
from memcli.errors import (
    EmbedderChanged,
    EmbedderError,
    ModelError,
    NoModel,
    StoreDamaged,
    StoreLocked,
    StoreUnwritable,
)
from memcli.memory.formation.records import Former
from memcli.memory.resuming import ThreadStates
from memcli.memory.timeline import LOCAL
from memcli.paths import Paths, named
from memcli.store import index, marks, rebinding
from memcli.store.cipher import Key
from memcli.store.database import Store

if TYPE_CHECKING:
    from memcli.inference.rungs import Wishes
    from memcli.memory.caring import Carer

MB = 1_000_000

Progress = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


def local_now() -> datetime:
    """Return the present in the local zone, whose rules hold for other dates computed from it too."""
    return datetime.now(LOCAL)


@dataclass
class Workspace:
    """The resources of one run. `notice` hears what the user should know, `progress` shows long work."""

    config: Config
    paths: Paths
    notice: Callable[[str], None]
    progress: Progress
    clock: Callable[[], datetime] = local_now
    key: Key | None = None  # asked for the passphrase of an encrypted store
    _store: Store | None = field(default=None, init=False)
    _embedder: Embedder | None = field(default=None, init=False)
    _embedder_tried: bool = field(default=False, init=False)
    _embedders: list[Embedder] = field(default_factory=list, init=False)  # to be closed
    _model: ChatModel | None = field(default=None, init=False)
    model_path: Path | None = field(default=None, init=False)  # of the model in use

    @property
    def store_path(self) -> Path:
        db = self.config.text("db")
        return named(db) if db else self.paths.store

    @property
    def store(self) -> Store:
        if self._store is None:
            self._store = Store.open(self.store_path, paths=self.paths, key=self.key)
            self._finish_forgetting(self._store)
        return self._store

    def damage(self) -> str | None:
        """Return the first thing that is wrong with the store, where it is open and something is."""
        if self._store is None:
            return None
        from memcli.store import health

        try:
            return next(iter(health.check(self._store)), None)
        except StoreLocked:
            return None  # it cannot be told now, and another error is on its way

    def _finish_forgetting(self, store: Store) -> None:
        """Clean up after a forgetting that was cut short, as no process is at it any more."""
        try:
            if marks.held(store) is None:
                return
        except StoreDamaged:
            return  # what reads more of it says so
        from memcli.store import cleaning

        if not cleaning.stalled(store):
            return
        self.notice("finishing a forgetting that was interrupted")
        try:
            with self.progress("Forgetting") as report:
                cleaning.finish(store, report)
        except (StoreLocked, StoreUnwritable, StoreDamaged) as error:
            self.notice(f"a forgetting is not finished: {error.message}" + (f" ({error.hint})" if error.hint else ""))

    @property
    def embedder(self) -> Embedder | None:
        """The embedder whose vectors the store holds; None, with a notice, where words have to do."""
        if not self._embedder_tried:
            self._embedder_tried = True
            try:
                self._embedder = self._open_embedder()
            except EmbedderError as error:
                self.notice(f"searching by words only: {error.message}" + (f" ({error.hint})" if error.hint else ""))
        return self._embedder

    def _open_embedder(self) -> Embedder | None:
        embedder = self.open_embedder(self.config.text("embedder"))
        held = index.identity(self.store)
        if held is not None and held != embedder.identity:
            self.notice(
                f"searching by words only: the store's vectors are by {held}, the embedder in force is"
                f" {embedder.identity} ('memcli reindex' makes them anew with it)"
            )
            return None
        self._catch_up(embedder)
        return embedder

    def open_embedder(self, name: str) -> Embedder:
        """Return the embedder that `name` means, whatever vectors the store holds. Raises EmbedderError."""
        embedder = self._load_embedder(name)
        self._embedders.append(embedder)
        return embedder

    def _load_embedder(self, name: str) -> Embedder:
        from memcli.inference.embedder import open_embedder

        with self.progress("Preparing the embedder (once)") as report:
            return open_embedder(
                name,
                paths=self.paths,
                progress=lambda _, share: report(round(100 * share), 100),
                notice=self.notice,
            )

    def _catch_up(self, embedder: Embedder) -> None:
        """Give vectors to a few chunks that wait for them, and say so where more do."""
        waiting, unfinished = index.missing(self.store), rebinding.unfinished(self.store)
        if not waiting and not unfinished:
            return
        from memcli.memory import indexing

        if waiting <= indexing.BATCH or not unfinished:  # else it is the business of `reindex`
            with suppress(StoreLocked, StoreUnwritable, EmbedderChanged):  # another time, then: nobody waits for this
                indexing.adopt(self.store, embedder)
                indexing.catch_up(self.store, embedder)
                rebinding.finish(self.store, embedder.identity)
        waiting = index.missing(self.store)
        if rebinding.unfinished(self.store):
            self.notice(f"searching by words only: {waiting} chunks wait for vectors ('memcli reindex' makes them)")
        elif waiting:
            self.notice(f"{waiting} chunks wait for vectors and are found by their words ('memcli reindex' makes them)")

    @property
    def model(self) -> ChatModel:
        """The chat model. Raises NoModel or ModelError."""
        if self._model is None:
            self._model = self._load_model(self.config.text("model"))
        return self._model

    @property
    def model_is_starter(self) -> bool:
        from memcli.inference import catalog

        return self.model_path is not None and catalog.find(str(self.model_path), self.paths).is_starter

    def switch_model(self, name: str) -> ChatModel:
        """Load another model in place of the present one, which stays if the new one fails."""
        fresh = self._load_model(name)
        self._close_model()
        self._model = fresh
        return fresh

    def _load_model(self, name: str) -> ChatModel:
        from memcli.inference import catalog, loading

        found = catalog.find(name, self.paths)
        model = loading.open_chat(found.path, self.wishes, paths=self.paths, notice=self.notice, progress=self.progress)
        self.model_path = found.path
        return model

    @property
    def states(self) -> ThreadStates | None:
        """What keeps threads' KV states between processes; None for an encrypted store, which they would quote."""
        if self.store.secret is not None:
            return None
        return ThreadStates(self.store, self.paths.states, int(self.config.values["state_cache_mb"]) * MB)

    @property
    def wishes(self) -> Wishes:
        """What the settings say about how a model runs."""
        from memcli.inference.rungs import Wishes

        return Wishes(*(self.config.whole(key) for key in ("context_size", "gpu_layers", "threads", "batch")))

    def former(self, store: Store | None = None) -> Former:
        """Return what forms memories, on this store or on another connection to it. Its owner closes it.

        Where its store is used in a thread of its own, have `embedder` opened before.
        """
        from memcli.memory.formation.former import MessageFormer

        return MessageFormer(store or self.store, self.embedder, self.clock)

    def carer(self, store: Store | None = None) -> Carer:
        """Return what cares for the memories of this store, or of another connection to it."""
        from memcli.memory.caring import Carer

        return Carer(store or self.store, self.embedder, self.clock, self._ask if self._model_is_large() else None)

    def _model_is_large(self) -> bool:
        """Tell whether there is a chat model that may be asked to judge, as the head of its file has it."""
        from memcli.inference import catalog, sizes

        try:
            found = sizes.sizes_of(catalog.find(self.config.text("model"), self.paths).path)
        except NoModel:
            return False
        return found is not None and found.parameters >= SMALL

    def _ask(self) -> ChatModel | None:
        try:
            return self.model if self.model.parameters >= SMALL else None
        except ModelError as error:
            self.notice(f"the model is not asked: {error.message}")
            return None

    def _close_model(self) -> None:
        close = getattr(self._model, "close", None)
        if close:
            close()
        self._model = None

    def close(self) -> None:
        """Free the models, then close the store."""
        self._close_model()
        for embedder in self._embedders:
            close = getattr(embedder, "close", None)
            if close:
                close()
        self._embedders.clear()
        self._embedder = None
        if self._store is not None:
            self._store.close()
            self._store = None
