import time

import pytest

from memcli.memory.form import classify, states_something
from memcli.types import Kind


@pytest.mark.parametrize(
    "text",
    [
        "Always answer in metric units.",
        "From now on call me Captain.",
        "From now on, please answer in French",
        "Never suggest restaurants with loud music",
        "Never suggest a place where the music is loud",
        "When I ask for SQL, use Postgres.",
        "Whenever I send code, review it for security first",
        "Call me Ana.",
        "Don't use emojis",
        "Don’t ever call me Bob",
        "Please keep answers short",
        "Reply in German",
        "Be brief",
        "Use metric units",
        "Use metric units when the recipe is American",
        "Speak French to me",
        "You should always cite sources",
        "I want you to answer in bullet points",
        "Make sure you cite sources",
        "Please  always\nanswer briefly",
    ],
)
def test_an_order_to_the_assistant_is_procedural(text: str) -> None:
    assert classify(text) == Kind.PROCEDURAL


@pytest.mark.parametrize(
    "text",
    [
        "I am allergic to peanuts.",
        "My sister Ines lives in Porto.",
        "I have never been to Japan",
        "Never been to Paris.",
        "Whenever we visited grandma we ate soup.",
        "Whenever I write letters, I use ink.",
        "Always loved jazz.",
        "Be-bop is my favourite genre.",
        "Use of the garage costs 40 a month.",
        "Keep in touch was our school's motto",
        "Don't Stop Me Now is our song",
        "I always order the risotto",
        "Answer to the riddle: an egg",
        "From now on I am a vegetarian",
        "Remember to call Ana on Friday",
        "Speak four languages",
        "The dentist is tomorrow at nine",
    ],
)
def test_a_fact_is_semantic_even_where_it_opens_like_an_order(text: str) -> None:
    assert classify(text) == Kind.SEMANTIC


@pytest.mark.parametrize("text", ["We met at the station yesterday.", "In March I broke my left arm."])
def test_a_past_verb_with_a_point_in_time_is_episodic(text: str) -> None:
    assert classify(text) == Kind.EPISODIC


@pytest.mark.parametrize(
    "text",
    [
        "What is my dog called?",
        "what is my dog called",
        "where do i live",
        "who's my boss",
        "whats my name",
        "how many cats do I have",
        "What colour is my car",
        "when was I born",
        "why don't we leave",
        "ok, can you do that",
        "do I need a coat",
        "is it raining",
        "have you met Ana",
        "should we go",
        "is my dog vaccinated",
        "Is pi 3.14?",
        "My dog is called what?",
        "Really?!",
        '"My dog?"',
        "我的狗叫什么？",
        "Tell me a joke.",
        "List my allergies",
        "what  is my name",
        "Write a poem about rain",
        "please sort these",
        "Why? How?",
        "?",
        "",
        "...",
    ],
)
def test_a_text_that_only_asks_states_nothing(text: str) -> None:
    assert not states_something(text)


@pytest.mark.parametrize(
    "text",
    [
        "My dog is called Turing.",
        "I moved. What now?",
        "dog's name: Turing",
        "When I was six we moved to Kenya.",
        "Will is my brother.",
        "May 4 is my birthday.",
        "Have a dog called Turing.",
        "Is-it-raining is my wifi name",
        "What I like is jazz.",
        "What's more, I moved to Porto.",
        "Who dares wins is our motto",
        "Had I known, I would have stayed",
        "List of my allergies: nuts",
        "Please remember that my dog is called Turing",
        "你好吗？我的狗叫图灵。",
    ],
)
def test_a_text_with_a_statement_in_it_states_something(text: str) -> None:
    assert states_something(text)


@pytest.mark.parametrize(
    "piece",
    [
        "had ",
        "yesterday ",
        "a",
        " ",
        "-",
        "ed ",
        "when i ",
        "please ",
        "what ",
        "is it? ",
        "...",
        "\n",
        "always, ",
        "? ",
        "？",
    ],
)
def test_a_text_of_a_megabyte_is_judged_in_no_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    classify(text)
    states_something(text)
    assert time.process_time() - started < 5  # a square would take hours


def test_a_sentence_that_tells_before_it_asks_states_something() -> None:
    assert states_something("I'm keeping my app under two megabytes, so how do I cache without a framework?")
    assert states_something("My sister moved to Porto last week, what could I send her?")
    assert not states_something("I was wondering how far it is to Porto by train, do you know?")
    assert not states_something("My cat, is she ill?")
