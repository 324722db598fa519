"""What a forgetting takes, read while it is still there: lines for people, texts to look for elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from memcli.store import core, memories, messages
from memcli.store.closure import Closure
from memcli.store.database import Store
from memcli.types import CoreBlock


@dataclass(frozen=True, slots=True)
class Going:
    """`lines` say what goes and `kept` what stays; `texts` are the bare texts that go."""

    lines: tuple[str, ...]
    kept: tuple[str, ...]
    texts: tuple[str, ...]


def going(store: Store, closure: Closure) -> Going:
    """Describe what `closure` names."""
    facts = [memories.get(store, id_) for id_ in closure.memories]
    said = [messages.get(store, id_) for id_ in closure.messages]
    blocks = [block for block in core.blocks(store) if _goes(block, closure)]
    labels = {*closure.core, *closure.portraits}
    earlier = [block for block in core.earlier(store, labels) if block not in blocks and _goes(block, closure)]
    lines = [f"{m.id}  {m.kind}  {m.text}" for m in facts]
    lines += [f"{m.id}  message  {m.content}" for m in said]
    lines += [f"core:{block.label}  {block.text}" for block in blocks]
    lines += [f"core:{block.label}  as it was: {block.text}" for block in earlier]
    lines += [f"{id_}  thread" for id_ in closure.threads]
    kept = [f"{id_}  {memories.get(store, id_).text}" for id_ in closure.kept]
    texts = [m.text for m in facts] + [m.content for m in said] + [block.text for block in (*blocks, *earlier)]
    return Going(tuple(lines), tuple(kept), tuple(texts))


def _goes(block: CoreBlock, closure: Closure) -> bool:
    return block.label in closure.core or (block.label in closure.portraits and block.author == "consolidate")
