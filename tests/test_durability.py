"""kill -9 at random moments: what was acknowledged is there, the store is whole, and the next start needs no repair."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from memcli.store import health, messages
from memcli.store.database import Store

LONG = 120.0  # seconds
MEMCLI = [sys.executable, "-m", "memcli", "-q"]


def killed_after(seconds: float, *args: str, stdin: str = "") -> tuple[bool, str]:
    """Run memcli and kill it after `seconds` unless it ends before; return whether it ended, and what it printed."""
    process = subprocess.Popen([*MEMCLI, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    process.stdin.write(stdin)
    process.stdin.close()
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    out = process.stdout.read()
    return process.wait() == 0, out


def usual_seconds(*args: str, stdin: str = "") -> float:
    started = time.monotonic()
    subprocess.run([*MEMCLI, *args], input=stdin, text=True, capture_output=True, check=True)
    return time.monotonic() - started


def moment(number: int, usual: float, low: float, high: float) -> float:
    """Return when to kill: the first is let live and the second dies at once, so that there are both kinds."""
    return {0: LONG, 1: 0.0}.get(number, random.uniform(low, high) * usual)


def check_remember_survives(times: int, store: Path) -> None:
    usual = max(usual_seconds("remember", f"warm up {i}") for i in range(3))
    acknowledged = {}
    for number in range(times):
        text = f"fact number {number}"
        _, out = killed_after(moment(number, usual, 0.2, 1.1), "remember", text)
        if out.endswith("\n"):
            acknowledged[out.split()[0]] = text
    assert 0 < len(acknowledged) < times
    listed = subprocess.run([*MEMCLI, "list", "--json"], capture_output=True, text=True, check=True).stdout
    stored = {m["id"]: m["text"] for m in json.loads(listed)["memories"]}
    assert acknowledged.items() <= stored.items()
    with Store.open(store) as opened:
        assert health.check(opened) == []


def check_chat_survives(times: int, store: Path) -> None:
    talk = ("chat", "--temperature", "0", "--thread", "diary")
    usual = max(usual_seconds(*talk, stdin=f"Say hello, number {i}.\n") for i in range(2))
    acknowledged = []
    for number in range(times):
        text = f"Turn {number}: the key is under stone {number}."
        ended, _ = killed_after(moment(number, usual, 0.3, 1.3), *talk, stdin=text + "\n")
        if ended:
            acknowledged.append(text)
    assert acknowledged
    with Store.open(store) as opened:
        (thread,) = opened.rows("SELECT id FROM threads WHERE name = 'diary'")
        said = [m.content for m in messages.of_thread(opened, thread[0])]
        assert [text for text in acknowledged if text not in said] == []
        assert len(said) % 2 == 0, "a turn is stored whole or not at all"
        assert health.check(opened) == []


@pytest.fixture
def store(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEMCLI_ANSWER_TOKENS", "32")
    return own_home / "data" / "memcli" / "memcli.db"


@pytest.mark.model
def test_acknowledged_memories_survive_kill_9(store: Path, compiled_embedder: None) -> None:
    check_remember_survives(12, store)


@pytest.mark.model
@pytest.mark.long
def test_three_hundred_memories_survive_kill_9(store: Path, compiled_embedder: None) -> None:
    check_remember_survives(300, store)


@pytest.mark.model
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_thirty_chat_turns_survive_kill_9(store: Path, compiled_embedder: None) -> None:
    check_chat_survives(30, store)


@pytest.mark.model
def test_chat_turns_survive_kill_9(store: Path, compiled_embedder: None) -> None:
    check_chat_survives(3, store)
