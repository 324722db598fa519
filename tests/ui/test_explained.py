"""Explanations at a fixed width: nothing is wider than the terminal, and nothing unsafe reaches it."""

import math
import re

import pytest

from memcli.memory.periods import Period
from memcli.memory.recall import Found, Reading
from memcli.store.words import Correction
from memcli.types import Candidate, Hit, Trust
from memcli.ui import explained
from memcli.ui.sanitize import clean
from memcli.ui.terminal import Terminal
from tests.program import Stream

EVIL = "\x1b[2Jbad\x07\u202ebackwards"
READING = Reading(
    ("dog", EVIL), (Correction(EVIL, (EVIL,)),), (Period(None, "2025-08-31T12:00:00Z", EVIL, (0, 1), 60),), True
)


def hit(number: int) -> Hit:
    why = {"words": 0.5 - number / 33, "nearby_cosine": 0.123, "user": 0.4 / (1 + number % 3), "memory": 0.0}
    text = f"{EVIL} {'a longer text ' * 12}"
    item = Candidate(
        f"item{number}",
        "message",
        text,
        "2026-01-01T12:00:00Z",
        Trust.USER,
        parts=(1.0, 0.0),
        thread_id="t",
        seq=number,
    )
    return Hit(item, math.fsum(why.values()), why, 0.25)


def screen(monkeypatch: pytest.MonkeyPatch, width: int, *, notes: bool = False, tty: bool = True) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    terminal = Terminal(Stream(), Stream(tty=tty), Stream(), {"NO_COLOR": "1"})
    hits = [hit(number) for number in range(9)]
    if notes:
        explained.notes(terminal, READING, hits[:2], [(h, f"relevance is low {EVIL}") for h in hits[2:4]], {})
    else:
        explained.results(terminal, Found(hits, READING), 5, {})
    assert isinstance(terminal.stdout, Stream)
    return terminal.stdout.getvalue()


@pytest.mark.parametrize("notes", [False, True])
@pytest.mark.parametrize("width", [50, 80, 120])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int, notes: bool) -> None:
    shown = re.sub(r"\x1b\[[\d;]*m", "", screen(monkeypatch, width, notes=notes))
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width


@pytest.mark.parametrize("notes", [False, True])
@pytest.mark.parametrize("tty", [False, True])
def test_nothing_unsafe_is_printed(monkeypatch: pytest.MonkeyPatch, tty: bool, notes: bool) -> None:
    shown = screen(monkeypatch, 80, notes=notes, tty=tty)
    unstyled = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert clean(unstyled) == unstyled
    assert "badbackwards" in shown
    assert tty or unstyled == shown


def test_notes_are_a_list_those_left_out_with_the_reason_and_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = re.sub(r"\x1b\[[\d;]*m", "", screen(monkeypatch, 80, notes=True))
    placed, left = shown.split("\nleft out\n")
    assert "2026-01-01: a document says: badbackwards a longer text" in " ".join(placed.split())  # nobody types it
    assert left.count("relevance is low badbackwards") == 2
    assert [line.rstrip() for line in left.splitlines()[-8:]] == [
        "                  1     2     3     4",
        "─────────────────────────────────────",
        "words          0.50  0.47  0.44  0.41",
        "user           0.40  0.20  0.14  0.40",
        "nearby cosine  0.12  0.12  0.12  0.12",
        "─────────────────────────────────────",
        "score          1.02  0.79  0.70  0.93",
        "relevance      0.25  0.25  0.25  0.25",
    ]
