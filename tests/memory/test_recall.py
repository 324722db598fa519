import math
import random

from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.recall import WEIGHTS, choose, rank, terms
from memcli.types import Candidate, Trust


def message(id_: str, text: str = "", *, words: float = 0.0, cosine: float = 0.0, **more: object) -> Candidate:
    values = {"created_at": "2026-01-01T00:00:00Z", "trust": Trust.USER, "kind": "message"} | more
    return Candidate(id=id_, text=text or f"This is said by {id_}.", words=words, cosine=cosine, **values)  # type: ignore[arg-type]


def test_function_words_and_speakers_are_not_looked_up() -> None:
    assert terms("What did Caroline paint for her mother?", ["Caroline", "Mel Smith"]) == ["paint", "mother"]


def test_a_question_of_function_words_is_looked_up_whole() -> None:
    assert terms("Who are you?") == ["Who", "are", "you"]


def test_a_bare_name_is_looked_up_although_it_is_a_speakers() -> None:
    assert terms("Caroline", ["Caroline"]) == ["Caroline"]


def test_words_and_meaning_both_count() -> None:
    found = [message("words", words=4.0), message("both", words=4.0, cosine=0.8), message("meaning", cosine=0.8)]
    assert rank("q", found, {}, [])[0].item.id == "both"


def test_the_neighbour_of_a_good_hit_is_lifted() -> None:
    found = [message("question", words=5.0, cosine=0.9), message("answer", cosine=0.1), message("other", cosine=0.2)]
    ranked = [hit.item.id for hit in rank("q", found, {"answer": ["question"], "question": ["answer"]}, [])]
    assert ranked == ["question", "answer", "other"]


def test_who_is_asked_about_counts_where_messages_have_speakers() -> None:
    found = [message("a", cosine=0.5, name="Melanie"), message("b", cosine=0.5, name="Caroline")]
    best = rank("What does Caroline's mother do?", found, {}, ["Melanie", "Caroline"])[0]
    assert best.item.id == "b"
    assert best.why["speaker"] == WEIGHTS.speaker


scores = st.floats(0, 50, allow_nan=False)


@given(st.lists(st.tuples(scores, st.floats(-1, 1)), max_size=12), st.randoms())
def test_rank_is_finite_sums_up_and_does_not_depend_on_the_order_of_candidates(
    raw: list[tuple[float, float]], shuffler: random.Random
) -> None:
    found = [message(f"m{i:02}", words=words, cosine=cosine) for i, (words, cosine) in enumerate(raw)]
    neighbours = {f"m{i:02}": [f"m{i + 1:02}"] for i in range(len(found) - 1)}
    hits = rank("a question", found, neighbours, [])
    mixed = list(found)
    shuffler.shuffle(mixed)
    assert [h.item.id for h in rank("a question", mixed, neighbours, [])] == [h.item.id for h in hits]
    assert all(math.isfinite(h.score) and math.isclose(h.score, sum(h.why.values()), abs_tol=1e-9) for h in hits)


def choice_of(
    *found: Candidate, limit: int = 3, question: str = "What is my dog called?", present: frozenset[str] = frozenset()
):
    return choose(question, rank(question, found, {}, []), limit=limit, present=present)


def reasons(choice) -> dict[str, str]:
    return {hit.item.id: reason for hit, reason in choice.left}


def test_notes_that_are_beside_the_point_are_left_out_with_the_reason() -> None:
    choice = choice_of(message("near", cosine=0.6), message("far", cosine=0.1))
    assert [h.item.id for h in choice.chosen] == ["near"]
    assert "similarity 0.10" in reasons(choice)["far"]


def test_an_old_question_is_not_recalled_as_an_answer() -> None:
    choice = choice_of(
        message("old", "What is my dog called?", cosine=1.0), message("fact", "My dog is Turing.", cosine=0.6)
    )
    assert [h.item.id for h in choice.chosen] == ["fact"]


def test_the_assistants_own_words_are_recalled_only_when_they_are_asked_for() -> None:
    said = message("said", "Try the fish soup.", cosine=0.7, trust=Trust.ASSISTANT)
    assert choice_of(said).chosen == ()
    assert choice_of(said, question="What did you recommend for dinner?").chosen[0].item.id == "said"


def test_what_stands_in_the_window_is_not_recalled_again() -> None:
    choice = choice_of(message("here", cosine=0.9), present=frozenset({"here"}))
    assert (choice.chosen, choice.left) == ((), ())


def test_the_same_text_is_recalled_once() -> None:
    choice = choice_of(message("a", "My dog is Turing.", cosine=0.9), message("b", "my dog is turing.", cosine=0.9))
    assert len(choice.chosen) == 1
