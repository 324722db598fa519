"""A year with memcli: what is used stays on top, noise sinks, and nothing is ever deleted. Orders, not numbers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memcli.paths import Paths
from memcli.store import memories, messages
from memcli.store.database import Store
from tests.benchmarks.year import (
    ALONE,
    ASKED,
    LABELS,
    MASSED,
    MONTHS,
    NOISE,
    PINNED,
    RESTATED,
    RULE,
    SPACED,
    USED,
    WEEKLY,
    Report,
    Simulation,
    live,
    sparkline,
    tables,
)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Simulation, list[Report]]]:
    home = tmp_path_factory.mktemp("year")
    with Store.open(home / "m.db") as store:
        simulation = Simulation(store, Paths(home, home, home, home))
        yield simulation, live(simulation)


@pytest.fixture(scope="module")
def reports(year: tuple[Simulation, list[Report]]) -> list[Report]:
    return year[1]


def test_what_is_used_or_said_again_stays_above_noise_that_matches_as_well(reports: list[Report]) -> None:
    for report in reports[1:]:  # in the first month hardly anything has faded
        older = [noise for noise in NOISE if noise in report.ranking][:-1]
        for used in (WEEKLY, RESTATED):
            assert report.rank(used) < min(map(report.rank, older)), report.day
    last = reports[-1]
    assert last.rank(SPACED) < min(last.rank(noise) for noise in NOISE[:9])


def test_noise_sinks_month_by_month_in_strength_and_in_its_place(reports: list[Report]) -> None:
    for place, noise in enumerate(NOISE[:-1]):
        strengths = [report.strengths[noise] for report in reports[place:]]
        assert strengths == sorted(strengths, reverse=True)
        assert len(set(strengths)) == len(strengths)
        ranks = [report.rank(noise) for report in reports[place:]]
        assert ranks == sorted(ranks)
        assert ranks[-1] > ranks[0]


def test_what_is_pinned_and_what_is_a_rule_never_sink(reports: list[Report]) -> None:
    assert {report.strengths[one] for report in reports for one in (PINNED, RULE)} == {1.0}
    assert len({report.rank(PINNED) for report in reports}) == 1
    for report in reports:
        assert report.rank(PINNED) < report.rank(ASKED)


def test_as_many_uses_hold_longer_at_intervals_than_on_one_day(reports: list[Report]) -> None:
    assert len(USED[SPACED]) == len(USED[MASSED])
    assert reports[-1].strengths[SPACED] > reports[-1].strengths[MASSED]
    # As long after the last use of each, too: 30 days less or more of a year are not what parts them.
    after = max(USED[SPACED]) // 30, max(USED[MASSED]) // 30
    for later in range(1, MONTHS - after[0]):
        assert reports[after[0] + later - 1].strengths[SPACED] > reports[after[1] + later - 1].strengths[MASSED]


def test_what_was_asked_to_be_kept_fades_later_than_what_was_mentioned(reports: list[Report]) -> None:
    assert all(report.strengths[ASKED] > report.strengths[MASSED] or report.day < 30 for report in reports)


def test_a_faded_memory_is_found_and_placed_when_it_is_the_only_match(year: tuple[Simulation, list[Report]]) -> None:
    simulation, _ = year
    assert simulation.strength(ALONE) < 0.5
    found = [hit for hit in simulation.search("maiden name") if hit.item.kind != "message"]
    assert found[0].item.text.rstrip(".") == ALONE.rstrip(".")
    placed = simulation.say("And the maiden name?").prepared.choice.chosen
    assert [hit.item.text.rstrip(".") for hit in placed] == [ALONE.rstrip(".")]
    assert simulation.strength(ALONE) == 1.0


def test_nothing_was_deleted(year: tuple[Simulation, list[Report]]) -> None:
    simulation, _ = year
    texts = {memory.text.rstrip(".") for memory in memories.current(simulation.store, now="2099-01-01T00:00:00Z")}
    assert {statement.rstrip(".") for statement in (*LABELS, *NOISE, ALONE)} <= texts
    assert simulation.store.value("SELECT count(*) FROM operations WHERE action = 'forget'") == 0
    assert messages.count(simulation.store) >= 2 * (len(NOISE) + sum(map(len, map(list, USED.values()))))


def test_the_plot_has_a_row_for_each_group_and_a_column_for_each_month(reports: list[Report]) -> None:
    for grid in tables(reports):
        assert grid.row_count == len(LABELS)
        assert len(grid.columns) >= 1 + MONTHS
    assert sparkline([0.0, None, 1.0]) == "▁ █"
