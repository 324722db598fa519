"""Import files that somebody else made: whatever stands in them, they are taken or refused, and nothing breaks."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from memcli.memory import importing
from memcli.store import health
from memcli.store.database import Store
from tests.porting import export, with_every_record
from tests.program import Program

ODD: tuple[object, ...] = (
    *(None, True, False, 0, -1, 2**70, 1e308, float("nan"), [], {}, [[]], {"a": None}, ["abc123"], [1, 2, 3]),
    *("", "x", "\ud800", "\x00", "2026-03-01", "core:user", "abc123", {"do": "add", "id": "abc123"}),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """An export of every sort of record."""
    with Store.open(tmp_path_factory.mktemp("whole") / "memcli.db") as store:
        with_every_record(store)
        return [json.loads(line) for line in export(store).splitlines()]


def places(value: object) -> list[tuple[Any, Any]]:
    """Return every (container, key) of a JSON value."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [place for inner in value.values() for place in places(inner)]
    if isinstance(value, list):
        return [(value, at) for at in range(len(value))] + [place for inner in value for place in places(inner)]
    return []


def changed(whole: list[dict[str, Any]], seed: int) -> list[Any]:
    """Return the records with some values taken out, or put in the place of others, or made odd."""
    chance = random.Random(seed)
    others = [inner[at] for inner, at in places(whole)]
    lines = copy.deepcopy(whole)
    for _ in range(chance.randint(1, 3)):
        container, key = chance.choice(places(lines))
        if chance.random() < 0.3:
            del container[key]
        else:
            container[key] = copy.deepcopy(chance.choice(chance.choice([others, ODD])))
    return lines


SEEDS = st.integers(0, 2**32)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_line_of_a_changed_export_is_taken_or_refused(whole: list[dict[str, Any]], seed: int) -> None:
    lines = changed(whole, seed)
    assume(all(not isinstance(line, dict) or line.get("memcli") in (1, None) for line in lines))  # a newer format
    parsed = importing.parse([json.dumps(line) for line in lines])
    assert len(parsed.records) + len(parsed.bad) == len(lines)
    assert {at for at, _ in parsed.bad} <= set(range(1, len(lines) + 1))


@given(seed=SEEDS)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_with_a_bad_line_imports_nothing_and_any_other_leaves_a_sound_store(
    memcli: Program, whole: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    program, again = (Program(tmp_path_factory.mktemp("home"), {}) for _ in range(2))
    text = "".join(json.dumps(line) + "\n" for line in changed(whole, seed))
    done = program("import", "-", stdin=text)
    assert done.status in (0, 1)
    if done.status:
        assert re.search(r"line \d+", done.err)
        assert not program.paths.store.exists()
        return
    exported = program("export").out
    assert program("list", "--all").status == program("list", "--as-of", "2026-03-04", "--all").status == 0
    assert again("import", "-", stdin=exported).status == 0
    assert again("export").out == exported
    with Store.open(program.paths.store) as store:
        assert health.check(store) == []
    while (undone := program("undo", "--yes")).status == 0:
        assert "bug" not in undone.err
    assert undone.status == 3


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_whatsoever_end_in_a_traceback(memcli: Program, data: bytes) -> None:
    for more in ([], ["--format", "markdown"]):
        assert memcli("import", "-", "--dry-run", *more, stdin=data).status in (0, 1)
