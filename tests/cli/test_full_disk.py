"""A disk that is full, fails or turns read-only in the midst of a command: it is said, and nothing is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from memcli.store import health, workers
from memcli.store.database import Store
from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, OtherEmbedder, ScriptedModel
from tests.faulty import FAULTS, disk
from tests.program import Outcome, Program

PLENTY = 1_000_000
HARM = {"doctor": "UPDATE threads SET window_start = 99; DELETE FROM signatures; DELETE FROM chunks WHERE id < 9"}
SECRET = "My locker code is 4711."


def command(name: str, memcli: Program) -> Callable[[], Outcome]:
    """Return a command that writes."""
    more = "".join(json.dumps({"thread": "t", "role": "user", "content": f"later {n}"}) + "\n" for n in range(40))
    lines: dict[str, tuple[list[str], str]] = {
        "remember": (["remember", "--lines"], "I like rain.\nI like snow.\n"),
        "import": (["import", "-"], more),
        "chat": (["chat", "--thread", "diary"], "My dog is called Turing.\nMy cat is called Ada.\n"),
        "forget": (["forget", "--query", "4711", "--yes"], ""),
        "consolidate": (["consolidate"], ""),
        "reindex": (["reindex"], ""),
        "backup": (["backup", str(memcli.home / "copy.db")], ""),
        "edit": (["edit", "fact1", "Something else is so."], ""),
        "core": (["core", "set", "user", "A vet in Porto."], ""),
        "undo": (["undo", "--yes"], ""),
        "doctor": (["doctor", "--fix"], ""),
    }
    args, stdin = lines[name]
    return lambda: memcli(*args, stdin=stdin)


COMMANDS = (
    "remember", "import", "chat", "forget", "consolidate", "reindex", "backup", "edit", "core", "undo", "doctor"
)  # fmt: skip


@dataclass
class Place:
    """A home whose store can be put back as it was."""

    memcli: Program
    before: bytes

    def restore(self, harm: str = "") -> None:
        path = self.memcli.paths.store
        for ending in ("", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        path.write_bytes(self.before)
        path.chmod(0o600)
        if harm:
            with Store.open(path) as store:
                store.run(harm)
        for left in self.memcli.home.glob("copy.db*"):
            left.unlink()
        for left in path.parent.glob("*before-fix*"):
            left.unlink()

    def texts(self) -> set[tuple[str, str]]:
        with Store.open(self.memcli.paths.store) as store:
            sql = "SELECT id, content FROM messages UNION SELECT id, text FROM memories"
            return {(id_, text) for id_, text in store.rows(sql)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a store with something of everything."""
    memcli = Program(tmp_path_factory.mktemp("made"), {})
    records = [{"thread": "t", "role": "user", "content": f"note {n} on tea"} for n in range(30)]
    kept = [{"type": "memory", "id": f"fact{n}", "text": f"Fact number {n} on jazz."} for n in range(3)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Workspace, "_load_embedder", lambda self, name: HashingEmbedder())
        patched.setattr(Workspace, "_load_model", lambda self, name: ScriptedModel())
        memcli("import", "-", stdin="".join(json.dumps(record) + "\n" for record in [*records, *kept]))
        memcli("chat", "--thread", "diary", stdin=f"{SECRET}\n")
        memcli("remember", "I like green tea.")
    with Store.open(memcli.paths.store) as store:
        assert health.check(store) == []
    return memcli.paths.store.read_bytes()


@pytest.fixture
def place(memcli: Program, made: bytes) -> Place:
    memcli.paths.store.parent.mkdir(parents=True)
    return Place(memcli, made)


def writes_of(place: Place, name: str) -> int:
    place.restore(HARM.get(name, ""))
    with disk("full", writes=PLENTY) as counting:
        assert command(name, place.memcli)().status == 0
    return PLENTY - counting.left


def check_failures(place: Place, name: str, fault: str, points: int) -> None:
    place.restore()
    before = place.texts()
    writes = writes_of(place, name)
    assert writes > 3
    failed = 0
    for allowed in sorted({writes * point // points for point in range(points)}):
        place.restore(HARM.get(name, ""))
        with disk(fault, writes=allowed):
            done = command(name, place.memcli)()
        assert done.status in (0, 1), (allowed, done)
        assert "Traceback" not in done.err
        failed += done.status
        if done.status:
            assert [line for line in done.err.splitlines() if line.startswith("memcli: ")], (allowed, done.err)
        check_afterwards(place, name, before, done)
    assert failed


def check_afterwards(place: Place, name: str, before: set[tuple[str, str]], done: Outcome) -> None:
    assert place.memcli("list").status == 0  # whoever comes next finishes what was begun
    if name == "doctor":
        assert place.memcli("doctor", "--fix").status == 0
    with Store.open(place.memcli.paths.store) as store:
        assert health.check(store) == []
    after = place.texts()
    gone = before - after
    assert all(SECRET in text or name == "forget" for _, text in gone), gone
    if name == "remember":
        told = {line.split()[0] for line in done.out.splitlines()}
        assert told <= {id_ for id_, _ in after}, "what was acknowledged is there"
    if name == "backup" and done.status:
        assert not [each for each in os.listdir(place.memcli.home) if "copy.db" in each]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_said_and_nothing_is_lost(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch, embedder: HashingEmbedder
) -> None:
    prepare(name, monkeypatch)
    check_failures(place, name, "full", 3)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_whenever_the_disk_fails_nothing_is_lost(
    place: Place, name: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(name, monkeypatch)
    check_failures(place, name, fault, 40)


def prepare(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the failed process dead for those after it, and another embedder for a reindex."""
    monkeypatch.setattr(workers, "dead", lambda worker: True)
    if name == "reindex":
        monkeypatch.setattr(Workspace, "_load_embedder", lambda self, name: OtherEmbedder())
