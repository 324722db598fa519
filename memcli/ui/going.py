"""What a forgetting takes, read while it is still there: lines for people, texts to look for elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from memcli.store import core, memories, messages
from memcli.store.closure import Closure
from memcli.store.database import Store


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
    blocks = [block for block in core.blocks(store) if block.label in closure.core]
    lines = [f"{m.id}  {m.kind}  {m.text}" for m in facts]
    lines += [f"{m.id}  message  {m.content}" for m in said]
    lines += [f"core:{block.label}  {block.text}" for block in blocks]
    lines += [f"{id_}  thread" for id_ in closure.threads]
    kept = [f"{id_}  {memories.get(store, id_).text}" for id_ in closure.kept]
    texts = [m.text for m in facts] + [m.content for m in said] + [block.text for block in blocks]
    return Going(tuple(lines), tuple(kept), tuple(texts))
