"""The benchmark of recall grades as it says, and ranks by other weights as the program would."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from memcli.memory.ranking import WEIGHTS, rank
from tests.benchmarks import baselines, conversations, fitting, recall
from tests.benchmarks.features import PLAIN, Features
from tests.fakes import HashingEmbedder

TRIP = (
    ("user", None, "We sailed to Madeira with two cousins in June."),
    ("assistant", None, "Sailing to an island sounds lovely."),
    ("user", None, "My sister plays the cello in an orchestra. Always answer me in French."),
    ("assistant", None, "D'accord. The cello is a demanding instrument."),
    ("user", None, "The kitchen tap drips again."),
)
TALK = (
    ("user", "Ada", "I bought a telescope yesterday, and three lenses."),
    ("assistant", "Bob", "A telescope? I never owned one."),
    ("user", "Ada", "Saturn has rings, I saw them with it."),
)


def write(folder: Path, said: Sequence[tuple[str, str | None, str]], asked: Sequence[dict[str, Any]]) -> None:
    """Write a conversation whose messages have the ids m1, m2, ..."""
    folder.mkdir(parents=True)
    messages = [
        {"id": f"m{i}", "thread": "t", "role": role, "name": name, "content": text, "created_at": f"2026-03-0{i}T09:00"}
        for i, (role, name, text) in enumerate(said, 1)
    ]
    for name, records in (("messages", messages), ("questions", asked)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


def question(text: str, category: str, *evidence: str) -> dict[str, Any]:
    return {"question": text, "category": category, "evidence": evidence}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    asked = (
        question("Who plays\n the cello?", "person", "m3"),
        question("Where did we sail to?", "place", "m1", "gone"),
        question("What is never spoken of?", "nothing"),
    )
    write(folder / "toy-1", TRIP, asked)
    write(folder / "toy-2", TRIP, asked[:1])
    write(folder / "other-1", TALK, [question("What did Ada buy yesterday?", "thing", "m1")])
    return folder


def run(*arguments: object) -> str:
    out = io.StringIO()
    recall.main([str(a) for a in arguments], Console(file=out, width=120), lambda console: HashingEmbedder())
    return out.getvalue()


def test_recall_is_the_share_of_evidence_among_the_first_distinct_refs() -> None:
    refs = ["a", "b", "a", "c", "b", "d", "e", "f", *(f"x{i}" for i in range(20)), "g"]
    assert conversations.graded(refs, ["f", "g", "a", "never"]) == (0.25, 0.5, 0.5, 0.75)


def test_of_five_messages_all_evidence_that_is_there_is_found(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "means.json"
    out = run(data, "--match", "toy-1", "--json", file)
    assert "toy: methods, 2 questions" in out  # the third has no evidence
    means = json.loads(file.read_text())["toy"]
    for method in recall.METHODS:
        assert means["all"][method] == {"R@5": 0.75, "R@10": 0.75, "R@25": 0.75, "R@50": 0.75}  # 1 and a half
    assert means["place"][recall.MEMCLI]["R@10"] == 0.5
    shown = next(line for line in out.splitlines() if line.startswith("│ memcli "))
    assert [cell.strip() for cell in shown.split("│")[2:-1]] == ["0.750"] * 4 + ["0.250"]


def test_every_table_is_printed_with_every_feature(data: Path) -> None:
    out = run(data, "--cross-validate", "--passes", "1", "--markdown")
    titles = [line for line in out.splitlines() if line.startswith("### ")]
    assert sum("methods" in title for title in titles) == 2
    assert len(titles) == 2 + 1 + 2 + 1 + 2 + 1
    assert all(f"\n| {what} | " in out for what in (*recall.METHODS, *recall.ZEROED, *recall.LEFT_OUT))
    assert all(f"| {fitting.trained_on(label)} |" in out for label in (fitting.SAME, fitting.ALL, fitting.OTHER))
    assert "| toy | fixed recipe: all | R@10 | 0.000 | 0.000 | no |" in out


def test_kept_stores_are_taken_up_again(data: Path, tmp_path: Path) -> None:
    first = run(data, "--keep", tmp_path / "stores")
    before = {path.name: path.stat().st_size for path in (tmp_path / "stores").glob("*.db")}
    assert set(before) == {"toy-1.db", "toy-2.db", "other-1.db"}
    assert run(data, "--keep", tmp_path / "stores") == first
    assert {path.name: path.stat().st_size for path in (tmp_path / "stores").glob("*.db")} == before


def test_scores_put_together_again_are_those_of_the_ranking(data: Path, tmp_path: Path) -> None:
    chance = random.Random(1)
    embedder = HashingEmbedder()
    for conversation in conversations.read(data, "*"):
        with conversations.imported(conversation, tmp_path, embedder) as store:
            for asked in conversation.questions:
                search = conversations.search(store, asked, embedder, conversation.later)
                features = Features(search, asked.evidence)
                for _ in range(10):
                    plain = {name: chance.random() for name in (*PLAIN, "words", "cosine", "thread")}
                    weights = replace(WEIGHTS, **plain, near=(chance.random(), chance.random()))
                    hits = rank(search.asked, search.found, search.around, weights)
                    assert sorted(features.scores(weights), reverse=True) == pytest.approx([h.score for h in hits])
                    assert features.recalls(weights) == conversations.graded(
                        conversations.refs_of(hits), asked.evidence
                    )


def test_a_fold_is_never_trained_on_what_it_is_tested_on(data: Path, tmp_path: Path) -> None:
    cases = recall.measure(conversations.read(data, "*"), tmp_path, HashingEmbedder())
    folds = fitting.folds(cases)
    for fold in folds:
        trained, tested = ({case.answer.conversation for case in part} for part in (fold.train, fold.test))
        assert trained
        assert not trained & tested
    assert [fold.label for fold in folds].count(fitting.SAME) == 2  # the family of one conversation has no others


def test_fusion_adds_the_reciprocals_of_ranks() -> None:
    fused = baselines.fused({1: 0.9, 2: 0.1}, {2: 5.0})
    assert fused == pytest.approx({1: 1 / 61, 2: 1 / 62 + 1 / 61})
    assert baselines.ordered(fused) == [2, 1]
