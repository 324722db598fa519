"""What took the place of what was said: links from messages to the memories that hold now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from memcli.store import search, words
from memcli.store.search import Gathered
from memcli.types import Filters, Kind, Memory, Message, Source
from tests.store.making import EMBEDDER, Filled, at

LATER = at(28)


def gathered(filled: Filled, query: str, filters: Filters = Filters(), limit: int = 20, **more: bool) -> Gathered:  # noqa: B008
    wanted, (vector,) = words.query(query.split()), EMBEDDER.embed([query])
    return search.gather(filled.store, query=wanted, vector=vector, filters=filters, limit=limit, now=LATER, **more)


def links(found: Gathered) -> list[tuple[str, str]]:
    return [(one.message_id, one.successor_id) for one in found.outdated]


def ids(found: Gathered) -> set[str]:
    return {item.id for item in found.items}


def chained(filled: Filled, first: Memory, *texts: str) -> list[Memory]:
    """Supersede a memory by each of the texts, one after the other."""
    made = [first]
    for text in texts:
        made.append(filled.keep(text))
        filled.supersede(made[-2], made[-1])
    return made


@pytest.fixture
def said(filled: Filled) -> Message:
    return filled.say("I live in Rome, near the river.")


@pytest.fixture
def old(filled: Filled, said: Message) -> Memory:
    return filled.keep("I live in Rome", of=[said])


def test_a_message_is_linked_to_what_is_so_now_and_the_retired_memory_is_measured(
    filled: Filled, said: Message, old: Memory
) -> None:
    *_, new = chained(filled, old, "Moved to Oslo for good")
    found = gathered(filled, "live Rome")
    assert links(found) == [(said.id, new.id)]
    before = gathered(filled, "live Rome", Filters(retired=True))
    (measured,) = (item for item in before.items if item.id == old.id)
    assert found.outdated[0].words == pytest.approx(measured.words)
    assert found.outdated[0].cosine == pytest.approx(measured.cosine)


def test_what_is_so_now_comes_up_though_neither_search_found_it(filled: Filled, said: Message, old: Memory) -> None:
    *_, new = chained(filled, old, "Moved to Oslo for good")
    found = gathered(filled, "I live in Rome, near the river.", limit=1)
    assert ids(found) == {said.id, new.id}
    assert ids(gathered(filled, "I live in Rome, near the river.", limit=1, updates=False)) == {said.id}


def test_a_long_chain_is_followed_to_its_end(filled: Filled, said: Message, old: Memory) -> None:
    with filled.store.atomic():
        *_, last = chained(filled, old, *(f"Moved for the {n}th time" for n in range(300)))
    assert links(gathered(filled, "live Rome")) == [(said.id, last.id)]


def test_all_messages_of_a_chain_lead_to_its_end(filled: Filled, said: Message, old: Memory) -> None:
    second = filled.say("We live in Bergen now.")
    between = filled.keep("We live in Bergen", of=[second])
    filled.supersede(old, between)
    *_, new = chained(filled, between, "We live in Oslo")
    assert links(gathered(filled, "live")) == sorted([(said.id, new.id), (second.id, new.id)])


def test_a_chain_whose_end_was_forgotten_leads_nowhere(filled: Filled, said: Message, old: Memory) -> None:
    *_, between, last = chained(filled, old, "Moved to Bergen", "Moved to Oslo")
    filled.store.run("DELETE FROM memories WHERE id = ?", (last.id,))
    assert links(gathered(filled, "live Rome")) == []
    assert ids(gathered(filled, "live Rome", limit=1)) == {said.id}
    filled.store.run("UPDATE memories SET superseded_by = ? WHERE id = ?", (old.id, between.id))  # in a circle
    assert links(gathered(filled, "live Rome")) == []


@pytest.mark.parametrize(
    "filters",
    [
        Filters(retired=True),
        Filters(as_of=at(20)),
        Filters(kinds=("message",)),
        Filters(kinds=("message", "episodic")),
        Filters(until=at(10)),
    ],
)
def test_nothing_is_linked_where_the_past_is_searched_or_the_filters_hold_the_update_back(
    filled: Filled, filters: Filters
) -> None:
    said = filled.say("I live in Rome, near the river.", now=at(1))
    old = filled.keep("I live in Rome", of=[said], now=at(1))
    new = filled.keep("Moved to Oslo for good", now=at(15))
    filled.supersede(old, new, now=at(15))
    found = gathered(filled, "live Rome", filters)
    assert found.outdated == ()
    assert new.id not in ids(found) or filters.retired or filters.as_of


def test_an_update_that_has_expired_takes_no_place(filled: Filled, said: Message, old: Memory) -> None:
    filled.supersede(old, filled.keep("In Oslo this week", expires_at=at(5)))
    assert gathered(filled, "live Rome").outdated == ()


def test_within_a_thread_what_was_superseded_is_measured_as_well(filled: Filled, said: Message, old: Memory) -> None:
    new = filled.keep("Moved to Oslo", of=[filled.say("Moved to Oslo, at last.")])
    filled.supersede(old, new)
    found = gathered(filled, "live Rome", Filters(thread_id=filled.thread.id))
    assert [one.words for one in found.outdated] == [one.words for one in gathered(filled, "live Rome").outdated]
    assert found.outdated[0].words > 0


def part(message: Message, text: str) -> Source:
    start = message.content.index(text)
    return Source(message.id, start, start + len(text))


def test_a_message_that_says_the_update_itself_is_not_outdated(filled: Filled) -> None:
    said = filled.say("I left Rome, and I live in Oslo.")
    old, new = filled.keep("I left Rome"), filled.keep("Lives in Oslo")
    for memory, source in ((old, part(said, "I left Rome")), (new, part(said, "I live in Oslo"))):
        filled.store.run(
            "INSERT INTO memory_sources VALUES (?, ?, ?, ?)", (memory.id, source.message_id, source.start, source.end)
        )
    filled.supersede(old, new)
    assert gathered(filled, "left Rome").outdated == ()


def test_a_correction_by_hand_outdates_the_words_that_it_corrects_unless_it_repeats_them(
    filled: Filled, said: Message, old: Memory
) -> None:
    right = filled.keep("I live in Rieti", of=[said])
    filled.supersede(old, right)
    assert links(gathered(filled, "live Rome")) == [(said.id, right.id)]
    shorter = filled.keep("live in Rome", of=[said])
    filled.supersede(right, shorter)
    assert gathered(filled, "live Rome").outdated == ()


def test_memories_know_which_messages_have_their_text_word_for_word(filled: Filled, said: Message, old: Memory) -> None:
    again = filled.say("Rome is where I live.")
    filled.store.run("INSERT INTO memory_sources VALUES (?, ?, 0, 21)", (old.id, again.id))
    items = {item.id: item for item in filled.search("live Rome")}
    assert items[old.id].said_in == (said.id,)
    assert items[said.id].said_in == ()


def queries(filled: Filled, act: Callable[[], object]) -> Sequence[str]:
    seen: list[str] = []
    filled.store.db.exec_trace = lambda _, sql, __: seen.append(sql) or True  # type: ignore[func-returns-value]
    act()
    filled.store.db.exec_trace = None
    return seen


def test_a_search_asks_one_thing_more_where_nothing_was_superseded_and_a_few_where_much_was(filled: Filled) -> None:
    def ask(**more: bool) -> int:
        return len(queries(filled, lambda: gathered(filled, "live tea", limit=100, **more)))

    heard = [filled.say(f"I live at number {n}") for n in range(30)]
    held = [filled.keep(f"I live at {n}", of=[message]) for n, message in enumerate(heard)]
    assert ask() - ask(updates=False) == 1
    filled.supersede(held[0], held[1])
    few = ask()
    for one, other in pairwise(held[1:]):
        filled.supersede(one, other)
    assert ask() == few <= ask(updates=False) + 6


def test_what_is_retired_without_a_successor_links_nothing(filled: Filled, said: Message, old: Memory) -> None:
    filled.supersede(filled.keep("tea", kind=Kind.SEMANTIC), filled.keep("more tea"))
    filled.store.run("UPDATE memories SET retired_at = ? WHERE id = ?", (at(5), old.id))
    assert gathered(filled, "live Rome").outdated == ()
