"""How many threads a model should get on this machine: physical cores, within the limits of this process."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=1)
def default_threads() -> int:
    """Return the number of physical cores this process may use: hyper-threads make llama.cpp slower."""
    cores = _linux_cores() or os.cpu_count() or 1
    return max(1, min(cores, _quota() or cores))


def _linux_cores() -> int:
    """Return 0 on other systems."""
    if not hasattr(os, "sched_getaffinity"):
        return 0
    usable = os.sched_getaffinity(0)
    siblings = set()
    for cpu in usable:
        try:
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:
            return len(usable)
    return len(siblings)


def _quota() -> int:
    try:  # a container's limit
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return 0
    return 0 if limit == "max" else max(1, int(limit) // int(period))
