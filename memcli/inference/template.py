"""Render turns through a model's own chat template, keeping for every character who wrote it.

Invariants: contents never pass through the template, so it can neither change them nor be changed by them; what a
template leaves out is said in the ledger; text of the template itself is labelled "template".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from memcli.errors import ModelError
from memcli.inference.tokens import Span
from memcli.types import Role, Segment, Turn

# For models without a template. Most instruct models were trained on it or read it well.
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SEPARATOR = Segment("template", "", "\n\n")  # between the contents of turns that had to be merged
LEFT_OUT = "left out by the model's chat template"
# Stand-ins for contents: private-use characters beyond the first plane, one for each part. A template that trims,
# splits or joins contents moves them like any other letter.
FIRST_MARKER, MOST_MARKERS = 0xF0000, 0xFFFD
MARKER = re.compile(f"([{chr(FIRST_MARKER)}-{chr(FIRST_MARKER + MOST_MARKERS)}])")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt as text: its spans, each owned by the segment of that index. Token counts are not known yet."""

    spans: tuple[Span, ...]
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One part of a turn; `ids` as in Turn."""

    segment: Segment
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Message:
    role: Role
    pieces: tuple[_Piece, ...]


class Template:
    """A compiled chat template. `bos` and `eos` are the spellings it may write."""

    def __init__(self, source: str | None, *, bos: str = "", eos: str = "") -> None:
        self._source = source or CHATML
        self._names = {"bos_token": bos, "eos_token": eos, "tools": None, "documents": None}
        self._compiled: Any = None

    def render(self, turns: Sequence[Turn], *, today: str) -> Rendered:
        """Render `turns`, opened for an answer; `today` is the ISO date that the template may show.

        Where it refuses a role or an order of roles, the nearest form that it takes is used. Raises ModelError.
        """
        refusal = "it leaves out the last message"
        partial: Rendered | None = None
        for messages in _forms(_merged(_trimmed(turn) for turn in turns)):
            pieces = [piece for message in messages for piece in message.pieces]
            try:
                text = self._fill(messages, today)
            except _Refused as error:
                refusal = str(error)
                continue
            rendered, missing = _spans(text, pieces)
            if not missing:
                return rendered
            if len(pieces) - 1 not in missing:
                partial = partial or rendered
        if partial is None:
            raise ModelError(f"the model's chat template does not take this conversation: {refusal}")
        return partial

    def _fill(self, messages: Sequence[_Message], today: str) -> str:
        from jinja2 import TemplateError

        self._compiled = self._compiled or _compile(self._source)
        markers = map(chr, range(FIRST_MARKER, FIRST_MARKER + MOST_MARKERS))
        listed = [
            {"role": message.role.value, "content": "".join(next(markers) for _ in message.pieces)}
            for message in messages
        ]
        try:
            filled = self._compiled.render(
                messages=listed, add_generation_prompt=True, strftime_now=_clock(today), **self._names
            )
        except (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            raise _Refused(str(error)) from error
        return str(filled)


class _Refused(Exception):
    """The template raised: it does not take these messages."""


def _compile(source: str) -> Any:
    """Compile as transformers does, for which templates are written. Raises ModelError."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The tag that marks answers for training; its body is rendered as it stands."""

        tags = {"generation"}  # noqa: RUF012 (jinja2's own form)

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.Scope(body, lineno=line)

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, Generation]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    environment.globals["raise_exception"] = refuse
    try:
        return environment.from_string(source)
    except jinja2.TemplateError as error:
        raise ModelError(f"the model's chat template does not parse: {error}") from None


def _clock(today: str) -> Callable[[str], str]:
    """Return the template's strftime_now, which stands still: a new date would start a new prefix."""
    return date.fromisoformat(today[:10]).strftime


def _trimmed(turn: Turn) -> _Message:
    """Strip space at the turn's edges ourselves: most templates would, but cannot see past a stand-in."""
    if turn.ids:  # as sampled: they stand for the whole turn, whatever its parts
        first = turn.parts[0] if turn.parts else Segment("answer", "", "")
        whole = "".join(part.text for part in turn.parts)
        return _Message(turn.role, (_Piece(replace(first, text=whole), turn.ids),))
    texts = [part.text for part in turn.parts]
    _strip_edge(texts, range(len(texts)), str.lstrip)
    _strip_edge(texts, reversed(range(len(texts))), str.rstrip)
    pieces = (_Piece(replace(part, text=text)) for part, text in zip(turn.parts, texts, strict=True))
    return _Message(turn.role, tuple(pieces))


def _strip_edge(texts: list[str], order: Iterable[int], strip: Callable[[str], str]) -> None:
    for index in order:
        texts[index] = strip(texts[index])
        if texts[index]:
            return


def _merged(messages: Iterable[_Message]) -> list[_Message]:
    """Join neighbours of one role: templates that demand alternation refuse them."""
    merged: list[_Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            pieces = (*merged.pop().pieces, _Piece(SEPARATOR), *message.pieces)
            message = _Message(message.role, pieces)  # noqa: PLW2901
        merged.append(message)
    return merged


def _forms(messages: list[_Message]) -> Iterator[list[_Message]]:
    """Yield the conversation as it is, then in forms that stricter templates take."""
    yield messages
    without_tools = [replace(m, role=Role.USER) if m.role == Role.TOOL else m for m in messages]
    if without_tools != messages:
        yield _merged(without_tools)
    without_system = [replace(m, role=Role.USER) if m.role == Role.SYSTEM else m for m in without_tools]
    if without_system != without_tools:
        yield _merged(without_system)


def _spans(text: str, pieces: Sequence[_Piece]) -> tuple[Rendered, set[int]]:
    """Cut the rendered text at the stand-ins; also return which pieces have none in it."""
    spans: list[Span] = []
    segments: list[Segment] = []
    missing = {index for index, piece in enumerate(pieces) if piece.segment is not SEPARATOR}
    for chunk in filter(None, MARKER.split(text)):
        index = ord(chunk) - FIRST_MARKER if MARKER.fullmatch(chunk) else len(pieces)
        if index < len(pieces):
            missing.discard(index)
            piece = pieces[index]
            spans.append(Span(piece.segment.text, len(segments), content=True, ids=piece.ids))
            segments.append(piece.segment)
        else:
            spans.append(Span(chunk, len(segments), content=False))
            segments.append(Segment("template", "", chunk))
    segments += [replace(pieces[index].segment, text="", reason=LEFT_OUT) for index in sorted(missing)]
    return Rendered(tuple(spans), tuple(segments)), missing
