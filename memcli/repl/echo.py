"""Keys that are typed while an answer is written: they wait for the next prompt and do not show.

The terminal would echo them into the lines that are being redrawn, and one Enter would leave a copy of such a line.
"""

from __future__ import annotations

import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_LOCAL_MODES = 3  # their place in what tcgetattr returns


@contextmanager
def silent(stdin: TextIO) -> Iterator[None]:
    """Switch the echo off for the block, where `stdin` is a terminal. Ctrl-C still interrupts.

    Nothing that is pasted is cut: keys are not gathered into lines, of which Linux keeps 4095 bytes each, and Ctrl-C
    does not throw away what waits.
    """
    try:
        terminal = stdin.fileno()
        before = termios.tcgetattr(terminal)
    except (OSError, termios.error):
        yield  # not a terminal
        return
    quiet = before.copy()
    quiet[_LOCAL_MODES] &= ~(termios.ECHO | termios.ICANON)
    quiet[_LOCAL_MODES] |= termios.NOFLSH
    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
