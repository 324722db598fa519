"""Explaining: how a question was read, what each feature gave, and what the near misses lacked."""

import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.memory.reasons import NEAR
from tests.fakes import HashingEmbedder
from tests.program import Outcome, Program

QUESTION = "where did we go with turng last summer"
SAID = (
    ("2025-05-02T09:00:00Z", "My dog is called Turing and he is a border collie."),
    ("2025-07-14T18:00:00Z", "We went to the Dolomites with Turing and he slept in the tent."),
    ("2025-12-03T18:00:00Z", "Turing is limping, the vet says he pulled a muscle."),
    ("2026-01-07T18:00:00Z", "The summer house is let from May on."),
    ("2026-01-08T18:00:00Z", "My sister looks after the dog when we go away."),
)


@pytest.fixture
def filled(
    memcli: Program, embedder: HashingEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Program]:
    """What the questions of these tests are put to; "turng" is no word to the embedder."""
    monkeypatch.setattr(embedder, "count", lambda text: len(text.split()) + 2 + ("turng" in text))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    file = tmp_path / "said.jsonl"
    records = [
        {"thread": f"t{number}", "role": "user", "content": text, "created_at": at}
        for number, (at, text) in enumerate(SAID)
    ]
    file.write_text("\n".join(map(json.dumps, records)))
    assert memcli("import", file).status == 0
    yield memcli
    monkeypatch.undo()
    time.tzset()


def explained(memcli: Program, *args: str, tty: bool = False) -> Outcome:
    return memcli("search", "--explain", "--at", "2026-02-01", *args, QUESTION, tty=tty)


def plain(screen: str) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", screen)


def contributions(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"([a-z ]+?) (\d+\.\d+)(?:, |$)", text)}


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_json_says_how_the_question_was_read(filled: Program) -> None:
    found = explained(filled, "--json").json
    assert found["terms"] == ["go", "turing", "last", "summer"]
    assert found["corrections"] == [{"said": "turng", "meant": ["turing"]}]
    summer = {"words": "last summer", "start": "2025-06-01T00:00:00Z", "end": "2025-08-31T23:59:59Z"}
    assert found["periods"] == [summer]
    assert found["by_words_only"] is False


def test_json_has_why_relevance_and_the_words_that_matched(filled: Program) -> None:
    found = explained(filled, "--json").json
    assert len(found["results"]) == len(SAID)
    for result in found["results"]:
        assert math.isclose(sum(result["why"].values()), result["score"], abs_tol=1e-9)
        assert 0 <= result["relevance"] <= 1
    by_text = {result["text"]: result["matched"] for result in found["results"]}
    assert by_text[SAID[1][1]] == ["turing"]
    assert by_text[SAID[4][1]] == ["go"]
    assert by_text[SAID[3][1]] == ["summer"]


def test_json_has_the_near_misses_with_what_they_lacked(filled: Program) -> None:
    every = explained(filled, "--json").json
    assert every["near_misses"] == []
    found = explained(filled, "--json", "-k", "2").json
    assert found["results"] == every["results"][:2]
    assert [miss["id"] for miss in found["near_misses"]] == [result["id"] for result in every["results"][2:]]
    last = found["results"][-1]
    for miss in found["near_misses"]:
        assert math.isclose(sum(miss["why"].values()), miss["score"], abs_tol=1e-9)
        assert miss["lacks"], "a lower score lacks something"
        assert list(miss["lacks"].values()) == sorted(miss["lacks"].values(), reverse=True)
        for name, amount in miss["lacks"].items():
            assert amount == pytest.approx(last["why"][name] - miss["why"].get(name, 0.0))


def test_only_the_first_near_misses_are_told(memcli: Program) -> None:
    for number in range(NEAR + 4):
        memcli("remember", f"The dog eats bone number {number}.")
    assert len(memcli("search", "--explain", "--json", "-k", "1", "dog").json["near_misses"]) == NEAR


def test_without_explain_the_document_is_as_it_was(filled: Program) -> None:
    found = filled("search", "--json", QUESTION).json
    assert set(found) == {"query", "results"}
    assert not {"why", "relevance", "matched"} & set(found["results"][0])


def test_a_batch_explains_each_query(filled: Program) -> None:
    done = filled("search", "--batch", "--json", "--explain", "-k", "1", stdin=f"dog\n\n{QUESTION}\n")
    dog, empty, trip = (json.loads(line) for line in done.out.splitlines())
    assert dog["terms"] == ["dog"]
    assert len(dog["near_misses"]) == 1
    assert empty["results"] == empty["near_misses"] == empty["terms"] == []
    assert trip["corrections"] == [{"said": "turng", "meant": ["turing"]}]


def test_nothing_found_still_says_how_the_question_was_read(memcli: Program) -> None:
    done = memcli("search", "--explain", "--json", "zebra")
    assert (done.status, done.json["terms"], done.json["results"]) == (3, ["zebra"], [])
    done = memcli("search", "--explain", "zebra")
    assert (done.status, done.out) == (3, "looked up\tzebra\n")


# --- in a pipe ------------------------------------------------------------------------------------------------------


def test_a_pipe_gets_the_reading_then_a_line_for_each_hit(filled: Program) -> None:
    looked, corrected, period, *hits = (line.split("\t") for line in explained(filled, "-k", "2").out.splitlines())
    assert looked == ["looked up", "go, turing, last, summer"]
    assert corrected == ["corrected", "turng → turing"]
    assert period == ["time", "last summer = 2025-06-01..2025-08-31"]
    assert [hit[0].startswith("-") for hit in hits] == [False, False, True, True, True]
    for _, score, _, _, _, why, relevance, _ in hits[:2]:
        assert sum(contributions(why).values()) == pytest.approx(float(score))
        assert 0 <= float(relevance) <= 1
    trip = next(hit for hit in hits[:2] if hit[4] == SAID[1][1])
    assert contributions(trip[5])["time"] == 0.5
    assert trip[7] == "turing"
    assert all(hit[5].startswith("lacks ") and contributions(hit[5][6:]) for hit in hits[2:])


def test_a_pipe_gets_no_escape_sequences(filled: Program) -> None:
    assert "\x1b" not in explained(filled).out


# --- on a terminal --------------------------------------------------------------------------------------------------


def columns_of(screen: str) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Return the numbers in the table of contributions by column, and its last rows by name."""
    lines = screen.splitlines()
    start = next(i for i, line in enumerate(lines) if re.fullmatch(r" +1( +\d+)*", line.rstrip()))
    ruled = [i for i, line in enumerate(lines) if i > start and set(line.strip()) == {"─"}]
    count = len(lines[start].split())
    label = lines[start].index("1") - 3
    starts = [label + 6 * number for number in range(count)]
    body = lines[ruled[0] + 1 : ruled[1]]
    cells = [[line[start : start + 4].strip() for line in body] for start in starts]
    feet = {line.split()[0]: line.split()[1:] for line in lines[ruled[1] + 1 : ruled[1] + 3]}
    return cells, feet


@pytest.mark.parametrize("width", [80, 120])
def test_the_columns_of_the_table_sum_to_the_scores(
    filled: Program, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    screen = plain(explained(filled, "-k", "3", tty=True).out)
    assert max(map(len, screen.splitlines())) <= width
    cells, feet = columns_of(screen)
    assert len(cells) == 3
    for column, score in zip(cells, feet["score"], strict=True):
        assert sum(float(cell) for cell in column if cell) == pytest.approx(float(score))
        assert score in screen.split("relevance")[0]
    assert len(feet["relevance"]) == 3


def test_a_terminal_shows_the_reading_above_and_the_near_misses_below(
    filled: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    screen = plain(explained(filled, "-k", "3", tty=True).out)
    above, below = screen.split("\nnear misses\n")
    assert above.startswith("looked up  go, turing, last, summer")
    assert "corrected  turng → turing" in above
    assert "time       last summer = 2025-06-01..2025-08-31" in above
    assert "has turing" in above
    assert below.count("lacks ") == 2


def test_ten_results_stand_side_by_side_and_more_are_parted_evenly(
    memcli: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    memcli("remember", "--lines", stdin="".join(f"The dog eats bone number {number}.\n" for number in range(14)))
    for limit, heads in (("10", [10]), ("14", [7, 7])):
        screen = plain(memcli("search", "--explain", "-k", limit, "dog", tty=True).out)
        numbers = [line.split() for line in screen.splitlines() if re.fullmatch(r" {6,}\d+( +\d+)+ *", line)]
        assert [len(row) for row in numbers] == heads
        assert [n for row in numbers for n in row] == [str(n + 1) for n in range(sum(heads))]


def test_no_color_leaves_the_explanation_without_colour(filled: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled, "environ", {"NO_COLOR": "1"})
    screen = explained(filled, tty=True).out
    assert not re.search(r"\x1b\[[\d;]*3\dm", screen)
    assert "looked up" in plain(screen)
