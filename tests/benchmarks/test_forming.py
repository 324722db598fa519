"""The benchmark of forming runs, times what it says, and compares like with like."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from memcli import config
from memcli.assistant import Assistant
from memcli.errors import InputError
from memcli.paths import Paths
from memcli.store import memories, queue
from memcli.store.database import Store
from tests.benchmarks import forming
from tests.benchmarks.forming import BUSY, IDLE, WARM_UP, Asked, Chat
from tests.benchmarks.tables import Table, show
from tests.fakes import HashingEmbedder, ScriptedFormer, ScriptedModel

TURNS = [
    {"role": "user", "at": "2026-03-01T09:00:00", "content": "I sail on Sundays."},
    {"role": "assistant", "content": "Good to know.", "at": "2026-03-01T09:00:10"},
    {"role": "user", "at": "2026-03-01T09:01:00", "content": "My boat is red."},
]
LABELLED = json.dumps({"id": "X-1", "turns": TURNS, "keep": []})
IMPORTED = json.dumps({"thread": "t", "role": "user", "content": "I have a cat.", "created_at": "2026-03-02T09:00:00"})


def many(count: int) -> list[str]:
    return forming.said("\n".join(json.dumps({**json.loads(IMPORTED), "id": str(i)}) for i in range(count)), count)


def printed(*tables: Table) -> str:
    out = io.StringIO()
    for table in tables:
        show(table, Console(file=out, width=120), markdown=True)
    return out.getvalue()


def test_both_formats_are_read_up_to_so_many_messages_of_the_user(tmp_path: Path) -> None:
    text = f"{LABELLED}\n\n{IMPORTED}\n"
    assert [json.loads(line)["content"] for line in forming.said(text, 2)] == [turn["content"] for turn in TURNS]
    lines = forming.said(text, 9)
    assert lines[-1] == IMPORTED
    with forming.waiting(lines, tmp_path / "m.db", HashingEmbedder()) as store:
        assert queue.waiting(store) == 3


def test_every_message_is_formed_and_all_but_the_first_ones_are_timed(tmp_path: Path) -> None:
    makes = [lambda store: ScriptedFormer(store, seconds=0.005)] * 2
    (figures,) = forming.by_path(many(WARM_UP + 4), makes, HashingEmbedder(), tmp_path)
    assert (len(figures.seconds), figures.memories) == (4, WARM_UP + 4)
    assert min(figures.seconds) >= 0.005
    assert "| script | 4 |" in printed(forming.forming_table([figures]))


def test_each_question_is_asked_in_both_ways_which_take_turns() -> None:
    asked = list(forming.order(5))
    assert sorted(asked) == sorted((number, way) for number in range(5) for way in (IDLE, BUSY))
    assert [way for _, way in asked] == [IDLE, BUSY, IDLE, BUSY, IDLE, BUSY, IDLE, BUSY, IDLE, BUSY]


def test_the_ratio_within_pairs_is_that_of_the_same_question() -> None:
    idle, busy = ([Asked(seconds, 0.0, 1) for seconds in of] for of in ((1.0, 2.0, 10.0), (1.5, 4.0, 10.0)))
    assert forming.ratios(idle, busy) == (2.0, 1.5)


def chat(folder: Path, queued: Path) -> Chat:
    settings = config.load(Paths(*(folder / name for name in "abcd")), {})
    assistant = Assistant(
        Store.open(folder / "chat.db"),
        ScriptedModel(),
        HashingEmbedder(),
        settings,
        lambda: datetime.now(UTC),
        save=False,
    )
    return Chat(assistant, queued, lambda store: ScriptedFormer(store, seconds=0.02), reading=0.01)


def test_the_worker_forms_before_every_question_and_what_is_asked_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forming, "REST", 0.0)
    with forming.waiting(many(60), tmp_path / "queue.db", None) as store:
        talk = chat(tmp_path, store.path)
        turns = talk.measure(3)
        assert [len(turns[way]) for way in (IDLE, BUSY)] == [3, 3]
        assert memories.count(store) >= 7
    assert all(0 <= one.pause <= one.first for way in turns.values() for one in way)
    out = printed(*forming.chat_tables(turns))
    assert all(what in out for what in ("| idle | 3 |", "| busy | 3 |", "busy / idle", "make way"))
    with Store.open(tmp_path / "chat.db") as store:
        assert not store.value("SELECT count(*) FROM messages")


def test_a_worker_with_nothing_to_do_is_no_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forming, "PATIENCE", 0.3)
    with (
        forming.waiting(many(2), tmp_path / "queue.db", None) as store,
        pytest.raises(InputError, match="forms nothing"),
    ):
        chat(tmp_path, store.path).measure(3)
