"""A year with memcli in some seconds. Run by hand: python -m tests.benchmarks.year

Everything is the program's own but the models: what is said is recorded, formed by rules, recalled and noted, at the
times of a simulated clock. All statements match the search alike, so that nothing but their strength parts them.
Printed are strengths, and places in a search, at the end of each month.
"""

from __future__ import annotations

import math
import struct
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from memcli import config
from memcli.assistant import Assistant
from memcli.memory import fading, pinning, recall
from memcli.memory.formation.former import MessageFormer
from memcli.memory.formation.work import Work
from memcli.memory.remember import remember
from memcli.memory.timeline import utc
from memcli.paths import Paths
from memcli.store import memories, uses
from memcli.store.database import Store
from memcli.turn import Done
from memcli.types import Filters, Hit, Memory, Sampling
from tests.fakes import HashingEmbedder, ScriptedModel

BEGIN = datetime(2025, 1, 1, 12, tzinfo=UTC)
MONTH, MONTHS = 30, 12  # days; months
QUERY = "garden code"  # which all statements hold, at the same length

WEEKLY = "My garden gate code is Amsel."
SPACED = "My garden pump code is Birke."
MASSED = "My garden tank code is Cedar."
RESTATED = "My garden barn code is Dahlia."
ASKED = "My garden well code is Eiche."
PINNED = "My garden safe code is Flieder."
RULE = "Always spell the garden code in capitals."
ALONE = "My grandmother's maiden name is Quill."
NOISE = tuple(
    f"My garden {place} code is {name}."
    for place, name in zip(
        "shed pond lamp tree wall bench path fence hedge roof door bell".split(),
        "Ginster Holunder Iris Jasmin Kiefer Linde Mohn Nelke Olive Pappel Rose Salbei".split(),
        strict=True,
    )
)  # one a month, each mentioned once

# Days on which a question brings them into a context.
USED = {
    WEEKLY: range(7, MONTH * MONTHS + 1, 7),
    SPACED: (5, 15, 35, 75, 150),
    MASSED: (5, 5, 5, 5, 5),
}
ASKS = {WEEKLY: "What about the gate?", SPACED: "What about the pump?", MASSED: "What about the tank?"}
SAID_AGAIN = range(60, MONTH * MONTHS, 60)


class Unlike(HashingEmbedder):
    """Finds all texts alike, and hardly so: words alone decide."""

    identity = "unlike:256"
    dimension = 256
    COSINE = 0.05

    def _one(self, text: str) -> bytes:
        axes = self.__dict__.setdefault("axes", {})
        values = [0.0] * self.dimension
        values[0] = math.sqrt(self.COSINE)
        values[axes.setdefault(text, 1 + len(axes) % (self.dimension - 1))] = math.sqrt(1 - self.COSINE)
        return struct.pack(f"<{self.dimension}f", *values)


@dataclass
class Simulation:
    """A store that is lived with, and the clock of its user."""

    store: Store
    paths: Paths
    now: datetime = BEGIN
    embedder: Unlike = field(default_factory=Unlike)

    def go_to(self, day: float) -> None:
        self.now = BEGIN + timedelta(days=day)

    def say(self, text: str) -> Done:
        """Send a message in a thread of its own, and form what is to be kept of it."""
        assistant = Assistant(
            self.store, ScriptedModel("Fine."), self.embedder, config.load(self.paths, {}), lambda: self.now
        )
        for _ in assistant.run(assistant.prepare(text), Sampling()):
            pass
        former = MessageFormer(self.store, self.embedder, lambda: self.now, UTC)
        while Work(self.store, former, lambda: utc(self.now)).step():
            pass
        assert assistant.last
        return assistant.last

    def keep(self, text: str) -> Memory:
        """Keep what the user asks to be kept."""
        return remember(self.store, [text], embedder=self.embedder, now=utc(self.now))[0].memory

    def memory(self, text: str) -> Memory:
        found = memories.find_exact(self.store, text) or memories.find_exact(self.store, text.rstrip("."))
        assert found, text
        return found

    def strength(self, text: str) -> float:
        id_, now = self.memory(text).id, utc(self.now)
        return fading.strength(uses.of(self.store, [id_], now)[id_], now)

    def search(self, query: str = QUERY) -> list[Hit]:
        return recall.search(self.store, query, Filters(), embedder=self.embedder, now=self.now)

    def ranking(self, statements: Iterable[str]) -> list[str]:
        """Return the statements as a search shows them, each where it stands first, as a memory or as a message."""
        found = [hit.item.text.rstrip(".") for hit in self.search()]
        return sorted((s for s in statements if s.rstrip(".") in found), key=lambda s: found.index(s.rstrip(".")))


@dataclass(frozen=True)
class Report:
    """How things stood at the end of a month: strengths, and the statements as a search ranked them."""

    day: int
    strengths: dict[str, float]
    ranking: list[str]

    def rank(self, statement: str) -> int:
        return self.ranking.index(statement) + 1


def live(simulation: Simulation) -> list[Report]:
    """Live through the year, and report at the end of each month."""
    for text in (WEEKLY, SPACED, MASSED, RESTATED, ALONE):
        simulation.say(text)
    simulation.keep(RULE)
    simulation.keep(ASKED)
    pinning.pin(simulation.store, [simulation.keep(PINNED).id], now=utc(simulation.now))
    said, reports = [WEEKLY, SPACED, MASSED, RESTATED, ASKED, PINNED, RULE], []
    for day in range(1, MONTH * MONTHS + 1):
        simulation.go_to(day)
        for text, days in USED.items():
            for _ in range(list(days).count(day)):
                simulation.say(ASKS[text])
        if day in SAID_AGAIN:
            simulation.say(RESTATED)
        if day % MONTH == MONTH // 2:
            said.append(NOISE[day // MONTH])
            simulation.say(said[-1])
        if day % MONTH == 0:
            reports.append(Report(day, {s: simulation.strength(s) for s in said}, simulation.ranking(said)))
    return reports


LABELS = {
    WEEKLY: "used weekly",
    SPACED: "used 5 times, at growing intervals",
    MASSED: "used 5 times, on one day",
    RESTATED: "said again every two months",
    ASKED: "asked to be kept, never used",
    PINNED: "pinned, never used",
    RULE: "a rule",
    NOISE[0]: "mentioned once in January",
    NOISE[5]: "mentioned once in June",
}
BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float | None]) -> str:
    """Return a bar for each value in 0..1, a space where there is none."""
    return "".join(" " if v is None else BARS[min(int(v * len(BARS)), len(BARS) - 1)] for v in values)


def tables(reports: Sequence[Report]) -> list[Table]:
    strengths = Table(title="strength at the end of each month", title_justify="left")
    ranks = Table(title=f"place in a search for {QUERY!r}, of {len(reports[-1].ranking)}", title_justify="left")
    for grid, last in ((strengths, "year"), (ranks, "")):
        grid.add_column("")
        for month in range(1, len(reports) + 1):
            grid.add_column(str(month), justify="right")
        if last:
            grid.add_column(last)
    for statement, label in LABELS.items():
        values = [report.strengths.get(statement) for report in reports]
        strengths.add_row(label, *("" if v is None else f"{v:.2f}" for v in values), sparkline(values))
        places = [str(r.rank(statement)) if statement in r.ranking else "" for r in reports]
        ranks.add_row(label, *places)
    return [strengths, ranks]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "m.db") as store:
        home = Path(folder)
        reports = live(Simulation(store, Paths(home, home, home, home)))
    console = Console(width=max(Console().width, 130))
    for grid in tables(reports):
        console.print(grid, "")


if __name__ == "__main__":
    main()
