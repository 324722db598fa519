"""What changed, through the front door: the update is found before the words that it replaced, and recalled alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memcli.memory import indexing
from memcli.store import messages
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Kind, Memory, Message, Owner, Source, Trust
from tests.fakes import HashingEmbedder
from tests.program import Program

QUESTION = "Where do I live?"
BEFORE = "I live in Rome, not far from the river."
AFTER = "Moved to Oslo for good, after all those years."
AT = "2026-03-01T09:30:00Z"


@pytest.fixture
def store(memcli: Program, tmp_path: Path) -> Iterator[Store]:
    file = tmp_path / "said.jsonl"
    texts = {"2025-01-05": BEFORE, "2026-02-05": AFTER, "2026-02-06": "I prefer trains to planes."}
    lines = [
        {"thread": at, "role": "user", "content": text, "created_at": f"{at}T09:00:00Z"} for at, text in texts.items()
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    assert memcli("import", file).status == 0
    with Store.open(memcli.paths.store) as opened:
        yield opened


def said(store: Store, text: str) -> Message:
    return messages.get(store, store.value("SELECT id FROM messages WHERE content = ?", (text,)))


def form(store: Store, message: Message, text: str, *, over: Memory | None = None) -> Memory:
    """Form a memory of a message as the program does by itself."""
    embedder, start = HashingEmbedder(), message.content.index(text)
    with store.atomic():
        journal = Journal(store, action="form", actor="formation", now=AT)
        made = journal.add(
            kind=Kind.SEMANTIC,
            text=text,
            trust=Trust.USER,
            sources=[Source(message.id, start, start + len(text))],
            formed_by="rules",
            created_at=message.created_at,
        )
        indexing.put(store, Owner.MEMORY, made.id, indexing.prepare([text], embedder)[0], embedder)
        if over:
            journal.supersede(over.id, made.id, valid_to="2026-02")
        journal.record()
    return made


@pytest.fixture
def changed(store: Store) -> Memory:
    old = form(store, said(store, BEFORE), "I live in Rome")
    return form(store, said(store, AFTER), "Moved to Oslo for good", over=old)


def found(memcli: Program, *args: str, query: str = QUESTION) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = memcli("search", "--json", "--explain", *args, query).json["results"]
    assert all(math.isclose(sum(one["why"].values()), one["score"], abs_tol=1e-9) for one in results)
    return results


def texts(results: list[dict[str, Any]]) -> list[str]:
    return [one["text"] for one in results]


def test_search_shows_what_is_so_now_above_what_was_said_before(memcli: Program, store: Store, changed: Memory) -> None:
    results = found(memcli)
    assert results[0]["id"] == changed.id
    assert results[0]["why"]["replaces"] > 0
    old = next(one for one in results if one["text"] == BEFORE)
    assert old["why"]["outdated"] < 0
    assert texts(found(memcli, query="river")) == [BEFORE]


def test_undoing_the_update_puts_the_message_back_in_its_place(memcli: Program, store: Store, changed: Memory) -> None:
    assert memcli("undo", "--yes").status == 0
    assert texts(found(memcli))[:2] == ["I live in Rome", BEFORE]
    assert all(not {"replaces", "outdated"} & one["why"].keys() for one in found(memcli))


def test_what_was_believed_then_is_found_as_it_was(memcli: Program, store: Store, changed: Memory) -> None:
    results = found(memcli, "--as-of", "2025-06-01")
    assert set(texts(results)) == {BEFORE, "I live in Rome"}
    assert all("outdated" not in one["why"] for one in found(memcli, "--all"))


def test_an_event_keeps_its_time_though_what_came_of_it_has_changed(
    memcli: Program, store: Store, changed: Memory
) -> None:
    done = memcli("search", "--json", "--explain", "What was planned before I live in Rome?")
    assert [period["end"][:10] for period in done.json["periods"]] == ["2025-01-05"]


def test_the_context_has_what_is_so_now_and_says_why_the_message_was_left_out(
    memcli: Program, store: Store, changed: Memory
) -> None:
    shown = memcli("context", "--json", QUESTION).json
    recalled = [segment["origin"] for segment in shown["segments"] if segment["label"] == "recall"]
    assert recalled == [changed.id]
    (left,) = (segment for segment in shown["dropped"] if BEFORE in segment["text"])
    assert left["reason"] == f"said before it changed: see {changed.id}"
    assert memcli("ask", "--json", QUESTION).json["recalled"] == [changed.id]


def test_a_message_is_not_recalled_beside_its_preference_on_the_system_side(memcli: Program, store: Store) -> None:
    question = "Do I prefer trains to planes?"
    preferring = said(store, "I prefer trains to planes.")
    assert memcli("ask", "--no-save", "--json", question).json["recalled"] == [preferring.id]
    formed = form(store, preferring, "I prefer trains to planes")
    shown = memcli("context", "--json", question).json
    labels = {segment["origin"]: segment["label"] for segment in shown["segments"] if segment["origin"]}
    assert labels.get(formed.id) == "preference"
    assert memcli("ask", "--no-save", "--json", question).json["recalled"] == []
    (left,) = (segment for segment in shown["dropped"] if segment["origin"] == preferring.id)
    assert left["reason"] == f"its words are in the window already: {formed.id}"


def test_a_memory_is_not_recalled_while_its_message_stands_in_the_window(
    memcli: Program, store: Store, changed: Memory
) -> None:
    thread = store.value("SELECT thread_id FROM messages WHERE content = ?", (AFTER,))
    ask = ("ask", "--no-save", "--json")
    assert memcli(*ask, "--thread", thread, QUESTION).json["recalled"] == []
    assert memcli(*ask, QUESTION).json["recalled"] == [changed.id]
