"""States of threads between processes: kept where it pays, taken where it fits, gone with what is forgotten."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest

from memcli import config
from memcli.assistant import Assistant
from memcli.errors import ModelError, StoreLocked, StoreUnwritable
from memcli.inference import states
from memcli.memory.remember import remember
from memcli.memory.resuming import ThreadStates
from memcli.paths import Paths
from memcli.store import cleaning, closure, derived, purge, threads, undoing
from memcli.store.database import Store
from memcli.types import Answer, Piece, Prompt, Sampling, Thread
from tests.fakes import HashingEmbedder, ScriptedModel

NOW = "2026-11-21T12:00:00Z"
CLOCK = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG = "The locker code is zebra-4711. " + "word " * 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "states"


def paths_of(folder: Path) -> Paths:
    """Return the folders of a program that keeps its states in `folder`."""
    top = folder.parents[1]
    return Paths(top / "data", top / "config", folder.parent, top / "state")


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "m.db", paths=paths_of(folder)) as opened:
        yield opened


@pytest.fixture
def begin(store: Store, tmp_path: Path, folder: Path) -> Callable[..., Assistant]:
    """Return a function that begins to talk as a new process would, in a thread if given."""

    def one(thread: Thread | None = None, *, most: int = 10**9, **more: object) -> Assistant:
        settings = config.load(Paths(*(tmp_path / name for name in "abcd")), {})
        kept = ThreadStates(store, folder, most)
        model = ScriptedModel("Yes, indeed.")
        return Assistant(
            store,
            model,
            HashingEmbedder(),
            settings,
            lambda: CLOCK,
            thread,
            states=kept,
            **more,  # type: ignore[arg-type]
        )

    return one


def answer(assistant: Assistant, text: str) -> Answer:
    list(assistant.run(assistant.prepare(text), Sampling()))
    assert assistant.last
    return assistant.last.answer


def left(begin: Callable[..., Assistant], text: str = LONG, *, once: bool = False) -> Thread:
    """Talk in a new thread, leave it and return it."""
    assistant = begin()
    answer(assistant, text)
    assistant.leave(once=once)
    assert assistant.thread
    return assistant.thread


def in_folder(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def saved(folder: Path) -> list[int]:
    """Return the tokens in the only state there is."""
    (name,) = in_folder(folder)
    found = states.read(folder / name, lambda ids: True)
    assert found
    return found[0]


def forget_all(store: Store) -> purge.Receipt:
    return purge.forget(store, closure.closure_all(store), NOW)


# --- keeping and taking ---


def test_a_thread_that_was_left_goes_on_without_being_evaluated_again(begin: Callable[..., Assistant]) -> None:
    again = begin(left(begin))
    prepared = again.prepare("And now?")
    first = answer(again, "And now?")
    assert first.restored > 60
    assert first.restored + first.evaluated == len(prepared.plan.prompt.ids)
    assert answer(again, "And then?").restored == 0  # the model holds it by now


def test_a_state_is_private_and_named_after_store_and_thread(
    begin: Callable[..., Assistant], folder: Path, store: Store
) -> None:
    before = os.umask(0)
    try:
        thread = left(begin)
    finally:
        os.umask(before)
    (name,) = in_folder(folder)
    assert name == f"{derived.name(store)}-{thread.id}-scripted.kv"
    assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_thread_is_left_for_another_one_too_and_kept_only_once(
    begin: Callable[..., Assistant], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    assistant.resume(None)
    assert len(in_folder(folder)) == 1
    monkeypatch.setattr(assistant.model, "save", lambda *_: pytest.fail("saved again"))
    assistant.leave()
    assistant.resume(None)


@pytest.mark.parametrize("way", ["short", "not saved", "no answer", "larger than the cap", "no cap", "else held"])
def test_what_does_not_pay_or_is_not_wanted_is_not_kept(
    begin: Callable[..., Assistant], folder: Path, way: str
) -> None:
    most = {"larger than the cap": 999, "no cap": 0}.get(way, 10**9)
    assistant = begin(most=most, save=way != "not saved")
    if way != "no answer":
        answer(assistant, "Hi" if way == "short" else LONG)
    if way == "else held":  # the model was asked something beside the thread
        assistant.model._cache = tuple(range(500))  # type: ignore[attr-defined]
    assistant.leave()
    assert in_folder(folder) == []


def test_without_a_cap_no_state_is_taken_and_none_stays(begin: Callable[..., Assistant], folder: Path) -> None:
    again = begin(left(begin), most=0)
    assert answer(again, "And now?").restored == 0
    again.leave()
    assert in_folder(folder) == []


def test_the_folder_keeps_its_size_and_the_states_used_last(begin: Callable[..., Assistant], folder: Path) -> None:
    threads_left = [left(begin) for _ in range(3)]
    size = max(path.stat().st_size for path in folder.iterdir())
    for age, thread in enumerate(threads_left):
        (path,) = folder.glob(f"*{thread.id}*")
        os.utime(path, (1000 + age, 1000 + age))
    again = begin(threads_left[0], most=2 * size + 100)
    answer(again, "And now?")
    again.leave()
    kept = {name.split("-")[1] for name in in_folder(folder)}
    assert kept == {threads_left[0].id, threads_left[2].id}


def test_threads_of_a_single_question_go_before_any_other(begin: Callable[..., Assistant], folder: Path) -> None:
    chat, second = left(begin), left(begin)
    questions = [left(begin, once=True) for _ in range(3)]
    assert len(in_folder(folder)) == 5
    states.shrink(folder, sum(p.stat().st_size for t in (chat, second) for p in folder.glob(f"*{t.id}*")))
    assert {name.split("-")[1] for name in in_folder(folder)} == {chat.id, second.id}
    gone_on = begin(questions[0])
    answer(gone_on, "And now?")
    gone_on.leave()
    states.shrink(folder, max(path.stat().st_size for path in folder.iterdir()))
    assert [name.split("-")[1] for name in in_folder(folder)] == [questions[0].id], "it is like any other now"


@pytest.mark.parametrize(
    ("most", "number"), [(16 * ScriptedModel.state_size, 1), (16 * ScriptedModel.state_size - 1, 0)]
)
def test_the_state_of_a_single_question_is_kept_only_where_it_takes_little_of_the_cap(
    begin: Callable[..., Assistant], folder: Path, most: int, number: int
) -> None:
    assistant = begin(most=most)
    answer(assistant, LONG)
    assistant.leave(once=True)
    assert len(in_folder(folder)) == number
    answer(assistant, "And now?")
    assistant.leave()
    assert len(in_folder(folder)) == 1


def test_a_turn_that_evicts_keeps_the_new_prefix_at_once(begin: Callable[..., Assistant], folder: Path) -> None:
    assistant = begin()
    assistant.model.window = 300  # type: ignore[misc]
    while not (assistant.last and assistant.last.prepared.plan.evicted):
        assert in_folder(folder) == []
        answer(assistant, "Another message " + "word " * 40)
    assert len(in_folder(folder)) == 1


@pytest.mark.parametrize(
    "trouble", ["a file for a folder", "no space", "no right", "a model that fails", "the store is busy"]
)
def test_a_state_that_cannot_be_saved_costs_nothing_but_itself(
    begin: Callable[..., Assistant], folder: Path, store: Store, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    if trouble == "a file for a folder":
        folder.parent.mkdir()
        folder.write_text("x")
    elif trouble == "no space":
        monkeypatch.setattr(assistant.model, "save", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    elif trouble == "a model that fails":
        monkeypatch.setattr(assistant.model, "save", lambda *_: (_ for _ in ()).throw(ModelError("no state")))
    elif trouble == "no right":
        monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "no")))
    else:
        store.db.set_busy_timeout(0)
        other = Store.open(store.path)
        with other.atomic():
            assistant.leave()
        other.close()
    assistant.leave()
    assert not folder.is_dir() or in_folder(folder) == []


# --- what is not stored ---


def test_a_turn_that_could_not_be_recorded_is_in_no_state(
    begin: Callable[..., Assistant], folder: Path, store: Store
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    prepared = assistant.prepare("My pin is quagga-9.")
    store.db.set_busy_timeout(0)
    with Store.open(store.path) as other, other.atomic(), pytest.raises(StoreLocked):
        list(assistant.run(prepared, Sampling()))
    assistant.leave()
    assert in_folder(folder) == []


def test_a_turn_that_failed_before_its_first_word_is_in_no_state(
    begin: Callable[..., Assistant], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    real = assistant.model.stream

    def failing(prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        for _ in real(prompt, sampling):
            raise ModelError("out of memory")
        yield Piece("")

    monkeypatch.setattr(assistant.model, "stream", failing)
    with pytest.raises(ModelError):
        answer(assistant, "My pin is quagga-9.")
    assistant.leave()
    assert in_folder(folder) == []


def test_what_the_model_holds_behind_the_recorded_turn_is_in_no_state(
    begin: Callable[..., Assistant], folder: Path
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    recorded = assistant.model._cache  # type: ignore[attr-defined]
    assistant.model._cache = (*recorded, 50, 51, 52)  # type: ignore[attr-defined]
    assistant.leave()
    assert saved(folder) == list(recorded)


def test_thinking_is_in_no_state(begin: Callable[..., Assistant], folder: Path) -> None:
    assistant = begin()
    assistant.model.answers = ["<think>quagga or gnu?</think> A gnu."]  # type: ignore[attr-defined]
    assert answer(assistant, LONG).thought
    assert assistant.last
    assistant.leave()
    assert saved(folder) == list(assistant.last.prepared.plan.prompt.ids)
    again = begin(assistant.thread)
    assert answer(again, "And now?").restored == len(saved(folder))


def test_thinking_that_the_model_cannot_drop_leaves_no_state(
    begin: Callable[..., Assistant], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = begin()
    model = assistant.model
    model.answers = ["<think>quagga or gnu?</think> A gnu."]  # type: ignore[attr-defined]
    answer(assistant, LONG)
    monkeypatch.setattr(model, "cut", lambda count: setattr(model, "_cache", ()))
    assistant.leave()
    assert in_folder(folder) == []


# --- forgetting ---


def test_forgetting_anything_removes_every_state_of_the_store_and_of_no_other(
    begin: Callable[..., Assistant], folder: Path, store: Store
) -> None:
    left(begin)
    left(begin, "Something else entirely. " + "word " * 60)
    orphan, foreign = folder / f".{derived.name(store)}-t-k.kv.77", folder / "0123-t-k.kv"
    orphan.write_text("zebra-4711")
    foreign.write_text("another store's")
    states_of_store = sorted(str(path) for path in folder.iterdir() if path != foreign)
    receipt = purge.forget(store, closure.closure_matching(store, "zebra-4711"), NOW)
    assert len(states_of_store) == 3
    assert set(states_of_store) <= set(receipt.files)
    assert in_folder(folder) == [foreign.name]


def test_a_cleaning_that_is_made_up_for_later_removes_the_states(
    begin: Callable[..., Assistant], folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(begin)
    with monkeypatch.context() as patched:
        patched.setattr(derived, "remove", lambda store: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            forget_all(store)
    assert len(in_folder(folder)) == 1
    assert cleaning.unclean(store)
    cleaning.finish(store)
    assert in_folder(folder) == []
    assert not cleaning.unclean(store)


def test_a_state_that_cannot_be_removed_is_an_error_and_the_cleaning_stays_due(
    begin: Callable[..., Assistant], folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left(begin)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no")))
        with pytest.raises(StoreUnwritable, match="cannot be removed"):
            forget_all(store)
    assert cleaning.unclean(store)
    assert threads.all_threads(store) == []  # the rows are gone all the same
    cleaning.finish(store)
    assert (in_folder(folder), cleaning.unclean(store)) == ([], False)


def test_what_was_evaluated_before_a_forgetting_is_not_kept_after_it(
    begin: Callable[..., Assistant], folder: Path, store: Store
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    forget_all(store)
    assistant.leave()
    assert in_folder(folder) == []
    answer(assistant, "Something else entirely. " + "word " * 60)
    assistant.leave()
    (name,) = in_folder(folder)
    zebra = ScriptedModel.ids_of("is zebra-4711.")
    assert zebra[1].to_bytes(4, "little") not in (folder / name).read_bytes()


def test_an_undo_bars_keeping_too(begin: Callable[..., Assistant], folder: Path, store: Store) -> None:
    remember(store, ["The code is zebra-4711."], embedder=HashingEmbedder(), now=NOW)
    assistant = begin()
    answer(assistant, LONG)
    undoing.undo(store, undoing.last(store, 1), NOW)
    assistant.leave()
    assert in_folder(folder) == []


def test_a_forgetting_while_a_state_is_written_takes_the_unfinished_file(
    begin: Callable[..., Assistant], folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    real = assistant.model.save
    seen: list[list[str]] = []

    def slowly(file: IO[bytes], label: str) -> None:
        seen.append(in_folder(folder))
        with Store.open(store.path, paths=paths_of(folder)) as other:
            receipt = forget_all(other)
        assert any(name.endswith(seen[0][0]) for name in receipt.files)
        seen.append(in_folder(folder))
        real(file, label)

    monkeypatch.setattr(assistant.model, "save", slowly)
    assistant.leave()
    assert [len(names) for names in seen] == [1, 0]
    assert in_folder(folder) == []


def test_a_process_that_dies_while_it_saves_leaves_nothing_that_a_forgetting_misses(
    begin: Callable[..., Assistant], folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is made while the write lock is held, so it is there before the forgetting that has to find it."""
    assistant = begin()
    answer(assistant, LONG)
    locked: list[bool] = []
    real = os.open

    def opening(path: object, *more: int) -> int:
        locked.append(store.db.in_transaction)
        return real(path, *more)  # type: ignore[arg-type]

    def dying(path: Path, target: Path) -> None:
        locked.append(store.db.in_transaction)
        raise KeyboardInterrupt

    monkeypatch.setattr("memcli.memory.resuming.os.open", opening)
    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(KeyboardInterrupt):
        assistant.leave()
    assert locked == [True, True]


def test_a_forgetting_right_after_a_state_got_its_name_finds_it(
    begin: Callable[..., Assistant], folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = begin()
    answer(assistant, LONG)
    real = ThreadStates._save

    def then_forgotten(self: ThreadStates, *args: object, **more: object) -> None:
        real(self, *args, **more)  # type: ignore[arg-type]
        assert len(in_folder(folder)) == 1
        with Store.open(store.path, paths=paths_of(folder)) as other:
            forget_all(other)

    monkeypatch.setattr(ThreadStates, "_save", then_forgotten)
    assistant.leave()
    assert in_folder(folder) == []
