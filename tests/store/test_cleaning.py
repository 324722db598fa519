"""Cleaning: what quotes a removed text beside the store, and a cleaning that was cut short."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from memcli.errors import StoreLocked, StoreUnwritable
from memcli.paths import Paths, append_private
from memcli.store import cleaning, purge, typed, words, workers
from memcli.store.database import Store
from memcli.store.scan import Windows
from tests.store.making import NOW, Filled, python

SECRET = "my locker code is 4711-Zanzibar"


@pytest.fixture
def paths(filled: Filled, tmp_path: Path) -> Paths:
    made = Paths(*(tmp_path / name for name in ("data", "config", "cache", "state")))
    filled.store.paths = made
    return made


def forget(filled: Filled, *texts: str) -> purge.Receipt:
    said = [filled.say(text) for text in texts]
    return purge.forget(filled.store, purge.closure_of(filled.store, [one.id for one in said]), NOW)


# --- files beside the store -----------------------------------------------------------------------------------------


def test_typed_lines_go_that_hold_a_text_or_a_piece_of_it(filled: Filled, paths: Paths) -> None:
    filled.say("I like green tea")
    lines = [f"/remember {SECRET}", "/search 4711-Zanz", "two\nlines: locker code", "I like green tea", "/help"]
    append_private(paths.history, typed.written(lines))
    receipt = forget(filled, SECRET)
    assert typed.entries(paths.history.read_text()) == ["I like green tea", "/help"]
    assert str(paths.history) in receipt.files
    assert receipt.traces == 0


def test_what_was_asked_for_by_its_words_stands_in_no_typed_line_however_short(filled: Filled, paths: Paths) -> None:
    append_private(paths.history, typed.written(["/search Anna", "where does ANNA live?", "Susanna", "hello"]))
    append_private(paths.log, "no such text: anna\nelsewhere\n")
    filled.say("My niece is called Anna")
    closure = purge.closure_matching(filled.store, "Anna")
    purge.forget(filled.store, closure, NOW, typed=["Anna"])
    assert typed.entries(paths.history.read_text()) == ["hello"], "as in --query, which matches in any case and place"
    assert paths.log.read_text() == "elsewhere\n"


def test_a_short_text_takes_only_a_line_that_says_nothing_else(filled: Filled, paths: Paths) -> None:
    append_private(paths.history, typed.written(["tea", "steam"]))
    forget(filled, "tea")
    assert typed.entries(paths.history.read_text()) == ["steam"]


def test_a_tag_or_a_name_that_others_have_takes_no_line(filled: Filled, paths: Paths) -> None:
    filled.say("Caroline likes jazz", name="Caroline")
    filled.keep("Ferry to Oslo", tags=("travel",))
    flight = filled.keep("Flight to Lima", of=[filled.say("I fly to Lima", name="Caroline")], tags=("travel",))
    append_private(paths.history, typed.written(["/search Caroline", "/list travel", "/search Lima flight to Lima"]))
    purge.forget(filled.store, purge.closure_of(filled.store, [flight.id]), NOW)
    assert typed.entries(paths.history.read_text()) == ["/search Caroline", "/list travel"]


def test_the_times_of_typed_lines_are_no_trace(filled: Filled, paths: Paths) -> None:
    append_private(paths.history, "\n# 2026-11-21 09:00:00.1\n+hello\n")
    assert forget(filled, "seen on 2026-11-21 09:00:00.1 in Rome").traces == 0


def test_lines_of_the_log_go_that_hold_a_piece_of_it(filled: Filled, paths: Paths) -> None:
    append_private(paths.log, f"Traceback\nKeyError: 'locker code'\nelsewhere\n{'x' * 100}\n")
    forget(filled, SECRET)
    assert paths.log.read_text() == f"Traceback\nelsewhere\n{'x' * 100}\n"


def test_what_a_killed_editor_left_goes(filled: Filled, paths: Paths) -> None:
    for name, text in (("edit-1", SECRET), ("edit-2", "unrelated")):
        append_private(paths.state / name / "memory.txt", text)
    forget(filled, SECRET)
    assert sorted(os.listdir(paths.state)) == ["edit-2"]


def test_files_that_quote_nothing_are_left_as_they_are(filled: Filled, paths: Paths) -> None:
    append_private(paths.history, "\n# 2026-01-01\n+hello\n")
    append_private(paths.log, "bytes\n")
    before = [(path, path.stat().st_ino) for path in (paths.history, paths.log)]
    forget(filled, SECRET)
    assert [(path, path.stat().st_ino) for path, _ in before] == before


@pytest.mark.parametrize("name", ["history", "log"])
def test_typed_lines_and_log_are_cleaned_where_they_are_links(
    filled: Filled, paths: Paths, tmp_path: Path, name: str
) -> None:
    kept, link = tmp_path / "elsewhere" / name, getattr(paths, name)
    append_private(kept, typed.written([SECRET, "/help"]))
    paths.state.mkdir()
    link.symlink_to(kept)
    receipt = forget(filled, SECRET)
    assert typed.entries(kept.read_text()) == ["/help"]
    assert link.is_symlink()
    assert str(link) in receipt.files


def test_another_store_beside_typed_lines_is_no_trace(filled: Filled, paths: Paths) -> None:
    paths.state.mkdir()
    with Store.open(paths.state / "other.db") as other:
        Filled(other).say(SECRET)  # so that it stands in its -wal file, too
        assert forget(filled, SECRET).traces == 0
        assert SECRET in other.value("SELECT group_concat(content) FROM messages")


def test_lines_are_looked_at_together_however_many_there_are(
    filled: Filled, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    among = Windows.among
    monkeypatch.setattr(Windows, "among", lambda self, data: looks.append(len(data)) or among(self, data))
    for lines in (1, 200):
        typed_lines = [f"/search locker code {number}" for number in range(lines)]
        paths.history.unlink(missing_ok=True)
        append_private(paths.history, typed.written(typed_lines))
        forget(filled, SECRET)
        assert typed.entries(paths.history.read_text()) == []
        looks.append(-1)
    once, often = looks[: looks.index(-1)], looks[looks.index(-1) + 1 : -1]
    assert len(often) <= len(once) + 2


def test_models_and_embedders_are_not_looked_through(filled: Filled, paths: Paths) -> None:
    for folder in (paths.models, paths.embedders):
        append_private(folder / "weights.gguf", f"a model may know of {SECRET}")
    assert forget(filled, SECRET).traces == 0


def test_an_unknown_file_that_holds_it_is_a_trace_and_is_left_to_the_user(filled: Filled, paths: Paths) -> None:
    append_private(paths.state / "notes.txt", SECRET)
    receipt = forget(filled, SECRET)
    assert receipt.proof.files == (paths.state / "notes.txt",)
    assert (paths.state / "notes.txt").exists()


def test_a_file_that_cannot_be_rewritten_is_named_and_the_cleaning_is_not_over(
    filled: Filled, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_private(paths.history, typed.written([SECRET]))

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cleaning.outside, "write_private", full)
    with pytest.raises(StoreUnwritable, match="history"):
        forget(filled, SECRET)
    assert cleaning.unclean(filled.store)


def test_a_folder_in_the_place_of_a_file_is_passed_over(filled: Filled, paths: Paths) -> None:
    paths.history.mkdir(parents=True)
    assert forget(filled, SECRET).traces == 0


# --- cut short ------------------------------------------------------------------------------------------------------


def test_a_cleaning_whose_process_has_died_is_stalled_and_that_of_a_living_one_is_not(filled: Filled) -> None:
    store = filled.store
    assert not cleaning.stalled(store)
    with store.atomic():
        cleaning.mark(store, [SECRET])
    assert (cleaning.unclean(store), cleaning.stalled(store)) == (True, False)
    dead = python("from memcli.store import workers; print(workers.name())")
    name = dead.communicate()[0].strip()
    store.run("UPDATE meta SET value = ? || ' ' || strftime('%s', 'now') WHERE key = 'unclean'", (name,))
    assert cleaning.stalled(store)
    store.run("UPDATE meta SET value = '1' WHERE key = 'unclean'")
    assert cleaning.stalled(store), "as an earlier memcli wrote it"
    assert not workers.dead(workers.name())


@pytest.mark.parametrize("step", ["take_out", "rebuild", "_truncate"])
def test_a_cleaning_that_was_cut_short_anywhere_is_made_up_for(
    filled: Filled, paths: Paths, path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    append_private(paths.history, typed.written([SECRET, "hello"]))

    def stop(*args: object) -> None:
        raise KeyboardInterrupt

    holder = {"take_out": cleaning.outside, "rebuild": words, "_truncate": cleaning}[step]
    with monkeypatch.context() as cut:
        cut.setattr(holder, step, stop)
        with pytest.raises(KeyboardInterrupt):
            forget(filled, SECRET)
    assert cleaning.unclean(filled.store)
    assert filled.found(SECRET) == set(), "the rows are gone"
    cleaning.finish(filled.store)
    assert not cleaning.unclean(filled.store)
    assert typed.entries(paths.history.read_text()) == ["hello"]
    left = path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()
    assert b"Zanzibar" not in left
    assert filled.store.value("SELECT count(*) FROM forgetting") == 0


def test_a_cleaning_that_takes_for_ever_is_that_of_a_dead_process_whose_number_another_has(filled: Filled) -> None:
    with filled.store.atomic():
        cleaning.mark(filled.store, [])
    ago = "strftime('%s', 'now') - ?"
    named = f"UPDATE meta SET value = ? || ' ' || ({ago}) WHERE key = 'unclean'"
    filled.store.run(named, (workers.name(), cleaning.LEASE - 60))
    assert not cleaning.stalled(filled.store)
    filled.store.run(named, (workers.name(), cleaning.LEASE + 60))
    assert cleaning.stalled(filled.store)


def test_a_cleaning_that_fails_is_left_to_others_while_its_process_lives_on(
    filled: Filled, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(store: Store) -> None:
        raise StoreLocked("another process reads")

    with monkeypatch.context() as cut:
        cut.setattr(cleaning, "_truncate", locked)
        cut.setattr(filled.store, "busy_ms", 0)
        with pytest.raises(StoreLocked):
            forget(filled, SECRET)
    assert cleaning.stalled(filled.store)


def test_what_an_earlier_forgetting_left_unfinished_is_done_by_the_next(
    filled: Filled, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[bool] = []
    clean = cleaning.clean

    def noted(*args: Any, thoroughly: bool = True) -> list[Path]:
        done.append(thoroughly)
        return clean(*args, thoroughly=thoroughly)

    filled.store.run("INSERT INTO meta VALUES ('unclean', '1')")
    monkeypatch.setattr(cleaning, "clean", noted)
    forget(filled, SECRET)
    assert done == [True]
    assert not cleaning.unclean(filled.store)


def test_two_forgettings_at_once_take_turns(filled: Filled, paths: Paths, path: Path) -> None:
    said, other = filled.say("the walrus has a blue umbrella"), filled.say(SECRET)
    append_private(paths.history, typed.written(["hello", SECRET]))
    committed, cleaned = threading.Event(), threading.Event()
    found = []

    def in_between(done: int, of: int) -> None:
        if done == 1:
            committed.set()
            cleaned.wait(10)

    def second() -> None:
        with Store.open(path, paths=paths) as store:
            receipt = purge.forget(store, purge.closure_of(store, [other.id]), NOW, progress=in_between)
            found.append(receipt.traces)

    beside = threading.Thread(target=second)

    def progress(done: int, of: int) -> None:
        if done == 2:  # the typed lines have been looked through
            beside.start()
            committed.wait(0.5)
        if done == 3:
            cleaned.set()

    purge.forget(filled.store, purge.closure_of(filled.store, [said.id]), NOW, progress=progress)
    beside.join()
    assert found == [0]
    assert typed.entries(paths.history.read_text()) == ["hello"]


def test_progress_goes_up_to_its_end(filled: Filled) -> None:
    said, heard = filled.say(SECRET), []
    closure = purge.closure_of(filled.store, [said.id])
    purge.forget(filled.store, closure, NOW, progress=lambda done, of: heard.append((done, of)))
    assert heard == [(step, cleaning.STEPS) for step in range(cleaning.STEPS + 1)]
