"""What `--since`, `--until`, `--as-of` and `--at` let through."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.program import Program


@pytest.fixture(params=["UTC", "America/New_York", "Pacific/Auckland"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each test that names it runs in these zones."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def keep(memcli: Program, **memory: str) -> None:
    memcli("import", "-", stdin=json.dumps({"type": "memory", **memory}) + "\n")


def found(memcli: Program, *limits: str) -> set[str]:
    done = memcli("search", "tree", *limits, "--json")
    assert done.status in (0, 3), done.err
    return {result["text"].removeprefix("tree ") for result in done.json["results"]}


def test_a_date_is_held_against_the_days_of_whoever_asks(memcli: Program, zone: str) -> None:
    for text, valid_from in (("a", "2026-02-28"), ("b", "2026-03-01"), ("c", "2026-03"), ("d", "2026")):
        keep(memcli, text=f"tree {text}", valid_from=valid_from)
    assert found(memcli, "--since", "2026-03-01") == {"b", "c", "d"}
    assert found(memcli, "--until", "2026-02-28") == {"a", "d"}
    assert found(memcli, "--since", "2026-02-28", "--until", "2026-02-28") == {"a", "d"}
    assert found(memcli, "--since", "2026-03-02", "--until", "2026-03") == {"c", "d"}
    assert found(memcli, "--since", "2027") == set()
    assert found(memcli, "--until", "2025") == set()


def test_what_was_said_is_held_against_the_hours_of_whoever_asks(memcli: Program, zone: str) -> None:
    memcli("remember", "tree late", "--at", "2026-02-28T23:30")
    memcli("remember", "tree early", "--at", "2026-03-01T00:30")
    assert found(memcli, "--since", "2026-03-01") == {"early"}
    assert found(memcli, "--until", "2026-02-28") == {"late"}
    assert found(memcli, "--since", "2026-02-28T23:31", "--until", "2026-03-01T00:30") == {"early"}


def test_a_time_that_a_memory_was_true_from_is_a_time(memcli: Program, zone: str) -> None:
    keep(memcli, text="tree noon", valid_from="2026-03-01T12:00:00Z")
    assert found(memcli, "--since", "2026-03-01T11:59Z", "--until", "2026-03-01T12:00Z") == {"noon"}
    assert found(memcli, "--since", "2026-03-01T12:01Z") == found(memcli, "--until", "2026-03-01T11:59Z") == set()


def test_words_of_a_limit_count_from_at(memcli: Program) -> None:
    memcli("remember", "tree one", "--at", "2024-05-07")
    memcli("remember", "tree two", "--at", "2024-05-08")
    assert found(memcli, "--since", "yesterday", "--at", "2024-05-09") == {"two"}
    assert found(memcli, "--until", "yesterday", "--at", "2024-05-08") == {"one"}
    assert found(memcli, "--as-of", "yesterday", "--at", "2024-05-08") == {"one"}


def test_a_belief_is_searched_as_it_was_at_the_end_of_what_was_named(memcli: Program, zone: str) -> None:
    memcli("remember", "tree kept", "--at", "2026-03-01T22:00", "--expires", "2026-03-04T08:00")
    assert found(memcli, "--as-of", "2026-02-28") == set()
    assert found(memcli, "--as-of", "2026-03-01") == found(memcli, "--as-of", "2026-03-03") == {"kept"}
    assert found(memcli, "--as-of", "2026-03-01T21:59") == found(memcli, "--as-of", "2026-03-04") == set()
    assert found(memcli, "--all") == {"kept"}


def test_limits_that_exclude_each_other_are_refused(memcli: Program) -> None:
    done = memcli("search", "tree", "--since", "2026", "--until", "2025")
    assert (done.status, done.out) == (1, "")
    assert "nothing can be since '2026' and until '2025'" in done.err
    assert memcli("search", "tree", "--since", "2026-03", "--until", "2026").status == 3


@pytest.mark.parametrize("option", ["--since", "--until", "--as-of", "--at"])
def test_an_empty_when_is_no_time(memcli: Program, option: str) -> None:
    done = memcli("search", "tree", option, "")
    assert (done.status, done.out) == (1, "")
    assert "cannot read '' as a time" in done.err


def test_an_empty_expiry_is_no_time(memcli: Program) -> None:
    assert memcli("remember", "tree", "--expires", "").status == 1
    assert memcli("list", "--json").json == {"memories": []}
