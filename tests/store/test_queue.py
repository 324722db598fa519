"""The formation queue: who works on what, for how long, and what comes of the dead."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memcli.store import purge, queue, workers
from memcli.store.database import Store
from memcli.store.queue import LeaseLost
from tests.store.making import NOW, Filled, python

LATER = "2026-03-01T09:40:00Z"
LEASE = 300


@pytest.fixture
def said(filled: Filled) -> list[str]:
    """Three messages that wait, in order."""
    ids = [filled.say(text).id for text in ("one", "two", "three")]
    for id_ in ids:
        queue.enqueue(filled.store, id_, NOW)
    return ids


def claim(store: Store, worker: str, now: str = NOW, **more: object) -> str | None:
    message = queue.claim(store, worker, now, LEASE, **more)  # type: ignore[arg-type]
    return message.id if message else None


def test_a_message_waits_for_formation_once(filled: Filled) -> None:
    message = filled.say("I moved to Rome")
    for id_ in (message.id, message.id, "gone"):
        queue.enqueue(filled.store, id_, NOW)
    assert queue.waiting(filled.store) == 1


def test_the_oldest_message_is_taken_first_and_by_one_worker(store: Store, said: list[str]) -> None:
    assert [claim(store, worker) for worker in ("a", "b", "c", "d")] == [*said, None]
    assert queue.waiting(store) == 3


def test_the_order_survives_a_forgetting(filled: Filled, said: list[str]) -> None:
    purge.forget(filled.store, purge.closure_of(filled.store, [said[0]]), NOW)
    late = filled.say("four")
    queue.enqueue(filled.store, late.id, NOW)
    assert [claim(filled.store, worker) for worker in ("a", "b", "c")] == [*said[1:], late.id]


def test_a_settled_message_has_left_the_queue(store: Store, said: list[str]) -> None:
    claim(store, "a")
    with store.atomic():
        queue.settle(store, said[0], "a")
    assert claim(store, "a") == said[1]
    with pytest.raises(LeaseLost):
        queue.settle(store, said[0], "a")


def test_what_is_written_with_a_settling_that_fails_is_not_written(filled: Filled, said: list[str]) -> None:
    claim(filled.store, "a")
    assert claim(filled.store, "b", LATER) == said[0]

    def write_late() -> None:
        with filled.store.atomic():
            filled.keep("formed by the slower one")
            queue.settle(filled.store, said[0], "a")

    with pytest.raises(LeaseLost):
        write_late()
    assert filled.store.value("SELECT count(*) FROM memories") == 0
    queue.settle(filled.store, said[0], "b")


def test_a_message_that_was_forgotten_meanwhile_cannot_be_settled(filled: Filled, said: list[str]) -> None:
    claim(filled.store, "a")
    purge.forget(filled.store, purge.closure_of(filled.store, [said[0]]), NOW)
    with pytest.raises(LeaseLost):
        queue.settle(filled.store, said[0], "a")


def test_a_released_message_is_taken_again_however_often(store: Store, said: list[str]) -> None:
    for _ in range(2 * queue.MOST_FAILURES):
        assert claim(store, "a") == said[0]
        queue.release(store, said[0], "a")


def test_only_its_holder_can_give_a_message_back(store: Store, said: list[str]) -> None:
    claim(store, "a")
    queue.release(store, said[0], "b")
    assert claim(store, "b") == said[1]


def test_a_worker_takes_up_again_what_it_could_not_give_back(store: Store, said: list[str]) -> None:
    claim(store, "a")
    assert claim(store, "a", LATER) == said[0]
    assert store.value("SELECT max(attempts) FROM formation_queue") == 0


def test_what_is_passed_over_stays_for_others(store: Store, said: list[str]) -> None:
    assert claim(store, "a", passing=said[:2]) == said[2]
    assert claim(store, "b") == said[0]


def test_a_lease_that_has_run_out_is_given_to_another(store: Store, said: list[str]) -> None:
    claim(store, "a")
    assert claim(store, "b", LATER) == said[0]


def test_the_lease_of_a_dead_process_is_given_to_another_at_once(store: Store, said: list[str], path: Path) -> None:
    dying = """
import sys
from pathlib import Path
from memcli.store import queue, workers
from memcli.store.database import Store
with Store.open(Path(sys.argv[1])) as store:
    queue.claim(store, workers.name(), sys.argv[2], 300)
"""
    assert python(dying, path, NOW).wait() == 0
    assert claim(store, workers.name()) == said[0]
    assert claim(store, "another") == said[1], "this process lives"
    assert str(os.getpid()) in workers.name()


def test_a_message_that_failed_three_times_is_set_aside_until_it_is_to_be_tried_again(
    store: Store, said: list[str]
) -> None:
    claim(store, "a")
    queue.fail(store, said[0], "a")
    claim(store, "a")  # and dies
    assert claim(store, "b", LATER) == said[0]
    queue.fail(store, said[0], "b")
    assert (queue.waiting(store), queue.set_aside(store)) == (2, 1)
    assert claim(store, "b") == said[1]
    assert (queue.retry(store), queue.set_aside(store)) == (1, 0)
    assert claim(store, "c") == said[0]


def test_an_empty_queue_takes_no_lock(store: Store, path: Path) -> None:
    with Store.open(path, busy_ms=10) as other, store.atomic():
        assert queue.claim(other, "a", NOW, LEASE) is None
