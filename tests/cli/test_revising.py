"""Undo, history, edit, and what show tells of a memory's past."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.cli import main
from memcli.store import health, messages, operations, threads
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Kind, Memory, Message, Role, Source, Trust
from memcli.ui.terminal import Terminal
from tests.program import Program, Stream

AT = "2026-03-01T09:30:00Z"
MOVED = "Well! I moved to Porto last week, for work."


@pytest.fixture
def store(memcli: Program) -> Iterator[Store]:
    with Store.open(memcli.paths.store) as opened:
        yield opened


def say(store: Store, text: str) -> Message:
    thread = threads.named(store, "trip") or threads.create(store, now=AT, name="trip")
    return messages.add(store, thread_id=thread.id, role=Role.USER, content=text, trust=Trust.USER, now=AT)


def formed(store: Store, text: str, *, of: Message | None = None, over: Memory | None = None, **more: str) -> Memory:
    """Form a memory as the program does by itself."""
    with store.atomic():
        journal = Journal(store, action="form", actor="formation", now=AT)
        sources = [Source(of.id, of.content.index("I "), of.content.index(","))] if of else []
        kind = Kind(more.pop("kind", Kind.SEMANTIC))
        made = journal.add(kind=kind, text=text, trust=Trust.USER, formed_by="rules", sources=sources, **more)
        if over:
            journal.supersede(over.id, made.id, valid_to="2026-03")
        journal.record()
    return made


def remembered(memcli: Program, text: str) -> str:
    return str(memcli("remember", text, "--json").json["id"])


def texts(memcli: Program) -> list[str]:
    return [m["text"] for m in memcli("list", "--json").json["memories"]]


# --- undo -----------------------------------------------------------------------------------------------------------


def test_undo_shows_whose_operation_it_is_when_it_was_and_what_it_did(memcli: Program, store: Store) -> None:
    old = formed(store, "Lives in Lisbon")
    formed(store, "Lives in Porto", over=old)
    done = memcli("undo", "2", "--yes")
    assert done.out.startswith(
        f"to be taken back (2):\n  form by formation, {AT}\n    reopen  {old.id} Lives in Lisbon\n"
    )
    assert f"    retire  {old.id} Lives in Lisbon\n" in done.out
    assert done.out.count(f"taken back: form by formation, {AT}\n") == 2
    assert texts(memcli) == []


def test_undo_takes_back_one_operation_if_not_said_otherwise(memcli: Program) -> None:
    for text in ("I like tea.", "I like rain."):
        remembered(memcli, text)
    assert "remember" not in (done := memcli("undo", "--yes")).out
    assert "add by you" in done.out
    assert texts(memcli) == ["I like tea."]
    assert memcli("search", "rain").status == 3


def test_what_was_remembered_at_once_goes_at_once(memcli: Program) -> None:
    memcli("remember", "--lines", stdin="I like tea.\nI like rain.\n")
    memcli("undo", "--yes")
    assert texts(memcli) == []


def test_undo_asks_on_a_terminal_and_refuses_elsewhere(memcli: Program) -> None:
    remembered(memcli, "I like tea.")
    refused = memcli("undo")
    assert refused.status == 1
    assert "I like tea." in refused.out
    assert "give --yes" in refused.err
    assert memcli("undo", tty=True, stdin="n\n").status == 1
    assert texts(memcli) == ["I like tea."]
    assert memcli("undo", tty=True, stdin="y\n").status == 0
    assert texts(memcli) == []


def test_core_memory_says_again_what_it_said(memcli: Program) -> None:
    memcli("core", "set", "user", "A vet in Porto.")
    memcli("core", "append", "user", "Has a dog.")
    assert "restore core:user A vet in Porto." in memcli("undo", "--yes").out
    assert memcli("core", "show", "user", "--json").json["blocks"][0]["text"] == "A vet in Porto."
    assert "clear   core:user" in memcli("undo", "--yes").out
    assert memcli("core", "show", "user").status == 3


def test_an_imported_core_block_is_taken_back_and_imported_messages_are_not(memcli: Program) -> None:
    block = '{"type": "core", "trust": "user", "label": "user", "text": "A baker."}\n'
    file = block + '{"thread": "t", "role": "user", "content": "Hi."}\n'
    assert memcli("import", "-", stdin=file).status == 0
    done = memcli("undo", "--yes")
    assert "passed over: import by import" in done.err
    assert "memcli threads forget" in done.err
    assert memcli("core", "show", "user").status == 3
    assert memcli("search", "Hi").status == 0


def test_what_was_forgotten_is_gone_for_good_and_undo_says_so(memcli: Program) -> None:
    tea = remembered(memcli, "I like tea.")
    remembered(memcli, "I like rain.")
    memcli("forget", tea, "--yes")
    done = memcli("undo", "2", "--yes")
    assert "passed over: forget by you" in done.err
    assert "gone for good" in done.err
    assert f"retire  {tea} (forgotten meanwhile)" in done.out
    assert f"forgotten meanwhile, and left so: {tea}" in done.out
    assert texts(memcli) == []


def test_undo_is_recorded_and_nothing_is_undone_twice(memcli: Program, store: Store) -> None:
    remembered(memcli, "I like tea.")
    memcli("undo", "--yes")
    again = memcli("undo", "--yes")
    assert (again.status, again.err) == (3, "memcli: there is nothing to undo\n")
    assert [o.action for o in operations.recent(store, 9)] == ["undo", "add"]
    assert health.check(store) == []


def test_undo_as_json_is_one_document(memcli: Program) -> None:
    tea = remembered(memcli, "I like tea.")
    done = memcli("undo", "--json", "--yes").json
    (undone,) = done["undone"]
    assert (undone["action"], undone["actor"], undone["forgotten"]) == ("add", "remember", [])
    assert undone["steps"] == [{"do": "retire", "id": tea, "text": "I like tea."}]
    nothing = memcli("undo", "--json", "--yes")
    assert (nothing.status, nothing.json) == (3, {"undone": [], "passed_over": []})


@pytest.mark.parametrize("n", ["0", "-1", "many"])
def test_undo_takes_a_number_of_operations(memcli: Program, n: str) -> None:
    assert memcli("undo", n).status == 2


# --- history --------------------------------------------------------------------------------------------------------


def test_history_tells_the_versions_oldest_first_with_what_superseded_what(memcli: Program, store: Store) -> None:
    # The newer one is of an older message: an import brings what was said long ago.
    old = formed(store, "Lives in Lisbon", valid_from="2020")
    new = formed(store, "Lives in Porto", over=old, valid_from="2026-03", created_at="2019-01-01T00:00:00Z")
    for asked in (old, new):
        done = memcli("history", asked.id[:8], "--json").json
        assert (done["id"], [v["id"] for v in done["versions"]]) == (asked.id, [old.id, new.id])
    first, second = done["versions"]
    assert (first["valid_from"], first["valid_to"], first["retired_at"]) == ("2020", "2026-03", AT)
    assert first["superseded"] == {"operation": 2, "action": "form", "actor": "formation", "at": AT}
    assert (first["made"]["operation"], second["made"]["operation"], second["superseded"]) == (1, 2, None)
    shown = memcli("history", old.id).out
    assert re.search(rf"{old.id}  semantic  \(this one\)\n  Lives in Lisbon\n  true +2020..2026-03\n", shown)
    assert f"believed    {AT}..{AT}\n" in shown
    assert f"superseded  by {new.id}: form by formation, {AT}\n" in shown
    assert shown.index("Lisbon") < shown.index("Porto")


def test_history_says_how_often_it_was_said(memcli: Program, store: Store) -> None:
    tea = formed(store, "Likes tea")
    Journal(store, action="form", actor="formation", now=AT).strengthen(tea.id)
    assert f"said        2 times, last {AT}\n" in memcli("history", tea.id).out


def test_a_message_has_no_history(memcli: Program, store: Store) -> None:
    said = say(store, MOVED)
    assert memcli("history", said.id).status == 1
    unknown = memcli("history", "nothere", "--json")
    assert (unknown.status, unknown.json) == (3, {})


# --- edit -----------------------------------------------------------------------------------------------------------


def test_edit_stores_a_new_version_that_supersedes_the_old_one_as_a_correction(memcli: Program, store: Store) -> None:
    old = formed(store, "Sister is called Ines", of=say(store, MOVED), tags=["family"], valid_from="2020")  # type: ignore[arg-type]
    done = memcli("edit", old.id[:7], "Sister", "is called Inês")
    new_id, kind = done.out.split()
    assert (kind, texts(memcli)) == ("semantic", ["Sister is called Inês"])
    new, was = memcli("show", new_id, "--json").json, memcli("show", old.id, "--json").json
    assert {name: new[name] for name in ("tags", "valid_from", "sources", "formed_by")} == {
        "tags": ["family"],
        "valid_from": "2020",
        "sources": was["sources"],
        "formed_by": None,
    }
    assert (new["supersedes"], was["superseded_by"], was["valid_to"]) == ([old.id], new_id, None)
    assert memcli("search", "Inês", "--json").json["results"][0]["id"] == new_id
    memcli("undo", "--yes")
    assert texts(memcli) == ["Sister is called Ines"]


def test_an_edited_memory_is_embedded_anew(memcli: Program, store: Store) -> None:
    new = memcli("edit", remembered(memcli, "I like tea."), "I like rain.", "--json").json
    sql = "SELECT text, has_vector FROM chunks WHERE owner_id = ?"
    assert store.rows(sql, (new["id"],)) == [("I like rain.", 1)]


def test_the_same_text_changes_nothing_and_says_so(memcli: Program, store: Store) -> None:
    tea = remembered(memcli, "I like tea.")
    done = memcli("edit", tea, "I like tea.")
    assert (done.status, done.out) == (0, f"{tea}  semantic  (unchanged)\n")
    assert len(operations.recent(store, 9)) == 1


def test_a_text_that_another_memory_has_is_not_stored_twice(memcli: Program) -> None:
    tea, rain = remembered(memcli, "I like tea."), remembered(memcli, "I like rain.")
    assert memcli("edit", tea, "I like rain.").out.startswith(rain)
    assert texts(memcli) == ["I like rain."]


def test_an_emptied_text_changes_nothing(memcli: Program) -> None:
    tea = remembered(memcli, "I like tea.")
    done = memcli("edit", tea, "  ")
    assert done.status == 1
    assert f"memcli forget {tea}" in done.err
    assert texts(memcli) == ["I like tea."]


def test_a_retired_memory_is_not_edited_and_names_its_successor(memcli: Program) -> None:
    one = remembered(memcli, "I like tea.")
    two = memcli("edit", one, "I like rain.").out.split()[0]
    three = memcli("edit", two, "I like snow.").out.split()[0]
    done = memcli("edit", one, "I like fog.")
    assert done.status == 1
    assert f"memcli edit {three}" in done.err


def test_neither_a_message_nor_an_expired_memory_is_edited(memcli: Program, store: Store) -> None:
    said = say(store, MOVED)
    assert "is a message" in (done := memcli("edit", said.id, "other words")).err
    assert done.status == 1
    memcli("remember", "The museum is closed.", "--at", "2020-01-01", "--expires", "2020-02-01")
    (museum,) = memcli("list", "--all", "--json").json["memories"]
    assert "expired on 2020-0" in memcli("edit", museum["id"], "The museum is open.").err


def test_piped_text_is_the_new_text(memcli: Program) -> None:
    tea = remembered(memcli, "I like tea.")
    assert memcli("edit", tea, stdin="I like rain.\n").status == 0
    assert texts(memcli) == ["I like rain."]


def test_without_a_text_a_terminal_or_a_pipe_edit_says_what_it_needs(memcli: Program) -> None:
    tea = remembered(memcli, "I like tea.")
    done = memcli("edit", tea)
    assert done.status == 1
    assert f"memcli edit {tea} TEXT" in done.err


def editor(folder: Path, code: str) -> str:
    """Make an editor that runs `code` on the file that it is given, as `path`."""
    script = folder / "the editor.py"
    script.write_text(f"import sys, os, stat, pathlib\npath = pathlib.Path(sys.argv[-1])\n{code}\n")
    return f"{sys.executable} '{script}' --wait"


def test_without_a_text_the_users_editor_opens_a_private_file(memcli: Program, tmp_path: Path) -> None:
    tea = remembered(memcli, "I like tea.")
    seen = tmp_path / "seen"
    code = f"""
mode = stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)
pathlib.Path({str(seen)!r}).write_text(f"{{path.read_text()!r}} {{mode}} {{path}}")
path.with_name("backup~").write_text("left by the editor")
path.write_text("I like rain.\\n")
"""
    memcli.environ |= {"EDITOR": "not-this-one", "VISUAL": editor(tmp_path, code)}
    assert memcli("edit", tea, tty=True).status == 0
    assert texts(memcli) == ["I like rain."]
    text, mode, place = seen.read_text().split(" (")[0], (0o600, 0o700), Path(seen.read_text().split()[-1])
    assert text == repr("I like tea.\n")
    assert str(mode) in seen.read_text()
    assert not place.parent.exists()


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("", 0, "(unchanged)"),
        ("path.write_text('\\n')", 1, "nothing was changed"),
        ("path.write_bytes(b'\\xff\\xfe')", 1, "not UTF-8"),
        ("path.write_text('other'); sys.exit(3)", 1, "failed with status 3: nothing was changed"),
        ("path.unlink()", 1, "cannot be edited"),
    ],
)
def test_an_editor_that_leaves_nothing_new_changes_nothing(
    memcli: Program, tmp_path: Path, code: str, status: int, said: str
) -> None:
    tea = remembered(memcli, "I like tea.")
    memcli.environ["EDITOR"] = editor(tmp_path, code)
    done = memcli("edit", tea, tty=True)
    assert done.status == status
    assert said in done.out + done.err
    assert texts(memcli) == ["I like tea."]
    assert [name for name in os.listdir(memcli.paths.state) if name.startswith("edit-")] == []


@pytest.mark.parametrize("name", ["no-such-editor", "'open quote"])
def test_an_editor_that_cannot_be_run_is_an_error(memcli: Program, name: str) -> None:
    tea = remembered(memcli, "I like tea.")
    memcli.environ["EDITOR"] = name
    done = memcli("edit", tea, tty=True)
    assert done.status == 1
    assert name in done.err
    assert "$EDITOR" in done.err


# --- show and list --------------------------------------------------------------------------------------------------


def test_show_marks_the_words_that_a_memory_rests_on(memcli: Program, store: Store) -> None:
    said = say(store, MOVED)
    home = formed(store, "Lives in Porto", of=said)
    plain = memcli("show", home.id).out
    assert f"from message {said.id}: user in trip, {AT}, trust user\n" in plain
    assert "  Well! >>I moved to Porto last week<<, for work.\n" in plain
    assert re.search(r"formed by +rules\n", plain)
    styled = memcli("show", home.id, tty=True).out
    assert "\x1b[7m" in styled
    assert ">>" not in styled
    memcli.environ["NO_COLOR"] = "1"
    assert ">>I moved" in memcli("show", home.id, tty=True).out


def test_show_tells_what_superseded_what_and_what_contradicts(memcli: Program, store: Store) -> None:
    old = formed(store, "Lives in Lisbon")
    new, other = formed(store, "Lives in Porto", over=old), formed(store, "Lives in Faro")
    Journal(store, action="form", actor="formation", now=AT).conflict(new.id, other.id)
    shown = memcli("show", new.id).out
    assert re.search(rf"supersedes +{old.id}  Lives in Lisbon\n", shown)
    assert re.search(rf"contradicts +{other.id}  Lives in Faro\n", shown)
    assert re.search(rf"superseded by +{new.id}  Lives in Porto\n", memcli("show", old.id).out)
    document = memcli("show", new.id, "--json").json
    assert (document["supersedes"], document["superseded_by"], document["conflicts"]) == ([old.id], None, [other.id])
    assert re.search(r"formed by +you asked for it\n", memcli("show", remembered(memcli, "I like tea.")).out)


def test_list_marks_contradictions_and_where_instructions_come_from(memcli: Program, store: Store) -> None:
    one, other = formed(store, "Born in May"), formed(store, "Born in June")
    Journal(store, action="form", actor="formation", now=AT).conflict(one.id, other.id)
    formed(store, "Call me Captain", of=say(store, "I want: call me Captain, please"), kind="procedural")
    memcli("remember", "--kind", "procedural", "Answer briefly.")
    listed = memcli("list").out
    assert f"Born in May [contradicts {other.id[:6]}" in listed
    assert "Call me Captain [said on 2026-03-01 in trip]\n" in listed
    assert "Answer briefly. [remembered]\n" in listed
    assert "contradicts" in memcli("list", tty=True).out


def test_what_a_core_block_said_before_is_shown_before_it_is_forgotten(memcli: Program) -> None:
    memcli("core", "set", "user", "A vet called Quokka77.")
    memcli("core", "set", "user", "A vet.")
    assert "core:user as it was: A vet called Quokka77." in memcli("forget", "--query", "quokka77", "--dry-run").out
    done = memcli("forget", "--query", "quokka77", "--yes", "--json").json
    assert (done["removed"], done["traces"]) == ({"core_blocks": 1, "core_versions": 2}, 0)
    assert memcli("undo", "2", "--yes").out.count("core:forgotten (forgotten meanwhile)") == 2


class Left(Stream):
    """A pipe whose reader left before the first line."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


@pytest.mark.parametrize("command", [["forget", "--query", "blue"], ["undo"]])
def test_what_was_agreed_to_is_done_though_nobody_reads_the_list(memcli: Program, command: list[str]) -> None:
    memcli("remember", "my bicycle is blue")
    out = Left()
    terminal = Terminal(Stream(), out, Stream(), memcli.environ)
    main.run([*command, "--yes"], terminal, memcli.paths)
    assert memcli("list", "--json").json == {"memories": []}
