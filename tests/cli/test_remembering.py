import pytest

from memcli.store import memories
from memcli.store.database import Store
from memcli.types import Kind, Trust
from tests.program import Program


def remembered(memcli: Program, *texts: str) -> list[str]:
    return [memcli("remember", text, "--json").json["id"] for text in texts]


def test_remember_prints_the_id_and_the_kind(memcli: Program) -> None:
    done = memcli("remember", "I", "am", "allergic", "to", "peanuts.")
    id_, kind = done.out.split()
    assert (done.status, kind) == (0, "semantic")
    assert memcli("show", id_, "--json").json["text"] == "I am allergic to peanuts."


def test_remember_without_a_text_reads_stdin_as_one_memory(memcli: Program) -> None:
    text = "The recipe:\n- flour\n- water\n"
    assert memcli("remember", "--json", stdin=text).json["text"] == text.strip()


def test_a_dash_is_standard_input(memcli: Program) -> None:
    assert memcli("remember", "-", "--json", stdin="I like tea.\n").json["text"] == "I like tea."
    assert memcli("remember", "-", stdin="").status == 1


def test_remember_lines_makes_one_memory_of_each_line(memcli: Program) -> None:
    done = memcli("remember", "--lines", stdin="I like tea.\n\nI like rain.\n")
    assert len(done.out.splitlines()) == 2
    assert {m["text"] for m in memcli("list", "--json").json["memories"]} == {"I like tea.", "I like rain."}


def test_an_exact_repeat_returns_the_existing_id(memcli: Program) -> None:
    first, second = remembered(memcli, "I like tea.", "I like tea.")
    assert first == second
    assert len(memcli("list", "--json").json["memories"]) == 1


def test_a_given_kind_tags_and_expiry_are_kept(memcli: Program) -> None:
    row = memcli(
        "remember", "Use metric.", "--kind", "procedural", "--tag", "units", "--expires", "2099-01-01", "--json"
    ).json
    assert (row["kind"], row["tags"], row["expires_at"][:10]) == ("procedural", ["units"], "2099-01-01")


def test_an_expired_memory_is_listed_only_with_all(memcli: Program) -> None:
    memcli("remember", "The museum is closed.", "--at", "2020-01-01", "--expires", "2020-02-01")
    assert memcli("list", "--json").json["memories"] == []
    assert len(memcli("list", "--all", "--json").json["memories"]) == 1
    assert memcli("search", "museum").status == 3


def test_at_takes_the_place_of_now(memcli: Program) -> None:
    row = memcli("remember", "I moved.", "--at", "2020-05-04T10:00:00Z", "--json").json
    assert row["created_at"] == "2020-05-04T10:00:00Z"


def test_remember_core_appends_to_the_block(memcli: Program) -> None:
    memcli("remember", "--core", "user", "A vet.")
    memcli("remember", "--core", "user", "Lives in Porto.")
    assert memcli("core", "show", "user", "--json").json["blocks"][0]["text"] == "A vet.\nLives in Porto."


def test_list_jsonl_prints_one_document_a_line(memcli: Program) -> None:
    remembered(memcli, "one thing", "another thing")
    assert len(memcli("list", "--jsonl").out.splitlines()) == 2


def test_show_takes_an_unambiguous_prefix(memcli: Program) -> None:
    (id_,) = remembered(memcli, "I like tea.")
    assert memcli("show", id_[:5], "--json").json["id"] == id_


@pytest.mark.parametrize(("args", "status"), [(("show", "nothere"), 3), (("forget", "nothere", "--yes"), 3)])
def test_an_unknown_id_is_said_to_be_unknown(memcli: Program, args: tuple[str, ...], status: int) -> None:
    done = memcli(*args)
    assert done.status == status
    assert "nothere" in done.err


def test_an_ambiguous_prefix_lists_what_it_could_mean(memcli: Program) -> None:
    with Store.open(memcli.paths.store) as store:
        for id_ in ("abcd111111", "abcd222222"):
            memories.add(store, kind=Kind.SEMANTIC, text=id_, trust=Trust.USER, now="2026-01-01T00:00:00Z", id=id_)
    done = memcli("show", "abcd")
    assert done.status == 1
    assert "abcd111111" in done.err
    assert "abcd222222" in done.err


def test_core_blocks_are_set_appended_replaced_and_cleared(memcli: Program) -> None:
    assert memcli("core", "set", "user", "A vet in Porto.").out == "A vet in Porto.\n"
    assert memcli("core", "append", "user", "Has a dog.").out == "A vet in Porto.\nHas a dog.\n"
    assert memcli("core", "replace", "user", "Porto", "Lisbon").out == "A vet in Lisbon.\nHas a dog.\n"
    assert memcli("core", "clear", "user").status == 0
    assert memcli("core", "show", "user").status == 3


def test_core_refuses_a_text_that_would_crowd_the_context(memcli: Program) -> None:
    done = memcli("core", "set", "user", "word " * 1000)
    assert done.status == 1
    assert "at most 2000" in done.err


def test_core_replace_refuses_what_is_not_there_exactly_once(memcli: Program) -> None:
    memcli("core", "set", "user", "tea and tea")
    assert memcli("core", "replace", "user", "tea", "rain").status == 1
    assert memcli("core", "replace", "user", "coffee", "rain").status == 1
    assert memcli("core", "show", "user", "--json").json["blocks"][0]["text"] == "tea and tea"


# --- search ---------------------------------------------------------------------------------------------------------


def test_search_finds_by_words_and_prints_tabs_to_a_pipe(memcli: Program) -> None:
    remembered(memcli, "My sister Ines is a vet.", "The router is in the hall.")
    line = memcli("search", "sister").out.splitlines()[0].split("\t")
    assert line[2:] == ["semantic", line[3], "My sister Ines is a vet."]


def test_search_json_has_the_agreed_shape(memcli: Program) -> None:
    remembered(memcli, "My sister Ines is a vet.")
    found = memcli("search", "sister", "--json", "--explain").json
    assert found["query"] == "sister"
    result = found["results"][0]
    expected = {
        "id",
        "kind",
        "text",
        "score",
        "refs",
        "created_at",
        "valid_from",
        "valid_to",
        "thread",
        "trust",
        "tags",
    }
    assert set(result) == expected | {"why", "relevance", "matched"}
    assert sum(result["why"].values()) == pytest.approx(result["score"])


def test_search_that_finds_nothing_is_exit_3_and_still_prints_the_empty_document(memcli: Program) -> None:
    done = memcli("search", "zebra", "--json")
    assert done.status == 3
    assert done.json == {"query": "zebra", "results": []}


def test_search_limits_are_hard(memcli: Program) -> None:
    memcli("remember", "I planted an apple tree.", "--at", "2020-03-01", "--tag", "garden")
    memcli("remember", "I planted a pear tree.", "--at", "2022-03-01", "--tag", "garden", "--kind", "episodic")

    def texts(*args: str) -> list[str]:
        return [r["text"] for r in memcli("search", "planted tree", *args, "--json").json["results"]]

    assert len(texts()) == 2
    assert texts("--since", "2021") == ["I planted a pear tree."]
    assert texts("--until", "2021") == ["I planted an apple tree."]
    assert texts("--as-of", "2020-12") == ["I planted an apple tree."]
    assert texts("--kind", "episodic") == ["I planted a pear tree."]
    assert texts("--tag", "kitchen") == []
    assert len(texts("--limit", "1")) == 1


def test_search_batch_answers_every_line_in_order(memcli: Program) -> None:
    remembered(memcli, "My sister Ines is a vet.")
    done = memcli("search", "--batch", "--json", stdin="sister\n\nnothing like it\n")
    assert done.status == 0
    lines = done.out.splitlines()
    assert [line.split('"')[3] for line in lines] == ["sister", "", "nothing like it"]


def test_search_without_an_embedder_goes_by_words_and_says_so(memcli: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from memcli.errors import EmbedderError
    from memcli.workspace import Workspace

    def broken(self: Workspace) -> None:
        raise EmbedderError("there is none", "install one")

    monkeypatch.setattr(Workspace, "_open_embedder", broken)
    remembered(memcli, "My sister Ines is a vet.")
    done = memcli("search", "sister")
    assert "sister Ines" in done.out
    assert "by words only: there is none" in done.err


def test_a_memory_that_would_have_expired_already_is_refused(memcli: Program) -> None:
    done = memcli("remember", "The museum is closed.", "--expires", "2001-01-01")
    assert done.status == 1
    assert "over already" in done.err


def test_an_expired_memory_may_be_remembered_again(memcli: Program) -> None:
    memcli("remember", "The museum is closed.", "--at", "2020-01-01", "--expires", "2020-02-01")
    memcli("remember", "The museum is closed.")
    assert len(memcli("list", "--json").json["memories"]) == 1


def test_what_was_typed_in_vain_does_not_stay_in_the_log(memcli: Program) -> None:
    memcli("show", "quokka77 is my secret")
    assert "quokka77" not in memcli.paths.log.read_text()
