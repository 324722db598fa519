"""How strong a memory is, and what that does to its place."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.asking import understand
from memcli.memory.choosing import choose
from memcli.memory.fading import CURVE, FADED, importance, reason, strength
from memcli.memory.ranking import WEIGHTS, Asked, rank
from memcli.memory.timeline import utc
from memcli.types import Candidate, Hit, Kind, Uses
from tests.memory.candidates import kept, message

BEGIN = datetime(2025, 1, 1, 12, tzinfo=UTC)


def on(day: float) -> str:
    return utc(BEGIN + timedelta(days=day))


def used(*recalled: float, said: tuple[float, ...] = (0,), **more: object) -> Uses:
    """Return the uses of a memory on some days; it was said on day 0."""
    given_ = {"kind": Kind.SEMANTIC, "importance": 0.5, "pinned": False, "times_said": len(said), **more}
    return Uses(said=tuple(map(on, said)), recalled=tuple(map(on, sorted(recalled))), **given_)  # type: ignore[arg-type]


# --- the curve ------------------------------------------------------------------------------------------------------


def test_what_was_said_once_and_never_used_is_half_gone_after_half_a_year_and_what_happened_after_two_months() -> None:
    sure = importance(1.0)
    assert strength(used(importance=sure), on(180)) > FADED > strength(used(importance=sure), on(195))
    happened = used(kind=Kind.EPISODIC, importance=sure)
    assert strength(happened, on(60)) > FADED > strength(happened, on(65))


def test_what_the_user_asked_to_keep_holds_longer_and_what_is_doubtful_shorter() -> None:
    values = [strength(used(importance=one), on(90)) for one in (importance(0.3), importance(0.9), 1.0)]
    assert values == sorted(values)
    assert len(set(values)) == 3


def test_what_is_pinned_and_what_is_a_rule_do_not_fade() -> None:
    for always in (used(pinned=True), used(kind=Kind.PROCEDURAL)):
        assert strength(always, on(10_000)) == 1.0


def test_five_uses_on_one_day_count_for_one() -> None:
    assert strength(used(30.0, 30.01, 30.02, 30.03, 30.04), on(90)) == strength(used(30), on(90))


def test_uses_at_intervals_hold_longer_than_as_many_on_one_day() -> None:
    spaced, massed = used(10, 20, 40, 70, 100), used(5.0, 5.01, 5.02, 5.03, 5.04)
    for later in (10, 50, 100, 300):
        assert strength(spaced, on(100 + later)) > strength(massed, on(5 + later))


def test_stability_grows_by_no_more_than_the_gain_for_each_day_in_use() -> None:
    weekly = used(*range(7, 365, 7))
    first = CURVE.semantic * (CURVE.unimportant + (1 - CURVE.unimportant) * 0.5)
    longest = first + CURVE.gain * 364
    assert strength(used(importance=0.5), on(first)) < 0.4 < strength(weekly, on(364 + first))
    assert strength(weekly, on(364 + longest)) < 0.37 + 1e-2


def test_nothing_fades_within_a_day() -> None:
    morning, night = "2025-03-01T00:00:00Z", "2025-03-01T23:59:59Z"
    assert strength(used(), morning) == strength(used(), night) > strength(used(), "2025-03-02T00:00:00Z")


def test_before_its_first_use_nothing_has_faded() -> None:
    assert strength(used(), on(-400)) == 1.0
    assert strength(used(said=()), on(0)) == 1.0


days = st.floats(0, 3000)
many = st.lists(days, max_size=12)
some_uses = st.builds(
    lambda recalled, kind, important: used(*recalled, kind=kind, importance=important),
    many,
    st.sampled_from([Kind.SEMANTIC, Kind.EPISODIC]),
    st.floats(0, 1),
)


@given(some_uses, days, days)
def test_strength_lies_in_0_to_1_and_falls_with_time_alone(uses: Uses, one: float, other: float) -> None:
    end = max(date.fromisoformat(at[:10]).toordinal() for at in (*uses.said, *uses.recalled))
    last = end - BEGIN.date().toordinal()
    earlier, later = sorted((one, other))
    values = [strength(uses, on(last + day)) for day in (0, earlier, later)]
    assert all(0 <= value <= 1 for value in values)
    assert values[0] == 1.0
    assert values == sorted(values, reverse=True)


@given(many, days, days)
def test_a_use_more_never_makes_a_memory_weaker(recalled: list[float], more: float, later: float) -> None:
    now = on(max([*recalled, more]) + later)
    assert strength(used(*recalled, more), now) >= strength(used(*recalled), now) - 1e-12


@given(st.lists(days, max_size=6), st.randoms())
def test_strength_does_not_depend_on_the_order_in_which_uses_are_given(recalled: list[float], chance: object) -> None:
    times = [on(day) for day in recalled]
    made = used(*recalled)
    chance.shuffle(times)  # type: ignore[attr-defined]
    mixed = Uses(made.kind, made.importance, made.pinned, made.times_said, (), (*times, *made.said))
    assert strength(mixed, on(4000)) == strength(made, on(4000))


@pytest.mark.parametrize(
    ("uses", "day", "words"),
    [
        (used(), 0, "said once, last today"),
        (used(1), 2, "said once, recalled once, last yesterday"),
        (used(1, 2, 3, 4, 20, said=(0, 9)), 32, "said twice, recalled 5 times, last 12 days ago"),
        (used(), 100, "said once, last 3 months ago"),
        (used(times_said=4), 800, "said 4 times, last 2 years ago"),
        (used(pinned=True), 12, "pinned, does not fade; said once, last 12 days ago"),
        (used(kind=Kind.PROCEDURAL), 12, "a rule in force, does not fade; said once, last 12 days ago"),
    ],
)
def test_the_reason_is_told_in_plain_words(uses: Uses, day: int, words: str) -> None:
    assert reason(uses, on(day)) == words


# --- in a search ----------------------------------------------------------------------------------------------------


def ranked(*found: Candidate, **strengths: float) -> list[Hit]:
    asked = Asked(understand("What is the code?"), (), (1.0,) * max(len(c.parts) for c in found))
    return rank(asked, found, {}, strengths=strengths)


def ids(hits: list[Hit]) -> list[str]:
    return [hit.item.id for hit in hits]


def test_of_what_fits_alike_the_stronger_comes_first_and_the_contributions_say_why() -> None:
    hits = ranked(kept("weak", words=2.0, cosine=0.5), kept("strong", words=2.0, cosine=0.5), weak=0.2, strong=0.9)
    assert ids(hits) == ["strong", "weak"]
    assert hits[1].why["faded"] == pytest.approx(-0.8 * WEIGHTS.faded)
    assert all(hit.score == pytest.approx(sum(hit.why.values())) for hit in hits)


def test_what_has_not_faded_has_no_such_feature_and_relevance_never_changes() -> None:
    (fresh,), (faded,) = ranked(kept("a", words=2.0, cosine=0.5)), ranked(kept("a", words=2.0, cosine=0.5), a=0.0)
    assert "faded" not in fresh.why
    assert faded.relevance == fresh.relevance


def test_what_fits_better_stays_above_however_it_has_faded() -> None:
    hits = ranked(kept("fits", words=4.0, cosine=0.6), kept("near", words=2.0, cosine=0.4), fits=0.0, near=1.0)
    assert ids(hits) == ["fits", "near"]


def test_of_equal_scores_the_stronger_comes_first_whenever_it_came() -> None:
    tied = [kept("old", words=2.0, order=1), kept("new", words=2.0, order=2)]
    asked, unweighed = Asked(understand("What is the code?"), (), (1.0,)), replace(WEIGHTS, faded=0.0)
    assert ids(rank(asked, tied, {}, unweighed, strengths={"old": 0.9, "new": 0.3})) == ["old", "new"]
    assert ids(rank(asked, tied, {}, unweighed)) == ["new", "old"]


def test_a_message_sinks_with_the_memory_that_it_was_found_for() -> None:
    said = message("said", "My code is Amsel.", words=2.0, cosine=0.5, seq=1)
    memory = kept("memory", "My code is Amsel", words=2.0, cosine=0.5, said_in=("said",))
    other = message("other", "My code is Birke.", words=2.0, cosine=0.5, seq=2)
    hits = {hit.item.id: hit for hit in ranked(said, memory, other, memory=0.1)}
    assert hits["said"].why["faded"] == hits["memory"].why["faded"] == pytest.approx(-0.9 * WEIGHTS.faded)
    assert "faded" not in hits["other"].why
    assert [id_ for id_ in hits if id_ != "memory"] == ["other", "said"]


def test_a_message_that_was_found_for_something_else_in_it_stays_where_it_is() -> None:
    said = message("said", "My code is Amsel, and the dog is Bo.", words=4.0, cosine=0.8, seq=1)
    memory = kept("memory", "the dog is Bo", words=1.0, cosine=0.1, said_in=("said",))
    assert "faded" not in {hit.item.id: hit for hit in ranked(said, memory, memory=0.1)}["said"].why


def test_of_two_memories_in_a_message_the_one_that_is_asked_about_decides() -> None:
    said = message("said", "My code is Amsel, and the dog is Bo.", words=3.0, cosine=0.6, seq=1)
    code = kept("code", "My code is Amsel", words=3.0, cosine=0.7, said_in=("said",))
    dog = kept("dog", "the dog is Bo", words=2.5, cosine=0.5, said_in=("said",))
    for faded in (0.2, 0.9):
        hits = {hit.item.id: hit for hit in ranked(said, code, dog, code=faded, dog=0.5)}
        assert hits["said"].why["faded"] == pytest.approx((faded - 1) * WEIGHTS.faded)


def test_among_more_relevant_notes_than_the_limit_the_stronger_ones_get_the_places() -> None:
    names = "abcdef"
    found = [kept(name, f"The code of {name} is known.", words=2.0, cosine=0.9) for name in names]
    strengths = {name: (5 - place) / 5 for place, name in enumerate(names)}
    for order in itertools.islice(itertools.permutations(found), 0, 720, 90):
        choice = choose("What is the code?", ranked(*order, **strengths), limit=2)
        assert [hit.item.id for hit in choice.chosen] == ["a", "b"]


def test_a_faded_memory_that_is_the_only_match_is_still_placed() -> None:
    hits = ranked(kept("only", "The code is Amsel.", words=2.0, cosine=0.9), only=0.0)
    assert [hit.item.id for hit in choose("What is the code?", hits, limit=3).chosen] == ["only"]


def test_a_question_that_was_asked_often_does_not_hide_what_answers_it() -> None:
    asked = [message(f"q{n}", "What is the code of the gate?", words=3.0, cosine=1.0, seq=n + 1) for n in range(60)]
    answer = kept("answer", "The code is Amsel.", words=1.0, cosine=0.6)
    choice = choose("What is the code of the gate?", ranked(*asked, answer), limit=3)
    assert [hit.item.id for hit in choice.chosen] == ["answer"]
    assert len(choice.left) < 60


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=10), st.randoms())
def test_with_strengths_the_order_does_not_depend_on_that_of_the_candidates(
    raw: list[tuple[float, float, float]], chance: object
) -> None:
    found = [
        kept(f"k{n}", words=words, cosine=cosine, said_in=(f"m{n // 2}",), order=n)
        for n, (words, cosine, _) in enumerate(raw)
    ]
    found += [message(f"m{n}", words=words, cosine=cosine, seq=n + 1) for n, (words, cosine, _) in enumerate(raw)]
    strengths = {f"k{n}": value for n, (*_, value) in enumerate(raw)}
    hits = ranked(*found, **strengths)
    chance.shuffle(found)  # type: ignore[attr-defined]
    assert ranked(*found, **strengths) == hits
    assert all(hit.score == pytest.approx(sum(hit.why.values()), abs=1e-9) for hit in hits)
