"""Anything may be typed, piped, or stand in a file: nothing of it is a bug, and nothing that was kept is lost.

By default each property is tried with a few examples; `-m long` tries many.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.config import SETTINGS
from tests.program import Outcome, Program

FEW, MANY = 10, 1000
DOCUMENTED = {0, 1, 2, 3, 4, 5}
KEYS = [setting.key for setting in SETTINGS]


def tries(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return what has a property tried so many times, each in the home of the test."""
    return settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, *HealthCheck]
    )


def fine(done: Outcome) -> bool:
    return done.status in DOCUMENTED and "Traceback" not in done.err


# --- what is stored, and what is asked ------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=200)
syntax = st.lists(
    st.sampled_from(['"', "*", "(", ")", "NEAR(", "AND", "OR", "NOT", "^", ":", "-", "+", "{", "}", "words", "tea", "'",
                     "rowid", "chunks_fts", ";", "--", "%", "_", "\\", "\n", "\t", "é", "日本", "\u202e", "\x1b[2J"]),
    min_size=1, max_size=12,
).map(" ".join)  # fmt: skip
queries = st.one_of(texts, syntax, st.text(max_size=3).map(lambda text: text * 5000))


def check_verbatim(memcli: Program, text: str) -> None:
    done = memcli("remember", "--json", stdin=text.encode())
    assert fine(done), done
    if done.status:
        assert (done.status, done.error["code"]) == (1, "input"), done
        return
    kept = text.removeprefix("\ufeff").strip("\r\n")  # a byte order mark and the ends of the lines are none of the text
    assert memcli("show", done.json["id"], "--json").json["text"] == kept
    assert kept in {one["text"] for one in memcli("list", "--json").json["memories"]}


@tries(FEW)
@given(texts)
def test_any_text_is_remembered_verbatim_or_refused_with_a_reason(memcli: Program, text: str) -> None:
    check_verbatim(memcli, text)


@pytest.mark.long
@tries(MANY)
@given(texts)
def test_many_texts_are_remembered_verbatim(memcli: Program, text: str) -> None:
    check_verbatim(memcli, text)


def check_query(memcli: Program, query: str) -> None:
    if not memcli.paths.store.exists():
        memcli("remember", "My sister Ines is a vet, and I like green tea.")
    lines = [query, *query.splitlines()[:2], "tea"]
    for done in (
        memcli("search", "--json", "--", query),
        memcli("context", "--json", "--", query),
        memcli("forget", "--query", query, "--dry-run"),
        memcli("search", "--batch", "--json", stdin="\n".join(lines).encode("utf-8", "surrogatepass")),
    ):
        assert fine(done), (query, done)
    assert memcli("list").status == 0


@tries(FEW)
@given(queries)
def test_any_text_can_be_asked_for(memcli: Program, query: str) -> None:
    check_query(memcli, query)


@pytest.mark.long
@tries(MANY)
@given(st.one_of(queries, st.text(st.characters(codec=None), max_size=50)))
def test_many_texts_can_be_asked_for(memcli: Program, query: str) -> None:
    check_query(memcli, query)


# --- config files ---------------------------------------------------------------------------------------------------

values = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["auto", "", "on", "1e9"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    return str(value).lower() if isinstance(value, (bool, float)) else json.dumps(value)


tables = st.dictionaries(st.sampled_from(KEYS) | st.text("abcdef_", min_size=1), values, max_size=4).map(
    lambda made: "".join(f"{key} = {toml(value)}\n" for key, value in made.items()).encode("utf-8", "replace")
)
files = st.one_of(
    tables,
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
)


def check_config(memcli: Program, data: bytes) -> None:
    file = memcli.paths.config_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    done = memcli("config")
    assert done.status in (0, 1), (data, done)
    if done.status:
        assert str(file) in done.err, (data, done)
    changed = memcli("config", "set", "temperature", "0.5")
    assert changed.status in (0, 1), (data, changed)
    if changed.status:
        assert file.read_bytes() == data, "what cannot be changed is left as it is"
    else:
        before, after = tomllib.loads(data.decode()), tomllib.loads(file.read_text("utf-8"))
        assert json.dumps(after, default=str) == json.dumps(before | {"temperature": 0.5}, default=str)
    assert fine(memcli("--db", str(memcli.home / "other.db"), "list"))  # not one that the file names, anywhere


@tries(FEW)
@given(files)
def test_any_config_file_is_read_or_named_and_never_lost(memcli: Program, data: bytes) -> None:
    check_config(memcli, data)


@pytest.mark.long
@tries(MANY)
@given(files)
def test_many_config_files_are_read_or_named(memcli: Program, data: bytes) -> None:
    check_config(memcli, data)
