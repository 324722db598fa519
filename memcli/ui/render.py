"""Tables for people, tab-separated lines for pipes: the same columns, decided by where stdout goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from memcli.memory.timeline import day
from memcli.types import CoreBlock, Hit, Memory, Message, Recalled, Thread
from memcli.ui.sanitize import clean, one_line
from memcli.ui.shapes import FORGETTING_LIMIT
from memcli.ui.terminal import Terminal

if TYPE_CHECKING:
    from rich.table import Table

    from memcli.store.purge import Receipt
    from memcli.ui.going import Going

Short = Mapping[str, str]  # id -> the shortest prefix that names it
Row = Sequence[str]

_STYLES = {
    "id": "yellow",
    "kind": "cyan",
    "score": "green",
    "strength": "green",
    "tokens": "green",
    "date": "dim",
    "why": "dim",
}


def table(terminal: Terminal, head: Row, rows: Sequence[Row]) -> None:
    """Print rows under a heading on a terminal, and as tab-separated lines elsewhere."""
    if not terminal.styled:
        for row in rows:
            terminal.out("\t".join(one_line(cell) for cell in row))
        return
    from rich.text import Text

    grid = columns(head)
    for row in rows:
        grid.add_row(*(Text(clean(cell)) for cell in row))
    terminal.console().print(grid)


def columns(head: Row) -> Table:
    """Return a table without rows, its columns styled and aligned by their names."""
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in head:
        number = name in ("", "score", "strength", "tokens", "messages", "near")
        wide = name in ("text", "title", "why", "value", "note")
        grid.add_column(
            name,
            style=_STYLES.get(name),
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=not wide,
        )
    return grid


def shown(text: str, limit: int = 160) -> str:
    """Return `text` on one line that is not too long."""
    text = one_line(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


# --- memories and messages ------------------------------------------------------------------------------------------


def memories(
    terminal: Terminal,
    records: Sequence[Memory],
    short: Short,
    strengths: Mapping[str, float],
    origins: Mapping[str, str],
    *,
    now: str,
) -> None:
    """Print memories as they are at a time; `origins` says of some, by id, where they come from."""
    rows = [
        (
            short.get(m.id, m.id),
            str(m.kind),
            _period(m),
            _strength(m, strengths[m.id], now),
            _marked(m, short, origins.get(m.id), now),
        )
        for m in records
    ]
    table(terminal, ("id", "kind", "date", "strength", "text"), rows)


def _strength(m: Memory, strength: float, now: str) -> str:
    """Return how strong a memory is, nothing where it does not hold any more."""
    if m.retired_at or _expired(m, now):
        return ""
    return "pinned" if m.pinned else f"{strength:.2f}"


def _expired(m: Memory, now: str) -> bool:
    return m.expires_at is not None and m.expires_at <= now


def _period(m: Memory) -> str:
    return m.valid_from or day(m.created_at)


def _marked(m: Memory, short: Short, origin: str | None, now: str) -> str:
    marks = [f"#{tag}" for tag in m.tags]
    if m.superseded_by:
        marks.append(f"[superseded by {m.superseded_by}]")
    elif m.retired_at and m.undone:
        marks.append(f"[undone {day(m.retired_at)}]")
    elif m.retired_at:
        marks.append(f"[retired {day(m.retired_at)}]")
    if m.expires_at:
        marks.append(f"[{'expired' if _expired(m, now) else 'expires'} {day(m.expires_at)}]")
    if m.conflicts:
        marks.append(f"[contradicts {', '.join(short.get(id_, id_) for id_ in m.conflicts)}]")
    if origin:
        marks.append(f"[{origin}]")
    return " ".join([m.text, *marks])


HIT = ("id", "score", "kind", "date", "text")


def hits(terminal: Terminal, found: Sequence[Hit], short: Short) -> None:
    table(terminal, HIT, [hit_row(terminal, hit, short) for hit in found])


def hit_row(terminal: Terminal, hit: Hit, short: Short, *, decimals: int = 3) -> Row:
    """Return what is shown of a hit, in the order of `HIT`."""
    item = hit.item
    date = item.valid_from or day(item.created_at)
    said = f"{item.name}: {_excerpt(hit)}" if item.name else _excerpt(hit)
    kind = str(item.trust) if item.kind == "message" and terminal.styled else item.kind
    return (short.get(item.id, item.id), f"{hit.score:.{decimals}f}", kind, date, said)


def _excerpt(hit: Hit, limit: int = 400) -> str:
    text = hit.item.text if len(hit.item.text) <= limit else hit.item.excerpt or hit.item.text
    return one_line(text) if len(text) <= limit else one_line(text[:limit]) + "…"


def message(terminal: Terminal, record: Message, notes: Sequence[Recalled]) -> None:
    terminal.out(record.content)
    terminal.out()
    known = {
        "id": record.id,
        "kind": "message",
        "said by": record.name or str(record.trust),
        "thread": record.thread_id,
        "when": record.created_at,
        "imported as": record.external_id,
        "interrupted": "yes" if record.interrupted else "",
    }
    facts(terminal, known)
    for n in notes:
        terminal.out(f"with note {n.item_id}: {n.line}")


def facts(terminal: Terminal, known: Mapping[str, str | None]) -> None:
    """Print names and values, a line each; what has no value is left out."""
    for name, value in known.items():
        if value:
            terminal.out(f"{name:14}{value}")


# --- threads, core, settings ----------------------------------------------------------------------------------------


def threads(terminal: Terminal, records: Sequence[Thread]) -> None:
    rows = [(t.id, t.name or "", str(t.messages), day(t.updated_at), t.title) for t in records]
    table(terminal, ("id", "name", "messages", "date", "title"), rows)


def conversation(terminal: Terminal, said: Sequence[Message]) -> None:
    for m in said:
        terminal.out(f"{m.created_at}  {m.name or m.trust}")
        terminal.out(f"{m.content}\n")


def blocks(terminal: Terminal, records: Sequence[CoreBlock]) -> None:
    if any(b.author == "consolidate" for b in records):  # else they are all the user's own, which he knows
        by = {"consolidate": "kept by consolidate"}
        table(terminal, ("label", "text", "by"), [(b.label, b.text, by.get(b.author, "you")) for b in records])
    else:
        table(terminal, ("label", "text"), [(b.label, b.text) for b in records])


# --- forgetting -----------------------------------------------------------------------------------------------------


def closure(terminal: Terminal, what: Going) -> None:
    """Print what a forget would take, and what it would leave with its provenance cut."""
    terminal.out(f"to be forgotten ({len(what.lines)}):")
    for line in what.lines:
        terminal.out(f"  {shown(line)}")
    if what.kept:
        terminal.out(f"kept, without the message they came from ({len(what.kept)}; --cascade takes them too):")
        for line in what.kept:
            terminal.out(f"  {shown(line)}")


def receipt(terminal: Terminal, record: Receipt) -> None:
    """Print what was removed, from where, and what a search for traces of it found."""
    rows = ", ".join(f"{table_} {count}" for table_, count in record.rows.items() if count)
    terminal.out(f"rows removed: {rows}")
    terminal.out(f"files cleaned: {', '.join(record.files)}")
    proof = record.proof
    found = f"{proof.rows} rows, vectors and states, {proof.terms} terms of full text, {proof.texts} texts"
    terminal.out(f"traces left: {record.traces} ({found} in {proof.looked_through / 1e6:.1f} MB looked through)")
    terminal.out(f"this holds for {FORGETTING_LIMIT}")
    if record.kept_mentions:
        terminal.out(f"the same words stand in items you keep: {', '.join(record.kept_mentions)}")
