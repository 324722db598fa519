from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from memcli.memory import events
from memcli.types import Candidate, Hit, Trust
from tests.memory.candidates import kept, message


def times(question: str, *found: Candidate, relevance: float = 0.9, zone=UTC) -> list[tuple[str | None, str | None]]:
    hits = [Hit(item, 1.0, {}, relevance) for item in found]
    return [(p.start, p.end) for p in events.periods(question, lambda event: hits, zone)]


MOVED = message("m", "I moved to Rome last week.", created_at="2021-03-10T12:00:00Z")


def test_after_an_event_begins_when_the_message_on_it_says() -> None:
    ((start, end),) = times("What did I adopt after I moved to Rome?", MOVED)
    assert (str(start)[:10], end) == ("2021-03-01", None)


def test_before_an_event_ends_when_a_memory_has_it() -> None:
    found = kept("m", "Moved to Rome.", valid_from="2021-03-04")
    assert times("Where did I live before I moved to Rome?", found) == [(None, "2021-03-04")]


def test_an_earlier_question_or_an_answer_dates_nothing() -> None:
    asked = message("q", "What did I do after I moved to Rome?", created_at="2026-09-10T12:00:00Z")
    answer = message("a", "You moved to Rome.", created_at="2026-09-10T12:01:00Z", trust=Trust.ASSISTANT)
    assert times("What did I do after I moved to Rome?", asked, answer) == []
    assert len(times("What did I do after I moved to Rome?", asked, MOVED)) == 1


def test_an_event_that_memory_is_unsure_of_dates_nothing() -> None:
    assert times("What did I do after I moved to Rome?", MOVED, relevance=0.3) == []


def test_yesterday_of_a_message_is_the_day_before_where_it_was_said() -> None:
    said = message("m", "Yesterday I moved out.", created_at="2021-03-10T02:00:00Z")  # 9 March in Los Angeles
    zone = ZoneInfo("America/Los_Angeles")
    (when,) = times("What did I buy after I moved out?", said, zone=zone)
    assert datetime.fromisoformat(str(when[0])).astimezone(zone).date().isoformat() == "2021-03-08"
