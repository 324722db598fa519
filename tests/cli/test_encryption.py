"""An encrypted store from the user's side: what can be read of it, who may open it, and what goes on as before."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memcli.cli import complete
from memcli.paths import append_private
from memcli.repl.history import TypedHistory
from memcli.store import cipher, health
from memcli.store.database import Store
from memcli.types import Piece, Prompt, Sampling
from memcli.ui import editor
from memcli.ui.terminal import Terminal
from tests.fakes import ScriptedModel
from tests.program import Outcome, Program

SECRET = "correct horse battery"
OTHER = "another six random words"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys in one round: how many there are is another test's business."""
    monkeypatch.setattr(cipher, "_ROUNDS", 1)


@pytest.fixture
def give(memcli: Program, tmp_path: Path) -> Callable[[str, str], None]:
    """Put a passphrase into a file that a variable names."""

    def put(variable: str, secret: str) -> None:
        path = tmp_path / f"{variable.lower()}.txt"
        path.write_text(f"{secret}\n")
        path.chmod(0o600)
        memcli.environ[variable] = str(path)

    return put


@pytest.fixture
def locked(memcli: Program, give: Callable[[str, str], None]) -> Program:
    """Return a program whose store is encrypted, with the passphrase in a file."""
    assert memcli("remember", "My locker code is 4711.").status == 0
    give("MEMCLI_PASSPHRASE_FILE", SECRET)
    assert memcli("encrypt").status == 0
    return memcli


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Have these answers typed at the terminal, one after the other; return the questions."""

    def answer(*answers: str) -> list[str]:
        waiting, questions = list(answers), []

        def ask(self: Terminal, question: str) -> str:
            questions.append(question)
            return waiting.pop(0)

        monkeypatch.setattr(Terminal, "ask_secret", ask)
        return questions

    return answer


def bytes_and_times(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(each): (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.rglob("*") if each.is_file()}


def readable(home: Path, markers: list[str]) -> list[tuple[str, str]]:
    """Return which markers stand in which files."""
    files = [each for each in home.rglob("*") if each.is_file()]
    assert files
    return [(m, each.name) for each in files for m in markers if m.lower().encode() in each.read_bytes().lower()]


# --- what can be read -----------------------------------------------------------------------------------------------

BEFORE = {
    "message": "Popocatepetl",
    "answer": "Ngorongoro",
    "memory": "Ouagadougou",
    "core": "Llanfairpwll",
    "typed": "Titicacasee",
    "logged": "Kinnegad",
    "edited": "Szentendre",
    "thread": "Reykjahlid",
    "tag": "Vaduzerweg",
}
AFTER = {
    "message": "Antananarivo",
    "answer": "Bhubaneswar",
    "memory": "Tegucigalpa",
    "core": "Kyzylkumwest",
    "edited": "Nukualofabay",
    "asked": "Ulaanbaatar",
}


class Looking(ScriptedModel):
    """Looks, while it answers, at what can be read on the disk."""

    def __init__(self, home: Path, *answers: str) -> None:
        super().__init__(*answers)
        self.home = home
        self.found: list[tuple[str, str]] = []
        self.files: set[str] = set()

    def stream(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:  # type: ignore[override]
        self.found += readable(self.home, [*BEFORE.values(), *AFTER.values()])
        self.files |= {each.name for each in self.home.rglob("*")}
        yield from super().stream(prompt, sampling)


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> ScriptedModel:
    return Looking(tmp_path / "home", f"It lies near {BEFORE['answer']}. " * 20, f"Near {AFTER['answer']}. " * 20)


def live_plainly(memcli: Program) -> None:
    """Have the markers of BEFORE in every kind of file."""
    assert memcli("chat", "--thread", BEFORE["thread"], stdin=f"Where is {BEFORE['message']}?\n").status == 0
    assert memcli("remember", f"I was in {BEFORE['memory']}.", "--tag", BEFORE["tag"]).status == 0
    assert memcli("core", "set", "user", f"Lives in {BEFORE['core']}.").status == 0
    TypedHistory(memcli.paths.history).store_string(f"/search {BEFORE['typed']}")
    append_private(memcli.paths.log, f"no such text: {BEFORE['logged']}\n")
    left = memcli.paths.state / "edit-left"
    left.mkdir()
    (left / "memory.txt").write_text(BEFORE["edited"])
    with Store.open(memcli.paths.store) as store:
        store.run("UPDATE threads SET window_start = 99")
    assert memcli("doctor", "--fix").status == 0


def test_no_word_of_an_encrypted_store_can_be_read_in_any_file(
    memcli: Program, model: Looking, give: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_plainly(memcli)
    assert {m for m, _ in readable(memcli.home, list(BEFORE.values()))} == set(BEFORE.values())
    assert list(memcli.paths.states.iterdir())
    model.found.clear()
    model.files.clear()
    give("MEMCLI_PASSPHRASE_FILE", SECRET)
    done = memcli("encrypt", "--json").json
    assert done["cipher"] == "chacha20"
    assert done["rows"] > 10
    removed = {Path(each).suffix or Path(each).name for each in done["removed"]}
    assert {name for name in removed if "before-fix" not in name} == {"history", ".log", "edit-left", ".kv"}
    assert len(removed) == 5
    assert readable(memcli.home, list(BEFORE.values())) == []

    in_memory = tmp_path / "in memory"
    in_memory.mkdir()
    monkeypatch.setattr(editor, "_IN_MEMORY", in_memory)
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys; from pathlib import Path; path = Path(sys.argv[1]);"
        f"assert path.is_relative_to({str(in_memory)!r});"
        f"path.write_text('I was in {AFTER['edited']}.')"
    )
    memcli.environ["EDITOR"] = f"{sys.executable} {script}"
    kept = memcli("remember", f"Then I was in {AFTER['memory']}.", "--json").json
    assert memcli("edit", kept["id"], tty=True).status == 0
    assert memcli("core", "append", "user", AFTER["core"]).status == 0
    turns = f"And where is {AFTER['message']}?\nOnce more: {AFTER['message']}\n"
    assert memcli("chat", "--thread", BEFORE["thread"], stdin=turns).status == 0
    assert memcli("ask", "What", "is", AFTER["asked"], stdin=f"A note on {AFTER['asked']}").status == 0
    assert memcli("consolidate").status == 0
    assert memcli("search", AFTER["message"], "--json").json["results"]
    assert memcli("forget", kept["id"], "--yes", "--json").json["traces"] == 0
    assert {"memcli.db-wal", "memcli.db-shm"} <= model.files, "it was looked at while the store was open"
    assert model.found == []
    assert readable(memcli.home, [*BEFORE.values(), *AFTER.values()]) == []
    assert not memcli.paths.history.exists()
    assert not list(memcli.paths.states.iterdir())


def test_a_bug_leaves_no_text_in_the_log_of_an_encrypted_store(
    locked: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "it chokes on Popocatepetl"

    def broken(*arguments: object, **options: object) -> None:
        raise ValueError(message)

    monkeypatch.setattr("memcli.cli.search.recall.search", broken)
    monkeypatch.setattr("memcli.cli.search.recall.look_up", broken)
    assert locked("search", "Popocatepetl").status == 70
    logged = locked.paths.log.read_text()
    assert "ValueError" in logged
    assert "Popocatepetl" not in logged
    assert "line" in logged
    assert locked("decrypt", "--yes").status == 0
    assert locked("search", "Popocatepetl").status == 70
    assert message in locked.paths.log.read_text()


def test_where_no_folder_is_in_memory_the_user_is_told(
    locked: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor, "_IN_MEMORY", tmp_path / "nowhere")
    locked.environ["EDITOR"] = "true"
    (memory,) = locked("list", "--json").json["memories"]
    assert "unencrypted" in locked("edit", memory["id"], tty=True).err


def test_what_another_memcli_is_editing_is_not_taken_from_it(memcli: Program, give: Callable[[str, str], None]) -> None:
    memcli("remember", "something")
    edited = memcli.paths.state / f"edit-{os.getpid()}-x" / "memory.txt"
    edited.parent.mkdir(parents=True)
    edited.write_text("of another store")
    give("MEMCLI_PASSPHRASE_FILE", SECRET)
    assert memcli("encrypt").status == 0
    assert edited.read_text() == "of another store"


def test_what_quotes_the_store_and_cannot_be_removed_keeps_it_plain(
    memcli: Program, give: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    memcli("remember", "something")
    TypedHistory(memcli.paths.history).store_string("a line")
    give("MEMCLI_PASSPHRASE_FILE", SECRET)

    def failing(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr("memcli.store.gate.overwrite", failing)
    done = memcli("encrypt")
    assert done.status == 1
    assert "history quotes the store and cannot be removed" in done.err
    monkeypatch.undo()
    assert memcli("stats", "--json").json["store"]["cipher"] is None


# --- everything works -----------------------------------------------------------------------------------------------


def test_every_command_works_on_an_encrypted_store(locked: Program, tmp_path: Path) -> None:
    def done(*args: str, **options: str) -> Outcome:
        outcome = locked(*args, **options)
        assert (outcome.status, outcome.err) == (0, ""), args
        return outcome

    kept = done("remember", "I was in Popocatepetl.", "--json").json["id"]
    file = tmp_path / "said.jsonl"
    file.write_text(json.dumps({"id": "1", "role": "user", "content": "We fly to Osaka."}) + "\n")
    done("import", str(file))
    assert done("search", "Osaka", "--json").json["results"][0]["text"] == "We fly to Osaka."
    done("chat", stdin="hello\n")
    assert done("ask", "hello", "--json", "--no-stdin").json["answer"]
    done("context", "hello")
    done("edit", kept, "I was on Popocatepetl.")
    done("--quiet", "undo", "--yes")
    done("pin", kept)
    done("unpin", kept)
    done("history", kept)
    done("show", kept)
    done("core", "set", "user", "A vet.")
    done("threads")
    done("consolidate")
    done("reindex")
    assert done("stats", "--json").json["store"]["cipher"] == "chacha20"
    receipt = done("forget", kept, "--yes", "--json").json
    assert (receipt["traces"], receipt["proof"]["files"]) == (0, [])
    assert kept not in [m["id"] for m in done("list", "--all", "--json").json["memories"]]
    assert locked("search", "Popocatepetl", "--json").json["results"] == []


def test_doctor_says_that_it_is_encrypted_and_sound(locked: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    for slow in ("_embedder", "_model", "_processor"):
        monkeypatch.setattr(f"memcli.health.{slow}", lambda workspace: iter(()))
    findings = {f["topic"]: f["detail"] for f in locked("doctor", "--json").json["findings"]}
    assert (findings["encryption"], findings["store health"]) == ("chacha20", "no damage found")
    del locked.environ["MEMCLI_PASSPHRASE_FILE"]
    done = locked("doctor", "--json", stdin="")
    assert done.status == 5
    assert "is encrypted" in {f["topic"]: f["detail"] for f in done.json["findings"]}["store"]


def test_a_forgetting_that_left_something_in_an_encrypted_store_is_found_out(
    locked: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from memcli.store import cleaning

    kept = locked("remember", "I was in Popocatepetl.", "--json").json["id"]
    clean = cleaning.clean

    def careless(store: Store, *arguments: object, **options: object) -> list[Path]:
        gone = clean(store, *arguments, **options)  # type: ignore[arg-type]
        store.run("PRAGMA secure_delete = OFF")
        store.run("CREATE TABLE scratch (text)")
        store.run("INSERT INTO scratch VALUES (?)", ("I was in Popocatepetl. " * 600,))
        store.run("DROP TABLE scratch")
        return gone

    monkeypatch.setattr("memcli.store.purge.cleaning.clean", careless)
    done = locked("forget", kept, "--yes", "--json")
    assert done.status == 70
    assert done.json["proof"]["texts"] > 0
    assert done.json["proof"]["files"] == [str(locked.paths.store)]


def test_encrypting_and_decrypting_gives_the_same_store_back(locked: Program, give: Callable[[str, str], None]) -> None:
    listed = locked("list", "--json").json
    give("MEMCLI_NEW_PASSPHRASE_FILE", OTHER)
    done = locked("rekey")
    assert done.status == 0
    assert "has the old passphrase" in done.err
    assert locked("list").status == 5
    give("MEMCLI_PASSPHRASE_FILE", OTHER)
    assert locked("list", "--json").json == listed
    done = locked("decrypt", "--yes", "--json")
    assert (done.json["cipher"], done.json["removed"]) == (None, [])
    del locked.environ["MEMCLI_PASSPHRASE_FILE"]
    assert locked("list", "--json").json == listed
    with Store.open(locked.paths.store) as store:
        assert health.check(store) == []


# --- who may open it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("list",), ("remember", "x"), ("encrypt",), ("decrypt", "--yes"), ("rekey",)])
def test_a_wrong_passphrase_is_status_5_and_touches_nothing(
    locked: Program, give: Callable[[str, str], None], command: tuple[str, ...]
) -> None:
    give("MEMCLI_PASSPHRASE_FILE", OTHER)
    before = bytes_and_times(locked.paths.data)
    done = locked(*command, "--json")
    assert bytes_and_times(locked.paths.data) == before
    if command == ("encrypt",):
        assert (done.status, done.error["code"]) == (1, "input"), "it is encrypted already: nobody is asked"
    else:
        assert (done.status, done.error["code"]) == (5, "passphrase")
    assert SECRET not in done.err + done.out
    assert OTHER not in done.err + done.out


def test_without_a_passphrase_and_a_terminal_it_is_said_how_to_give_one(locked: Program) -> None:
    del locked.environ["MEMCLI_PASSPHRASE_FILE"]
    done = locked("list", "--json", stdin="")
    assert (done.status, done.error["code"]) == (5, "no_passphrase")
    assert "is encrypted" in done.error["message"]
    assert "MEMCLI_PASSPHRASE_FILE" in done.error["hint"]


def test_a_passphrase_by_a_descriptor_goes_before_the_file(locked: Program, give: Callable[[str, str], None]) -> None:
    give("MEMCLI_PASSPHRASE_FILE", OTHER)
    read, write = os.pipe()
    os.write(write, f"{SECRET}\nmore".encode())
    assert locked("--passphrase-fd", str(read), "list").status == 0
    assert os.read(read, 10) == b"more", "no more than the line is read"
    os.close(read)
    os.close(write)
    for closed in (read, 1 << 40):
        done = locked("--passphrase-fd", str(closed), "list")
        assert done.status == 1
        assert "cannot be read" in done.err


def test_the_config_file_may_name_the_passphrase_file(locked: Program) -> None:
    file = locked.environ.pop("MEMCLI_PASSPHRASE_FILE")
    assert locked("config", "set", "passphrase_file", file).status == 0
    assert locked("list").status == 0


def test_the_terminal_is_asked_once_although_stdin_is_piped(locked: Program, asked: Callable[..., list[str]]) -> None:
    del locked.environ["MEMCLI_PASSPHRASE_FILE"]
    questions = asked(SECRET)
    assert locked("remember", stdin=b"It is another one now.", tty=True).status == 0
    assert questions == [f"Passphrase for {locked.paths.store}: "]


def test_a_damaged_store_asks_once_although_it_is_opened_twice(
    locked: Program, asked: Callable[..., list[str]]
) -> None:
    del locked.environ["MEMCLI_PASSPHRASE_FILE"]
    data = bytearray(locked.paths.store.read_bytes())
    data[2000] ^= 1  # in the schema
    locked.paths.store.write_bytes(data)
    questions = asked(SECRET)
    assert "What can be read of it is now a store of its own" in locked("doctor", "--fix", tty=True).out
    assert len(questions) == 1


def test_a_new_passphrase_is_asked_for_twice(memcli: Program, asked: Callable[..., list[str]]) -> None:
    memcli("remember", "something")
    questions = asked(SECRET, SECRET)
    assert memcli("encrypt", "--yes", tty=True).status == 0
    assert questions == ["New passphrase: ", "The same again: "]
    questions = asked(SECRET, OTHER, OTHER)
    assert memcli("rekey", "--yes", tty=True).status == 0
    assert len(questions) == 3
    asked(OTHER)
    assert memcli("list", tty=True).status == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [((SECRET, OTHER), "differ"), (("short", "short"), "too short"), (("", ""), "empty"), (("a\0b" * 9,), "NUL")],
)
def test_a_passphrase_that_cannot_be_meant_changes_nothing(
    memcli: Program, asked: Callable[..., list[str]], typed: tuple[str, ...], said: str
) -> None:
    memcli("remember", "something")
    asked(*typed)
    before = bytes_and_times(memcli.paths.data)
    done = memcli("encrypt", "--yes", tty=True)
    assert done.status == 1
    assert said in done.err
    assert memcli("list").status == 0
    assert {k: v[0] for k, v in bytes_and_times(memcli.paths.data).items()} == {k: v[0] for k, v in before.items()}


def test_letters_typed_in_another_way_are_the_same_passphrase(
    locked: Program, give: Callable[[str, str], None]
) -> None:
    give("MEMCLI_NEW_PASSPHRASE_FILE", "Gr\u00fc\u00dfe aus K\u00f6ln")
    assert locked("rekey").status == 0
    give("MEMCLI_PASSPHRASE_FILE", "Gru\u0308\u00dfe aus Ko\u0308ln")
    assert locked("list").status == 0


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty"), (b"\xff\xfe\n", "not UTF-8"), (b"x" * 5000, "longer than"), (None, "no such")]
)
def test_a_passphrase_file_that_has_none_is_a_clear_error(
    locked: Program, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "file"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    locked.environ["MEMCLI_PASSPHRASE_FILE"] = str(file)
    done = locked("list")
    assert done.status == 1
    assert said in done.err


def test_a_passphrase_file_that_others_can_read_is_told(locked: Program) -> None:
    file = Path(locked.environ["MEMCLI_PASSPHRASE_FILE"])
    assert locked("list").err == ""
    file.chmod(0o640)
    assert f"chmod 600 '{file}'" in locked("list").err


# --- what is refused ------------------------------------------------------------------------------------------------


def test_what_is_there_already_or_not_at_all_is_said(memcli: Program, give: Callable[[str, str], None]) -> None:
    for command in ("encrypt", "decrypt", "rekey"):
        assert memcli(command, "--yes").status == 3
    assert not memcli.paths.store.exists()
    memcli("remember", "something")
    for command in ("decrypt", "rekey"):
        done = memcli(command, "--yes")
        assert (done.status, "is not encrypted" in done.err) == (1, True)
    give("MEMCLI_PASSPHRASE_FILE", SECRET)
    assert memcli("encrypt").status == 0
    done = memcli("encrypt")
    assert (done.status, "encrypted already" in done.err) == (1, True)


def test_decrypt_asks_and_is_not_done_where_nobody_can_be_asked(locked: Program) -> None:
    done = locked("decrypt", stdin="")
    assert (done.status, "--yes" in done.err) == (1, True)
    assert locked("decrypt", stdin="n\n", tty=True).status == 1
    assert locked("stats", "--json").json["store"]["cipher"] == "chacha20"
    assert locked("decrypt", stdin="y\n", tty=True).status == 0
    assert locked("stats", "--json").json["store"]["cipher"] is None


def test_encrypt_asks_on_a_terminal(memcli: Program, give: Callable[[str, str], None]) -> None:
    memcli("remember", "something")
    give("MEMCLI_PASSPHRASE_FILE", SECRET)
    assert memcli("encrypt", stdin="n\n", tty=True).status == 1
    assert memcli("stats", "--json").json["store"]["cipher"] is None
    assert memcli("encrypt", stdin="y\n", tty=True).status == 0
    assert memcli("stats", "--json").json["store"]["cipher"] == "chacha20"


def test_a_store_that_is_open_elsewhere_is_not_converted(
    memcli: Program, give: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Store.open.__kwdefaults__, "busy_ms", 50)
    memcli("remember", "something")
    give("MEMCLI_PASSPHRASE_FILE", SECRET)
    with Store.open(memcli.paths.store):
        done = memcli("encrypt", "--json")
    assert (done.status, done.error["code"]) == (5, "store_locked")
    assert "close it" in done.error["hint"]
    assert memcli("encrypt").status == 0


# --- completion -----------------------------------------------------------------------------------------------------


def test_completion_of_an_encrypted_store_yields_nothing_unless_a_file_gives_the_passphrase(
    locked: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMCLI_DB", str(locked.paths.store))
    assert list(complete.items("")) == []
    assert list(complete.threads("")) == []
    monkeypatch.setenv("MEMCLI_PASSPHRASE_FILE", locked.environ["MEMCLI_PASSPHRASE_FILE"])
    assert [text for _, text in complete.items("")] == ["My locker code is 4711."]
