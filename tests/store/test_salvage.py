"""What can be read of a damaged file: every row that a sound page holds, and a count of those that are lost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from memcli.errors import StoreDamaged
from memcli.memory import mending
from memcli.memory.mending import Outcome
from memcli.store import convert, health, migrations
from memcli.store.database import Store
from tests.fakes import HashingEmbedder
from tests.store.making import NOW, Filled

PAGE = 4096
MANY = 200
SECRET = "correct horse battery staple"


@pytest.fixture
def texts(path: Path) -> dict[str, str]:
    """Fill a store, close it, and give what its messages and memories say."""
    with Store.open(path) as store:
        filled = Filled(store)
        with store.atomic():
            said = [filled.say(f"message number {n} says that tea is good " * 3) for n in range(MANY)]
            kept = [filled.keep(f"fact number {n}", of=[said[n]], tags=("one",)) for n in range(20)]
    return {one.id: one.content for one in said} | {one.id: one.text for one in kept}


def pages_of(path: Path, *names: str) -> list[int]:
    """Return the pages (from 0) of tables or indexes that hold rows, the first of each being its root."""
    with Store.open(path) as store:
        return [store.value("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)) - 1 for name in names]


def place_of(path: Path, number: int) -> int:
    """Return where in the file the text of a message stands."""
    with Store.open(path) as store:
        id_, thread, role, text = store.rows(
            "SELECT id, thread_id, role, content FROM messages WHERE seq = ?", (number,)
        )[0]
    return path.read_bytes().index(f"{id_}{thread}{role}{text}".encode()) + len(f"{id_}{thread}{role}")


def overwrite(path: Path, page: int, data: bytes = b"\xa5" * PAGE) -> None:
    held = bytearray(path.read_bytes())
    held[page * PAGE : page * PAGE + len(data)] = data
    path.write_bytes(held)


def mend(path: Path) -> Outcome:
    before = path.read_bytes()
    with Store.open(path) as store:
        done = mending.mend(store, HashingEmbedder(), NOW, progress=lambda done, of: None)
    assert path.read_bytes() == before or not done.salvaged, "a file that stays damaged is not touched"
    return done


def salvaged(done: Outcome) -> dict[str, str]:
    """Return what the salvaged store has, which is sound."""
    assert done.salvaged
    with Store.open(done.salvaged.path) as store:
        assert health.check(store) == []
        assert store.value("SELECT count(*) FROM chunks WHERE NOT has_vector") == 0
        return dict(store.rows("SELECT id, content FROM messages UNION ALL SELECT id, text FROM memories"))


def test_a_rule_that_is_not_the_users_is_salvaged_as_a_fact(path: Path, texts: dict[str, str]) -> None:
    with Store.open(path) as store:
        store.run("DROP TRIGGER memories_rule_change")
        store.run("UPDATE memories SET kind = 'procedural', trust = 'document' WHERE text = 'fact number 3'")
    (root,) = pages_of(path, "chunks")
    overwrite(path, root)
    done = mend(path)
    assert salvaged(done) == texts
    assert done.salvaged
    with Store.open(done.salvaged.path) as store:
        assert store.value("SELECT kind FROM memories WHERE text = 'fact number 3'") == "semantic"


@pytest.mark.parametrize("name", ["chunks", "chunks_fts_data", "chunks_vec_rowids", "signatures", "messages_by_time"])
def test_where_only_what_was_made_of_the_texts_is_damaged_all_texts_are_salvaged(
    path: Path, texts: dict[str, str], name: str
) -> None:
    (root,) = pages_of(path, name)
    overwrite(path, root)
    done = mend(path)
    assert done.well or salvaged(done) == texts


def test_rows_of_sound_pages_are_salvaged_and_lost_ones_counted(path: Path, texts: dict[str, str]) -> None:
    overwrite(path, place_of(path, 100) // PAGE)
    done = mend(path)
    assert done.salvaged
    found = salvaged(done)
    lost = texts.keys() - found.keys()
    assert found.items() <= texts.items()
    assert 0 < len(lost) <= done.salvaged.lost["messages"] < MANY / 2


@pytest.mark.parametrize("gap", [0, 2])
def test_where_the_end_of_a_table_is_lost_what_stands_before_it_is_salvaged(path: Path, gap: int) -> None:
    with Store.open(path) as store, store.atomic():
        filled = Filled(store)
        kept = [filled.keep(f"fact number {n} " * 20).text for n in range(MANY)]
    (root,) = pages_of(path, "memories")
    data = path.read_bytes()[root * PAGE : (root + 1) * PAGE]
    leaves = [int.from_bytes(data[at : at + 4]) - 1 for at in _cells(data)]
    lost = [int.from_bytes(data[8:12]) - 1, *leaves[3 : 3 + gap]]  # the last, and some in the middle
    held = [text for text in kept if not any(text.encode() in _page(path, page) for page in lost)]
    assert 100 < len(held) < MANY
    for page in lost:
        overwrite(path, page)
    saved = mend(path).salvaged
    assert saved is not None
    assert saved.lost["memories"] >= 1
    with Store.open(saved.path) as store:
        assert [text for (text,) in store.rows("SELECT text FROM memories ORDER BY rowid")] == held


def test_of_an_encrypted_table_pages_are_read_whose_checksums_are_wrong(path: Path, texts: dict[str, str]) -> None:
    pages = pages_of(path, "messages")
    with Store.open(path) as store:
        convert.convert(store, SECRET)
    _spoil(path, pages)
    with Store.open(path, key=lambda: SECRET) as store:
        done = mending.mend(store, HashingEmbedder(), NOW, progress=lambda done, of: None)
    _require_all(done, texts)


def test_an_encrypted_file_is_read_that_cannot_be_opened_for_wrong_checksums(path: Path, texts: dict[str, str]) -> None:
    with Store.open(path) as store:
        convert.convert(store, SECRET)
    _spoil(path, range(1, path.stat().st_size // PAGE))  # the first is the one that tells whether the key is right
    with pytest.raises(StoreDamaged):
        Store.open(path, key=lambda: SECRET)
    with Store.unsettled(path, key=lambda: SECRET) as store:
        done = mending.rescue(store, "damaged", HashingEmbedder(), NOW)
    _require_all(done, texts)


def _spoil(path: Path, pages: Iterable[int]) -> None:
    """Flip a bit of the checksums of some pages, which are their last bytes."""
    held = bytearray(path.read_bytes())
    for page in pages:
        held[(page + 1) * PAGE - 1] ^= 1
    path.write_bytes(held)


def _require_all(done: Outcome | None, texts: dict[str, str]) -> None:
    assert done is not None
    assert done.salvaged is not None
    assert done.salvaged.lost == {}
    with Store.open(done.salvaged.path, key=lambda: SECRET) as store:
        assert dict(store.rows("SELECT id, content FROM messages UNION ALL SELECT id, text FROM memories")) == texts


def _page(path: Path, number: int) -> bytes:
    return path.read_bytes()[number * PAGE : (number + 1) * PAGE]


def _cells(interior: bytes) -> list[int]:
    """Return where the cells of an interior page of a table stand in it, in order (SQLite file format, 1.6)."""
    count = int.from_bytes(interior[3:5])
    return [int.from_bytes(interior[12 + 2 * n : 14 + 2 * n]) for n in range(count)]


def test_messages_whose_threads_are_lost_get_a_thread_of_the_same_id(path: Path, texts: dict[str, str]) -> None:
    (root,) = pages_of(path, "threads")
    overwrite(path, root)
    done = mend(path)
    assert salvaged(done) == texts
    assert done.salvaged
    with Store.open(done.salvaged.path) as store:
        assert store.value("SELECT count(DISTINCT thread_id) FROM messages") == 1


def test_bytes_that_are_no_text_cost_a_character_and_not_the_row(path: Path, texts: dict[str, str]) -> None:
    place, data = place_of(path, 100), path.read_bytes()
    path.write_bytes(data[:place] + b"\xff" + data[place + 1 :])
    done = mend(path)
    assert done.well
    with Store.open(path) as store:
        found = dict(store.rows("SELECT id, content FROM messages UNION ALL SELECT id, text FROM memories"))
    assert found.keys() == texts.keys()
    (changed,) = {id_ for id_ in texts if found[id_] != texts[id_]}
    assert found[changed] == "\ufffd" + texts[changed][1:]


def test_of_an_older_schema_that_cannot_be_brought_up_to_date_rows_are_salvaged_too(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(migrations, "NEWEST", 5)
        with Store.open(path) as store:
            values = [(f"fact{n}", f"fact number {n} " * 20, NOW) for n in range(MANY)]
            sql = "INSERT INTO memories (id, kind, text, trust, created_at) VALUES (?, 'semantic', ?, 'user', ?)"
            store.run_many(sql, values)
            root = store.value("SELECT rootpage FROM sqlite_schema WHERE name = 'memories'") - 1
    data = path.read_bytes()
    overwrite(path, int.from_bytes(data[root * PAGE + 8 : root * PAGE + 12], "big") - 1)  # the last page of memories
    with pytest.raises(StoreDamaged):
        Store.open(path)
    with Store.unsettled(path) as store:
        done = mending.rescue(store, "damaged", HashingEmbedder(), NOW)
    assert done
    assert 0 < len(salvaged(done)) < MANY


def test_numbers_that_no_row_ever_had_are_not_looked_for_one_by_one(path: Path, texts: dict[str, str]) -> None:
    with Store.open(path) as store:
        store.run("UPDATE sqlite_sequence SET seq = 3000000 WHERE name = 'messages'")
        pages = store.value("PRAGMA page_count")
    (root,) = pages_of(path, "messages")
    data = path.read_bytes()
    overwrite(path, int.from_bytes(data[root * PAGE + 8 : root * PAGE + 12], "big") - 1)  # the last page of messages
    done = mend(path)
    assert done.salvaged
    assert 0 < MANY - done.salvaged.rows["messages"] < done.salvaged.lost["messages"] < 200 * pages


def test_what_comes_to_nothing_leaves_no_file(path: Path, texts: dict[str, str]) -> None:
    for page in pages_of(path, "messages", "memories", "threads", "operations", "memory_tags", "memory_sources"):
        overwrite(path, page)
    done = mend(path)
    assert not done.well
    assert done.salvaged is None
    assert not [each for each in path.parent.iterdir() if "salvaged" in each.name]


def spoil(path: Path, definition: bytes, by: bytes) -> None:
    """Overwrite the first bytes of what defines a column."""
    data = path.read_bytes()
    assert data.count(definition) == 1
    path.write_bytes(data.replace(definition, by + definition[len(by) :]))


@pytest.mark.parametrize("by", [b"\xff", b"z"])
def test_a_column_whose_name_is_damaged_is_known_by_its_place(path: Path, texts: dict[str, str], by: bytes) -> None:
    spoil(path, b"content     TEXT", by)
    done = mend(path)
    assert not done.well, "the file itself stays as it is"
    assert salvaged(done) == texts


@pytest.mark.parametrize("by", [b"\xff", b"z"])
def test_a_table_that_makes_no_sense_does_not_hide_the_others(path: Path, texts: dict[str, str], by: bytes) -> None:
    spoil(path, b"tag       TEXT", by)  # which the table's own key names
    with pytest.raises(StoreDamaged):
        Store.open(path)
    with Store.unsettled(path) as store:
        done = mending.rescue(store, "damaged", HashingEmbedder(), NOW)
    assert done
    assert salvaged(done) == texts
    assert done.salvaged
    assert done.salvaged.lost.keys() == {"memory_tags"}
