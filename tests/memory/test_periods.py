import itertools
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcli.memory import periods, timeline
from memcli.memory.periods import Period, anchors, closeness, dates_in, mentioned, patterns, stretches

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # a Saturday
DAY, MONTH = 86400, 31 * 86400


def days(text: str, now: datetime = NOW) -> list[str]:
    """Return the windows as "first..last" days, open ends left out."""
    return [f"{(p.start or '')[:10]}..{(p.end or '')[:10]}" for p in mentioned(text, now)]


def hours(text: str) -> list[tuple[str | None, str | None]]:
    return [(p.start, p.end) for p in mentioned(text, NOW)]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("What did I do yesterday?", "2026-11-20..2026-11-20"),
        ("What did I plan for today?", "2026-11-21..2026-11-21"),
        ("the day before yesterday", "2026-11-19..2026-11-19"),
        ("What is on tomorrow?", "2026-11-22..2026-11-22"),
        ("What was I reading three months ago?", "2026-08-06..2026-09-05"),
        ("a couple of weeks ago", "2026-11-04..2026-11-10"),
        ("a few days ago", "2026-11-16..2026-11-19"),
        ("ten days ago", "2026-11-11..2026-11-11"),
        ("What did I do last week?", "2026-11-09..2026-11-15"),
        ("last month", "2026-10-01..2026-10-31"),
        ("last year", "2025-01-01..2025-12-31"),
        ("this week", "2026-11-16..2026-11-22"),
        ("next month", "2026-12-01..2026-12-31"),
        ("the week before last", "2026-11-02..2026-11-08"),
        ("over the past few weeks", "2026-10-17..2026-11-21"),
        ("in the last 10 days", "2026-11-11..2026-11-21"),
        ("What have I been doing lately?", "2026-10-22..2026-11-21"),
        ("on Monday", "2026-11-16..2026-11-16"),
        ("last Friday", "2026-11-20..2026-11-20"),
        ("last weekend", "2026-11-14..2026-11-15"),
        ("this weekend", "2026-11-21..2026-11-22"),
    ],
)
def test_what_is_said_from_today_is_a_window(text: str, window: str) -> None:
    assert days(text) == [window]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("What happened in March?", "2026-03-01..2026-03-31"),
        ("What happened in December?", "2025-12-01..2025-12-31"),
        ("in March 2023", "2023-03-01..2023-03-31"),
        ("on 7 May", "2026-05-07..2026-05-07"),
        ("May 7th, 2023", "2023-05-07..2023-05-07"),
        ("on the 7th of May 2023", "2023-05-07..2023-05-07"),
        ("December 1,2023", "2023-12-01..2023-12-01"),
        ("May 3-5, 2023", "2023-05-03..2023-05-05"),
        ("on 2023-05-07", "2023-05-07..2023-05-07"),
        ("25/12/2023", "2023-12-25..2023-12-25"),
        ("in early June", "2026-06-01..2026-06-10"),
        ("mid-June", "2026-06-11..2026-06-20"),
        ("late June 2022", "2022-06-21..2022-06-30"),
        ("the first half of September 2022", "2022-09-01..2022-09-15"),
        ("in the second week of November 2022", "2022-11-08..2022-11-14"),
        ("in the last week of November 2022", "2022-11-24..2022-11-30"),
        ("around May 2023", "2023-04-15..2023-06-16"),
        ("in 2021", "2021-01-01..2021-12-31"),
        ("in the 90s", "1990-01-01..1999-12-31"),
        ("in Q3", "2026-07-01..2026-09-30"),
        ("Q1 2024", "2024-01-01..2024-03-31"),
        ("last summer", "2026-06-01..2026-08-31"),
        ("in the summer of 2020", "2020-06-01..2020-08-31"),
        ("last winter", "2025-12-01..2026-02-28"),
        ("over Christmas", "2025-12-24..2025-12-26"),
        ("at Easter 2024", "2024-03-29..2024-04-01"),
        ("on Thanksgiving 2023", "2023-11-23..2023-11-23"),
        ("on Christmas Day", "2025-12-24..2025-12-26"),
    ],
)
def test_what_the_calendar_names_is_a_window(text: str, window: str) -> None:
    assert days(text) == [window]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("since March", "2026-03-01.."),
        ("before 2021", "..2020-12-31"),
        ("after May 2023", "2023-06-01.."),
        ("until last week", "..2026-11-15"),
        ("by July 10, 2022", "..2022-07-10"),
        ("more than three months ago", "..2026-08-06"),
        ("between May and July 2023", "2023-05-01..2023-07-31"),
        ("from May to July", "2026-05-01..2026-07-31"),
        ("from November to February", "2025-11-01..2026-02-28"),
        ("between August 11 and August 15 2023", "2023-08-11..2023-08-15"),
        ("from 2019 to 2021", "2019-01-01..2021-12-31"),
        ("2019-2021", "2019-01-01..2021-12-31"),
        ("the week before August 3, 2023", "2023-07-27..2023-08-02"),
        ("two weeks before August 11, 2023", "2023-07-24..2023-07-31"),
        ("last weekend before April 10, 2023", "2023-04-08..2023-04-09"),
        ("the Sunday before October 25, 2022", "2022-10-23..2022-10-23"),
        ("the day after Christmas", "2025-12-27..2025-12-27"),
    ],
)
def test_words_around_a_time_open_join_and_move_it(text: str, window: str) -> None:
    assert days(text) == [window]


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("am 7. Mai 2023", "2023-05-07..2023-05-07"),
        ("was war im März?", "2026-03-01..2026-03-31"),
        ("le 3 février", "2026-02-03..2026-02-03"),
        ("el 7 de mayo de 2023", "2023-05-07..2023-05-07"),
        ("em março", "2026-03-01..2026-03-31"),
        ("il 3 giugno 2024", "2024-06-03..2024-06-03"),
        ("qu'ai-je fait le 2 mai ?", "2026-05-02..2026-05-02"),
        ("a maggio", "2026-05-01..2026-05-31"),
        ("in maart", "2026-03-01..2026-03-31"),
        ("3 maja 2024", "2024-05-03..2024-05-03"),
        ("19 сентября", "2026-09-19..2026-09-19"),
        ("was habe ich gestern gesagt?", "2026-11-20..2026-11-20"),
        ("7.5.2023", "2023-05-07..2023-05-07"),
        ("2023年5月7日に何をした", "2023-05-07..2023-05-07"),
        ("我昨天做了什么", "2026-11-20..2026-11-20"),
        ("2023년 5월 7일", "2023-05-07..2023-05-07"),
    ],
)
def test_dates_of_other_languages_are_read_where_their_form_is_sure(text: str, window: str) -> None:
    assert days(text) == [window]


@pytest.mark.parametrize(
    "text",
    """What's the time?|May I ask a question?|I may 7 times|May 7 of us come?|we march on|April said hi|news from April
    |a letter to May|a second thought|in the sun|in 5 minutes|Room 2021|in Room 2021|my iPhone 15|version 2.3.1|$2000
    |in 2000 words|after 2000 people came|a 2020 vision|call 2021-5555|5/12/2023|on Mondays|every Monday morning
    |the last week of school|in the fall of Rome|springs and falls|the 20s|31 June|2023-13-40
    |two weeks of rain|marca 10|Maja 7|of them 7 may come|18 years old|the Christmas party
    |back to back|the last chapter|last but not least|may"""
    .replace("\n", "").split("|"),
)  # fmt: skip
def test_ordinary_words_and_numbers_are_no_times(text: str) -> None:
    assert days(text.strip()) == []


def test_the_hours_of_a_part_of_the_day_are_kept() -> None:
    assert hours("this morning") == [("2026-11-21T05:00:00Z", "2026-11-21T11:59:59Z")]
    assert hours("last night") == [("2026-11-20T18:00:00Z", "2026-11-21T04:59:59Z")]
    assert hours("yesterday evening") == [("2026-11-20T17:00:00Z", "2026-11-20T23:59:59Z")]


def test_a_question_that_looks_ahead_means_the_coming_one() -> None:
    assert days("What am I doing on Friday?") == ["2026-11-27..2026-11-27"]
    assert days("Where will we be in March?") == ["2027-03-01..2027-03-31"]


def test_a_window_tells_the_words_it_came_from_and_how_sharp_it_is() -> None:
    text = "Did I swim since İstanbul, or before May 2023?"
    (period,) = mentioned(text, NOW)
    assert (period.words, text[slice(*period.span)]) == ("before May 2023", "before May 2023")
    assert period.grain == MONTH


def test_recently_is_vague_and_gives_way_to_a_date() -> None:
    assert [period.vague for period in mentioned("What did I cook recently?", NOW)] == [True]
    assert days("What did I recently cook on 7 May 2023?") == ["2023-05-07..2023-05-07"]


def test_days_are_those_of_the_asker() -> None:
    (period,) = mentioned("yesterday", NOW.astimezone(timezone(timedelta(hours=-5))))
    assert (period.start, period.end) == ("2026-11-20T05:00:00Z", "2026-11-21T04:59:59Z")


def test_a_message_dates_its_words_by_when_it_was_said() -> None:
    said = datetime(2023, 5, 8, 13, 58, tzinfo=UTC)

    def named(text: str) -> list[str | None]:
        return [period.start and period.start[:10] for period in dates_in(text, said)]

    assert named("I went to a support group yesterday.") == ["2023-05-07"]
    assert named("The dentist is on Wednesday; it hurt since Friday.") == ["2023-05-10", "2023-05-05"]
    assert named("I hand it in by June 3.") == ["2023-06-03"]
    assert named("It began in December, right after 2 May.") == ["2022-12-01", "2023-05-02"]
    assert all(period.end for period in dates_in("since May, before June, after 2021", said))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What did I do before I moved to Rome?", [("before", "I moved to Rome")]),
        ("What did Ann say after the wedding, and why?", [("after", "the wedding")]),
        ("When I lived in Paris, where did I work?", [("when", "I lived in Paris")]),
        ("How long after the trip did I quit?", [("after", "the trip")]),
        ("days between when I planned it and when I did it", [("when", "I planned it"), ("when", "I did it")]),
        ("When did I move?", []),
        ("What came after all that?", []),
        ("What did I do after May 2023?", []),
        ("Where was I before last summer?", []),
    ],
)
def test_events_that_a_question_dates_by_are_anchors(text: str, found: list[tuple[str, str]]) -> None:
    assert [(anchor.relation, anchor.text) for anchor in anchors(text)] == found


MAY = Period("2023-05-01T00:00:00Z", "2023-05-31T23:59:59Z", "May 2023", (0, 8), MONTH)
YESTERDAY = Period("2023-05-07T00:00:00Z", "2023-05-07T23:59:59Z", "yesterday", (0, 9), DAY)


def near(period: Period, start: str, end: str | None = "") -> float:
    return closeness(period, start, start if end == "" else end)


def test_a_moment_inside_is_close_and_one_outside_fades_with_the_distance() -> None:
    assert near(MAY, "2023-05-01T00:00:00Z") == near(MAY, "2023-05-31T23:59:59Z") == near(MAY, "2023-05-20") == 1
    away = [near(MAY, f"2023-06-{day:02}T12:00:00Z") for day in range(1, 30)]
    assert all(one > other for one, other in itertools.pairwise(away))
    assert 0 < away[-1] < 0.2 < 0.9 < away[0] < 1


def test_a_longer_period_reaches_farther() -> None:
    two_days_on = "2023-06-02T23:59:59Z", "2023-05-09T23:59:59Z"
    assert near(MAY, two_days_on[0]) > 0.7 > 0.05 > near(YESTERDAY, two_days_on[1])


def test_a_moment_known_coarsely_counts_by_its_share() -> None:
    assert near(YESTERDAY, "2023-05-07") == 1
    assert near(YESTERDAY, "2023-05") < 0.1
    assert near(MAY, "2023") < 0.2
    assert near(YESTERDAY, "2023") < near(YESTERDAY, "2023-05") < near(YESTERDAY, "2023-05-08") < 1


def test_what_still_goes_on_is_close_once_it_has_begun() -> None:
    assert near(YESTERDAY, "2019", None) == 1
    assert near(YESTERDAY, "2024", None) < 0.01


def test_an_open_end_reaches_without_limit() -> None:
    (since,), (before,) = mentioned("since May 2023", NOW), mentioned("before May 2023", NOW)
    assert near(since, "2026-01-01T00:00:00Z") == near(before, "1999") == 1
    assert near(since, "2022-01") < 0.01
    assert near(before, "2024-01") < 0.01


@given(st.text(), st.text() | st.none())
def test_what_is_no_time_is_not_close_and_never_raises(start: str, end: str | None) -> None:
    assert 0 <= closeness(MAY, start, end) <= 1
    assert closeness(MAY, "long ago", None) == closeness(MAY, "2023-05-07", "later") == 0


@given(st.dates().map(str), st.dates().map(str), st.dates().map(str))
def test_closeness_lies_between_0_and_1(start: str, end: str, moment: str) -> None:
    first, last = sorted((start, end))
    for period in (Period(first, last, "", (0, 0), DAY), Period(first, None, "", (0, 0), DAY)):
        assert 0 <= closeness(period, moment, moment) <= 1
        assert 0 <= closeness(period, first, moment) <= 1


_WORDS = st.sampled_from(
    """in on since before after until by between and from to through early late mid first second last week of half the
    a few couple 2 3 12 31 99 999 days months years decade ago back this next past may March 7th 29 february feb 2023
    1900 2099 9999 0001 Q3 90s 1990s summer fall winter christmas easter monday morning yesterday recently other day
    - – , . / 2023-02-30 31/12/2023 2024年2月 30日 昨天 gestern im März İ ſept half circa around""".split()
)
_TEXTS = st.text() | st.lists(_WORDS, max_size=9).map(" ".join) | st.lists(_WORDS, max_size=6).map("".join)
_PRESENTS = st.sampled_from([NOW, NOW.replace(month=2, day=28), NOW.astimezone(timeline.LOCAL)]) | st.datetimes(
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))])
)


@given(_TEXTS, _PRESENTS)
@settings(max_examples=400, deadline=None)
def test_any_text_at_any_time_gives_ordered_windows_of_its_own_words(text: str, now: datetime) -> None:
    for period in [*mentioned(text, now), *dates_in(text, now)]:
        assert period.words == text[slice(*period.span)]
        assert period.grain > 0
        assert period.start or period.end
        assert not (period.start and period.end) or period.start <= period.end
    for anchor in anchors(text):
        assert anchor.text.strip()


def test_lower_case_keeps_the_length_of_a_text() -> None:
    text = "".join(map(chr, range(0xD800))) + "ΑΣ ΑΣ."
    assert len(patterns.folded(text)) == len(text)


def test_every_word_that_a_pattern_needs_is_a_hint() -> None:
    words = {word for rule in patterns._RULES for word in rule.hints if not word.startswith("<")}
    assert {word for word in words if not periods._hints(word)} == set()


def test_easter_falls_on_the_days_of_the_almanac() -> None:
    known = {1818: (3, 22), 1943: (4, 25), 2000: (4, 23), 2019: (4, 21), 2024: (3, 31), 2038: (4, 25)}
    assert {year: (day.month, day.day) for year in known if (day := stretches.easter(year))} == known


def test_a_question_without_a_time_loads_no_patterns_and_no_question_loads_dateparser() -> None:
    code = """
import sys
from datetime import UTC, datetime
from memcli.memory.periods import anchors, mentioned
now = datetime(2026, 11, 21, tzinfo=UTC)
assert not mentioned("Which coffee do I like on the balcony?", now) and anchors("What did I say after the wedding?")
assert not {"memcli.memory.periods.patterns", "dateparser"} & set(sys.modules)
assert mentioned("What did I do last summer?", now) and "dateparser" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.timeout(60)  # in proportion it takes a second, with the square of the length an hour
@pytest.mark.parametrize(
    "piece",
    ["last ", "the ", "a few ", "may ", "in 2", "2023-", "1.1.", "since ", "1 ", " ", "\n", "when I ", "月", "90"],
)
def test_a_very_long_text_is_read_in_proportion_to_its_length(piece: str) -> None:
    text = f"yesterday {piece * (200_000 // len(piece))} in May 2023 ago"
    assert dates_in(text, NOW)[0].words == "yesterday"
    anchors(text)
