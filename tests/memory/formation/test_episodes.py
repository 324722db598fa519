"""What happened again and again: which episodes belong together, and what all of them say."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.formation.episodes import Cluster, clusters, loose
from memcli.types import Kind, Memory, Trust


def episode(text: str, day: int, **more: Any) -> Memory:
    fields = {"id": f"{day}: {text}", "kind": Kind.EPISODIC, "trust": Trust.USER, "order": day} | more
    return Memory(text=text, created_at=f"2026-03-{day:02}T12:00:00Z", **fields)


def on_days(*texts: str) -> list[Memory]:
    return [episode(text, day) for day, text in enumerate(texts, 1)]


def statements(*texts: str) -> list[str]:
    return [cluster.statement for cluster in clusters(on_days(*texts), UTC)]


@pytest.mark.parametrize(
    ("texts", "statement"),
    [
        (
            ("I went climbing with Mara today", "Went climbing with Mara again", "I went climbing with Mara in Sintra"),
            "I went climbing with Mara",
        ),
        (("had a migraine today", "Had another migraine this morning", "I had a migraine at work"), "I had a migraine"),
        (
            ("On Friday I saw the doctor about my knee", "I saw the doctor yesterday", "I saw the doctor again"),
            "I saw the doctor",
        ),
        (("I ran 5 km", "I just ran 5 km this morning", "I ran 5 km with Bo"), "I ran 5 km"),
        (("Ahmed called and fussed", "Ahmed called, he is ill", "Ahmed called last night"), "Ahmed called"),
        (("Hoy tuve una migraña", "Hoy tuve una migraña", "Hoy tuve una migraña"), "Hoy tuve una migraña"),
    ],
)
def test_what_all_say_is_said_once_in_the_users_words(texts: tuple[str, ...], statement: str) -> None:
    assert statements(*texts) == [statement]


@pytest.mark.parametrize(
    "texts",
    [
        ("I had a job interview", "I had a job offer", "I had a job review"),
        ("I went to New York", "I went to New Orleans", "I went to New York with Bo"),
        ("I met Anna Smith", "I met Anna Jones", "I met Anna Smith again"),
        ("My sister Ana visited me", "My sister Ana broke her leg", "My sister Ana called"),
        ("My friend Ahmed at the gym fell", "My friend Ahmed in Rome fell", "My friend Ahmed from work fell"),
        ("I went climbing with Mara", "We went climbing with Mara", "She went climbing with Mara"),
        ("I ran 5 km", "I ran 10 km", "I ran 7 km"),
        ("I went climbing", "I didn't go climbing", "I went climbing, or nearly"),
        ("I saw Mara on 3 May", "I might have seen Mara", "I will see Mara"),
        ("I went out with Mara", "I went out to the shops", "I went out for a walk"),
        ("Tomorrow I had a look at it", "I will have a look", "I had a look at it next week"),
        ("My sister Ana, the vet, fell", "My sister Ana, who is ill, rang", "My sister Ana: what a day it was"),
        ("Tom fell in love", "Tom fell in a hole", "Tom fell in the garden"),
        ("Mara wanted to go", "Mara wanted to eat", "Mara wanted to sleep"),
        ("My friend Finn said: no", "My friend Finn said: go on", "My friend Finn said: so what"),
        ("I was ill", "I was ill"),
    ],
)
def test_where_they_do_not_say_the_same_nothing_is_said(texts: tuple[str, ...]) -> None:
    assert statements(*texts) == []


def test_it_takes_three_days_and_says_how_many_and_from_when_to_when() -> None:
    twice = [episode("I saw Mara", 3), episode("I saw Mara", 3, id="again"), episode("I saw Mara", 9)]
    assert clusters(twice, UTC) == []
    (cluster,) = clusters([episode("I saw Mara", 21, valid_from="2026-03-20"), *twice], UTC)
    assert cluster.told(cluster.statement) == "I saw Mara: 3 times, 2026-03-03 to 2026-03-20"
    assert len(cluster.members) == 4


@pytest.mark.parametrize(
    "more",
    [
        {"kind": Kind.SEMANTIC},
        {"trust": Trust.DOCUMENT},
        {"retired_at": "2026-03-04T12:00:00Z"},
        {"expires_at": "2027-03-04T12:00:00Z"},
        {"conflicts": ("x",)},
        {"valid_from": "2026-03"},
        {"valid_from": "2026-03-30"},
    ],
)
def test_what_is_of_another_sort_or_has_no_day_does_not_count(more: dict[str, Any]) -> None:
    assert clusters([episode("I saw Mara", 1), episode("I saw Mara", 2), episode("I saw Mara", 3, **more)], UTC) == []


def test_an_episode_is_in_one_cluster_the_one_that_says_most() -> None:
    found = clusters(on_days(*["I saw Mara"] * 3, *["I saw Mara at the gym"] * 3), UTC)
    assert [(cluster.statement, len(cluster.members)) for cluster in found] == [
        ("I saw Mara", 3),
        ("I saw Mara at the gym", 3),
    ]


def test_what_shares_only_words_is_left_to_a_chat_model() -> None:
    texts = ("Mara and I climbed in Sintra", "climbed the wall, Mara fell", "so tired: Mara and me climbed")
    assert statements(*texts) == []
    (cluster,) = loose(on_days(*texts, "I saw a film"), UTC)
    assert (len(cluster.members), cluster.statement) == (3, "")


def words(text: str) -> str:
    return f" {' '.join(text.casefold().split())} "


@given(st.lists(st.sampled_from("I we went had a the job offer Mara Tom to at not 5 with climbing , .".split())))
def test_every_word_of_a_statement_stands_in_order_in_every_episode(said: list[str]) -> None:
    text = " ".join(said)
    found = clusters(on_days(text, f"{text} at work", f"today {text}"), UTC)
    assert all(isinstance(cluster, Cluster) for cluster in found)
    for cluster in found:
        core = words(cluster.statement.removeprefix("I "))
        assert all(core.strip() in words(member.text) for member in cluster.members)
