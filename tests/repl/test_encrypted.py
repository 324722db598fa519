"""A chat with an encrypted store: nothing that is typed reaches a file, and arrow-up works all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.repl.history import SaidHistory, TypedHistory
from memcli.store import cipher, convert, purge
from memcli.store.closure import closure_of
from memcli.store.database import Store
from tests.fakes import ScriptedFormer, ScriptedModel
from tests.repl.harness import ENTER, NOW, PAUSE, UP, Repl

SECRET = "correct horse battery"


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repl]:
    """Return a chat with a store in which something has been said; somebody typed something into another one's."""
    monkeypatch.setattr(cipher, "_ROUNDS", 1)
    before = Repl(tmp_path, ScriptedModel("Hello."))
    before.type("My dog is Rex", ENTER, "I live in Porto", ENTER)
    before.printed()
    convert.convert(before.store, SECRET)
    before.paths.history.unlink()
    TypedHistory(before.paths.history).store_string("typed into another store")
    made = Repl(tmp_path, ScriptedModel("Hello there."), secret=SECRET)
    yield made
    made.store.close()


def test_arrow_up_brings_back_what_was_said_and_no_file_has_it(encrypted: Repl) -> None:
    before = encrypted.paths.history.read_bytes()
    encrypted.type(UP, " or was", ENTER, "/search Rex", ENTER)
    encrypted.type(UP, UP, UP, ENTER)
    said = [text for role, text in encrypted.said() if role == "user"]
    assert said == ["My dog is Rex", "I live in Porto", "I live in Porto or was", "My dog is Rex"]
    assert encrypted.paths.history.read_bytes() == before


def test_what_is_forgotten_meanwhile_goes_from_arrow_up(encrypted: Repl) -> None:
    history = SaidHistory(encrypted.store)
    assert history.get_strings() == ["My dog is Rex", "I live in Porto"]
    (porto,) = encrypted.store.one("SELECT id FROM messages WHERE content = 'I live in Porto'") or ()
    purge.forget(encrypted.store, closure_of(encrypted.store, [porto]), NOW)
    history.reload()
    assert history.get_strings() == ["My dog is Rex"]


def test_memories_are_formed_beside_an_encrypted_chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cipher, "_ROUNDS", 1)
    with Store.open(tmp_path / "data" / "memcli.db") as store:
        convert.convert(store, SECRET)
    repl = Repl(tmp_path, ScriptedModel("Hello."), ScriptedFormer, secret=SECRET)
    assert repl.workspace.states is None
    repl.type("My dog is Rex", ENTER, PAUSE)
    assert "Rex" in str(repl.store.rows("SELECT text FROM memories"))
    repl.store.close()
