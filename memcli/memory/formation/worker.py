"""Formation beside the chat: a thread with a store connection of its own, which works while nothing else does.

Invariants: from the return of `pause` to `resume` the thread neither thinks nor touches the store; what it meets never
reaches the conversation but as `trouble`; what is not done at the end stays in the queue.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable

from memcli.errors import MemcliError, StoreLocked
from memcli.memory.formation.records import Formed, Former, Stopped
from memcli.memory.formation.work import Work
from memcli.store.database import Store

IDLE = 10.0  # seconds between two looks for what other processes have queued
FIRST_REST, LONGEST_REST = 1.0, 60.0  # seconds after a failure: doubled with each in a row
A_BUG = "a bug stopped it, see the log"


class Worker:
    """Forms the messages that wait. Begins paused.

    `open_store` and `make` are called in the thread, again after a failure; so is `tell`, with each message that is
    formed and settled. `log` gets tracebacks, without messages, which may quote what was said.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        make: Callable[[Store], Former],
        *,
        clock: Callable[[], str],
        tell: Callable[[Formed], None],
        log: Callable[[str], None],
    ) -> None:
        self._open_store, self._make, self._clock = open_store, make, clock
        self._tell, self._log = tell, log
        self.trouble = ""  # why nothing is formed at present
        self._failures = 0  # in a row
        self._passed_over: set[str] = set()
        self._work: Work | None = None  # the thread's own
        # What follows is shared, and guarded by the condition, which is notified of every change.
        self._changed = threading.Condition()
        self._former: Former | None = None
        self._paused, self._busy, self._stale, self._closing = True, False, False, False
        self._rests_until = 0.0
        self._thread = threading.Thread(target=self._run, name="formation")

    # --- for the chat's thread ---

    def start(self) -> None:
        self._thread.start()

    def pause(self) -> None:
        """Have the running step end, and wait until it has."""
        with self._changed:
            self._paused = True
            self._stop_former()
            self._changed.wait_for(lambda: not self._busy)

    def resume(self) -> None:
        """Go on, at once where nothing had failed: something may have been said."""
        with self._changed:
            if not self._paused:
                return
            self._paused = False
            if not self._failures:
                self._rests_until = 0.0
            if self._former is not None:
                self._former.resume()
            self._changed.notify_all()

    def renew(self) -> None:
        """Let go of the models, which are about to change, until there is something to form again."""
        with self._changed:
            self._stale = True
            self._stop_former()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._stale or not self._thread.is_alive())

    def close(self) -> None:
        """End the thread, and wait until it has let go of everything."""
        with self._changed:
            self._closing = True
            self._stop_former()
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _stop_former(self) -> None:
        if self._former is not None:
            self._former.stop()

    # --- in the thread ---

    def _run(self) -> None:
        try:
            while self._turn():
                rest = self._attempt()
                with self._changed:
                    self._busy = False
                    self._rests_until = time.monotonic() + rest
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._busy = self._stale = False
                self._changed.notify_all()
                self._let_go()

    def _turn(self) -> bool:
        """Wait until it is our turn, and say that we are busy then; False at the end."""
        with self._changed:
            while not self._closing:
                if self._stale:
                    self._let_go()
                    self._stale = False
                    self._changed.notify_all()
                rest = self._rests_until - time.monotonic()
                if not self._paused and rest <= 0:
                    self._busy = True
                    return True
                self._changed.wait(None if self._paused else rest)
            return False

    def _attempt(self) -> float:
        """Form one message, and return for how many seconds to rest then."""
        try:
            formed = self._ready().step()
            self._failures, self.trouble = 0, ""
            if formed is not None:
                self._tell(formed)
        except Stopped:
            return 0.0
        except MemcliError as error:
            return self._failed(error, "" if isinstance(error, StoreLocked) else error.message)
        except Exception as error:  # noqa: BLE001 - the boundary of the thread: a bug here must not cost the chat
            return self._failed(error, A_BUG)
        return IDLE if formed is None else 0.0

    def _ready(self) -> Work:
        if self._work is None:
            store = self._open_store()
            try:
                former = self._make(store)
            except BaseException:
                store.close()
                raise
            self._work = Work(store, former, self._clock, self._passed_over)
            with self._changed:
                self._former = former
                if self._paused or self._closing or self._stale:
                    former.stop()
        return self._work

    def _failed(self, error: Exception, trouble: str) -> float:
        if not self._failures:
            self._log("".join([*traceback.format_tb(error.__traceback__), type(error).__name__, "\n"]))
        self._failures += 1
        self.trouble = trouble
        with self._changed:
            self._let_go()
        return min(FIRST_REST * 2.0 ** min(self._failures - 1, 10), LONGEST_REST)

    def _let_go(self) -> None:
        """Free what the work holds. The lock is ours, so that nobody stops a former that is being freed."""
        work, self._work, self._former = self._work, None, None
        if work is not None:
            work.former.close()
            work.store.close()
