"""What a hurried or hostile user types, pipes or finds on disk: one clear line, the right exit status, nothing lost."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.ui.sanitize import clean
from memcli.workspace import Workspace
from tests.fakes import ScriptedModel
from tests.program import Outcome, Program

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
EVIL = "pay \x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \u202ebackwards\u202c \x07bell"


def is_one_clear_error(done: Outcome, status: int, *words: str) -> bool:
    lines = done.err.splitlines()
    return (
        done.status == status and 1 <= len(lines) <= 2 and all(w in done.err for w in words) and "Trace" not in done.err
    )


def test_binary_data_on_stdin_is_refused(memcli: Program) -> None:
    png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    assert is_one_clear_error(
        memcli("ask", "What is this?", stdin=png), 1, "stdin is not UTF-8 text: byte 0x89 at offset 0"
    )
    assert is_one_clear_error(memcli("remember", stdin=b"text\x00more"), 1, "NUL byte at offset 4")
    assert is_one_clear_error(memcli("chat", stdin=b"fine\nbad \xff\n"), 1, "stdin line 2 is not UTF-8")


def test_a_line_that_is_not_text_does_not_undo_the_turns_before_it(memcli: Program) -> None:
    memcli("chat", stdin=b"My dog is called Turing.\nbad \xff\n")
    assert memcli("threads", "--json").json["threads"][0]["messages"] == 2


@pytest.mark.parametrize("value", ['"a\\u0000b"', "[]", "{a = 1}", '"~nobody-of-this-name/x.db"'])
def test_a_config_file_that_names_no_store_makes_none(
    memcli: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    memcli("config", "set", "db", "x")  # makes the file
    memcli.paths.config_file.write_text(f"db = {value}\n")
    assert is_one_clear_error(memcli("list"), 1)
    assert is_one_clear_error(memcli("backup", "b.db"), 1)
    assert list(here.iterdir()) == []


def test_a_backup_is_not_written_to_standard_output(
    memcli: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    memcli("remember", "I like tea.")
    before = list(tmp_path.iterdir())
    assert is_one_clear_error(memcli("backup", "-"), 1, "name the file")
    assert list(tmp_path.iterdir()) == before


def test_a_place_in_the_home_of_nobody_is_refused(memcli: Program) -> None:
    memcli("remember", "I like tea.")
    place = "~nobody-of-this-name/x"
    for args in (("backup", place), ("export", "-o", place), ("import", place), ("--db", place, "list")):
        assert is_one_clear_error(memcli(*args), 1, place, "whom there is not"), args
    memcli("config", "set", "passphrase_file", place)
    assert is_one_clear_error(memcli("encrypt"), 1, place)


def test_an_argument_that_is_not_utf8_is_refused(memcli: Program) -> None:
    assert is_one_clear_error(memcli("remember", "caf\udce9"), 1, "is not UTF-8 text")
    assert is_one_clear_error(memcli("search", "caf\udce9"), 1, "is not UTF-8 text")


def test_escape_sequences_in_a_memory_never_reach_the_terminal(memcli: Program) -> None:
    id_ = memcli("remember", EVIL, "--json").json["id"]
    for args in (("list",), ("show", id_), ("search", "pay"), ("search", "pay", "--explain"), ("context", "pay"),
                 ("context", "--raw", "pay"), ("forget", id_, "--dry-run")):  # fmt: skip
        for tty in (False, True):
            shown = memcli(*args, tty=tty).out
            assert "red" in shown
            assert "backwards" in shown
            assert not UNSAFE.search(re.sub(r"\x1b\[[\d;]*m", "", shown)), args
            assert "\x1b[31mred" not in shown
    raw = memcli("list", "--json").out
    assert not UNSAFE.search(raw)
    assert json.loads(raw)["memories"][0]["text"] == EVIL, "JSON escapes, and loses nothing"


def test_escape_sequences_in_an_answer_are_removed(memcli: Program, model: ScriptedModel) -> None:
    model.answers = ["Look: \x1b[2J gone"]
    assert "\x1b" not in memcli("ask", "Hello").out


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_cleaned_text_holds_no_control_characters_and_cleaning_again_changes_nothing(text: str) -> None:
    assert not UNSAFE.search(clean(text))
    assert clean(clean(text)) == clean(text)


def test_a_message_of_a_megabyte_is_read_in_part_and_remembered_whole(memcli: Program) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 23_000
    assert memcli("ask", "--no-save", text).status == 0
    id_ = memcli("remember", "--json", stdin=text).json["id"]
    assert memcli("show", id_, "--json").json["text"] == text
    assert memcli("search", "lazy dog").status == 0


def test_a_store_that_is_something_else_is_left_alone(memcli: Program, tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("These are my notes, not a database. " * 40)
    before = other.read_bytes()
    assert is_one_clear_error(memcli("--db", other, "remember", "x"), 5)
    foreign = tmp_path / "other.db"
    apsw.Connection(str(foreign)).execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    assert is_one_clear_error(memcli("--db", foreign, "list"), 5)
    assert other.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "notes.txt", "other.db"]


def test_a_store_of_a_newer_version_is_refused(memcli: Program) -> None:
    memcli("remember", "I like tea.")
    db = apsw.Connection(str(memcli.paths.store))
    db.execute("PRAGMA user_version = 999")
    db.close()
    assert is_one_clear_error(memcli("list"), 5, "newer")


def test_a_damaged_store_is_said_to_be_damaged(memcli: Program) -> None:
    memcli(
        "import", "-", stdin="".join(json.dumps({"role": "user", "content": f"message {i}"}) + "\n" for i in range(99))
    )
    data = bytearray(memcli.paths.store.read_bytes())
    data[4096 : len(data) - 4096] = os.urandom(len(data) - 8192)
    memcli.paths.store.write_bytes(data)
    assert is_one_clear_error(memcli("list"), 5, "damaged")


def test_a_locked_store_is_said_to_be_locked(memcli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    memcli("remember", "I like tea.")
    from memcli.store.database import Store

    real = Store.open
    monkeypatch.setattr(Store, "open", lambda path, **options: real(path, busy_ms=50, **options))
    db = apsw.Connection(str(memcli.paths.store))
    db.execute("BEGIN IMMEDIATE")
    assert is_one_clear_error(memcli("remember", "I like rain."), 5)
    db.execute("ROLLBACK")
    assert memcli("remember", "I like rain.").status == 0


def with_little_space(*args: str, stdin: str = "", limit: int | None = None) -> Outcome:
    """Run memcli, searching by words only, in a process that may write no file larger than `limit` bytes."""
    code = "import sys, resource; from memcli.cli.main import main; "
    code += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); " if limit else ""
    env = {**os.environ, "MEMCLI_EMBEDDER": "none-such"}
    command = [sys.executable, "-c", f"{code} main({['-q', *args]!r})"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, input=stdin, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_bug(closed: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m memcli list {closed}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_an_output_that_cannot_be_written_is_said() -> None:
    command = [sys.executable, "-m", "memcli", "config"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert is_one_clear_error(Outcome(done.returncode, "", done.stderr), 1, "cannot be written")


def test_a_full_disk_is_said_and_what_was_there_stays() -> None:
    assert with_little_space("remember", "I like tea.").status == 0
    done = with_little_space("remember", stdin="word " * 80_000, limit=250_000)
    assert is_one_clear_error(done, 1)
    assert re.search("space|full|write", done.err)
    assert "I like tea." in with_little_space("list").out
    assert with_little_space("remember", "I like rain.").status == 0


def test_a_read_only_place_is_said(memcli: Program, tmp_path: Path) -> None:
    place = tmp_path / "locked"
    place.mkdir(mode=0o555)
    for folder in (tmp_path, *tmp_path.parents)[:4]:  # as many as pytest makes: others are to get as far as the place
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)

    def as_nobody(results: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
        if os.getuid() == 0:  # nothing is read-only to root
            os.setgid(65534)
            os.setuid(65534)
        results.put(memcli("--db", place / "m.db", "remember", "I like tea."))

    forking = multiprocessing.get_context("fork")
    results = forking.Queue()
    child = forking.Process(target=as_nobody, args=(results,))
    child.start()
    done = results.get(timeout=30)
    child.join()
    assert is_one_clear_error(done, 1, str(place))


REAL_LOAD = Workspace._load_model


def test_a_model_that_is_not_there_or_no_gguf_is_exit_4(
    memcli: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from memcli.inference import catalog

    monkeypatch.setattr(Workspace, "_load_model", REAL_LOAD)
    text = tmp_path / "model.gguf"
    text.write_text("I am not a model.")
    assert is_one_clear_error(memcli("ask", "--model", str(text), "Hello"), 4, "GGUF")
    assert is_one_clear_error(memcli("ask", "--model", "nothere", "Hello"), 4, "nothere")
    monkeypatch.setattr(catalog, "starter", lambda: None)
    assert is_one_clear_error(memcli("ask", "Hello"), 4, "memcli")


@pytest.mark.parametrize(
    "args", [("frob",), ("list", "--nope"), ("search", "x", "--limit", "0"), ("list", "--kind", "x")]
)
def test_a_wrong_command_line_is_exit_2(memcli: Program, args: tuple[str, ...]) -> None:
    assert is_one_clear_error(memcli(*args), 2, "--help")


def test_errors_are_json_where_json_was_asked_for(memcli: Program) -> None:
    assert memcli("show", "nothere", "--json").error["code"] == "not_found"
    assert memcli("list", "--nope", "--json").error["code"] == "usage"


def test_a_bug_is_exit_70_and_says_where_to_report_it(memcli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from memcli.store import memories

    def broken(*args: object, **more: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(memories, "current", broken)
    done = memcli("list")
    assert is_one_clear_error(done, 70, "a bug in memcli", "report")
    assert "Traceback" in memcli.paths.log.read_text()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=st.text(min_size=1, max_size=40).filter(lambda t: t.strip() and not t.startswith("-")))
def test_no_text_whatsoever_makes_search_raise(memcli: Program, query: str) -> None:
    memcli("remember", "My sister Ines is a vet.")
    assert memcli("search", "--", query).status in (0, 1, 3)


def test_a_config_file_that_does_not_parse_is_named_and_left_alone(memcli: Program) -> None:
    file = memcli.paths.config_file
    file.parent.mkdir(parents=True)
    file.write_text("model = \n")
    assert is_one_clear_error(memcli("list"), 1, str(file))
    assert is_one_clear_error(memcli("config", "set", "temperature", "1"), 1, str(file))
    assert file.read_text() == "model = \n"
    file.write_text(f"model = {'[' * 5000}\n")
    assert is_one_clear_error(memcli("list"), 1, str(file), "nested too deeply")
    assert is_one_clear_error(memcli("--config", "/dev/zero", "list"), 1, "/dev/zero is larger than")
    file.write_text('modle = "x"\n')
    assert is_one_clear_error(memcli("list"), 1, "modle", "did you mean model?")
