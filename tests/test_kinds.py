"""What applies without being asked about: standing instructions and preferences, with the real embedder and model."""

import pytest

from tests.program import Program

pytestmark = pytest.mark.model

INSTRUCTIONS = {
    "Always answer in metric units.": "How far is it from Lisbon to Porto?",
    "Call me Captain.": "Good morning!",
    "When I ask for SQL, use Postgres syntax.": "Write me a query that lists the ten newest orders.",
    "Never use emojis in your replies.": "Congratulate my sister on her new job.",
    "From now on keep answers under three sentences.": "Explain how a heat pump works.",
    "Always include version numbers when I ask about libraries.": "Which web framework should I pick?",
    "Don't give me spoilers for films.": "Tell me about the ending of Inception.",
    "If I ask for a recipe, give amounts for two people.": "How do I make risotto?",
    "Answer in British English.": "Write a short note about the colour of autumn leaves.",
    "Always show your reasoning step by step for maths.": "What is 15 percent of 240?",
}
PREFERENCES = {
    "I don't eat meat.": "What should I cook for dinner tonight?",
    "I prefer window seats on planes.": "Help me book the flight to Rome.",
    "I hate early mornings.": "When should I schedule the team meeting?",
    "I prefer tabs over spaces.": "Format this Python file for me.",
    "My favourite music is bossa nova.": "Suggest a playlist for the weekend.",
    "I would rather take the train than fly.": "How do I get to Madrid next month?",
    "I love hiking in the mountains.": "Any ideas for my summer holiday?",
    "I can't stand horror films.": "Recommend a movie for tonight.",
    "I like my coffee without sugar.": "Order me a drink at the café.",
    "I am allergic to peanuts.": "Which snack could I buy for the trip?",
}
FACTS = (
    "My dog is called Turing.",
    "I live in Lisbon.",
    "My sister Ines is a vet in Porto.",
    "Our car is a blue 2014 Skoda Octavia.",
    "My passport expires on 3 July 2027.",
    "The boiler was serviced in October.",
)


@pytest.fixture
def filled(compiled_embedder: None, tmp_path, own_home) -> Program:  # type: ignore[no-untyped-def]
    memcli = Program(own_home, {})
    texts = "\n".join((*INSTRUCTIONS, *PREFERENCES, *FACTS))
    assert memcli("remember", "--lines", stdin=texts).status == 0
    return memcli


def in_context(memcli: Program, message: str) -> dict[str, str]:
    """Return the texts of the context's segments with their labels."""
    return {s["text"].strip(): s["label"] for s in memcli("context", "--json", message).json["segments"]}


def test_instructions_and_preferences_are_at_hand_whatever_is_asked(filled: Program) -> None:
    for text, message in INSTRUCTIONS.items():
        assert in_context(filled, message).get(f"The user wants: {text}") == "procedural", message
    for text, message in PREFERENCES.items():
        assert in_context(filled, message).get(f"The user says: {text}") == "preference", message


def test_facts_are_recalled_only_where_they_belong(filled: Program) -> None:
    def recalled(message: str) -> list[str]:
        return [text for text, label in in_context(filled, message).items() if label == "recall"]

    assert recalled("What is my dog's name?")[0].endswith(": My dog is called Turing.")
    for message in ("What is 12 times 13?", "Who wrote War and Peace?", "How do vaccines work?", "Tell me a joke."):
        assert recalled(message) == [], message


def test_preferences_beyond_the_budget_are_in_the_ledger_and_come_when_they_match(filled: Program) -> None:
    many = "\n".join(f"I like the {n}th song of the album best." for n in range(4, 30))
    filled("remember", "--lines", stdin=many)
    shown = filled("context", "--json", "Recommend a movie for tonight.").json
    cut = [s for s in shown["dropped"] if "horror" in s["text"] and s["label"] == "preference"]
    assert [s["reason"] for s in cut] == ["over the 600 characters for preferences"]
    assert any("horror" in s["text"] and s["label"] == "recall" for s in shown["segments"])
