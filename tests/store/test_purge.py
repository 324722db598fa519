"""Forgetting: what it takes along, what it leaves, and that nothing of it stays in any byte."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import apsw
import pytest

from memcli.errors import NothingFound, StoreLocked
from memcli.store import (
    cleaning,
    core,
    health,
    memories,
    messages,
    operations,
    purge,
    queue,
    threads,
    traces,
    vectors,
)
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Filters, Recalled
from tests.store.making import EMBEDDER, NOW, Filled, at

SECRET = "my locker code is 4711-Zanzibar"


def everything(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in traces.files(store))


def forget(filled: Filled, *ids: str, cascade: bool = False) -> purge.Receipt:
    return purge.forget(filled.store, purge.closure_of(filled.store, ids, cascade=cascade), NOW)


def test_forgetting_a_memory_takes_its_versions_and_their_messages(filled: Filled) -> None:
    said = [filled.say(f"I live in {city}") for city in ("Rome", "Oslo", "Bonn")]
    versions = [filled.keep(f"lives in {n}", of=[message]) for n, message in enumerate(said)]
    for old, new in itertools.pairwise(versions):
        filled.supersede(old, new)
    filled.say("unrelated")
    for version in versions:
        closure = purge.closure_of(filled.store, [version.id[:8]])
        assert set(closure.memories) == {memory.id for memory in versions}
        assert set(closure.messages) == {message.id for message in said}
        assert closure.kept == ()


def test_other_memories_from_the_same_message_are_listed_and_kept_without_it(filled: Filled) -> None:
    said = filled.say("I live in Rome and like tea")
    home, tea = filled.keep("lives in Rome", of=[said]), filled.keep("likes tea", of=[said])
    closure = purge.closure_of(filled.store, [home.id])
    assert (closure.memories, closure.messages, closure.kept) == ((home.id,), (said.id,), (tea.id,))
    purge.forget(filled.store, closure, NOW)
    assert memories.get(filled.store, tea.id).sources == ()
    assert memories.current(filled.store, now=NOW) == [memories.get(filled.store, tea.id)]


def test_cascade_takes_the_other_memories_too(filled: Filled) -> None:
    said = filled.say("I live in Rome and like tea")
    home, tea = filled.keep("lives in Rome", of=[said]), filled.keep("likes tea", of=[said])
    newer = filled.keep("likes green tea")
    filled.supersede(tea, newer)
    closure = purge.closure_of(filled.store, [home.id], cascade=True)
    assert (set(closure.memories), closure.kept) == ({home.id, tea.id, newer.id}, ())


def test_forgetting_a_message_takes_what_was_derived_from_it_alone(filled: Filled) -> None:
    said, again = filled.say("I like tea"), filled.say("Tea, as I said")
    alone, both = filled.keep("likes tea", of=[said]), filled.keep("really likes tea", of=[said, again])
    closure = purge.closure_of(filled.store, [said.id])
    assert (closure.messages, closure.memories, closure.kept) == ((said.id,), (alone.id,), (both.id,))
    purge.forget(filled.store, closure, NOW)
    assert [source.message_id for source in memories.get(filled.store, both.id).sources] == [again.id]


def test_forgetting_several_items_knows_them_as_one(filled: Filled) -> None:
    said, again = filled.say("I like tea"), filled.say("Tea, as I said")
    both = filled.keep("really likes tea", of=[said, again])
    closure = purge.closure_of(filled.store, [said.id, again.id])
    assert (set(closure.messages), closure.memories) == ({said.id, again.id}, (both.id,))


def test_an_unknown_id_is_an_error(filled: Filled) -> None:
    with pytest.raises(NothingFound):
        purge.closure_of(filled.store, ["nothing"])


def test_forgetting_a_thread_takes_its_messages_and_its_name(filled: Filled) -> None:
    other = threads.create(filled.store, now=NOW, name="divorce lawyer")
    gone = filled.say("the other thread", thread=other.id)
    derived = filled.keep("from the other thread", of=[gone])
    stays = filled.say("stays")
    receipt = purge.forget(filled.store, purge.closure_of_thread(filled.store, other.id), NOW)
    assert messages.of_thread(filled.store, filled.thread.id) == [stays]
    assert threads.find(filled.store, "divorce lawyer") is None
    assert (receipt.rows["threads"], receipt.rows["memories"], receipt.traces) == (1, 1, 0)
    assert derived.id not in {memory.id for memory in memories.current(filled.store, now=NOW)}
    assert b"divorce lawyer" not in everything(filled.store)


def test_matching_is_literal_and_ignores_case_in_every_script(filled: Filled) -> None:
    said = [filled.say(text) for text in ("Die STRASSE", "die Straße", "100% sure", "100 sure", "ÉTÉ in Paris")]
    memory = filled.keep("the été was hot")
    core.put(filled.store, "user", "loves the Été", NOW)

    def matching(text: str) -> set[str]:
        closure = purge.closure_matching(filled.store, text)
        return {*closure.messages, *closure.memories, *closure.core}

    assert matching("straße") == {said[0].id, said[1].id}
    assert matching("100%") == {said[2].id}
    assert matching("été") == {said[4].id, memory.id, "user"}
    assert matching("_") == matching("") == matching("winter") == set()


def test_matching_a_memory_takes_its_versions_and_messages(filled: Filled) -> None:
    said = filled.say("We went to Rome")
    old, new = filled.keep("the trip to Italy", of=[said]), filled.keep("the trip to Rome and Naples")
    filled.supersede(old, new)
    closure = purge.closure_matching(filled.store, "naples")
    assert (closure.messages, set(closure.memories)) == ((said.id,), {old.id, new.id})


def test_before_takes_what_is_older_and_threads_that_end_up_empty(filled: Filled) -> None:
    ancient = threads.create(filled.store, now="2020-01-01T00:00:00Z")
    old = filled.say("old", thread=ancient.id, now="2020-01-01T00:00:00Z")
    early, late = filled.say("early", now=at(1)), filled.say("late", now=at(20))
    belief = filled.keep("early belief", now=at(2))
    newer = filled.keep("newer belief", now=at(20), of=[late])
    filled.supersede(belief, newer)
    closure = purge.closure_before(filled.store, at(10))
    assert set(closure.messages) == {old.id, early.id}
    assert (closure.memories, closure.threads, closure.kept) == ((belief.id,), (ancient.id,), (newer.id,))
    purge.forget(filled.store, closure, NOW)
    assert memories.current(filled.store, now=NOW) == [newer]


def test_forgetting_all_leaves_an_empty_sound_store(filled: Filled) -> None:
    texts = [f"statement number {n} about {SECRET}" for n in range(30)]
    for text in texts:
        filled.keep(text.upper(), of=[filled.say(text)])
    core.put(filled.store, "user", "text about me", NOW)
    closure = purge.closure_all(filled.store)
    assert not closure.empty
    receipt = purge.forget(filled.store, closure, NOW)
    assert (receipt.traces, receipt.kept_mentions) == (0, ())
    assert receipt.rows == {
        "messages": 30,
        "memories": 30,
        "memory_sources": 30,
        "threads": 1,
        "core_blocks": 1,
        "chunks": 60,
        "chunks_vec": 60,
    }
    assert purge.closure_all(filled.store).empty
    assert health.check(filled.store) == []
    assert b"zanzibar" not in everything(filled.store).lower()


@pytest.fixture(params=["small", "large"])
def of_any_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the store cleaned as one of any size is."""
    if request.param == "large":
        monkeypatch.setattr(cleaning, "SMALL", 0)


@pytest.mark.usefixtures("of_any_size")
def test_no_byte_of_a_forgotten_item_stays(filled: Filled, path: Path) -> None:
    random.seed(3)
    words = [f"word{n}" for n in range(400)]
    said = [filled.say(" ".join(random.sample(words, 30))) for _ in range(120)]
    secret = filled.say(SECRET + " xylophonist")
    memory = filled.keep("The locker opens with 4711-Zanzibar", of=[secret], tags=("quagmire-tag",))
    asked = said[-1]
    messages.set_recalled(filled.store, asked.id, [Recalled(memory.id, "semantic", f"[note] {memory.text}", 1.0)])
    threads.set_prefix(filled.store, filled.thread.id, json.dumps([memory.text]))
    queue.enqueue(filled.store, secret.id, NOW)
    vectors = EMBEDDER.embed([secret.content, memory.text])
    filled.store.run("PRAGMA wal_checkpoint(TRUNCATE)")
    held = everything(filled.store)
    marks = [b"Zanzibar", b"zanzibar", b"xylophonist", b"locker", b"quagmire", *vectors]
    assert all(mark in held for mark in marks[:1] + marks[4:])

    receipt = forget(filled, memory.id)
    left = everything(filled.store)
    assert [mark for mark in marks if mark in left] == []
    assert (receipt.traces, receipt.kept_mentions) == (0, ())
    assert receipt.rows == {
        "messages": 1,
        "memories": 1,
        "memory_tags": 1,
        "memory_sources": 1,
        "recalled": 1,
        "formation_queue": 1,
        "chunks": 2,
        "chunks_vec": 2,
    }
    assert str(path) in receipt.files
    assert threads.prefix(filled.store, filled.thread.id) is None
    assert health.check(filled.store) == []
    assert len(filled.found("word1 word2 word3", limit=200)) == 120


@pytest.mark.usefixtures("of_any_size")
def test_a_long_text_over_many_pages_is_gone_too(filled: Filled) -> None:
    text = " ".join(f"chapter{n}" for n in range(20_000))
    message = filled.say(text)
    assert forget(filled, message.id).traces == 0
    left = everything(filled.store)
    assert not any(f"chapter{n}".encode() in left for n in range(1000, 20_000, 50))


@pytest.mark.usefixtures("of_any_size")
def test_not_even_the_beginning_of_a_forgotten_word_stays_in_the_full_text_index(filled: Filled) -> None:
    rare, secrets = filled.say_rare_words()
    forget(filled, *(message.id for message in secrets))
    left = everything(filled.store)
    assert [word for word in rare if word[:6].encode() in left] == []


@pytest.mark.parametrize(
    "text",
    ["我的储物柜密码是四七一一号", "ロッカーの暗証番号は秘密です", "사물함 비밀번호는 코끼리", "Łukasz żyje w Gdyni"],
)
def test_nothing_stays_of_what_full_text_made_of_a_forgotten_text(filled: Filled, text: str) -> None:
    filled.say("天气很好 and the weather is fine")
    gone = filled.say(text)
    whole = str(filled.store.value("SELECT spelled FROM chunks WHERE owner_id = ?", (gone.id,)))
    made = {piece.encode() for piece in whole.split() if len(piece.encode()) > 4}
    filled.store.run("PRAGMA wal_checkpoint(TRUNCATE)")
    assert whole.encode() in everything(filled.store)
    assert forget(filled, gone.id).traces == 0
    left = everything(filled.store)
    assert [piece for piece in made if piece in left] == []


def test_what_full_text_made_of_a_text_is_a_trace_where_it_is_left(filled: Filled, path: Path) -> None:
    gone = filled.say("我的储物柜密码是四七一一号")
    spelled = str(filled.store.value("SELECT spelled FROM chunks WHERE owner_id = ?", (gone.id,)))
    path.with_name(path.name + "-journal").write_text(f"left behind: {spelled}", encoding="utf-8")
    assert forget(filled, gone.id).traces == 1


def test_what_sqlite_leaves_between_rows_is_gone_after_a_forgetting(filled: Filled) -> None:
    # With this seed, pages that are balanced keep pieces of overwritten rows, secure_delete or not.
    chance, old = random.Random(0), []
    with filled.store.atomic():
        for _ in range(1500):
            label = f"label{chance.randrange(100)}"
            block = core.get(filled.store, label)
            old += [block.text] if block else []
            text = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=chance.choice([100, 200, 400])))
            core.put(filled.store, label, text, NOW)
    forget(filled, filled.say("and this").id)
    left = everything(filled.store)
    pieces = [text[start : start + 12].encode() for text in old for start in range(0, len(text) - 12, 12)]
    assert not any(piece in left for piece in pieces)


def test_a_large_store_is_written_anew_where_a_piece_of_the_text_is_left_in_its_file(
    filled: Filled, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "SMALL", 0)
    monkeypatch.setattr(vectors, "stored", lambda store, chunks: [])  # those of hashed words are all alike
    ran: list[str] = []
    filled.store.db.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: ran.append(event["sql"]))
    for _ in range(30):
        filled.say("word " * 30)
    forget(filled, filled.say(SECRET).id)
    assert "VACUUM" not in ran
    message = filled.say(SECRET)
    filled.store.run("PRAGMA wal_checkpoint(TRUNCATE)")
    at = path.read_bytes().find(b"Zanzibar")
    free = path.read_bytes().rfind(bytes(64))  # between the cells of some page
    assert at > 0
    with path.open("r+b") as file:
        file.seek(free)
        file.write(b"4711-Zanzibar")
    filled.store.run("PRAGMA shrink_memory")
    assert forget(filled, message.id).traces == 0
    assert "VACUUM" in ran
    assert b"4711-Zanz" not in everything(filled.store)


def test_the_log_of_a_forgetting_holds_ids_and_no_texts(filled: Filled) -> None:
    message = filled.say(SECRET)
    before = purge.generation(filled.store)
    forget(filled, message.id)
    (operation,) = operations.recent(filled.store, 1)
    assert (operation.action, operation.items, operation.at) == ("forget", (message.id,), NOW)
    assert purge.generation(filled.store) > before


def test_the_same_words_in_what_is_kept_are_listed_and_are_no_trace(filled: Filled) -> None:
    gone = filled.say("Zanzibar trip")
    kept = filled.say("I dream of a Zanzibar trip in May")
    memory = filled.keep("planned: Zanzibar trip")
    filled.say("zanzibar TRIP in other letters")
    receipt = forget(filled, gone.id)
    assert receipt.kept_mentions == tuple(sorted((kept.id, memory.id)))
    assert receipt.traces == 0


def test_a_word_that_stands_in_a_kept_text_or_in_the_schema_is_no_trace(filled: Filled) -> None:
    filled.say("mon Résumé")
    own = ("messages", "position", "CREATE_VERSION", "SQLite format 3", "secure-delete")
    said = [filled.say(word) for word in ("resume", *own)]
    assert forget(filled, *(message.id for message in said)).traces == 0


def test_a_text_that_is_left_somewhere_is_counted_as_a_trace(filled: Filled, path: Path) -> None:
    message = filled.say(SECRET)
    leftover = path.with_name(path.name + "-journal")
    leftover.write_text(f"left behind: {SECRET}")
    assert forget(filled, message.id).traces == 1


def test_a_memory_formed_after_the_closure_was_made_goes_as_well(filled: Filled) -> None:
    said = filled.say(SECRET)
    closure = purge.closure_of(filled.store, [said.id])
    late = filled.keep("the code is 4711", of=[said])
    assert purge.forget(filled.store, closure, NOW).rows["memories"] == 1
    with pytest.raises(NothingFound):
        memories.get(filled.store, late.id)


def test_a_message_that_comes_after_the_closure_of_its_thread_goes_as_well(filled: Filled) -> None:
    closure = purge.closure_of_thread(filled.store, filled.thread.id)
    filled.say(SECRET)
    assert purge.forget(filled.store, closure, NOW).rows["messages"] == 1
    assert SECRET.encode() not in everything(filled.store)


def test_a_reader_delays_the_cleaning_which_is_then_made_up_for(filled: Filled, path: Path) -> None:
    message = filled.say(SECRET)
    with Store.open(path) as reader:
        reader.run("BEGIN")
        reader.rows("SELECT count(*) FROM messages")
        with pytest.raises(StoreLocked):
            forget(filled, message.id)
        reader.run("COMMIT")
    assert messages.count(filled.store) == 0
    assert cleaning.unclean(filled.store)
    assert "a forgetting was not cleaned up after" in health.check(filled.store)
    cleaning.finish(filled.store)
    assert not cleaning.unclean(filled.store)
    assert SECRET.encode() not in everything(filled.store)


def test_an_idle_reader_delays_nothing(filled: Filled, path: Path) -> None:
    message = filled.say(SECRET)
    with Store.open(path) as idle:
        messages.get(idle, message.id)
        assert forget(filled, message.id).traces == 0
        assert messages.count(idle) == 0


def test_vectors_stay_with_their_chunks_after_whole_blocks_of_them_went(filled: Filled) -> None:
    with filled.store.atomic():
        said = [filled.say(f"number{n} tea") for n in range(1300)]  # vec0 keeps blocks of 1024
    forget(filled, *(message.id for message in said[:1100]))
    assert health.check(filled.store) == []
    for message in said[1100::40]:
        (best, *_) = vectors.by_vector(filled.store, EMBEDDER.embed([message.content])[0], Filters(), 1, now=NOW)
        assert best[3] == pytest.approx(1, abs=1e-5)
    assert filled.found("number1200", limit=1) & {said[1200].id}


def test_a_label_in_any_letters_goes_from_the_log_too(filled: Filled) -> None:
    with filled.store.atomic():
        journal = Journal(filled.store, action="core", actor="user", now=NOW)
        journal.set_core("família", "Ann", "user")
        journal.record()
    purge.forget(filled.store, purge.closure_matching(filled.store, "ann"), NOW)
    assert operations.recent(filled.store, 2)[1].items == ("core:forgotten",)


# --- blocks that consolidate made ---


def keep_block(filled: Filled, text: str, author: str = "consolidate") -> None:
    with filled.store.atomic():
        journal = Journal(filled.store, action="core", actor=author, now=NOW)
        journal.set_core("user", text, author)
        journal.record()


def test_a_block_that_consolidate_made_goes_with_what_it_quotes(filled: Filled) -> None:
    memory, other = filled.keep("I live in Quokka77\nby the sea"), filled.keep("I have a dog")
    keep_block(filled, "I live in Quokka77 by the sea. I have a dog.")
    keep_block(filled, "I have a dog. I live in Quokka77 by the sea.")
    assert purge.closure_of(filled.store, [memory.id]).portraits == ("user",)
    receipt = forget(filled, memory.id)
    assert (receipt.rows["core_blocks"], receipt.rows["core_versions"], receipt.traces) == (1, 1, 0)
    assert core.get(filled.store, "user") is None
    assert b"Quokka77" not in everything(filled.store)
    keep_block(filled, "I have a dog.")
    filled.keep("I live in Oslo")
    assert purge.closure_of(filled.store, [other.id]).portraits == ("user",)


def test_a_block_that_does_not_quote_it_stays(filled: Filled) -> None:
    memory = filled.keep("I live in Oslo")
    keep_block(filled, "I have a dog.")
    forget(filled, memory.id)
    assert core.get(filled.store, "user") is not None


def test_a_block_written_by_hand_stays_and_what_consolidate_had_made_of_it_goes(filled: Filled) -> None:
    memory = filled.keep("I live in Quokka77")
    keep_block(filled, "I live in Quokka77.")
    keep_block(filled, "A vet.", "user")
    assert forget(filled, memory.id).traces == 0
    block = core.get(filled.store, "user")
    assert block is not None
    assert (block.text, block.author) == ("A vet.", "user")
    assert b"Quokka77" not in everything(filled.store)


def test_a_block_made_after_the_closure_goes_as_well(filled: Filled) -> None:
    memory = filled.keep("I live in Quokka77")
    closure = purge.closure_of(filled.store, [memory.id])
    keep_block(filled, "I live in Quokka77.")
    purge.forget(filled.store, closure, NOW)
    assert b"Quokka77" not in everything(filled.store)


def test_what_stood_in_the_windows_is_forgotten_with_anything(filled: Filled) -> None:
    said = filled.say("unrelated")
    threads.set_ledger(filled.store, filled.thread.id, '{"segments": [["core", "core:my locker", 9]]}')
    assert b"core:my locker" in everything(filled.store)
    forget(filled, said.id)
    assert threads.ledger(filled.store, filled.thread.id) is None
    assert b"core:my locker" not in everything(filled.store)
