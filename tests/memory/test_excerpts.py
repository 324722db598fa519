from hypothesis import given
from hypothesis import strategies as st

from memcli.memory.excerpts import GAP, GAP_PASTED, excerpt, within
from tests.fakes import HashingEmbedder

FILLER = [f"The {word} stood on the shelf beside many others of its sort for years." for word in "abcdefghijklmnop" * 6]
TEXT = " ".join(["A report on harbours.", *FILLER, "The lighthouse keeper was called Okonkwo.", *FILLER, "End of it."])
QUESTION = "Who kept the lighthouse?"


def count(text: str) -> int:
    return len(text.split())


def test_the_parts_that_answer_the_question_are_there_with_the_beginning() -> None:
    for embedder in (None, HashingEmbedder()):
        made = excerpt(TEXT, QUESTION, 200, count, embedder, ends=False)
        assert "Okonkwo" in made.text
        assert made.text.startswith("A report on harbours.")
        assert 0 < made.parts < made.of
        assert made.tokens < made.whole == count(TEXT)


def test_both_ends_of_a_message_are_there() -> None:
    made = excerpt(TEXT, QUESTION, 200, count, None, ends=True)
    assert made.text.startswith("A report on harbours.")
    assert made.text.endswith("End of it.")


def test_a_gap_is_marked() -> None:
    assert GAP.strip() in excerpt(TEXT, QUESTION, 200, count, None, ends=True).text


@given(st.text(max_size=3000), st.integers(10, 300))
def test_an_excerpt_is_made_of_the_texts_own_stretches(text: str, room: int) -> None:
    made = excerpt(text, text[:20], room, len, None, ends=True) if text.strip() else None
    if made:
        assert all(part.strip() in text for part in made.text.split(GAP.strip()) if GAP.strip() not in text)


def test_what_fits_is_left_as_it_is() -> None:
    shown = within("What is this?", ["a short document"], 500, count, None)
    assert (shown.text, shown.documents) == ("What is this?", ("a short document",))
    assert not shown.notices
    assert not shown.cut


def test_a_document_makes_room_and_the_question_stays_whole() -> None:
    shown = within(QUESTION, [TEXT], 400, count, HashingEmbedder())
    assert shown.text == QUESTION
    assert count(shown.documents[0]) <= 400
    assert "Okonkwo" in shown.documents[0]
    assert len(shown.notices) == 1
    assert [s.label for s in shown.cut] == ["document"]


def test_a_message_without_a_document_is_shortened_itself() -> None:
    shown = within(TEXT, [], 400, count, None)
    assert count(shown.text) <= 400
    assert shown.excerpt is not None
    assert [s.label for s in shown.cut] == ["message"]


@given(st.integers(1, 30))
def test_where_not_even_one_part_fits_the_beginning_is_shown(room: int) -> None:
    made = excerpt(TEXT, QUESTION, room, len, None, ends=False)
    assert TEXT.startswith(made.text.removesuffix(GAP.rstrip("\n")).rstrip())


def test_an_excerpt_of_a_message_says_where_it_goes_on_in_the_midst_of_what_was_pasted() -> None:
    pasted = "\n".join(f"Line {number} of the letter says nothing." for number in range(60))
    text = f"What does it say of ferrets?\n```\n{pasted}\nI keep ferrets.\n{pasted}\n```\nThank you for it."
    made = excerpt(text, "ferrets", 330, lambda part: len(part.split()), None, ends=True)
    before, _, after = made.text.partition(GAP_PASTED)
    assert "ferrets?" in before
    assert GAP not in before
    assert "I keep ferrets." in after
