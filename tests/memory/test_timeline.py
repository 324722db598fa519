from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.errors import InputError
from memcli.memory import timeline

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"),
        ("2024-02", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z"),
        ("2024-02-29", "2024-02-29T00:00:00Z", "2024-02-29T23:59:59Z"),
        ("2024-02-29T10:30", "2024-02-29T10:30:00Z", "2024-02-29T10:30:00Z"),
        ("2024-02-29T10:30+02:00", "2024-02-29T08:30:00Z", "2024-02-29T08:30:00Z"),
        ("yesterday", "2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z"),
        ("last March", "2026-03-01T00:00:00Z", "2026-03-31T23:59:59Z"),
        ("last week", "2026-11-09T00:00:00Z", "2026-11-15T23:59:59Z"),
        ("three months ago", "2026-08-01T00:00:00Z", "2026-08-31T23:59:59Z"),
        ("two hours ago", "2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("now", "2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z"),
    ],
)
def test_a_time_is_read_as_the_stretch_it_names(text: str, start: str, end: str) -> None:
    assert timeline.parse(text, NOW) == timeline.When(start, end)


def test_times_without_a_zone_are_local() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    assert timeline.parse("2024-03-01", local).start == "2024-02-29T19:00:00Z"


def test_times_in_files_without_a_zone_are_utc() -> None:
    assert timeline.from_file("2023-05-08T13:56:00") == "2023-05-08T13:56:00Z"


@pytest.mark.parametrize("text", ["soonish", "2024-13", "2024-02-30", "", "99999-01-01"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="as a time"):
        timeline.parse(text, NOW)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_stored_times_sort_as_text_in_the_order_of_time(moment: datetime) -> None:
    early, late = moment.replace(tzinfo=UTC), moment.replace(tzinfo=UTC) + timedelta(seconds=1)
    assert timeline.utc(early) < timeline.utc(late)
    assert timeline.from_file(timeline.utc(early)) == timeline.utc(early)
