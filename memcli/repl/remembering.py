"""Slash commands about what is kept: remember, forget, undo, search, core, list."""

from __future__ import annotations

import re

from memcli.errors import InputError, NothingFound
from memcli.memory import fading, recall
from memcli.memory import remember as keeping
from memcli.memory.context import CORE_CHARS
from memcli.memory.reasons import NEAR
from memcli.repl.chat import Chat
from memcli.store import core as core_blocks
from memcli.store import ids, lineage, memories, purge, undoing, uses
from memcli.types import Filters, Kind
from memcli.ui import explained, render, taking
from memcli.ui.going import going

RESULTS = 10
EXPLAIN = "--explain"

_KIND_OPTION = re.compile(r"--kind(?:=|\s+)(\S+)\s*")


def remember(chat: Chat, args: str) -> None:
    kind, text = _kind_option(args)
    if text.startswith("--"):
        raise InputError(f"{text.split()[0]} is no option here, or lacks its value", "/remember [--kind KIND] TEXT")
    kept = keeping.remember(chat.store, [text], embedder=chat.assistant.embedder, now=chat.now, kind=kind)
    for k in kept:
        chat.terminal.out(f"{k.memory.id}  {k.memory.kind}" + ("  (known already)" if k.known else ""))


def _kind_option(args: str) -> tuple[Kind | None, str]:
    """Return the kind that `--kind K` or `--kind=K` in front names, and the text after it."""
    option = _KIND_OPTION.match(args)
    return (_kind(option[1]), args[option.end() :]) if option else (None, args)


def _kind(name: str) -> Kind:
    try:
        return Kind(name)
    except ValueError:
        raise InputError(f"{name!r} is not a kind of memory", f"it is one of {', '.join(Kind)}") from None


def search(chat: Chat, args: str) -> None:
    explain, query = args.split()[:1] == [EXPLAIN], args.removeprefix(EXPLAIN).strip()
    if not (query if explain else args):
        raise InputError("search for what?", f"/search [{EXPLAIN}] QUERY")
    embedder, now = chat.assistant.embedder, chat.workspace.clock()
    found = recall.look_up(chat.store, query if explain else args, Filters(), embedder=embedder, now=now)
    if not found.hits:
        if explain:
            explained.reading(chat.terminal, found.reading)
        raise NothingFound("nothing found")
    short = ids.short(chat.store, [hit.item.id for hit in found.hits[: RESULTS + NEAR]])
    if explain:
        explained.results(chat.terminal, found, RESULTS, short)
    else:
        render.hits(chat.terminal, found.hits[:RESULTS], short)


def list_(chat: Chat, args: str) -> None:
    kind = _kind(args) if args else None
    found = memories.current(chat.store, now=chat.now, kind=kind)
    if not found:
        raise NothingFound(
            f"there are no {args} memories" if args else "nothing is remembered yet", "/remember TEXT keeps one"
        )
    short = ids.short(chat.store, [m.id for m in found])
    strengths = fading.strengths(uses.of(chat.store, [m.id for m in found], chat.now), chat.now)
    render.memories(chat.terminal, found, short, strengths, lineage.origins(chat.store, found), now=chat.now)


# --- core memory ----------------------------------------------------------------------------------------------------


def core(chat: Chat, args: str) -> None:
    """Show or change core memory; a change reaches the model with the next message."""
    action, _, rest = args.partition(" ")
    label, _, text = rest.strip().partition(" ")
    if action in ("", "show"):
        _show_core(chat, label)
    elif action in ("set", "append") and label:
        block = keeping.set_core(chat.store, label, text, now=chat.now, limit=CORE_CHARS, append=action == "append")
        render.blocks(chat.terminal, [block])
    elif action == "clear" and label:
        keeping.clear_core(chat.store, label, now=chat.now)
        chat.aside(f"cleared core block {label}")
    else:
        raise InputError(f"/core {args} says too little, or something else", "/core [show|set|append|clear] LABEL TEXT")


def _show_core(chat: Chat, label: str) -> None:
    found = [block for block in core_blocks.blocks(chat.store) if label in ("", block.label)]
    if not found:
        raise NothingFound(
            f"there is no core block {label!r}" if label else "core memory is empty",
            f"/core set {label or 'user'} TEXT",
        )
    render.blocks(chat.terminal, found)


# --- forgetting -----------------------------------------------------------------------------------------------------


def forget(chat: Chat, args: str) -> None:
    """Show what would go, ask, forget, prove; then go on without any of it."""
    words = args.split()
    named = [word for word in words if word != "--cascade"]
    if not named:
        raise InputError("forget what?", "/forget ID...; /list and /search show ids, Tab completes")
    closure = purge.closure_of(chat.store, named, cascade="--cascade" in words)
    what = going(chat.store, closure)
    render.closure(chat.terminal, what)
    if not chat.confirm("Forget this for good?"):
        chat.aside("nothing was forgotten")
        return
    with chat.terminal.progress("Forgetting") as progress:
        receipt = purge.forget(chat.store, closure, chat.now, progress=progress)
    chat.let_go()
    render.receipt(chat.terminal, receipt)
    receipt.require_clean()


def undo(chat: Chat, args: str) -> None:
    """Show what would be taken back, ask, take it back; then go on without it."""
    if args and (not args.isdecimal() or not int(args)):
        raise InputError(f"{args!r} is no number of operations", "/undo [N]")
    n = int(args or 1)
    taking.passed(chat.terminal, undoing.passed_over(chat.store, n))
    chosen = undoing.last(chat.store, n)
    taking.announce(chat.terminal, chosen, {o.id: taking.steps(chat.store, o) for o in chosen})
    if not chat.confirm("Take this back?"):
        chat.aside("nothing was taken back")
        return
    taking.result(chat.terminal, undoing.undo(chat.store, chosen, chat.now))
    chat.let_go()
