import pytest

from memcli.memory.form import classify, states_something
from memcli.types import Kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I am allergic to peanuts.", Kind.SEMANTIC),
        ("My sister Ines lives in Porto.", Kind.SEMANTIC),
        ("Always answer in metric units.", Kind.PROCEDURAL),
        ("From now on call me Captain.", Kind.PROCEDURAL),
        ("Never suggest restaurants with loud music", Kind.PROCEDURAL),
        ("When I ask for SQL, use Postgres.", Kind.PROCEDURAL),
        ("We met at the station yesterday.", Kind.EPISODIC),
        ("In March I broke my left arm.", Kind.EPISODIC),
        ("I have never been to Japan", Kind.SEMANTIC),
    ],
)
def test_a_text_gets_the_kind_of_what_it_says(text: str, kind: Kind) -> None:
    assert classify(text) == kind


@pytest.mark.parametrize("text", ["What is my dog called?", "where do I live", "Tell me a joke.", "Why? How?", "?"])
def test_a_text_that_only_asks_states_nothing(text: str) -> None:
    assert not states_something(text)


@pytest.mark.parametrize("text", ["My dog is called Turing.", "I moved. What now?", "dog's name: Turing"])
def test_a_text_with_a_statement_in_it_states_something(text: str) -> None:
    assert states_something(text)
