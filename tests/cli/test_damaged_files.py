"""Store files with flipped, zeroed, cut and swapped bytes: each command ends with a documented status, says what is
wrong, and does not hang; what only reads leaves the file as it is; what is mended is sound.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from memcli.store.database import Store
from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, ScriptedModel
from tests.program import Program
from tests.store.making import python

PAGE = 4096
DOCUMENTED = {0, 1, 3, 5}
# Runs command lines as they are given, in a process that a crash or a hang may end; tells how each ended, and whether
# the store's file changed. In the end it looks at the copies.
RUN = """
import json, sys
from pathlib import Path
from memcli import health
from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, ScriptedModel
from tests.program import Program

Workspace._load_embedder = lambda self, name: HashingEmbedder()
Workspace._load_model = lambda self, name: ScriptedModel()
health._model = health._processor = lambda workspace: iter(())
memcli = Program(Path(sys.argv[1]), {})
store = memcli.paths.store
for line in sys.stdin:
    args, given = json.loads(line)
    before = store.read_bytes()
    done = memcli(*args, stdin=given)
    print(json.dumps([args, done.status, done.err, store.read_bytes() != before]), flush=True)
for copy in [*memcli.home.glob("*.db"), *store.parent.glob("*salvaged*")]:
    done = memcli("--db", copy, "doctor")
    print(json.dumps([["copy", str(copy)], done.status, done.out, False]), flush=True)
"""
READING = (
    ["list"],
    ["list", "--all", "--json"],
    ["threads"],
    ["stats"],
    ["core"],
    ["show", "fact1"],
    ["history", "fact1"],
)
WRITING = (
    ["search", "green tea"],
    ["remember", "A new fact about jazz."],
    ["forget", "--query", "note 7", "--yes"],
    ["chat", "--thread", "diary"],
    ["consolidate"],
    ["reindex"],
    ["doctor"],
    ["doctor", "--fix"],
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a store, and with one that was killed, so that its -wal file is there."""
    memcli = Program(tmp_path_factory.mktemp("base"), {})
    said = [{"thread": f"t{n % 2}", "role": "user", "content": f"note {n} says that tea is good"} for n in range(60)]
    kept = [{"type": "memory", "id": f"fact{n}", "text": f"Fact {n} on jazz.", "tags": ["one"]} for n in range(20)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Workspace, "_load_embedder", lambda self, name: HashingEmbedder())
        patched.setattr(Workspace, "_load_model", lambda self, name: ScriptedModel())
        memcli("import", "-", stdin="".join(json.dumps(record) + "\n" for record in [*said, *kept]))
        memcli("chat", "--thread", "diary", stdin="My dog is called Turing.\nWhat is my dog called?\n")
        memcli("edit", "fact1", "Something else is so.")
        memcli("undo", "--yes")
        killed = memcli.home / "killed"
        killed.mkdir()
        with Store.open(memcli.paths.store) as store:
            store.run("UPDATE messages SET interrupted = 1; UPDATE memories SET importance = 0.5")
            for ending in ("", "-wal"):
                shutil.copy(f"{store.path}{ending}", killed)
    return memcli.home


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Return the file with one kind of damage."""
    made = bytearray(data)
    pages = len(made) // PAGE
    page, other = (chance.randrange(1, pages) * PAGE for _ in range(2))
    kind = chance.randrange(7)
    if kind == 0:
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        for _ in range(chance.randint(2, 200)):
            made[chance.randrange(len(made))] = chance.randrange(256)
    elif kind == 2:
        made[page : page + PAGE] = bytes(PAGE)
    elif kind == 3:
        made[page : page + PAGE] = chance.randbytes(PAGE)
    elif kind == 4:
        del made[chance.randrange(1, len(made)) :]
    elif kind == 5:
        made[page : page + PAGE], made[other : other + PAGE] = made[other : other + PAGE], made[page : page + PAGE]
    else:
        made[chance.choice([*range(18), *range(20, 100)])] = chance.randrange(256)  # 18 and 19 name the journal's mode
    return bytes(made)


def run(home: Path, commands: list[list[str]]) -> list[tuple[list[str], int, str, bool]]:
    """Run the commands in one process, and return what each came to. A crash or a hang fails the test."""
    process = python(RUN, home, stdin=subprocess.PIPE)
    lines = (json.dumps([args, "Hello.\n" if args[0] == "chat" else ""]) + "\n" for args in commands)
    try:
        out, _ = process.communicate("".join(lines), timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, (process.returncode, commands, out)
    return [tuple(json.loads(line)) for line in out.splitlines()]


def check_case(home: Path, base: Path, seed: int) -> None:
    chance = random.Random(seed)
    store = Program(home, {}).paths.store
    store.parent.mkdir(parents=True)
    in_log = chance.random() < 0.2
    if in_log:
        shutil.copy(base / "killed" / store.name, store)
        log = (base / "killed" / f"{store.name}-wal").read_bytes()
        store.with_name(f"{store.name}-wal").write_bytes(damaged(chance, log))
    else:
        store.write_bytes(damaged(chance, (base / "data" / store.name).read_bytes()))
    store.chmod(0o600)
    reading, writing = chance.sample(READING, 3), chance.sample(WRITING, 3)
    last = [["doctor", "--fix"], ["list"], ["search", "tea"], ["backup", str(home / "last.db")]]
    mended = False
    for place, (args, status, said, changed) in enumerate(run(home, [*reading, *writing, *last])):
        at = f"seed {seed}: {args}"
        assert status in DOCUMENTED, f"{at} ended with {status}: {said}"
        assert "Traceback" not in said, f"{at}: {said}"
        assert status in (0, 3) or said or args[0] == "doctor", f"{at} said nothing"
        assert not (changed and place < len(reading) and not in_log), f"{at} changed the file"
        assert not (mended and status == 5), f"{at}: was mended, and is not sound: {said}"
        assert args[0] != "copy" or status in (0, 1), f"{at} is not sound: {said}"
        mended = (mended and args[0] != "forget") or (args == ["doctor", "--fix"] and status == 0)


@pytest.mark.parametrize("seed", range(2))
def test_a_damaged_file_is_told_mended_or_salvaged(tmp_path: Path, base: Path, seed: int) -> None:
    check_case(tmp_path / "home", base, seed)


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_many_damaged_files_are_told_mended_or_salvaged(tmp_path: Path, base: Path) -> None:
    for seed in range(100, 600):
        check_case(tmp_path / str(seed), base, seed)
