"""Formation beside the chat: the thread that works while nothing else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memcli.errors import ModelError
from memcli.memory.formation import worker as worker_module
from memcli.memory.formation.records import Formed, Former
from memcli.memory.formation.worker import A_BUG, Worker
from memcli.store import memories, queue
from memcli.store.database import Store
from memcli.types import Message
from tests.fakes import ScriptedFormer
from tests.store.making import NOW, Filled

SOON = 0.05  # seconds within which a pause is promised
PATIENCE = 10.0


class Bench:
    """A worker on a store, and what it did."""

    def __init__(self, path: Path, make: Callable[[Store], Former]) -> None:
        self.told: list[Formed] = []
        self.logged: list[str] = []
        self.formers: list[Former] = []
        self.heard = threading.Event()
        self.on_disk: list[int] = []

        def keep(store: Store) -> Former:
            self.formers.append(make(store))
            return self.formers[-1]

        def tell(formed: Formed) -> None:
            with Store.open(path) as other:  # what another process would see at this moment
                self.on_disk.append(memories.count(other))
            self.told.append(formed)
            self.heard.set()

        self.worker = Worker(
            lambda: Store.open(path, busy_ms=40), keep, clock=lambda: NOW, tell=tell, log=self.logged.append
        )
        self.worker.start()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def start(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[Store], Former]], Bench]]:
    monkeypatch.setattr(worker_module, "FIRST_REST", 0.02)
    monkeypatch.setattr(worker_module, "IDLE", 0.05)
    begun: list[Bench] = []

    def begin(make: Callable[[Store], Former]) -> Bench:
        begun.append(Bench(path, make))
        return begun[-1]

    yield begin
    for bench in begun:
        bench.worker.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memcli.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened


@pytest.fixture
def say(store: Store) -> Callable[..., list[str]]:
    filled = Filled(store)

    def said(*texts: str) -> list[str]:
        made = [filled.say(text).id for text in texts]
        for id_ in made:
            queue.enqueue(store, id_, NOW)
        return made

    return said


Start = Callable[[Callable[[Store], Former]], Bench]
Say = Callable[..., list[str]]


def kept(store: Store) -> list[str]:
    return sorted(memory.text for memory in memories.current(store, now=NOW))


def test_nothing_is_formed_before_the_prompt_is_up(start: Start, say: Say, store: Store) -> None:
    say("one")
    bench = start(ScriptedFormer)
    time.sleep(0.1)
    assert (bench.formers, queue.waiting(store)) == ([], 1)


def test_what_waits_is_formed_oldest_first_and_told_when_it_is_on_disk(start: Start, say: Say, store: Store) -> None:
    ids = say("one", "two", "three?")
    bench = start(ScriptedFormer)
    bench.worker.resume()
    until(lambda: len(bench.told) == 3)
    assert [formed.message_id for formed in bench.told] == ids
    assert bench.on_disk == [1, 2, 2], "nothing is told before it can be read"
    assert bench.told[0].changes[0].memory.sources[0].message_id == ids[0]
    assert kept(store) == ["one", "two"]


def test_what_is_said_later_is_formed_after_the_turn(start: Start, say: Say) -> None:
    bench = start(ScriptedFormer)
    bench.worker.resume()
    bench.worker.pause()
    say("one")
    bench.worker.resume()
    assert bench.heard.wait(PATIENCE)


def test_a_pause_ends_a_slow_step_soon_and_nothing_of_it_is_written(start: Start, say: Say, store: Store) -> None:
    (id_,) = say("one")
    bench = start(lambda own: ScriptedFormer(own, seconds=60))
    waits: list[float] = []
    for _ in range(20):
        if bench.formers:
            bench.formers[0].thinking.clear()  # type: ignore[attr-defined]
        bench.worker.resume()
        until(lambda: bool(bench.formers) and bench.formers[0].thinking.is_set())  # type: ignore[attr-defined]
        begun = time.monotonic()
        bench.worker.pause()
        waits.append(time.monotonic() - begun)
        assert (queue.waiting(store), kept(store)) == (1, [])
    assert sum(wait <= SOON for wait in waits) >= 18, waits
    assert max(waits) < 1
    assert queue.claim(store, "another", NOW, 60) is not None, "the lease was given back"
    assert store.value("SELECT attempts FROM formation_queue WHERE message_id = ?", (id_,)) == 0


def test_while_paused_the_store_is_left_alone(start: Start, say: Say, store: Store) -> None:
    bench = start(ScriptedFormer)
    bench.worker.resume()
    bench.worker.pause()
    say("one")
    time.sleep(0.15)
    assert (bench.told, queue.waiting(store)) == ([], 1)
    store.run("VACUUM")  # which needs the store for itself


def test_thinking_holds_no_lock(start: Start, say: Say, store: Store) -> None:
    say("one")
    bench = start(lambda own: ScriptedFormer(own, seconds=60))
    bench.worker.resume()
    until(lambda: bool(bench.formers) and bench.formers[0].thinking.is_set())  # type: ignore[attr-defined]
    begun = time.monotonic()
    say("two")
    assert time.monotonic() - begun < 1


def test_closing_leaves_what_waits_in_the_queue_and_frees_the_models(start: Start, say: Say, store: Store) -> None:
    say("one", "two")
    bench = start(lambda own: ScriptedFormer(own, seconds=60))
    bench.worker.resume()
    until(lambda: bool(bench.formers) and bench.formers[0].thinking.is_set())  # type: ignore[attr-defined]
    bench.worker.close()
    assert queue.waiting(store) == 2
    assert queue.claim(store, "another", NOW, 60) is not None
    assert [former.closed for former in bench.formers] == [True]  # type: ignore[attr-defined]


def test_renewing_lets_go_of_the_model_before_it_returns(start: Start, say: Say) -> None:
    say("one")
    bench = start(ScriptedFormer)
    bench.worker.resume()
    until(lambda: len(bench.told) == 1)
    bench.worker.pause()
    bench.worker.renew()
    assert [former.closed for former in bench.formers] == [True]  # type: ignore[attr-defined]
    say("two")
    bench.worker.resume()
    until(lambda: len(bench.told) == 2)
    assert len(bench.formers) == 2


class Failing(ScriptedFormer):
    """Fails at texts that say so."""

    error: Exception = ModelError("the model fell over")

    def form(self, message: Message) -> Formed:
        if message.content == "fail":
            raise self.error
        return super().form(message)


class Crashing(Failing):
    error = ZeroDivisionError("a secret")


def test_a_message_that_fails_is_passed_over_and_the_others_go_on(start: Start, say: Say, store: Store) -> None:
    say("fail", "two")
    bench = start(Failing)
    bench.worker.resume()
    until(lambda: len(bench.told) == 1)
    assert (kept(store), queue.waiting(store)) == (["two"], 1)


@pytest.mark.parametrize(("make", "trouble"), [(Failing, "the model fell over"), (Crashing, A_BUG)])
def test_a_failure_reaches_the_log_and_the_status_and_nothing_else(
    start: Start, say: Say, make: type[Failing], trouble: str
) -> None:
    say("fail")
    bench = start(make)
    bench.worker.resume()
    until(lambda: bool(bench.logged))
    until(lambda: bench.worker.trouble in (trouble, ""))
    assert len(bench.logged) == 1
    assert type(make.error).__name__ in bench.logged[0]
    assert "secret" not in bench.logged[0]


def test_a_locked_store_is_tried_again_in_silence(start: Start, say: Say, store: Store) -> None:
    say("one")
    bench = start(ScriptedFormer)
    with store.atomic():
        bench.worker.resume()
        until(lambda: bool(bench.logged))
        assert bench.worker.trouble == ""
    until(lambda: len(bench.told) == 1)
    assert kept(store) == ["one"]
