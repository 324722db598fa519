from __future__ import annotations

from pathlib import Path

from memcli.store import health
from memcli.store.database import Store
from tests.store.making import Filled


def test_a_sound_store_has_no_problems(filled: Filled) -> None:
    filled.keep("likes tea", of=[filled.say("I like tea")])
    assert health.check(filled.store) == []


def test_a_file_that_others_can_read_is_a_problem(store: Store, path: Path) -> None:
    path.chmod(0o644)
    assert any("can be read by others" in problem for problem in health.check(store))


def test_full_text_out_of_step_is_a_problem(filled: Filled) -> None:
    filled.say("tea")
    filled.store.run("INSERT INTO chunks_fts (chunks_fts) VALUES ('delete-all')")
    assert "the full-text index does not agree with the chunks" in health.check(filled.store)


def test_a_chunk_that_is_spelled_otherwise_is_a_problem(filled: Filled) -> None:
    filled.say("Zürich")
    filled.store.run("UPDATE chunks SET spelled = NULL")
    assert health.check(filled.store) == ["1 chunks are not spelled as full text needs them"]


def test_lost_and_stray_vectors_are_problems(filled: Filled) -> None:
    for text in ("one", "two"):
        filled.say(text)
    filled.store.run("DELETE FROM chunks_vec WHERE chunk_id = 1")
    filled.store.run("UPDATE chunks SET has_vector = 0 WHERE id = 2")
    assert health.check(filled.store) == [
        "1 chunks have lost their vector",
        "1 vectors belong to no chunk",
        "1 signatures belong to no chunk",
    ]


def test_lost_signatures_are_a_problem(filled: Filled) -> None:
    filled.say("one")
    filled.store.run("DELETE FROM signatures")
    assert health.check(filled.store) == ["1 chunks have lost their signature"]


def test_a_dangling_reference_and_an_orphaned_chunk_are_problems(filled: Filled) -> None:
    message = filled.say("one")
    filled.store.run("PRAGMA foreign_keys = OFF")
    filled.store.run("DROP TRIGGER messages_chunks_out")
    filled.store.run("INSERT INTO formation_queue (message_id, queued_at) VALUES (?, '')", (message.id,))
    filled.store.run("DELETE FROM messages")
    problems = health.check(filled.store)
    assert "1 chunks belong to no message or memory" in problems
    assert any("formation_queue" in problem and "messages" in problem for problem in problems)


def test_damage_is_told_and_does_not_stop_the_check(filled: Filled, path: Path) -> None:
    with filled.store.atomic():
        for number in range(200):
            filled.say(f"message number {number} " * 20)
    filled.store.close()
    data = bytearray(path.read_bytes())
    half = len(data) // 4096 // 2 * 4096
    data[half:] = b"\xa5" * (len(data) - half)
    path.write_bytes(data)
    with Store.open(path) as store:
        assert health.check(store)
