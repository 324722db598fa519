"""Encryption in processes of its own: killed, asked on a terminal, beside a writer; with keys derived as for real."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from memcli.store import gate, health, messages
from memcli.store.database import Store
from tests.store.making import Filled, python

SECRET, OTHER = "correct horse battery", "another six random words"
MEMCLI = [sys.executable, "-m", "memcli"]
MANY = 200
# Converts a store, after it has said that it begins: what is to be killed does not begin with a second of imports.
CONVERT = """
import sys
from pathlib import Path
from memcli.store import convert
from memcli.store.database import Store
before, after = (word or None for word in sys.argv[2:4])
with Store.open(Path(sys.argv[1]), key=lambda: before) as store:
    print("begins", flush=True)
    convert.convert(store, after)
print("ends", flush=True)
"""
WRITE = """
import sys
from pathlib import Path
from memcli.store.database import Store
def key():
    return sys.argv[2]
for number in range(int(sys.argv[3])):
    with Store.open(Path(sys.argv[1]), busy_ms=60_000, key=key) as store:
        store.run("INSERT INTO meta VALUES (?, 'written')", (f"w{number}",))
    print(number, flush=True)
"""


@pytest.fixture
def path(own_home: Path) -> Path:
    """Return the user's own store, with many messages."""
    found = own_home / "data" / "memcli" / "memcli.db"
    with Store.open(found) as store, store.atomic():
        filled = Filled(store)
        for number in range(MANY):
            filled.say(f"number {number} of Popocatepetl " * 20)
    return found


def seconds(path: Path, before: str, after: str) -> float:
    """Convert, and return how long it took."""
    process = python(CONVERT, path, before, after)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    start = time.monotonic()
    assert process.stdout.readline() == "ends\n"
    took = time.monotonic() - start
    process.communicate()
    return took


def killed(path: Path, before: str, after: str, moment: float) -> None:
    process = python(CONVERT, path, before, after)
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    time.sleep(moment)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def opens(path: Path, secret: str) -> bool:
    """Tell whether the passphrase is the store's, "" for a plain one; where it opens, all messages must be there."""
    given = ["--passphrase-fd", "0"] if secret else []
    done = subprocess.run(
        [*MEMCLI, *given, "stats", "--json"], input=f"{secret}\n", text=True, capture_output=True, check=False
    )
    if done.returncode == 5:
        assert json.loads(done.stderr)["error"]["code"] in ("passphrase", "no_passphrase")
        return False
    assert (done.returncode, done.stderr) == (0, "")
    stored = json.loads(done.stdout)["store"]
    assert stored["messages"] == MANY
    assert gate.left_over(path) == []
    return (stored["cipher"] is not None) is bool(secret)


def kill_all_three(path: Path, rounds: int) -> list[str]:
    """Kill conversions and look whether the store is whole each time; return what is wrong with it in the end."""
    present, usual = SECRET, seconds(path, "", SECRET)
    for _ in range(rounds):
        for after in (OTHER, "", SECRET):
            killed(path, present, after, random.uniform(0, usual))
            if not opens(path, after):
                assert opens(path, present)
                seconds(path, present, after)
            present = after
    with Store.open(path, key=lambda: SECRET) as store:
        return health.check(store)


def test_kills_during_conversions_leave_a_store_that_the_next_command_opens(path: Path) -> None:
    assert kill_all_three(path, 1) == []


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_twenty_five_kills_during_each_conversion(path: Path) -> None:
    assert kill_all_three(path, 25) == []


def test_writers_beside_a_conversion_lose_nothing(path: Path) -> None:
    writer = python(WRITE, path, SECRET, 12)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "0\n"
    assert seconds(path, "", SECRET)
    out, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0
    assert out.split() == [str(n) for n in range(1, 12)]
    with Store.open(path, key=lambda: SECRET) as store:
        assert store.value("SELECT count(*) FROM meta WHERE value = 'written'") == 12
        assert messages.count(store) == MANY


def test_of_two_that_encrypt_at_once_one_is_told_that_it_is_done(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    env = {**os.environ, "MEMCLI_PASSPHRASE_FILE": str(secret)}
    both = [subprocess.Popen([*MEMCLI, "encrypt", "--yes"], env=env, stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate(timeout=60)[1].decode() for process in both]
    assert [process.returncode for process in both].count(0) == 1, said


@pytest.mark.parametrize(
    ("key", "said", "status"), [("\x04", "memcli: no passphrase was given", 1), ("\x03", "interrupted", 130)]
)
def test_who_leaves_a_prompt_is_told_so_on_a_line_of_its_own(path: Path, key: str, said: str, status: int) -> None:
    child = pexpect.spawn(sys.executable, ["-m", "memcli", "encrypt"], encoding="utf-8", timeout=60)
    child.expect_exact("New passphrase: ")
    child.send(key)
    assert said in child.read().splitlines()
    child.close()
    assert child.exitstatus == status


def test_the_passphrase_is_asked_for_on_the_terminal_and_does_not_show(path: Path) -> None:
    seconds(path, "", SECRET)
    command = f"echo something piped | {sys.executable} -m memcli threads --json"
    child = pexpect.spawn("/bin/sh", ["-c", command], encoding="utf-8", timeout=60, dimensions=(30, 200))
    child.expect_exact("Passphrase for ")
    child.sendline(SECRET)
    child.expect_exact('{"threads": [{')
    rest = child.read()
    child.close()
    assert child.exitstatus == 0
    assert SECRET not in rest + (child.before or "")
