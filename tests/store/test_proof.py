"""The proof of a forgetting: whatever is left of it, in whatever way, is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memcli.errors import TracesLeft
from memcli.store import cleaning, derived, proof, purge, vectors, words
from memcli.store.database import Store
from memcli.store.purge import Receipt
from tests.store.making import NOW, Filled

SECRET = "my locker code is 4711-Zanzibar"


@pytest.fixture
def forget(filled: Filled) -> Callable[[], Receipt]:
    filled.say("The weather is fine")
    memory = filled.keep("locker code 4711-Zanzibar", of=[filled.say(SECRET)], tags=("lockers",))
    return lambda: purge.forget(filled.store, purge.closure_of(filled.store, [memory.id]), NOW)


def test_of_what_is_gone_nothing_is_found(forget: Callable[[], Receipt], path: Path) -> None:
    receipt = forget()
    assert (receipt.proof.rows, receipt.proof.terms, receipt.proof.texts, receipt.proof.files) == (0, 0, 0, ())
    assert receipt.proof.looked_through >= path.stat().st_size
    receipt.require_clean()


def test_rows_that_are_left_are_found(forget: Callable[[], Receipt], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "_delete", lambda store, closure: None)
    receipt = forget()
    assert receipt.proof.rows >= 5, "two items, a tag, a source, a thread's reference"
    with pytest.raises(TracesLeft):
        receipt.require_clean()


def test_a_row_that_only_refers_to_it_is_found(forget: Callable[[], Receipt], filled: Filled) -> None:
    filled.store.run("PRAGMA foreign_keys = OFF")
    receipt = forget()
    assert receipt.proof.rows > 0
    assert receipt.proof.texts == 0


def test_vectors_without_a_chunk_are_found(forget: Callable[[], Receipt], filled: Filled) -> None:
    filled.store.run("DROP TRIGGER chunks_vector_out")
    assert forget().proof.rows == 2


def test_a_slot_that_holds_a_vector_of_nobody_is_found(filled: Filled) -> None:
    filled.say("stays")
    said = filled.say("goes")
    (chunk,) = filled.store.one("SELECT id FROM chunks WHERE owner_id = ?", (said.id,)) or ()
    slots = vectors.slots(filled.store, [chunk])
    assert vectors.uncleared(filled.store, slots) == 0, "it is its chunk's"
    held = filled.store.value("SELECT vectors FROM chunks_vec_vector_chunks00")
    filled.store.run("DELETE FROM chunks WHERE id = ?", (chunk,))
    assert vectors.uncleared(filled.store, slots) == 0, "sqlite-vec clears it"
    filled.store.run("UPDATE chunks_vec_vector_chunks00 SET vectors = ?", (held,))
    assert vectors.uncleared(filled.store, slots) == 1


def test_terms_that_the_index_keeps_are_found(
    forget: Callable[[], Receipt], filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "rebuild", lambda store: None)
    filled.store.run("DROP TRIGGER chunks_words_out")
    assert forget().proof.terms == len({"my", "locker", "code", "4711", "zanzibar"})


def test_a_term_that_another_chunk_has_is_none_of_its_own(
    forget: Callable[[], Receipt], filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.say("my code")
    monkeypatch.setattr(words, "rebuild", lambda store: None)
    filled.store.run("DROP TRIGGER chunks_words_out")
    assert forget().proof.terms == len({"locker", "4711", "zanzibar"})


def test_a_state_that_is_left_is_found(
    forget: Callable[[], Receipt], filled: Filled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = tmp_path / "state.kv"
    left.touch()
    monkeypatch.setattr(derived, "files", lambda store: [left])
    monkeypatch.setattr(derived, "remove", lambda store: ([], []))
    assert forget().proof.rows == 1


@pytest.mark.parametrize("piece", ["4711-Zanzibar", "ocker co", "e is 4711"])
def test_any_eight_bytes_of_a_text_in_a_file_beside_the_store_are_found(
    forget: Callable[[], Receipt], path: Path, piece: str
) -> None:
    left = path.with_name(path.name + "-journal")
    left.write_bytes(b"\0\1" + piece.encode() + b"\xff")
    receipt = forget()
    assert receipt.proof.texts >= 1
    assert receipt.proof.files == (left,)


def test_what_a_message_was_called_where_it_was_imported_from_is_looked_for(filled: Filled, path: Path) -> None:
    said = filled.say("hello", external_id="mail of Zanzibar")
    left = path.with_name(path.name + "-journal")
    left.write_bytes(b"\0\1of Zanzibar\xff")
    receipt = purge.forget(filled.store, purge.closure_of(filled.store, [said.id]), NOW)
    assert receipt.proof.files == (left,)


def test_a_text_beside_a_number_of_the_file_is_no_trace(filled: Filled) -> None:
    # The index of names has rows of a name and a number; the 34th is a quotation mark.
    said = [filled.say(f"message {n}", name="Caroline") for n in range(40)]
    gone = filled.say('He called her "Caroline", I think')
    assert b'aroline"' in filled.store.path.read_bytes() + filled.store.path.with_name("memcli.db-wal").read_bytes()
    assert purge.forget(filled.store, purge.closure_of(filled.store, [gone.id]), NOW).traces == 0
    assert purge.forget(filled.store, purge.closure_of(filled.store, [said[33].id]), NOW).traces == 0


def test_what_others_write_while_it_is_proved_is_no_trace(
    forget: Callable[[], Receipt], filled: Filled, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = cleaning.clean

    def with_another(store: Store, progress: cleaning.Progress, *, thoroughly: bool = True) -> list[Path]:
        filled.say("my locker code, again")
        return clean(store, progress, thoroughly=thoroughly)

    monkeypatch.setattr(cleaning, "clean", with_another)
    assert forget().traces == 0


def test_a_state_that_another_saves_while_much_is_forgotten_is_no_trace(
    filled: Filled, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state, saved = tmp_path / "state.kv", []
    state.touch()

    def remove(store: Store) -> tuple[list[Path], list[Path]]:
        state.unlink(missing_ok=True)
        return [state], []

    def progress(done: int, of: int) -> None:
        if done == 4 and not saved:  # cleaned, and not yet proved
            state.touch()
            saved.append(state)

    monkeypatch.setattr(derived, "files", lambda store: [state] if state.exists() else [])
    monkeypatch.setattr(derived, "remove", remove)
    said = [filled.say(f"line {n}").id for n in range(proof.MOST_SOUGHT + 1)]
    closure = purge.closure_of(filled.store, said)
    assert purge.forget(filled.store, closure, NOW, progress=progress).traces == 0
