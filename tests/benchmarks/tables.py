"""Tables that are printed to a terminal or as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table as RichTable


@dataclass(slots=True)
class Table:
    """Rows of texts under headings; the first column is left-aligned."""

    title: str
    headings: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        self.rows.append(cells)


def show(table: Table, console: Console, *, markdown: bool) -> None:
    if markdown:
        console.print(as_markdown(table), soft_wrap=True, markup=False, highlight=False)
        return
    drawn = RichTable(title=table.title, title_justify="left")
    for place, heading in enumerate(table.headings):
        drawn.add_column(heading, justify="right" if place else "left")
    for row in table.rows:
        drawn.add_row(*row)
    console.print(drawn, "")


def as_markdown(table: Table) -> str:
    rule = ("---", *("--:" for _ in table.headings[1:]))
    lines = [f"| {' | '.join(cells)} |" for cells in (table.headings, rule, *table.rows)]
    return "\n".join([f"### {table.title}", "", *lines, ""])
