"""Full text: what is found by words, in every script, and how a store of an older schema gets there."""

from __future__ import annotations

import random
import sqlite3
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.store import database, health, migrations, purge, typos, words
from memcli.store.database import Store
from memcli.types import Filters
from tests.store.making import NOW, Filled

ANY = Filters()


def hits(filled: Filled, *terms: str, filters: Filters = ANY, limit: int = 5) -> list[str]:
    query = words.query(terms)
    found = words.search(filled.store, query, filters, limit, now=NOW) if query else words.NOTHING
    return [owner_id for _, owner_id, _, _ in found.best]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=st.lists(st.text(), max_size=8))
def test_any_text_can_be_searched_for(filled: Filled, terms: list[str]) -> None:
    if query := words.query(terms):
        words.search(filled.store, typos.corrected(filled.store, query), ANY, 5, now=NOW)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_text_is_found_by_itself(filled: Filled, text: str) -> None:
    said = filled.say(text)
    query = words.query([text])
    assert query is None or any(
        owner_id == said.id for _, owner_id, _, _ in words.search(filled.store, query, ANY, 500, now=NOW).best
    )


@pytest.mark.parametrize(
    "hostile",
    ['"', '""a', "a AND", "NEAR(a b", "words:a", "*a*", "-a", "a\x00b", "^a", "\ud800a", "(", "a)", "İ", "ǰΰ"],
)
def test_hostile_terms_are_plain_words(filled: Filled, hostile: str) -> None:
    wanted = filled.say("a zebra")
    assert hits(filled, hostile, "zebra") == [wanted.id]


def test_terms_without_letters_or_digits_make_no_query() -> None:
    assert words.query([]) is None
    assert words.query(["", "?!", "--", "\x00", "🦓"]) is None
    assert words.query(["Tea", "?", "tea", "l'eau"]) == words.Query((words.Term("tea"), words.Term("eau")))


def test_words_are_never_a_phrase_nor_all_required(filled: Filled) -> None:
    wanted = filled.say("the code is Zanzibar 4711")
    assert hits(filled, "4711-Zanzibar", "nowhere") == [wanted.id]


def test_thousands_of_terms_are_a_query(filled: Filled) -> None:
    wanted = filled.say("word4999")
    assert hits(filled, *(f"word{n}" for n in range(5000))) == [wanted.id]


def test_a_word_is_found_where_an_emoji_is_glued_to_it(filled: Filled) -> None:
    for emoji in ("❤️", "🦓", "🫠"):
        wanted = filled.say(f"zebra{emoji}")
        assert wanted.id in hits(filled, "zebra")


def test_a_better_match_scores_higher(filled: Filled) -> None:
    weak = filled.say("tea and a great many other things besides that one drink, of which there are some")
    strong = filled.say("tea tea")
    for n in range(5):
        filled.say(f"filler {n}")
    assert hits(filled, "tea") == [strong.id, weak.id]


def test_an_exact_form_counts_for_more_than_another_of_its_stem(filled: Filled) -> None:
    other, exact = filled.say("we painted it"), filled.say("the painting it")
    for n in range(5):
        filled.say(f"filler {n}")
    found = {item.id: item.words for item in filled.search("painting")}
    assert found[exact.id] > found[other.id] > 0


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("我上个星期在北京看了一场电影。", "在北京做了什么？"),
        ("我上个星期在北京看了一场电影。", "电影"),
        ("我上个星期在北京看了一场电影。", "影"),
        ("私の犬の名前は太郎です。", "犬の名前は何ですか"),
        ("来週、東京タワーに行きます。", "東京"),
        ("우리 강아지의 이름은 초코예요.", "강아지 이름이 뭐야?"),
        ("저는 서울에서 태어났어요.", "서울"),
        ("ฉันชอบกินข้าวผัด", "ข้าวผัด"),
        ("मेरी किताब मेज़ पर है", "किताब"),
        ("Ela chama-se Inês", "ines"),
        ("Ela chama-se Ines", "INÊS"),
        ("flat in Zürich", "zurich"),
        ("born in Łódź", "lodz"),
        ("in der Straße", "STRASSE"),
        ("Ørsted found it", "orsted"),
        ("ΟΔΥΣΣΕΎΣ", "Οδυσσεύς"),
        ("İstanbul ve Isparta", "ısparta"),
    ],
)
def test_memories_are_found_by_words_in_every_script(filled: Filled, text: str, query: str) -> None:
    for other in ("今天天气很好，我们去爬山。", "明日は雨が降るでしょう。", "오늘은 비가 와요.", "nothing of the kind"):
        filled.say(other)
    wanted = filled.keep(text)
    assert hits(filled, *query.split())[0] == wanted.id


def test_common_words_do_not_crowd_out_rare_ones_and_only_some_of_them_are_scored(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled.store.atomic():
        for n in range(120):
            filled.say(f"time help example {n}")
        wanted = filled.say("time to paint the zebra with some help of others in the afternoon")
        short = filled.say("help time")
        for n in range(200):
            filled.say(f"filler {n}")
    monkeypatch.setattr(words, "BOUNDS", words.Bounds(chunks=50, least=10))
    assert hits(filled, "time", "help", "zebra", limit=3)[0] == wanted.id
    assert short.id in hits(filled, "time", "help", limit=3)
    query = words.query(["time", "help"])
    assert query is not None
    assert len(words.search(filled.store, query, ANY, 500, now=NOW).best) == 50


def test_a_bounded_search_scores_as_a_full_one_does(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(2)
    vocabulary = [f"{letter}word" for letter in string.ascii_lowercase]
    with filled.store.atomic():
        for _ in range(300):
            filled.say(" ".join(chance.choices(vocabulary, weights=[30 / n for n in range(1, 27)], k=6)))
    query = words.query(["bword", "cword", "dword", "xword"])
    assert query is not None

    def scores() -> dict[int, float]:
        return {id_: score for _, _, id_, score in words.search(filled.store, query, ANY, 500, now=NOW).best}

    full = scores()
    monkeypatch.setattr(words, "BOUNDS", words.Bounds(chunks=60, least=20))
    bounded = scores()
    assert 30 < len(bounded) <= 60 < len(full)
    assert bounded == pytest.approx({id_: full[id_] for id_ in bounded}, abs=1e-5)  # bm25() gives each hit 1e-6


def test_a_narrow_filter_keeps_what_common_words_find(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = filled.keep("tea fact")
    with filled.store.atomic():
        for n in range(60):
            filled.say(f"tea {n}")
    monkeypatch.setattr(words, "BOUNDS", words.Bounds(chunks=20, least=10))
    assert hits(filled, "tea", filters=Filters(kinds=("semantic",))) == [kept.id]


def old_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Make a store of the first schema with a few chunks, as the program then did; return their ids by text."""
    monkeypatch.setattr(migrations, "NEWEST", 1)
    texts = ["我在北京工作", "Inês lives in Łódź", "plain tea"]
    with Store.open(path) as store, store.atomic():
        store.run("INSERT INTO threads VALUES ('t', NULL, ?, ?, NULL, 0)", (NOW, NOW))
        for n, text in enumerate(texts, 1):
            store.run(
                "INSERT INTO messages (id, thread_id, role, content, trust, created_at)"
                " VALUES (?, 't', 'user', ?, 'user', ?)",
                (f"m{n}", text, NOW),
            )
            store.run(
                'INSERT INTO chunks (id, owner, owner_id, position, start, "end", text)'
                " VALUES (?, 'message', ?, 0, 0, ?, ?)",
                (n, f"m{n}", len(text), text),
            )
    monkeypatch.undo()
    return {text: n for n, text in enumerate(texts, 1)}


def found_in(store: Store, *terms: str) -> list[int]:
    query = words.query(terms)
    assert query is not None
    return [id_ for _, _, id_, _ in words.search(store, query, ANY, 5, now=NOW).best]


def test_a_store_of_the_first_schema_is_searched_the_new_way_after_it_was_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = old_store(path, monkeypatch)
    with Store.open(path) as store:
        assert store.value("PRAGMA user_version") == migrations.NEWEST
        assert found_in(store, "北京") == [ids["我在北京工作"]]
        assert found_in(store, "lodz") == [ids["Inês lives in Łódź"]]
        assert found_in(store, "teas") == [ids["plain tea"]]
        store.run("DELETE FROM messages WHERE id = 'm1'")
        assert found_in(store, "北京") == []
        assert health.check(store) == []


def test_an_upgrade_lends_its_function_to_the_script_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_store(path, monkeypatch)
    with Store.open(path) as store, pytest.raises(database.apsw.SQLError, match="no such function"):
        store.run("SELECT spelling('x')")


def test_any_sqlite_can_read_and_rebuild_the_index(filled: Filled, path: Path) -> None:
    said, memory = filled.say("我在北京工作"), filled.keep("Zürich in spring")
    gone = filled.say("soon gone")
    purge.forget(filled.store, purge.closure_of(filled.store, [gone.id]), NOW)  # SQLite before 3.42 needs it rebuilt
    filled.store.close()
    plain = sqlite3.connect(path)
    sql = "SELECT owner_id FROM chunks JOIN chunks_fts ON chunks_fts.rowid = chunks.id WHERE chunks_fts MATCH ?"
    plain.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('rebuild')")
    assert plain.execute(sql, ("北京",)).fetchall() == [(said.id,)]
    assert plain.execute(sql, ("zurich",)).fetchall() == [(memory.id,)]
    plain.commit()
    plain.close()
    with Store.open(path) as store:
        assert health.check(store) == []
