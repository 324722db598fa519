import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.reasons import explain, lacking, matched, near_misses, rounded
from memcli.memory.timeline import days
from memcli.types import Candidate, Hit, Trust


def hit(id_: str, **why: float) -> Hit:
    item = Candidate(id=id_, kind="message", text=id_, created_at="2026-01-01T00:00:00Z", trust=Trust.USER)
    return Hit(item, math.fsum(why.values()), why)


@given(
    st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.floats(-3, 3, allow_nan=False)),
    st.sampled_from([2, 3]),
)
def test_rounded_contributions_sum_to_the_rounded_score(why: dict[str, float], decimals: int) -> None:
    shares = rounded(why, decimals)
    score = round(math.fsum(why.values()), decimals)
    assert f"{math.fsum(shares.values()):.{decimals}f}".removeprefix("-") == f"{score:.{decimals}f}".removeprefix("-")
    assert all(abs(shares[name] - value) <= 10**-decimals * 1.0001 for name, value in why.items())


def test_contributions_are_told_in_words_the_largest_first() -> None:
    assert explain({"cosine": 0.25, "nearby_words": 0.5, "thread": 0.001}) == "nearby words 0.50, cosine 0.25"
    assert explain({}) == ""


def test_a_near_miss_is_held_against_the_last_that_was_let_through() -> None:
    hits = [hit("a", words=0.9), hit("b", words=0.5, user=0.3), hit("c", words=0.1, user=0.3, time=0.2)]
    (miss,) = near_misses(hits, 2)
    assert miss.hit.item.id == "c"
    assert miss.lacks == {"words": pytest.approx(0.4)}
    assert lacking(miss) == "lacks words 0.40"
    assert near_misses(hits, 3) == near_misses(hits, 9) == near_misses([], 1) == []


def test_a_near_miss_of_the_same_score_lacks_nothing() -> None:
    (miss,) = near_misses([hit("a", words=0.5), hit("b", words=0.5)], 1)
    assert lacking(miss) == "lacks nothing: of equal scores the newer comes first"
    (miss,) = near_misses([hit("a", words=0.5), hit("b", words=0.499)], 1)
    assert lacking(miss) == "lacks less than 0.01"


def test_a_near_miss_is_told_what_spoke_against_it() -> None:
    (miss,) = near_misses([hit("a", words=0.5), hit("b", words=0.5, outdated=-0.3)], 1)
    assert miss.lacks == {"outdated": pytest.approx(0.3)}
    assert lacking(miss) == "outdated -0.30"
    (miss,) = near_misses([hit("a", words=0.5), hit("b", words=0.1, outdated=-0.3)], 1)
    assert lacking(miss) == "lacks words 0.40; outdated -0.30"


def test_matched_terms_are_those_that_gave_something() -> None:
    item = Candidate("a", "message", "", "2026-01-01T00:00:00Z", Trust.USER, parts=(0.0, 1.5, 0.2))
    assert matched(["dog", "called", "rex"], item) == ["called", "rex"]


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2025-06-01T00:00:00Z", "2025-08-31T23:59:59Z", "2025-06-01..2025-08-31"),
        ("2025-06-01T00:00:00Z", "2025-06-01T23:59:59Z", "2025-06-01"),
        (None, "2020-12-31T23:59:59Z", "..2020-12-31"),
        ("2021-01-01T00:00:00Z", None, "2021-01-01.."),
        ("2025-06-01T06:00:00Z", "2025-06-01T11:59:59Z", "2025-06-01 06:00..2025-06-01 11:59"),
    ],
)
def test_a_stretch_of_time_is_told_in_days_where_they_are_whole(start: str | None, end: str | None, shown: str) -> None:
    from datetime import UTC

    assert days(start, end, UTC) == shown
