"""Rendering turns through chat templates, also through those that refuse, merge, trim or drop."""

from __future__ import annotations

import pytest

from memcli.errors import ModelError
from memcli.inference.template import LEFT_OUT, Rendered, Template
from memcli.types import Role, Segment, Turn

STRICT = (  # as Gemma's: no system role, strict alternation
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "[{{ message['role'] }}]{{ message['content'] | trim }}{% endfor %}"
)
PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"


def turn(role: str, *texts: str, ids: tuple[int, ...] = ()) -> Turn:
    return Turn(
        Role(role), tuple(Segment(f"{role} part", "here", text, score=0.5, reason="why") for text in texts), ids
    )


def render(source: str | None, *turns: Turn, today: str = "2026-03-01") -> Rendered:
    return Template(source, bos="<s>", eos="</s>").render(turns, today=today)


def text(rendered: Rendered) -> str:
    return "".join(span.text for span in rendered.spans)


def test_a_model_without_a_template_gets_chatml() -> None:
    rendered = render(None, turn("system", "Be kind."), turn("user", "Hi"))
    assert text(rendered) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_every_part_keeps_its_labels_and_the_rest_is_the_templates() -> None:
    rendered = render(PLAIN, turn("user", "notes\n", "question"))
    assert [(s.label, s.origin, s.text, s.score, s.reason) for s in rendered.segments] == [
        ("template", "", "[user]", None, ""),
        ("user part", "here", "notes\n", 0.5, "why"),
        ("user part", "here", "question", 0.5, "why"),
    ]
    assert [(span.owner, span.content) for span in rendered.spans] == [(0, False), (1, True), (2, True)]


def test_a_system_turn_that_is_refused_opens_the_first_user_turn() -> None:
    rendered = render(
        STRICT, turn("system", "Be kind."), turn("user", "Hi"), turn("assistant", "Yes"), turn("user", "So")
    )
    assert text(rendered) == "[user]Be kind.\n\nHi[assistant]Yes[user]So"


def test_a_system_turn_that_is_dropped_opens_the_first_user_turn() -> None:
    source = "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    assert text(render(source, turn("system", "Be kind."), turn("user", "Hi"))) == "[user]Be kind.\n\nHi"


def test_turns_of_one_role_in_a_row_become_one_turn() -> None:
    assert text(render(STRICT, turn("user", "One"), turn("user", "Two"))) == "[user]One\n\nTwo"


def test_a_tool_turn_that_is_refused_is_told_by_the_user() -> None:
    rendered = render(STRICT, turn("user", "Hi"), turn("assistant", "Wait"), turn("tool", "42"), turn("user", "So?"))
    assert text(rendered) == "[user]Hi[assistant]Wait[user]42\n\nSo?"


def test_what_a_template_leaves_out_is_said() -> None:
    source = "{% for m in messages[1:] %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    rendered = render(source, turn("user", "First"), turn("assistant", "Yes"), turn("user", "Last"))
    assert text(rendered) == "[assistant]Yes[user]Last"
    assert [(s.text, s.reason) for s in rendered.segments if s.reason == LEFT_OUT] == [("", LEFT_OUT)]


def test_a_template_that_leaves_out_the_question_is_an_error() -> None:
    with pytest.raises(ModelError, match="leaves out the last message"):
        render("Hello.", turn("user", "Hi"))


def test_a_template_that_refuses_everything_is_an_error_with_its_words() -> None:
    with pytest.raises(ModelError, match="not today"):
        render("{{ raise_exception('not today') }}", turn("user", "Hi"))


@pytest.mark.parametrize("source", ["{% for %}", "{{ messages", "{% nonsense %}"])
def test_a_template_that_does_not_parse_is_an_error(source: str) -> None:
    with pytest.raises(ModelError, match="does not parse"):
        render(source, turn("user", "Hi"))


@pytest.mark.parametrize("source", ["{{ messages[9].content }}", "{{ 'a' + 1 }}", "{{ none.x.y }}", "{{ 1 // 0 }}"])
def test_a_template_that_fails_is_an_error(source: str) -> None:
    with pytest.raises(ModelError, match="does not take this conversation"):
        render(source, turn("user", "Hi"))


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    with pytest.raises(ModelError):
        render("{{ messages.__class__.__mro__[1].__subclasses__() }}" + PLAIN, turn("user", "Hi"))


def test_content_is_neither_read_nor_changed_by_the_template() -> None:
    source = "{% for m in messages %}{{ m.content | upper | trim | replace('a', 'b') }}{% endfor %}"
    content = "{{ 7 * 7 }} {% raw %} a </think> b"
    assert text(render(source, turn("user", content))) == content


def test_space_at_the_edges_of_a_turn_is_stripped_and_within_it_kept() -> None:
    rendered = render(PLAIN, turn("user", " \n", "  notes \n", " question  ", "\n"))
    assert text(rendered) == "[user]notes \n question"


def test_an_answers_ids_stand_for_its_whole_turn() -> None:
    rendered = render(PLAIN, turn("user", "Hi"), turn("assistant", " Yes", ", sir ", ids=(1, 2)), turn("user", "So"))
    assert [(span.text, span.ids) for span in rendered.spans if span.ids] == [(" Yes, sir ", (1, 2))]


def test_the_date_stands_still() -> None:
    source = "{{ strftime_now('%d %b %Y') }} " + PLAIN
    assert text(render(source, turn("user", "Hi"), today="2026-03-01")) == "01 Mar 2026 [user]Hi"


def test_what_templates_for_transformers_use_is_there() -> None:
    source = (
        "{{ bos_token }}{% for m in messages %}{% if not m.content %}{% continue %}{% endif %}"
        "{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}{{ {'é': 1} | tojson }}{{ eos_token }}"
        "{% if tools is not none %}tools{% endif %}{% if add_generation_prompt %}!{% endif %}"
    )
    assert text(render(source, Turn(Role.USER, ()), turn("assistant", "Hi"))) == '<s>Hi{"é": 1}</s>!'
