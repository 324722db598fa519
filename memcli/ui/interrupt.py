"""What ends an answer early: Ctrl-C, a closed terminal, a polite kill. What was said by then is kept."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GOING = (signal.SIGTERM, signal.SIGHUP)  # somebody ends the program, or the terminal is gone


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Send the first SIGINT of the block to `stop`, later ones to Python as KeyboardInterrupt.

    SIGTERM and SIGHUP stop the answer too; once the block has ended they end the program, by SystemExit.
    """
    ended: list[int] = []

    def first(signum: int, frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    def leave(signum: int, frame: object) -> None:
        ended.append(signum)
        stop()

    before = {number: signal.signal(number, leave) for number in GOING}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if ended:
        raise SystemExit(128 + ended[0])
