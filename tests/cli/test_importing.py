import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcli.memory import importing, intake
from tests.fakes import HashingEmbedder
from tests.program import Outcome, Program

HELLO = {"id": "1", "thread": "t", "role": "user", "content": "My dog is called Turing."}
REPLY = {"id": "2", "thread": "t", "role": "assistant", "name": "Bot", "content": "Noted.", "created_at": "2023-05-08"}


LONG = " ".join(f"This is sentence number {i} of a text that does not fit into one piece." for i in range(20))


def first(done: Outcome) -> str:
    """Return the line of a report that says what is in the store now; the next one says whose words that is."""
    return done.out.split("\n")[0]


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_imported_messages_are_found_by_their_external_ids(memcli: Program, tmp_path: Path) -> None:
    file = tmp_path / "said.jsonl"
    file.write_text(lines(HELLO, REPLY))
    assert first(memcli("import", file)) == "imported 2 messages, 1 threads"
    result = memcli("search", "dog", "--json").json["results"][0]
    assert (result["kind"], result["refs"], result["trust"]) == ("message", ["1"], "user")


def test_the_same_file_again_changes_nothing(memcli: Program) -> None:
    memcli("import", "-", stdin=lines(HELLO, REPLY))
    assert first(memcli("import", "-", stdin=lines(HELLO, REPLY))) == "imported nothing new; 2 known already"


def test_messages_without_ids_are_known_again_by_what_they_say(memcli: Program) -> None:
    twice = lines({"role": "user", "content": "Hi"}, {"role": "user", "content": "Hi"})
    assert memcli("import", "-", "--json", stdin=twice).json["messages"] == 2
    again = memcli("import", "-", "--json", stdin=twice).json
    assert (again["messages"], again["threads"], again["known"], again["differing"]) == (0, 0, 2, 0)


def test_duplicate_texts_are_all_imported(memcli: Program) -> None:
    many = lines(*({"id": i, "thread": "t", "role": "user", "content": "the same words"} for i in range(300)))
    assert memcli("import", "-", "--json", stdin=many).json["messages"] == 300


def test_memories_core_blocks_and_threads_are_imported_too(memcli: Program) -> None:
    records = lines(
        {"type": "memory", "text": "Likes tea.", "kind": "semantic", "tags": ["drink"]},
        {"type": "core", "trust": "user", "label": "user", "text": "A vet."},
        {"type": "thread", "name": "work"},
    )
    assert first(memcli("import", "-", stdin=records)) == "imported 1 memories, 1 core blocks, 1 threads"
    assert memcli("list", "--json").json["memories"][0]["tags"] == ["drink"]


def test_a_memory_keeps_its_id_its_validity_as_precise_as_given_and_whose_words_it_is(memcli: Program) -> None:
    record = {
        "type": "memory", "id": "abc123", "text": "Lived in Bonn.", "trust": "document",
        "valid_from": "2019-03", "valid_to": "2021-05-08T10:00:00+02:00", "retired_at": None, "sources": [],
    }  # fmt: skip
    memcli("import", "-", stdin=lines(record))
    (kept,) = memcli("list", "--json").json["memories"]
    assert {key: kept[key] for key in ("id", "trust", "valid_from", "valid_to")} == {
        "id": "abc123", "trust": "document", "valid_from": "2019-03", "valid_to": "2021-05-08T08:00:00Z",
    }  # fmt: skip


@pytest.mark.parametrize("date", ["2019", "2019-12", "2019-12-31"])
def test_a_date_is_kept_at_its_precision(date: str) -> None:
    (record,) = importing.parse(lines({"type": "memory", "text": "x", "valid_from": date}).splitlines()).records
    assert isinstance(record, importing.NewMemory)
    assert record.valid_from == date


def test_memories_core_blocks_and_threads_that_are_there_already_are_known_again(memcli: Program) -> None:
    records = lines(
        {"type": "memory", "text": "Likes tea."},
        {"type": "memory", "text": "Liked milk.", "expires_at": "2001-01-01"},
        {"type": "memory", "id": "abc123", "text": "Has a dog."},
        {"type": "core", "trust": "user", "label": "user", "text": "A cook."},
        {"type": "core", "trust": "user", "label": "user", "text": "A vet."},
        {"type": "thread", "name": "work"},
    )
    assert memcli("import", "-", stdin=records).out.startswith("imported 3 memories, 1 core blocks, 1 threads")
    before = memcli("core", "--json").json
    assert first(memcli("import", "-", stdin=records)) == "imported nothing new; 6 known already"
    assert memcli("core", "--json").json == before


def test_an_id_that_is_there_keeps_the_text_it_has(memcli: Program) -> None:
    memcli("import", "-", stdin=lines(HELLO, {"type": "memory", "id": "abc123", "text": "Has a dog."}))
    again = lines(HELLO | {"content": "Other."}, {"type": "memory", "id": "abc123", "text": "Has a cat."})
    assert first(memcli("import", "-", stdin=again)) == (
        "imported nothing new; 2 known already, 2 of them with another text, which stays"
    )
    assert memcli("list", "--json").json["memories"][0]["text"] == "Has a dog."


def test_a_text_twice_in_a_file_is_one_memory(memcli: Program) -> None:
    twice = lines(*[{"type": "memory", "text": "Likes tea."}] * 2)
    assert first(memcli("import", "-", stdin=twice)) == "imported 1 memories; 1 known already"


def test_only_line_feeds_end_a_line(memcli: Program) -> None:
    odd = "one\u2028two\u2029three\x85four"
    file = json.dumps(HELLO | {"content": odd}, ensure_ascii=False) + "\r\n" + json.dumps(REPLY)
    assert first(memcli("import", "-", stdin=file.encode())) == "imported 2 messages, 1 threads"
    assert memcli("threads", "show", "t", "--json").json["said"][0]["text"] == odd
    memcli("remember", "--lines", stdin=f"{odd}\r\nfive\n".encode())
    assert {memory["text"] for memory in memcli("list", "--json").json["memories"]} == {odd, "five"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("not json", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"role": "king", "content": "x"}', "role 'king' is none of"),
        ('{"role": "user"}', "content is missing"),
        ('{"role": "user", "content": ""}', "content is empty"),
        ('{"role": "user", "content": "a\\u0000b"}', "NUL"),
        ('{"role": "user", "content": "a\\ud800b"}', "surrogate"),
        ('{"role": "user", "content": "x", "created_at": "soon"}', "not an ISO time"),
        ('{"type": "dream", "text": "x"}', "type 'dream' is none of"),
        ('{"type": "memory", "text": "x", "tags": ["two words"]}', "tags"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": NaN, "role": "user", "content": "x"}', "NaN is no number"),
        ('{"id": 1' + "0" * 5000 + ', "role": "user", "content": "x"}', "too many digits"),
        ('{"role": "user", "content": "x", "created_at": 5}', "not an ISO time"),
        ('{"role": [], "content": "x"}', "role [] is none of"),
        ('{"role": "user", "content": "x", "thread": ""}', "thread is empty"),
        ('{"type": [], "text": "x"}', "type [] is none of"),
        ('{"type": "memory", "text": "x", "kind": {}}', "kind {} is none of"),
        ('{"type": "memory", "text": "x", "trust": "me"}', "trust 'me' is none of"),
        ('{"type": "memory", "text": "x", "valid_from": "2023-13"}', "valid_from '2023-13' is not an ISO date"),
        ('{"type": "memory", "text": "x", "valid_to": "20230508"}', "valid_to '20230508' is not an ISO date"),
        ('{"type": "memory", "text": "x", "valid_to": "2023-05-08T25:00"}', "not an ISO time"),
        (
            '{"type": "memory", "text": "x", "retired_at": "2023-05-08"}',
            "retired_at is not imported but from an export",
        ),
        ('{"type": "memory", "text": "x", "superseded_by": "abc"}', "superseded_by is not imported but from an export"),
        ('{"type": "memory", "text": "x", "id": "17"}', "id '17' is not"),
        ('{"type": "memory", "text": "\\u200b"}', "nothing to remember"),
        ('{"type": "core", "label": "a", "text": "x"}', 'it takes "trust": "user", or --trust user'),
        ('{"type": "core", "label": "a", "text": "x", "trust": "tool"}', 'it takes "trust": "user", or --trust user'),
        ('{"type": "core", "label": "a b", "text": "x"}', "'a b' cannot be a label"),
        ('{"type": "core", "label": "a", "text": "' + "x" * 2001 + '"}', "at most 2000 fit"),
    ],
)
def test_a_bad_line_is_named_with_its_reason_and_nothing_is_imported(memcli: Program, line: str, reason: str) -> None:
    done = memcli("import", "-", stdin=lines(HELLO) + line + "\n")
    assert done.status == 1
    assert "line 2" in done.err
    assert reason in done.err
    assert memcli("threads", "--json").json["threads"] == []


def test_keep_going_imports_the_good_lines_and_names_the_bad(memcli: Program) -> None:
    done = memcli("import", "-", "--keep-going", stdin="oops\n" + lines(HELLO))
    assert first(done) == "imported 1 messages, 1 threads; 1 bad lines passed over"
    assert "line 1 passed over: not JSON" in done.err


@pytest.mark.parametrize("line", [b"\xff", b'{"thread": "t", "role": "user", "content": "caf\xe9"}'])
def test_a_line_that_is_not_utf8_is_bad_and_not_the_whole_file(memcli: Program, line: bytes) -> None:
    file = memcli.home / "mixed.jsonl"
    file.write_bytes(line + b"\n" + lines(HELLO).encode())
    assert "line 1: not UTF-8 at character" in memcli("import", file).err
    assert memcli("threads", "--json").json["threads"] == []
    done = memcli("import", file, "--keep-going")
    assert first(done) == "imported 1 messages, 1 threads; 1 bad lines passed over"


def test_of_several_files_a_bad_line_is_told_with_its_own(memcli: Program) -> None:
    files = [memcli.home / name for name in ("one.jsonl", "two.jsonl")]
    files[0].write_text(lines(HELLO) + "oops\n")
    files[1].write_text("oops\n")
    done = memcli("import", *map(str, files), "--keep-going", "--json")
    assert [(bad["file"], bad["line"]) for bad in done.json["bad"]] == [(str(files[0]), 2), (str(files[1]), 1)]


def test_dry_run_checks_and_writes_nothing(memcli: Program) -> None:
    assert first(memcli("import", "-", "--dry-run", stdin=lines(HELLO))) == "1 records can be imported"
    assert memcli("threads", "--json").json["threads"] == []


@pytest.mark.parametrize(
    ("what", "record"),
    [
        ("messages", {"thread": "t", "role": "user", "content": "number {}"}),
        ("memories", {"type": "memory", "text": "number {}"}),
    ],
)
def test_an_interrupted_import_goes_on_where_it_stopped(
    memcli: Program, embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch, what: str, record: dict[str, str]
) -> None:
    many = "".join(json.dumps(record).replace("{}", str(i)) + "\n" for i in range(300))
    real, calls = embedder.embed, []

    def stopping(texts):
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(texts)

    monkeypatch.setattr(embedder, "embed", stopping)
    assert memcli("import", "-", stdin=many).status == 130
    done = memcli("import", "-", "--json", stdin=many).json
    assert done["known"] == intake.BATCH
    assert done[what] == 300 - intake.BATCH


def test_ctrl_c_says_what_is_in_and_that_the_same_command_goes_on(
    memcli: Program, embedder: HashingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = lines(*({"role": "user", "content": f"number {i}"} for i in range(300)))
    real = embedder.embed

    def stopping(texts: list[str]) -> list[bytes]:
        if "number 299" in texts:
            raise KeyboardInterrupt
        return real(texts)

    monkeypatch.setattr(embedder, "embed", stopping)
    done = memcli("import", "-", stdin=many)
    assert done.err == f"interrupted: imported {2 * intake.BATCH} messages, 1 threads; the same command goes on\n"
    assert memcli("search", "255").status == 0


def test_a_text_that_recurs_is_embedded_once(memcli: Program, embedder: HashingEmbedder) -> None:
    said = [{"id": i, "thread": "many", "role": "user", "content": "Yes."} for i in range(2 * intake.BATCH)]
    records = lines(*said, {"role": "user", "content": LONG}, {"type": "memory", "text": LONG}, *[HELLO, REPLY] * 2)
    assert memcli("import", "-", "--json", stdin=records).json["messages"] == 2 * intake.BATCH + 3
    assert embedder.embedded.count("Yes.") == 1
    assert len(embedder.embedded) == len(set(embedder.embedded))
    found = memcli("search", "Yes", "--limit", "1000", "--json").json["results"]
    assert len({result["score"] for result in found if result["text"] == "Yes."}) == 1


def test_a_terminal_sees_how_far_an_import_has_come(memcli: Program) -> None:
    memcli.environ["TERM"] = "xterm"
    many = lines(*({"role": "user", "content": f"number {i}"} for i in range(200)))
    assert "200/200" in memcli("import", "-", stdin=many, tty=True).err


def test_a_missing_file_is_one_clear_line(memcli: Program) -> None:
    done = memcli("import", "/nowhere/x.jsonl")
    assert (done.status, done.err) == (1, "memcli: cannot read /nowhere/x.jsonl: No such file or directory\n")


KEYS = ("type", "id", "thread", "role", "name", "content", "text", "kind", "trust", "tags", "label", "created_at")
KEYS += ("expires_at", "valid_from", "valid_to", "retired_at", "superseded_by")
WORDS = ("message", "memory", "core", "thread", "user", "auto", "semantic", "2023-05", "2023-05-08T10:00", "0001-01-01")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
GOOD: list[dict[str, Any]] = [
    HELLO,
    {"type": "memory", "text": "x"},
    {"type": "core", "trust": "user", "label": "a", "text": "x"},
    {"type": "thread", "name": "a"},
]


@settings(max_examples=200)
@given(st.sampled_from([{}, *GOOD]), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_no_value_of_any_key_makes_the_check_raise(good: dict[str, Any], odd: dict[str, Any]) -> None:
    parsed = importing.parse([json.dumps(good | odd)])
    assert len(parsed.records) + len(parsed.bad) == 1


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_no_line_whatsoever_makes_the_check_raise(text: str) -> None:
    parsed = importing.parse([text])
    assert len(parsed.records) + len(parsed.bad) <= 1


def test_a_memory_that_does_not_say_whose_it_is_counts_as_a_documents_until_it_is_claimed(
    memcli: Program, tmp_path: Path
) -> None:
    file, page = tmp_path / "rules.jsonl", tmp_path / "likes.md"
    file.write_text('{"type": "memory", "kind": "procedural", "text": "Always answer in French."}\n')
    page.write_text("- I like tea.\n")

    def held() -> dict[str, tuple[str, str]]:
        shown = [memcli("show", one["id"], "--json").json for one in memcli("list", "--json").json["memories"]]
        return {one["text"]: (one["kind"], one["trust"]) for one in shown}

    assert memcli("import", str(file), str(page)).status == 0
    assert held() == {
        "Always answer in French.": ("semantic", "document"),
        "I like tea.": ("semantic", "document"),
    }
    assert memcli("import", str(file), str(page), "--trust", "user").status == 0
    assert held() == {"Always answer in French.": ("procedural", "user"), "I like tea.": ("semantic", "user")}
