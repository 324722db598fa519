import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcli.errors import InputError
from memcli.memory import timeline
from memcli.workspace import local_now

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WEST, EAST = (NOW.astimezone(timezone(timedelta(hours=hours))) for hours in (-11, 13))
_DATE_WORDS = st.sampled_from(
    "in ago last next this year months week days hours 0 1 29 31 9999 99999 99999999999 12:00 24:00 -1 2026 0000 0001 "
    "feb march dec monday yesterday now UTC EST Z +14:00 -23:59 T - / , . W53 am ½ ٣ \0 decade century".split()
)
_DATE_LIKE = st.one_of(
    st.text(),
    st.text("0123456789-:TZ+. ", max_size=30),
    st.tuples(st.sampled_from(["", " ", "-"]), st.lists(_DATE_WORDS, max_size=6)).map(lambda it: it[0].join(it[1])),
)


@pytest.fixture
def new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[datetime]:
    """A present in November, when New York is at UTC-5."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield NOW.astimezone(timeline.LOCAL)
    time.tzset()


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
        ("9999", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59Z"),
        ("0001", "0001-01-01T00:00:00Z", "0001-12-31T23:59:59Z"),
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


@pytest.mark.parametrize("text", ["soonish", "2024-13", "2024-00", "0000", "10000", "2024-02-30", "", "99999-01-01"])
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="as a time"):
        timeline.parse(text, NOW)


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))
def test_stored_times_sort_as_text_in_the_order_of_time(moment: datetime) -> None:
    early, late = moment.replace(tzinfo=UTC), moment.replace(tzinfo=UTC) + timedelta(seconds=1)
    assert timeline.utc(early) < timeline.utc(late)
    assert timeline.from_file(timeline.utc(early)) == timeline.utc(early)


@pytest.mark.parametrize(("text", "now"), [("9999", WEST), ("0001", EAST), ("9999-12-31T23:59Z", EAST)])
def test_a_time_past_the_end_of_the_calendar_is_refused(text: str, now: datetime) -> None:
    with pytest.raises(InputError, match="as a time"):
        timeline.parse(text, now)


def test_a_stored_time_past_the_end_of_the_local_calendar_has_its_day_in_utc() -> None:
    assert timeline.day("9999-12-31T23:59:59Z", EAST.tzinfo or UTC) == "9999-12-31"


@given(_DATE_LIKE, st.sampled_from([NOW, WEST, EAST, NOW.astimezone(timeline.LOCAL)]), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_as_a_time_or_refused(text: str, now: datetime, future: bool) -> None:
    try:
        when = timeline.parse(text, now, future=future)
    except InputError:
        return
    for point in (when.start, when.end):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", point)
    assert when.start <= when.end


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-07-01", "2026-07-01T04:00:00Z", "2026-07-02T03:59:59Z"),
        ("2026-12-01", "2026-12-01T05:00:00Z", "2026-12-02T04:59:59Z"),
        ("2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z"),  # the clock goes back
        ("2026", "2026-01-01T05:00:00Z", "2027-01-01T04:59:59Z"),
        ("2026-07-01T09:00", "2026-07-01T13:00:00Z", "2026-07-01T13:00:00Z"),
        ("July 1 2026", "2026-07-01T04:00:00Z", "2026-07-02T03:59:59Z"),
        ("July 1 2026 9:00", "2026-07-01T13:00:00Z", "2026-07-01T13:00:00Z"),
    ],
)
def test_a_local_time_has_the_offset_of_its_own_date(new_york: datetime, text: str, start: str, end: str) -> None:
    assert timeline.parse(text, new_york) == timeline.When(start, end)


def test_a_stored_time_is_shown_by_the_offset_of_its_own_date(new_york: datetime) -> None:
    assert timeline.day("2026-07-01T04:30:00Z") == timeline.day("2026-07-01T04:30:00Z", timeline.LOCAL) == "2026-07-01"
    assert timeline.day("2026-12-01T04:30:00Z") == "2026-11-30"


def test_a_zone_that_the_caller_gave_is_kept(new_york: datetime) -> None:
    assert timeline.parse("2026-07-01", NOW).start == "2026-07-01T00:00:00Z"


@pytest.mark.parametrize("stored", ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"])  # both 01:30
def test_both_passes_of_a_repeated_hour_survive_the_way_to_local_and_back(new_york: datetime, stored: str) -> None:
    assert timeline.utc(datetime.fromisoformat(stored).astimezone(timeline.LOCAL)) == stored


def test_the_clock_of_a_run_knows_the_rules_of_its_zone(new_york: datetime) -> None:
    now = local_now()
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=10)
    assert now.replace(month=7, day=1).utcoffset() == timedelta(hours=-4)
    assert now.replace(month=12, day=1).utcoffset() == timedelta(hours=-5)
