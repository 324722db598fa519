"""What a forgetting takes, read while it is still there: lines for people."""

from __future__ import annotations

from dataclasses import dataclass

from memcli.store import core, memories, messages, summaries, threads
from memcli.store.closure import Closure
from memcli.store.database import Store
from memcli.types import CoreBlock


@dataclass(frozen=True, slots=True)
class Going:
    """`lines` say what goes and `kept` what stays."""

    lines: tuple[str, ...]
    kept: tuple[str, ...]


def going(store: Store, closure: Closure) -> Going:
    """Describe what `closure` names."""
    facts = [memories.get(store, id_) for id_ in closure.memories]
    said = [messages.get(store, id_) for id_ in closure.messages]
    blocks = [block for block in core.blocks(store) if _goes(block, closure)]
    labels = {*closure.core, *closure.portraits}
    earlier = [block for block in core.earlier(store, labels) if block not in blocks and _goes(block, closure)]
    lines = [f"{m.id}  {m.kind}  {m.text}" for m in facts]
    again = set(closure.repeating)
    lines += [f"{m.id}  {'answer that repeats it' if m.id in again else 'message'}  {m.content}" for m in said]
    lines += [f"core:{block.label}  {block.text}" for block in blocks]
    lines += [f"core:{block.label}  as it was: {block.text}" for block in earlier]
    lines += [f"{id_}  thread" for id_ in closure.threads]
    lines += [f"{id_}  the name of a thread: {threads.label(store, id_)}" for id_ in closure.names]
    lines += [f"{id_}  summary  {summaries.text(store, id_)}" for id_ in closure.summaries]
    kept = [f"{id_}  {memories.get(store, id_).text}" for id_ in closure.kept]
    return Going(tuple(lines), tuple(kept))


def _goes(block: CoreBlock, closure: Closure) -> bool:
    return block.label in closure.core or (block.label in closure.portraits and block.author == "consolidate")
