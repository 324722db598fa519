"""Superseding: what was said before it changed stands below what took its place."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.asking import understand
from memcli.memory.choosing import BAR, choose
from memcli.memory.periods import mentioned
from memcli.memory.ranking import Asked, rank
from memcli.memory.superseding import ABOVE, AS_WELL, OUTDATED
from memcli.types import Candidate, Hit, Outdated, Trust
from tests.memory.candidates import kept, message

ROME = message("rome", "I live in Rome, near the river.", words=(4.0,), cosine=0.8, created_at="2025-01-01T00:00:00Z")
OSLO = kept("oslo", "Moved to Oslo for good.", words=(0.0,), cosine=0.2, created_at="2026-01-01T00:00:00Z")
CHANGED = Outdated("rome", "oslo", 4.5, 0.8)


def ranked(
    *found: Candidate, outdated: Sequence[Outdated] = (CHANGED,), question: str = "Where do I live?"
) -> dict[str, Hit]:
    """Return the hits by id, best first."""
    asked = Asked(understand(question), mentioned(question, datetime(2026, 6, 1, tzinfo=UTC)), (1.0,))
    return {hit.item.id: hit for hit in rank(asked, found, {}, outdated=outdated)}


def test_an_update_stands_above_the_message_that_it_replaces() -> None:
    before = ranked(ROME, OSLO, outdated=())
    assert list(before) == ["rome", "oslo"]
    hits = ranked(ROME, OSLO)
    assert list(hits) == ["oslo", "rome"]
    assert hits["oslo"].score == pytest.approx(before["rome"].score + ABOVE)
    assert hits["oslo"].why["replaces"] == pytest.approx(before["rome"].score + ABOVE - before["oslo"].score)
    assert hits["rome"].why["outdated"] == -OUTDATED
    assert hits["rome"].replaced_by == "oslo"


def test_an_update_that_stands_above_anyway_is_not_lifted() -> None:
    near = kept("oslo", words=(4.0,), cosine=0.9)
    before, hits = ranked(ROME, near, outdated=()), ranked(ROME, near)
    assert hits["oslo"].why == before["oslo"].why
    assert hits["rome"].why["outdated"] == -OUTDATED


def test_an_update_inherits_the_relevance_of_the_message_and_the_message_is_not_placed() -> None:
    before, hits = ranked(ROME, OSLO, outdated=()), ranked(ROME, OSLO)
    assert hits["oslo"].relevance == before["rome"].relevance
    assert hits["rome"].relevance < BAR
    choice = choose("Where do I live?", list(hits.values()), limit=3)
    assert [hit.item.id for hit in choice.chosen] == ["oslo"]
    assert [reason for _, reason in choice.left] == ["said before it changed: see oslo"]


def test_a_message_that_was_found_for_something_else_in_it_stays_where_it_is() -> None:
    elsewhere = Outdated("rome", "oslo", 4.0 * AS_WELL - 0.5, 0.8 * AS_WELL - 0.05)
    assert ranked(ROME, OSLO, outdated=[elsewhere]) == ranked(ROME, OSLO, outdated=())
    nothing = Outdated("rome", "oslo", 0.0, 0.0)
    unmatched = message("rome", words=(0.0,))
    assert ranked(unmatched, OSLO, outdated=[nothing]) == ranked(unmatched, OSLO, outdated=())


def test_a_message_stays_where_it_is_when_a_memory_that_still_holds_was_formed_of_better_words() -> None:
    river = kept("river", "near the river", words=(5.0,), cosine=0.8, said_in=("rome",))
    assert ranked(ROME, OSLO, river) == ranked(ROME, OSLO, river, outdated=())
    worse = kept("river", "near the river", words=(3.0,), cosine=0.5, said_in=("rome",))
    assert list(ranked(ROME, OSLO, worse))[-1] == "rome"


def test_a_message_from_the_time_that_is_asked_about_stays_where_it_is() -> None:
    question = "Where did I live in January 2025?"
    assert ranked(ROME, OSLO, question=question) == ranked(ROME, OSLO, question=question, outdated=())
    assert list(ranked(ROME, OSLO, question="Where did I live in January 2026?")) == ["oslo", "rome"]


def test_the_best_matching_of_several_outdated_facts_of_a_message_decides() -> None:
    dog = kept("dog", "The dog is called Ada now.", words=(0.0,), cosine=0.2)
    less = Outdated("rome", "dog", 4.2, 0.8)
    hits = ranked(ROME, OSLO, dog, outdated=[CHANGED, less])
    assert "replaces" not in hits["dog"].why
    assert hits["rome"].replaced_by == "oslo"


def test_an_update_stands_above_all_messages_that_it_replaces() -> None:
    again = message("again", "As I said, I live in Rome.", words=(5.0,), cosine=0.9)
    hits = ranked(ROME, again, OSLO, outdated=[CHANGED, Outdated("again", "oslo", 4.5, 0.8)])
    assert list(hits) == ["oslo", "again", "rome"]


def test_a_link_to_what_was_not_found_changes_nothing() -> None:
    assert ranked(ROME) == ranked(ROME, outdated=())
    assert ranked(OSLO) == ranked(OSLO, outdated=())


measures = st.tuples(st.floats(0, 50), st.floats(-1, 1))
links = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), measures), max_size=12)


@given(st.lists(measures, max_size=8), st.lists(measures, max_size=4), links, st.randoms())
def test_rank_with_updates_is_finite_sums_up_and_does_not_depend_on_any_order(
    said: list[tuple[float, float]],
    held: list[tuple[float, float]],
    raw: list[tuple[int, int, tuple[float, float]]],
    shuffler: random.Random,
) -> None:
    found = [message(f"m{i}", words=(words,), cosine=cosine) for i, (words, cosine) in enumerate(said)]
    found += [kept(f"k{i}", words=(words,), cosine=cosine) for i, (words, cosine) in enumerate(held)]
    outdated = [Outdated(f"m{m}", f"k{k}", words, cosine) for m, k, (words, cosine) in raw]
    hits = ranked(*found, outdated=outdated)
    for mixed in (found, outdated):
        shuffler.shuffle(mixed)
    assert ranked(*found, outdated=outdated) == hits
    for hit in hits.values():
        assert math.isfinite(hit.score)
        assert math.isclose(hit.score, sum(hit.why.values()), abs_tol=1e-9)
        assert 0 <= hit.relevance <= 1
        if hit.replaced_by:
            assert hits[hit.replaced_by].score > hit.score
            assert hit.item.trust is Trust.USER
