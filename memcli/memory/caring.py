"""Caring: what is done, a step at a time, for what is kept: one memory where several say the same, and one more for
what happened again and again. Each step is an operation of its own, and may be the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from memcli.engines import Embedder
from memcli.memory.formation.merger import Merger
from memcli.memory.formation.records import Stopped
from memcli.memory.formation.summariser import Ask, Summariser
from memcli.store.database import Store


class Carer:
    """Does the steps, in the thread of its store. `stop` ends the running one soon, from any thread, with Stopped.

    Without `embedder`, or with another than the store's, words alone are gone by; `ask` loads a chat model that may be
    asked to say something, where there is one.
    """

    def __init__(
        self, store: Store, embedder: Embedder | None, clock: Callable[[], datetime], ask: Ask | None = None
    ) -> None:
        self._stopped = False
        self.merger = Merger(store, embedder, clock, self._check)
        self.summariser = Summariser(store, embedder, clock, self._check, ask)

    def stop(self) -> None:
        self._stopped = True
        if self.summariser.model:
            self.summariser.model.stop()

    def _check(self) -> None:
        if self._stopped:
            raise Stopped
