"""Names of processes, under which they hold leases in the store, and whether such a process is still alive."""

from __future__ import annotations

import os
import platform
import secrets


def name() -> str:
    """Return a name to hold leases under, which tells others whether its process is alive."""
    return f"{platform.node()}:{os.getpid()}:{secrets.token_hex(4)}"


def dead(worker: str) -> bool:
    """Tell whether the worker was a process of this machine that is no more.

    A wrong guess costs work and loses nothing: who holds a lease checks it when he writes.
    """
    node, _, process = worker.rpartition(":")[0].rpartition(":")
    if node != platform.node() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
