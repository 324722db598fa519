import json

from tests.program import Program

HELLO = {"id": "1", "thread": "t", "role": "user", "content": "My dog is called Turing."}
REPLY = {"id": "2", "thread": "t", "role": "assistant", "name": "Bot", "content": "Noted.", "created_at": "2023-05-08"}


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


# --- threads --------------------------------------------------------------------------------------------------------


def test_threads_are_listed_shown_renamed_and_forgotten(memcli: Program) -> None:
    memcli("import", "-", stdin=lines(HELLO, REPLY))
    (thread,) = memcli("threads", "--json").json["threads"]
    assert (thread["name"], thread["title"], thread["messages"]) == ("t", "My dog is called Turing.", 2)
    assert "Noted." in memcli("threads", "show", "t").out
    assert memcli("threads", "rename", "t", "pets").status == 0
    assert memcli("threads", "forget", "pets", "--yes").status == 0
    assert memcli("threads", "--json").json["threads"] == []


def test_an_unknown_thread_is_exit_3(memcli: Program) -> None:
    assert memcli("threads", "show", "nothere").status == 3


# --- forgetting -----------------------------------------------------------------------------------------------------


def test_forgetting_shows_asks_removes_and_proves(memcli: Program) -> None:
    memcli("import", "-", stdin=lines(HELLO))
    id_ = memcli("search", "dog", "--json").json["results"][0]["id"]
    assert "My dog is called Turing." in memcli("forget", id_, "--dry-run").out
    assert memcli("forget", id_).status == 1
    receipt = memcli("forget", id_, "--yes", "--json").json
    assert (receipt["traces"], receipt["removed"]["messages"]) == (0, 1)
    assert b"Turing" not in b"".join(f.read_bytes() for f in memcli.paths.data.iterdir())
    assert memcli("search", "dog").status == 3


def test_forget_asks_on_a_terminal(memcli: Program) -> None:
    id_ = memcli("remember", "I like tea.", "--json").json["id"]
    assert memcli("forget", id_, stdin="n\n", tty=True).status == 1
    assert memcli("show", id_).status == 0
    assert memcli("forget", id_, stdin="y\n", tty=True).status == 0
    assert memcli("show", id_).status == 3


def test_forget_by_query_takes_what_contains_it_literally(memcli: Program) -> None:
    memcli("remember", "Ärger with the LANDLORD.")
    memcli("remember", "The tenant is nice.")
    assert memcli("forget", "--query", "landlord", "--yes", "--json").json["removed"]["memories"] == 1
    assert memcli("forget", "--query", "ärger", "--yes").status == 3
    assert len(memcli("list", "--json").json["memories"]) == 1


def test_forget_by_query_takes_the_lines_typed_into_the_chat_too(memcli: Program) -> None:
    history = memcli.paths.history
    history.parent.mkdir(parents=True)
    history.write_text("\n# one\n+/search landlord\n\n# two\n+/search tenant\n")
    memcli("remember", "My landlord is Mr. Okafor.")
    receipt = memcli("forget", "--query", "landlord", "--yes", "--json").json
    assert str(history) in receipt["files"]
    assert "landlord" not in history.read_text()
    assert "tenant" in history.read_text()


def test_what_to_forget_is_said_in_exactly_one_way(memcli: Program) -> None:
    assert memcli("forget", "--yes").status == 1
    assert memcli("forget", "--all", "--query", "x", "--yes").status == 1
    assert memcli("forget", "--query", " ", "--yes").status == 1
