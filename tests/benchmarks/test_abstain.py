import json
from pathlib import Path

import pytest

from tests.benchmarks import abstain
from tests.fakes import HashingEmbedder


def conversation(folder: Path, *texts: str, question: str) -> None:
    folder.mkdir(parents=True)
    messages = [
        {
            "id": str(i),
            "thread": folder.name,
            "role": "user",
            "content": text,
            "created_at": f"2026-01-0{i + 1}T09:00:00",
        }
        for i, text in enumerate(texts)
    ]
    (folder / "messages.jsonl").write_text("\n".join(map(json.dumps, messages)))
    asked = {"question": question, "category": "one", "evidence": ["0"]}
    (folder / "questions.jsonl").write_text(json.dumps(asked))


def test_evidence_is_let_in_and_an_unrelated_store_gives_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conversation(tmp_path / "a-1", "My violin stands in the attic.", "Tea is ready.", question="Where is my violin?")
    conversation(tmp_path / "a-2", "The boiler leaks again.", "Bread is cheap.", question="Does the boiler leak?")
    abstain.main([str(tmp_path), "--markdown"], embedder=HashingEmbedder())
    shipped = next(line for line in capsys.readouterr().out.splitlines() if "as shipped" in line)
    assert [cell.strip() for cell in shipped.split("|")][2:4] == ["1.000", "0.00"]
