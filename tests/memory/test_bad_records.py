"""What of an export is no record: each value is checked, and what the records say of each other."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memcli
from memcli.memory import importing
from memcli.memory.importing import log
from memcli.store.database import Store
from tests.porting import Json, export, records, with_every_record
from tests.store.making import Filled


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "one.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Json]:
    """The first record of each type."""
    with Store.open(tmp_path_factory.mktemp("whole") / "memcli.db") as store:
        with_every_record(store)
        return {record["type"]: record for record in reversed(records(store))}


def bad(record: Json, **values: Any) -> str:
    """Return why a record is none with these values, None for a value being its absence."""
    record = record | values
    text = json.dumps({key: value for key, value in record.items() if value is not None})
    ((number, reason),) = importing.parse([text]).bad
    assert number == 1
    return reason


@pytest.mark.parametrize(
    ("type_", "values", "reason"),
    [
        ("message", {"trust": "tool"}, "not in the words of a tool"),
        ("message", {"role": "assistant"}, "not in the words of a user"),
        ("message", {"thread": None}, "thread is missing"),
        ("message", {"tokens": [1, 2]}, "the key 'tokens'"),
        ("message", {"cost": {"context": 1}}, "evaluated is not a whole number"),
        ("message", {"waits": {"since": "soon"}}, "not an ISO time"),
        ("message", {"notes": [{"id": "abc", "kind": "x", "line": "y", "score": 1}]}, "kind 'x' is none of"),
        ("message", {"notes": "x"}, "notes is not a list"),
        ("thread", {"prefix": "[]"}, "the key 'prefix'"),
        ("thread", {"created_at": None}, "created_at is missing"),
        ("memory", {"trust": None}, "trust is missing"),
        ("memory", {"kind": "auto"}, "kind 'auto' is none of"),
        ("memory", {"retired_at": None}, "has a retired_at"),
        ("memory", {"retired_at": None, "superseded_by": None, "undone": True}, "has a retired_at"),
        ("memory", {"importance": 2}, "importance is not"),
        ("memory", {"importance": True}, "importance is not"),
        ("memory", {"times_said": 0}, "whole number from 1"),
        ("memory", {"sources": [{"message": "abc", "start": 5, "end": 2}]}, "ends before it starts"),
        ("memory", {"lapses": [{"since": "2026-03-01"}]}, "until is missing"),
        ("core", {"author": "me"}, "author 'me' is none of"),
        ("core", {"text": "x" * 2001}, "at most 2000 fit"),
        ("summary", {"lines": [["2026-03-01", "two\nlines", 1]]}, "one line"),
        ("summary", {"lines": [["x", "text", 1]]}, "not an ISO date"),
        ("summary", {"lines": [["2026-03-01", "text"]]}, "a day, a text and a weight"),
        ("store", {"marks": {"unclean": 1}}, "the key 'unclean'"),
        ("operation", {"action": "rm -rf"}, "action 'rm -rf' is none of"),
        ("operation", {"actor": "root"}, "actor 'root' is none of"),
        ("operation", {"items": ["my secret is 4711"]}, "is not 3 to 64 letters"),
        ("operation", {"detail": {"text": "my secret"}}, "the key 'text'"),
        ("operation", {"detail": {"changes": None}}, "changes is missing"),
        ("operation", {"core": [{"label": "user"}]}, "more blocks than the operation changed"),
    ],
)
def test_a_record_of_an_export_is_checked_to_the_last_key(
    first: dict[str, Json], type_: str, values: Json, reason: str
) -> None:
    assert reason in bad(first[type_], **values)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"do": "drop"}, "do 'drop' is none of"),
        ({"do": "pin", "was": {"pinned": 2}}, "pinned is neither 0 nor 1"),
        ({"do": "pin", "was": {"text": "obey"}}, "was does not hold the columns"),
        ({"do": "pin", "was": {"pinned = 1; --": 0}}, "was does not hold the columns"),
        ({"do": "pin", "was": {"pinned": 0}, "is": {"kind": "procedural"}}, "is does not hold the columns"),
        ({"do": "retire", "was": {"retired_at": "2026-03-01"}}, "was not retired by this"),
        ({"do": "add", "was": {"pinned": 0}}, "was does not hold the columns"),
        ({"do": "conflict", "other": "abc"}, "the first has the lower id"),
        ({"do": "supersede", "was": {"retired_at": None, "superseded_by": None, "valid_to": None}}, "by is missing"),
        ({"do": "strengthen", "was": {"times_said": 1, "confirmed_at": None}, "sources": [[1, 2]]}, "list of spans"),
        ({"do": "core", "id": "abc"}, "the key 'id'"),
    ],
)
def test_no_file_decides_what_an_undo_writes(first: dict[str, Json], change: Json, reason: str) -> None:
    assert reason in bad(first["operation"], detail={"changes": [{"id": "abc123", **change}]})


def test_records_that_do_not_fit_each_other_are_bad_lines(store: Store) -> None:
    mine = Filled(store)
    said = mine.say("I like tea.")
    mine.keep("likes tea", of=[said])
    lines = export(store).splitlines()
    longer = next(json.loads(line) for line in lines if "likes tea" in line)
    longer["sources"][0]["end"] = 99
    twice = next(line for line in lines if "I like tea" in line).replace("I like tea", "I hate tea")
    parsed = importing.parse([*(line for line in lines if "likes tea" not in line), json.dumps(longer), twice])
    assert [number for number, _ in parsed.bad] == [4, 5]
    assert "ends beyond its text" in parsed.bad[0][1]
    assert "stands in line 3 already" in parsed.bad[1][1]


def test_what_memcli_does_and_who_does_it_is_known_to_an_import() -> None:
    """A new action has to be added there too, or exports with it could not be imported."""
    found: dict[str, set[str]] = {"action": set(), "actor": set()}
    root = Path(memcli.__file__).parent
    for file in (path for path in root.rglob("*.py") if "actor=" in path.read_text()):
        for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name.endswith(("Journal", "operations.record", "purge.forget")):
                module = ".".join(["memcli", *file.relative_to(root).with_suffix("").parts])
                for keyword in (k for k in call.keywords if k.arg in found):
                    found[keyword.arg] |= said_by(keyword.value, module)
    assert found["action"] == log.ACTIONS
    assert found["actor"] <= log.ACTORS


def said_by(value: ast.expr, module: str) -> set[str]:
    if isinstance(value, ast.IfExp):
        return said_by(value.body, module) | said_by(value.orelse, module)
    if isinstance(value, ast.Constant):
        return {value.value}
    parts = ast.unparse(value).split(".")
    found: Any = importlib.import_module(module)
    for part in parts:
        found = getattr(found, part, None)  # an argument is handed on from somewhere that is looked at too
    return {found} if isinstance(found, str) else set()


def test_memories_that_supersede_one_another_in_a_circle_are_none(first: dict[str, Json]) -> None:
    plain = {key: first["memory"][key] for key in ("type", "memcli", "kind", "trust", "created_at")}
    ways = {"aaa": "bbb", "bbb": "ccc", "ccc": "aaa", "ddd": "aaa", "eee": "fff"}
    lines = [
        json.dumps(plain | {"id": id_, "text": id_, "retired_at": plain["created_at"], "superseded_by": by})
        for id_, by in ways.items()
    ]
    parsed = importing.parse(lines)
    assert [number for number, _ in parsed.bad] == [1, 2, 3]
    assert {reason for _, reason in parsed.bad} == {"superseded_by leads back to the memory itself"}
    assert len(parsed.records) == 2
