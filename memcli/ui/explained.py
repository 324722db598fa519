"""Explanations: how a question was read, what each feature gave to what was found, and what the near misses lacked.

On a terminal a list, and below it a table of features by hits whose columns sum to the scores; in a pipe a line for
each hit, those of the near misses with "-" in front, as in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memcli.memory.context import note
from memcli.memory.reasons import called, explain, lacking, matched, near_misses, rounded
from memcli.memory.recall import Found, Reading
from memcli.memory.timeline import days
from memcli.store.typos import said
from memcli.types import Hit
from memcli.ui import render
from memcli.ui.render import Row, Short
from memcli.ui.sanitize import clean, one_line
from memcli.ui.terminal import Terminal

if TYPE_CHECKING:
    from rich.text import Text

READ = 400  # characters of each line that says how a question was read: it may be a pasted page
NARROWEST = 6  # cells of a hit's column: "0.50" and the space before it


@dataclass(frozen=True, slots=True)
class _Line:
    """A hit as it is listed: its cells, and what is said about it below its text."""

    hit: Hit
    cells: Row
    about: str


def results(terminal: Terminal, found: Found, limit: int, short: Short) -> None:
    """Print the best `limit` hits of a search, explained, and what came next."""
    terms = found.reading.terms
    hits, misses = found.hits[:limit], near_misses(found.hits, limit)
    reading(terminal, found.reading)
    if not terminal.styled:
        rows = [(*render.hit_row(terminal, hit, short), *_features(hit, terms)) for hit in hits]
        near = [
            (*render.hit_row(terminal, miss.hit, short), lacking(miss, 3), *_features(miss.hit, terms)[1:])
            for miss in misses
        ]
        render.table(terminal, (), [*rows, *_below(near)])
        return
    lines = [_Line(hit, render.hit_row(terminal, hit, short, decimals=2), _matched(hit, terms)) for hit in hits]
    _list(terminal, render.HIT, lines)
    _contributions(terminal, hits)
    if misses:
        lines = [_Line(m.hit, render.hit_row(terminal, m.hit, short, decimals=2), lacking(m)) for m in misses]
        terminal.out("\nnear misses\n")
        _list(terminal, render.HIT, lines, start=len(hits) + 1)


def notes(
    terminal: Terminal, read: Reading, placed: Sequence[Hit], left: Sequence[tuple[Hit, str]], short: Short
) -> None:
    """Print the notes that were placed before a message and why, then those that were left out, with the reason."""
    reading(terminal, read)
    shown = [*placed, *(hit for hit, _ in left)]
    reasons = {hit.item.id: reason for hit, reason in left}
    if not terminal.styled:
        rows = [(*_note(hit, short, 3), *_features(hit, read.terms)) for hit in placed]
        near = [(*_note(hit, short, 3), *_features(hit, read.terms), f"left out: {reason}") for hit, reason in left]
        render.table(terminal, (), [*rows, *_below(near)])
        return
    lines = [_Line(hit, _note(hit, short, 2), reasons.get(hit.item.id) or _matched(hit, read.terms)) for hit in shown]
    if placed:
        _list(terminal, _NOTE, lines[: len(placed)])
    if left:
        terminal.out("\nleft out\n" if placed else "left out\n")
        _list(terminal, _NOTE, lines[len(placed) :], start=len(placed) + 1)
    _contributions(terminal, shown)


_NOTE = ("id", "score", "text")


def _note(hit: Hit, short: Short, decimals: int) -> Row:
    return (short.get(hit.item.id, hit.item.id), f"{hit.score:.{decimals}f}", note(hit).line)


def reading(terminal: Terminal, read: Reading) -> None:
    """Print how a question was read: the words looked up, typos, times."""
    rows = [(name, text if len(text) <= READ else text[: READ - 1] + "…") for name, text in _read(read)]
    if not terminal.styled:
        render.table(terminal, (), rows)
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid("", "", padding=(0, 2))
    for name, text in rows:
        grid.add_row(Text(name, style="dim"), Text(one_line(text)))
    terminal.console().print(grid)
    terminal.out()


def _read(read: Reading) -> Iterator[tuple[str, str]]:
    yield "looked up", ", ".join(read.terms) or "no words"
    if read.corrections:
        yield "corrected", "; ".join(said(read.corrections))
    if read.periods:
        yield "time", "; ".join(f"{period.words} = {days(period.start, period.end)}" for period in read.periods)
    if read.by_words_only:
        yield "meaning", "not compared: searching by words only"


# --- in a pipe ------------------------------------------------------------------------------------------------------


def _features(hit: Hit, terms: Sequence[str]) -> Row:
    return (explain(hit.why, 3), f"{hit.relevance:.2f}", ", ".join(matched(terms, hit.item)))


def _below(rows: Sequence[Row]) -> list[Row]:
    return [(f"-{id_}", *rest) for id_, *rest in rows]


# --- on a terminal --------------------------------------------------------------------------------------------------


def _matched(hit: Hit, terms: Sequence[str]) -> str:
    return f"has {', '.join(matched(terms, hit.item))}" if matched(terms, hit.item) else ""


def _list(terminal: Terminal, head: Row, lines: Sequence[_Line], *, start: int = 1) -> None:
    from rich.text import Text

    grid = render.columns(("", *head))
    for number, line in enumerate(lines, start):
        *cells, text = (Text(clean(cell)) for cell in line.cells)
        grid.add_row(Text(str(number)), *cells, _with(text, line.about))
    terminal.console().print(grid)


def _with(text: Text, about: str) -> Text:
    return text.append(f"\n{one_line(about)}", style="dim") if about else text


def _contributions(terminal: Terminal, hits: Sequence[Hit]) -> None:
    """Print features by hits, those that gave most first; a column sums to its score.

    Where they do not stand side by side they are parted evenly.
    """
    shares = [rounded(hit.why) for hit in hits]
    names = sorted({name for share in shares for name in share}, key=lambda name: (-_given(name, hits), name))
    names = [name for name in names if any(share.get(name) for share in shares)]
    label = max((len(called(name)) for name in (*names, "relevance")), default=0)
    fitting = max(1, (terminal.console().width - label) // NARROWEST)
    tables = -(-len(hits) // fitting)
    size = -(-len(hits) // tables) if tables else 1
    for start in range(0, len(hits), size):
        terminal.out()
        _table(terminal, names, hits[start : start + size], shares[start : start + size], start + 1)


def _given(name: str, hits: Sequence[Hit]) -> float:
    return sum(hit.why.get(name, 0.0) for hit in hits)


def _table(
    terminal: Terminal, names: Sequence[str], hits: Sequence[Hit], shares: Sequence[dict[str, float]], first: int
) -> None:
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0), show_footer=True)
    grid.add_column("", "score\nrelevance", no_wrap=True)
    for number, hit in enumerate(hits, first):
        grid.add_column(str(number), f"{hit.score:.2f}\n{hit.relevance:.2f}", justify="right", min_width=4)
    for name in names:
        values = (share.get(name) for share in shares)
        grid.add_row(called(name), *(f"{value:.2f}" if value else "" for value in values))
    terminal.console().print(grid)
