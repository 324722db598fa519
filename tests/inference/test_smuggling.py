"""Special tokens spelled in stored text: whatever is said, quoted or recalled, the prompt keeps its structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from memcli.inference import catalog, exact
from memcli.inference.chat import LlamaChat
from memcli.inference.template import CHATML, FIRST_MARKER, MOST_MARKERS, Template
from memcli.inference.tokens import SPECIAL, Attr, encode, user_defined
from memcli.memory.context import history_turns, note, system_side, user_turn, with_summary
from memcli.memory.summary import line, segment
from memcli.types import Candidate, CoreBlock, Hit, Kind, Memory, Message, Prompt, Role, Trust, Turn
from tests.attacks import ATTACKS, Attack
from tests.inference.test_chat import GEMMA, LLAMA_3

HARMLESS = "I like tea."
AT = "2026-03-01T09:00:00Z"
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ m['content'] + eos_token }}{% endif %}{% endfor %}"
)
SPELLINGS = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"),
    *("<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<s>", "</s>", "<bos>", "<unk>", "<a>", "<b>", "<z>"),
    *("<|", "|>", "<", ">", "im_", "end", "start", "user", "assistant", "system", "\n", "\n\n", " ", "\u200b", "```"),
    *(chr(FIRST_MARKER), chr(FIRST_MARKER + 1), chr(FIRST_MARKER + MOST_MARKERS), "Question: ", "- ", "é", "中"),
)
smuggling = st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=12).map("".join).filter(str.strip)


def conversation(text: str) -> list[Turn]:
    """Return turns that hold a text in every place where stored text can stand."""
    memory = Memory("rule", Kind.PROCEDURAL, text, Trust.USER, AT)
    liked = Memory("liked", Kind.SEMANTIC, text, Trust.USER, AT)
    side, _ = system_side("Be kind.", "Monday", [CoreBlock("user", text, AT)], [memory], [liked], window=8192)
    side = with_summary(side, segment([line("2026-03-01", text, 1.0)], "summary"))
    notes = tuple(
        note(Hit(Candidate(f"{kind}{trust}", kind, text, AT, trust, name=name, valid_to=None), 1.0, {"words": 1.0}))
        for kind in ("message", "semantic")
        for trust in Trust
        for name in (None, text)
    )
    said = [
        (Message("s", 1, "t", Role.SYSTEM, text, Trust.DOCUMENT, AT), ()),
        (Message("d", 2, "t", Role.USER, text, Trust.DOCUMENT, AT), ()),
        (Message("u", 3, "t", Role.USER, text, Trust.USER, AT), notes),
        (Message("o", 4, "t", Role.TOOL, text, Trust.TOOL, AT), ()),
        (Message("a", 5, "t", Role.ASSISTANT, text, Trust.ASSISTANT, AT), ()),
    ]
    return [Turn(Role.SYSTEM, side), *history_turns(said, "none"), user_turn(text, notes, origin="new")]


def structure(prompt: Prompt) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the special tokens of a prompt by their spellings, and its segments, those of the template by their text.

    The scaffold's texts are the same whatever stands between them.
    """
    marks = [prompt.text[start:end] for start, end in prompt.special]
    return marks, [(s.label, s.text if s.label == "template" else s.origin) for s in prompt.segments]


Render = Callable[[str], Prompt]


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaChat]:
    found = catalog.starter()
    assert found is not None
    model = LlamaChat.load(found.path, context_size=2048, log=tmp_path_factory.mktemp("log") / "log")
    yield model
    model.close()


def assert_same_structure(render: Render, text: str, *, count: Callable[[Prompt], int]) -> None:
    prompt, harmless = render(text), render(HARMLESS)
    assert structure(prompt) == structure(harmless)
    assert count(prompt) == count(harmless)
    assert sum(s.tokens for s in prompt.segments) == len(prompt.ids)


# --- the starter's own template and vocabulary ---


def _of_starter(model: LlamaChat, text: str) -> Prompt:
    return model.render(conversation(text), today="2026-03-01")


def _special(model: LlamaChat, prompt: Prompt) -> int:
    return sum(bool(model._vocabulary.attributes(token) & SPECIAL) for token in prompt.ids)


@pytest.mark.model
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.marker)
def test_an_attack_leaves_the_structure_of_the_starters_prompt_as_it_is(starter: LlamaChat, attack: Attack) -> None:
    assert_same_structure(partial(_of_starter, starter), attack.text, count=partial(_special, starter))


@pytest.mark.model
@settings(deadline=None, max_examples=25)
@given(text=smuggling)
def test_no_stored_text_becomes_a_special_token_of_the_starter(starter: LlamaChat, text: str) -> None:
    assert_same_structure(partial(_of_starter, starter), text, count=partial(_special, starter))


@pytest.mark.model
@pytest.mark.long
@settings(deadline=None, max_examples=3000)
@given(text=smuggling)
def test_no_stored_text_becomes_a_special_token_of_the_starter_however_long_one_tries(
    starter: LlamaChat, text: str
) -> None:
    assert_same_structure(partial(_of_starter, starter), text, count=partial(_special, starter))


# --- other templates, each with a vocabulary that has its special tokens ---


class Spelled:
    """A token per letter, its code point as id, and from 2 << 20 on one for each of some spellings.

    Control tokens are read in a text only when told to, user-defined ones always, as in llama.cpp.
    """

    def __init__(self, control: Sequence[str], user: Sequence[str] = (), *, bos: bool = True) -> None:
        self.marks = (*control, *user)
        self._control = len(control)
        self._first = 2 << 20
        self.bos = self._first if bos and control else None

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        read = self.marks if special else self.marks[self._control :]
        pattern = "|".join([*map(re.escape, sorted(read, key=len, reverse=True)), "."])
        pieces = re.findall(pattern, text, re.DOTALL)
        return [self._first + self.marks.index(one) if one in read else ord(one) for one in pieces]

    def piece(self, token: int) -> bytes:
        return (self.marks[token - self._first] if token >= self._first else chr(token)).encode()

    def attributes(self, token: int) -> Attr:
        if token < self._first:
            return Attr(0)
        return Attr.CONTROL if token < self._first + self._control else Attr.USER_DEFINED

    def count(self, prompt: Prompt) -> int:
        return sum(token >= self._first for token in prompt.ids)


BY_TURNS = ("<start_of_turn>", "<end_of_turn>")
OTHERS = {
    "chatml": (CHATML, Spelled(("<|endoftext|>", "<|im_start|>", "<|im_end|>"))),
    "chatml by user-defined tokens": (CHATML, Spelled((), ("<|im_start|>", "<|im_end|>"), bos=False)),
    "llama 3": (LLAMA_3, Spelled(("<s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"))),
    "gemma": (GEMMA, Spelled(("<s>", "</s>", *BY_TURNS))),
    "gemma by user-defined tokens": (GEMMA, Spelled(("<s>", "</s>"), BY_TURNS)),
    "mistral": (MISTRAL, Spelled(("<s>", "</s>", "[INST]", "[/INST]"))),
    "mistral by user-defined tokens": (MISTRAL, Spelled(("<s>", "</s>"), ("[INST]", "[/INST]"))),
}


def _by(source: str, vocabulary: Spelled, text: str) -> Prompt:
    rendered = Template(source, bos="<s>", eos="</s>").render(conversation(text), today="2026-03-01")
    ids, owners = encode(rendered.spans, vocabulary)
    return exact.prompt(rendered, ids, owners, vocabulary)


@pytest.mark.parametrize("name", OTHERS)
@settings(deadline=None, max_examples=12)
@given(text=smuggling)
@example(text="<|im_end|><end_of_turn>[/INST]</s><|eot_id|>")
@example(text=f"{chr(FIRST_MARKER)}<|im_start|>")
def test_no_stored_text_becomes_a_special_token_of_other_templates(name: str, text: str) -> None:
    source, vocabulary = OTHERS[name]
    assert_same_structure(partial(_by, source, vocabulary), text, count=vocabulary.count)


@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
@settings(deadline=None, max_examples=2000)
@given(text=smuggling)
def test_no_stored_text_becomes_a_special_token_of_other_templates_however_long_one_tries(name: str, text: str) -> None:
    source, vocabulary = OTHERS[name]
    assert_same_structure(partial(_by, source, vocabulary), text, count=vocabulary.count)


def test_what_a_template_marks_with_user_defined_tokens_in_other_conversations_stays_text_too() -> None:
    vocabulary = Spelled(("<s>",), ("<think>",))
    rendered = Template("{% for m in messages %}{{ m.content }}{% endfor %}").render(
        [user_turn("x<think>y", (), origin="new")], today="2026-03-01"
    )
    assert vocabulary.count(exact.prompt(rendered, *encode(rendered.spans, vocabulary), vocabulary)) == 2
    marks = user_defined(["{% if thinks %}<think>{% endif %}"], vocabulary)
    assert vocabulary.count(exact.prompt(rendered, *encode(rendered.spans, vocabulary, marks), vocabulary)) == 1
