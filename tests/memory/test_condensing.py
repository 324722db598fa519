from dataclasses import replace

import pytest

from memcli.errors import ModelError
from memcli.memory.condensing import Condenser, extracted, verified
from memcli.memory.summary import ASKED
from memcli.types import Message, Role, Segment, Trust, Turn
from tests.fakes import ScriptedModel

AT = "2026-03-01T12:00:00Z"
FACTS = "Hi! I'm Marta, I live in Coimbra and I am allergic to peanuts."


def said(text: str, role: Role = Role.USER, trust: Trust = Trust.USER, seq: int = 1) -> Message:
    return Message(f"m{seq}", seq, "t", role, text, trust, AT)


def answered(text: str, seq: int = 2) -> Message:
    return said(text, Role.ASSISTANT, Trust.ASSISTANT, seq)


def condenser(*answers: str, parameters: int = 7_000_000_000) -> Condenser:
    model = ScriptedModel(*answers)
    model.parameters = parameters
    return Condenser("s1", model, (), "2026-03-01", lambda count: None)


TURNS = [Turn(Role.USER, (Segment("message", "m1", FACTS),))]


def texts(lines: list) -> list[str]:
    return [one.text for one in lines]


def test_what_the_user_stated_is_quoted_with_its_day() -> None:
    lines = extracted([said(FACTS)])
    assert any("I live in Coimbra" in text for text in texts(lines))
    assert any("allergic to peanuts" in text for text in texts(lines))
    assert {one.day for one in lines} == {"2026-03-01"}


def test_a_question_is_told_as_one_and_weighs_little() -> None:
    (line,) = extracted([said("What could I cook with chickpeas and spinach?")])
    assert line.text == "What could I cook with chickpeas and spinach?"
    assert line.weight == ASKED


def test_a_question_without_spaces_is_told_too() -> None:
    assert texts(extracted([said("你能推荐一本书吗？")])) == ["你能推荐一本书吗？"]


def test_what_another_person_said_is_not_told_as_the_users() -> None:
    assert extracted([replace(said(FACTS), name="Bob")]) == []


def test_a_document_that_was_not_kept_leaves_no_line() -> None:
    assert extracted([said("[not kept: 5 bytes, sha256 0123456789abcdef]", trust=Trust.DOCUMENT)]) == []


def test_thanks_and_answers_leave_no_line() -> None:
    assert extracted([said("Thanks!"), answered("You live in Lisbon and have nine cats.")]) == []


def test_of_a_document_no_more_is_told_than_that_it_was_there() -> None:
    (line,) = extracted([said("Quarterly report of the harbour office. Ships came.", trust=Trust.DOCUMENT)])
    assert line.text == "(a document of 51 characters)"


GOOD = "- Marta lives in Coimbra\n- Marta is allergic to peanuts\n"


def test_lines_that_the_users_words_bear_out_hold() -> None:
    assert texts(verified(GOOD, [said(FACTS)])) == ["Marta lives in Coimbra", "Marta is allergic to peanuts"]


def test_a_name_that_he_did_not_say_makes_a_line_fall() -> None:
    assert texts(verified(f"{GOOD}- Marta lives in Porto\n", [said(FACTS)])) == texts(verified(GOOD, [said(FACTS)]))


def test_a_number_that_he_did_not_say_makes_a_line_fall() -> None:
    assert "Marta has lived in Coimbra for 12 years" not in texts(
        verified(f"{GOOD}- Marta has lived in Coimbra for 12 years\n", [said(FACTS)])
    )


def test_the_opposite_of_what_he_said_falls() -> None:
    assert "Marta is not allergic to peanuts" not in texts(
        verified(f"{GOOD}- Marta is not allergic to peanuts\n", [said(FACTS)])
    )


def test_what_only_the_assistant_said_bears_nothing_out() -> None:
    invented = "You own a yellow submarine and a lighthouse."
    assert verified("- owns a yellow submarine\n- owns a lighthouse\n", [said("Hello there"), answered(invented)]) == []


def test_where_most_lines_fall_none_counts() -> None:
    text = f"{GOOD}- Enjoys sailing boats\n- Plays the violin\n- Dreams of Norway\n- Bakes bread\n- Collects stamps\n"
    assert verified(text, [said(FACTS)]) == []


def test_a_line_that_was_cut_off_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    made = condenser(f"{GOOD}- Marta is allergic")
    cut_off = property(lambda model: replace(model._answer, full=True))
    monkeypatch.setattr(ScriptedModel, "answer", cut_off)
    made(TURNS, [said(FACTS)])
    assert [text for text in texts(list(made.lines)) if text.startswith("Marta")] == [
        "Marta lives in Coimbra",
        "Marta is allergic to peanuts",
    ]


def test_the_models_lines_stand_where_they_hold_and_the_rest_is_quoted() -> None:
    made = condenser(f"{GOOD}")
    made(TURNS, [said(FACTS), said("My dog is called Turing.", seq=3)])
    assert made.made is not None
    assert made.made.made_by == "model"
    written = " | ".join(texts(list(made.lines)))
    assert "Marta lives in Coimbra" in written
    assert "My dog is called Turing" in written
    assert "I live in Coimbra" not in written


def test_where_the_models_lines_do_not_hold_the_user_is_quoted() -> None:
    made = condenser("- I am glad to help\n- The Lion Sleeps with a Mouse\n")
    made(TURNS, [said(FACTS)])
    assert made.made is not None
    assert made.made.made_by == "extract"
    assert "I live in Coimbra" in " ".join(texts(list(made.lines)))


def test_a_small_model_is_not_asked() -> None:
    made = condenser(GOOD, parameters=135_000_000)
    made(TURNS, [said(FACTS)])
    assert made.model.prompts == []  # type: ignore[attr-defined]
    assert made.made is not None
    assert made.made.made_by == "extract"


def test_a_model_that_fails_leaves_the_quotations(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ModelError("the model fell over")

    made = condenser(GOOD)
    monkeypatch.setattr(made.model, "stream", fail)
    made(TURNS, [said(FACTS)])
    assert "I live in Coimbra" in " ".join(texts(list(made.lines)))


def test_a_summary_takes_an_eighth_of_the_window_in_any_script() -> None:
    made = condenser("nothing")
    thai = [said("ฉัน อาศัย อยู่ ที่ กรุงเทพ และ มี แมว สาม ตัว " * 4 + str(n), seq=n) for n in range(40)]
    told = made(TURNS, thai)
    assert told is not None
    assert 0 < made.model.count(told.text) <= made.model.window // 8


def test_where_somebody_is_only_looking_the_model_is_not_asked() -> None:
    made = replace(condenser(GOOD), on_start=None)
    made(TURNS, [said(FACTS)])
    assert made.model.prompts == []  # type: ignore[attr-defined]


def test_the_same_messages_give_the_same_summary() -> None:
    first, second = condenser("nothing"), condenser("nothing")
    first(TURNS, [said(FACTS)])
    second(TURNS, [said(FACTS)])
    assert first.lines == second.lines
