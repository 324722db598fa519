"""What is in the store and what talking has cost: a name and a value on each line, tab-separated in a pipe."""

from __future__ import annotations

from pathlib import Path

from memcli.store.census import Census
from memcli.store.turns import Totals
from memcli.ui.sanitize import one_line
from memcli.ui.shapes import Json
from memcli.ui.terminal import Terminal

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def store(terminal: Terminal, path: Path, found: Census) -> None:
    """Print what is in the store."""
    waiting = f"{found.waiting:,} waiting for formation" if found.waiting else ""
    aside = f"{found.set_aside:,} set aside" if found.set_aside else ""
    current = sum(kind.current for kind in found.memories.values())
    retired = sum(kind.retired for kind in found.memories.values())
    kinds = [f"{kind.current:,} {name}" for name, kind in found.memories.items() if kind.current]
    bare = found.chunks - found.vectors
    known = {
        "store": f"{path}, {size(found.bytes)}",
        "encryption": found.cipher or "none",
        "threads": f"{found.threads:,}",
        "messages": _listed(f"{found.messages:,}", waiting, aside),
        "memories": _listed(f"{current:,}", *kinds, f"{retired:,} retired" if retired else ""),
        "core": _many(found.core, "block"),
        "summaries": f"{found.summaries:,}" if found.summaries else "",
        "index": _listed(_many(found.chunks, "chunk"), f"{bare:,} without a vector" if bare else ""),
    }
    _print(terminal, known)


def turns(terminal: Terminal, cost: Totals) -> None:
    """Print what turns cost together."""
    if not cost.turns:
        _print(terminal, {"turns": "0"})
        return
    evicted = f"{_many(cost.evicted, 'message')} evicted" if cost.evicted else ""
    thought = f"{cost.thought:,} of them thinking" if cost.thought else ""
    known = {
        "turns": _listed(f"{cost.turns:,}", evicted),
        "context": f"evaluated {cost.evaluated:,} of {_many(cost.context, 'token')}: {_saved(cost)}",
        "generated": _listed(_many(cost.generated, "token"), thought),
        "first token": f"after {_significant(cost.first_token)} s (median)" if cost.first_token is not None else "",
        "speed": f"{_significant(cost.speed)} tokens a second (median)" if cost.speed is not None else "",
    }
    _print(terminal, known)


def _saved(cost: Totals) -> str:
    share = _percent(cost.reused, cost.context)
    restored = f", {_percent(cost.restored, cost.context)} from state files" if cost.restored else ""
    return f"{share} came from the prefix{restored}"


def _percent(part: int, whole: int) -> str:
    """Return a share that is 0 or 100 % only where it is exactly that."""
    percent = 100 * part / whole if whole else 0
    return f"{round(percent) if percent in (0, 100) else min(max(round(percent), 1), 99)} %"


def _significant(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _listed(first: str, *others: str) -> str:
    return ", ".join(part for part in (first, *others) if part)


def size(count: float) -> str:
    """Return a number of bytes as people read it."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    return f"{count:.0f} {_UNITS[unit]}" if unit == 0 or count >= 100 else f"{count:.1f} {_UNITS[unit]}"


def _print(terminal: Terminal, known: dict[str, str]) -> None:
    for name, value in known.items():
        if value:
            terminal.out(f"{name:13}{one_line(value)}" if terminal.styled else f"{name}\t{one_line(value)}")


def shape(path: Path, found: Census, cost: Totals) -> Json:
    """Return the JSON of both."""
    return {
        "store": {
            "path": str(path),
            "bytes": found.bytes,
            "cipher": found.cipher,
            "threads": found.threads,
            "messages": found.messages,
            "waiting": found.waiting,
            "set_aside": found.set_aside,
            "memories": {name: {"current": k.current, "retired": k.retired} for name, k in found.memories.items()},
            "core": found.core,
            "summaries": found.summaries,
            "chunks": found.chunks,
            "vectors": found.vectors,
        },
        "turns": {
            "turns": cost.turns,
            "context": cost.context,
            "evaluated": cost.evaluated,
            "restored": cost.restored,
            "reused": cost.reused,
            "generated": cost.generated,
            "thought": cost.thought,
            "evicted": cost.evicted,
            "first_token": cost.first_token,
            "speed": cost.speed,
        },
    }
