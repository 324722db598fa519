"""The chat model: one conversation's KV state in llama.cpp, evaluated append-only, answered token by token.

Invariants: the ids noted as evaluated are exactly those that the KV cache holds, whatever ends a call; only tokens
that differ from them are evaluated again; every stream, also a stopped or an abandoned one, leaves an Answer; thinking
is no part of one, and never takes all the room that there is for it.
"""

from __future__ import annotations

import codecs
import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import IO

from memcli.errors import InputError, ModelError
from memcli.inference import exact, window
from memcli.inference.attention import Attention, default
from memcli.inference.backend import Context, LoadedModel, library_version, new_context
from memcli.inference.identity import cannot_chat, fingerprint, is_encoder
from memcli.inference.rungs import CPU, Rung, Wishes, run_params
from memcli.inference.sampling import goes_in_circles, sampler
from memcli.inference.sequence import Evaluated, Stopped
from memcli.inference.template import Template
from memcli.inference.thinking import Place, Splitter, find_form, splitter
from memcli.inference.tokens import ModelVocabulary, encode, user_defined
from memcli.types import Answer, Piece, Prompt, Role, Sampling, Turn

# What the keys and values of a token do not depend on, apart from rounding.
STATELESS = frozenset({"n_ctx", "n_batch", "n_ubatch", "n_threads", "n_threads_batch"})


def _unheard(text: str) -> None:
    """Take a notice that nobody waits for."""


@dataclass
class _Run:
    """One generation while it runs: at most `room` tokens, of them `limit` of answer and `thinking` before that."""

    room: int
    limit: int
    thinking: int
    split: Splitter
    spell: Callable[[int], bytes]
    started: float = field(default_factory=time.perf_counter)
    first_token: float | None = None
    evaluated: int = 0
    restored: int = 0
    ids: list[int] = field(default_factory=list)
    start: int = 0  # of the answer among the ids, behind the closing tag and the space after it; 0: not yet
    shared: bool = False  # the token that ends the thinking also begins the answer
    text: str = ""
    stopped: bool = False
    full: bool = False

    def take(self, pieces: list[Piece]) -> list[Piece]:
        """Note what the last token brought, and return it."""
        said = "".join(piece.text for piece in pieces if not piece.thought)
        self.text += said
        if not self.split.marked or self.split.place is not Place.ANSWER:
            return pieces
        if not self.start:
            self.start, self.shared = len(self.ids), bool(said)
        elif self.start == len(self.ids) - 1 and not self.spell(self.ids[-1]).strip():
            self.start += 1
        return pieces

    def enough(self) -> bool:
        """Tell whether the thinking has to end here."""
        return len(self.ids) >= self.thinking or goes_in_circles(self.ids)

    def cut(self) -> bool:
        """Tell whether the generation has to end here."""
        answered = self.ids[self.start :] if self.start or not self.split.marked else []
        return len(self.ids) >= self.room or len(answered) >= self.limit or goes_in_circles(answered)

    def answer(self) -> Answer:
        total = time.perf_counter() - self.started
        return Answer(
            text=self.text.strip(),
            ids=self._proper(),
            evaluated=self.evaluated,
            generated=len(self.ids),
            first_token=total if self.first_token is None else self.first_token,
            total=total,
            stopped=self.stopped,
            full=self.full,
            thought=self.start or len(self.ids) if self.split.marked else 0,
            restored=self.restored,
        )

    def _proper(self) -> tuple[int, ...]:
        """Return the answer's ids as a template renders it; none where its first token is more than the answer."""
        if not self.split.marked:
            return tuple(self.ids)
        ids = self.ids[self.start : -1 if self.split.over else None] if self.start and not self.shared else []
        return () if ids and self.spell(ids[0])[:1].isspace() else tuple(ids)


class LlamaChat:
    """A GGUF chat model in llama.cpp; implements engines.ChatModel."""

    def __init__(self, model: LoadedModel, context: Context, *, window: int, batch: int, attention: Attention) -> None:
        self._model = model
        self._context = context
        self._evaluated = Evaluated(context)
        self._vocabulary = ModelVocabulary(model)
        source = model.meta("tokenizer.chat_template")
        self._template = Template(source, bos=_spelling(model, "bos"), eos=_spelling(model, "eos"))
        self._form = find_form(source or "", partial(_token_of, model))
        tags = (self._form.tags.opening, self._form.tags.closing) if self._form else ()
        self._marks = user_defined((source or "", *tags), self._vocabulary)
        self._answer: Answer | None = None
        self._running: Generator[Piece, None, None] | None = None
        self._offered: Path | None = None
        self.window = window
        self.attention = attention  # how it is computed and its cache kept: what a saved state depends on
        self._batch = batch
        self.parameters = model.n_params
        self.name = model.meta("general.name") or model.path.stem
        self.fingerprint = fingerprint(model.path, source or "")

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        context_size: int | None = None,
        threads: int | None = None,
        batch: int | None = None,
        rung: Rung = CPU,
        attention: Attention | None = None,
        cache_bytes: int = 0,
        log: Path | None = None,
        notice: Callable[[str], None] = _unheard,
    ) -> LlamaChat:
        """Load the model file on `rung` of the offload ladder; None leaves a choice to it. Raises ModelError.

        The window is what the model was trained for, at most `context_size` tokens; `notice` hears of a cut. It must
        fit main memory where `cache_bytes`, what a token was found to take, are known.
        """
        wishes = Wishes(context_size, rung.gpu_layers, threads, batch)
        model = LoadedModel.load(path, gpu_layers=rung.gpu_layers, extra_buffers=rung.extra_buffers, log=log)
        try:
            if is_encoder(model):  # llama.cpp would let it babble
                raise cannot_chat(path)
            tokens = window.tokens(model, wishes, notice)
            way = attention or default(gpu=rung.gpu_layers != 0)
            window.check(path.name, tokens, window.in_main_memory(cache_bytes, rung, model.layers))
            settings = {**run_params(wishes), **way.params(model.library)}
            context = new_context(model, n_ctx=tokens, **settings)
        except ModelError:
            model.close()
            raise
        return cls(model, context, window=tokens, batch=wishes.tokens_at_once, attention=way)

    def render(self, turns: Sequence[Turn], *, today: str) -> Prompt:
        """Render `turns` with the model's own template, opened for an answer. Raises ModelError."""
        rendered = self._template.render(turns, today=today)
        ids, owners = encode(rendered.spans, self._vocabulary, self._marks)
        answered = tuple(token for turn in turns if turn.role is Role.ASSISTANT for token in turn.ids)
        return replace(exact.prompt(rendered, ids, owners, self._vocabulary), answered=answered)

    def count(self, text: str) -> int:
        """Return how many tokens a text has by itself."""
        return len(self._model.tokenize(text))

    def stream(self, prompt: Prompt, sampling: Sampling) -> Generator[Piece, None, None]:
        """Evaluate what is new in `prompt` and yield thinking and answer as they are drawn.

        Raises InputError where the prompt leaves no room for an answer, ModelError where llama.cpp fails.
        """
        length = len(prompt.ids)
        if length == 0:
            raise InputError("there is nothing to answer: the context is empty")
        if length >= self.window:
            hint = "a larger --context-size makes room, where the model was trained for it"
            raise InputError(f"the context has {length} tokens, the model's window only {self.window}", hint)
        if self._running is not None:
            self._running.close()  # an older stream must not sample from new logits
        run = self._run(prompt, self.window - length, sampling)
        self._context.resume()
        self._answer = replace(run.answer(), stopped=True)  # stands if the stream is closed before it begins
        self._running = self._generate(prompt, sampling, run)
        return self._running

    @property
    def answer(self) -> Answer:
        """The last generation. Raises ModelError before one has ended."""
        if self._answer is None:
            raise ModelError("no answer has been generated yet")
        return self._answer

    def stop(self) -> None:
        """End a running stream within one step of its computation; safe from threads and signal handlers."""
        self._context.abort()

    @cached_property
    def state_key(self) -> str:
        """See engines.ChatModel: weights, library, where they run, and how the cache is laid out."""
        model = self._model
        trained = model.meta(f"{model.meta('general.architecture')}.rope.scaling.original_context_length")
        stretched = trained is not None and self.window > int(trained)  # such models turn their keys otherwise then
        settings = sorted((name, str(v)) for name, v in self._context.params.items() if name not in STATELESS)
        parts = (self.fingerprint, library_version(), str(model.placement), str(settings), str(stretched))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    @property
    def state_size(self) -> int:
        """See engines.ChatModel."""
        return self._evaluated.size

    @property
    def held(self) -> Sequence[int]:
        """See engines.ChatModel."""
        return self._evaluated.ids

    def cut(self, count: int) -> None:
        """See engines.ChatModel."""
        if self._running is not None:
            self._running.close()
        self._evaluated.cut(count)

    def save(self, file: IO[bytes], label: str) -> None:
        """See engines.ChatModel."""
        if self._running is not None:
            self._running.close()
        self._evaluated.save(file, label)

    def offer(self, path: Path) -> None:
        """See engines.ChatModel."""
        self._offered = path

    def close(self) -> None:
        """Free the context and the weights. Closing twice is harmless."""
        self._model.close()

    def _run(self, prompt: Prompt, room: int, sampling: Sampling) -> _Run:
        """Divide the room: half of it at most is kept for the answer, the rest is for thinking, up to its own limit."""
        limit = room if sampling.max_tokens is None else min(room, sampling.max_tokens)
        thinking = max(0, room - len(self._ending) - min(limit, max(1, room // 2)))
        if sampling.max_thinking is not None:
            thinking = min(thinking, sampling.max_thinking)
        last = prompt.segments[-1] if prompt.segments else None
        tail = last.text if last and last.label == "template" else ""  # nobody else opens the model's answer
        return _Run(room, limit, thinking, splitter(self._form, tail), partial(self._model.piece, special=False))

    def _generate(self, prompt: Prompt, sampling: Sampling, run: _Run) -> Generator[Piece, None, None]:
        text = codecs.getincrementaldecoder("utf-8")("replace")  # keeps back the bytes of an unfinished character
        tags = self._form.tokens if self._form else {}
        try:
            try:
                self._evaluate(prompt.ids, run)
                for token in self._draw(sampling, prompt.answered, run):
                    tag = tags.get(token, "")
                    piece = text.decode(run.spell(token))
                    if tag:
                        text.reset()  # half a character before it stays half
                    yield from run.take(run.split.feed(piece, tag))
            except Stopped:
                run.stopped = True
            yield from run.take(run.split.finish())
        except (GeneratorExit, KeyboardInterrupt):
            run.stopped = True
            raise
        finally:
            run.take(run.split.finish())  # what could not be yielded any more was said all the same
            self._answer = run.answer()

    def _evaluate(self, ids: tuple[int, ...], run: _Run) -> None:
        offered, self._offered = self._offered, None
        restored = offered is not None and self._evaluated.restore(offered, ids)
        kept = self._evaluated.keep_common(ids)
        run.restored = kept if restored else 0
        for start in range(kept, len(ids), self._batch):
            piece = ids[start : start + self._batch]
            run.evaluated += len(piece)
            self._evaluated.add(piece)

    def _draw(self, sampling: Sampling, answered: Sequence[int], run: _Run) -> Iterator[int]:
        """Yield sampled tokens up to the model's end of generation. Each is evaluated only when another is wanted.

        Thinking that has to end is ended in the model's place, with the tokens that it would have written.
        """
        library = self._model.library
        new: list[int] = []  # not evaluated yet
        ended = False
        with sampler(self._model, sampling, answered) as chain:
            while not run.split.over:
                if run.split.thinking and (ended or run.enough()) and len(run.ids) + len(self._ending) < run.room:
                    for token in self._ending:
                        run.ids.append(token)
                        yield token
                    new += self._ending
                elif ended:
                    run.full = run.split.thinking
                    return
                elif run.cut():
                    run.full = True
                    if len(run.ids) < run.room:
                        self._evaluated.add(new)  # so that the next turn has only its own tokens to evaluate
                    return
                if new:
                    self._evaluated.add(new)
                token = int(library.llama_sampler_sample(chain, self._context.handle, -1))
                if run.first_token is None:
                    run.first_token = time.perf_counter() - run.started
                ended = bool(library.llama_vocab_is_eog(self._model.vocab, token))
                new = [] if ended else [token]
                if not ended:
                    run.ids.append(token)
                    yield token
                    if self._context.aborted:
                        raise Stopped

    @cached_property
    def _ending(self) -> tuple[int, ...]:
        """The tokens that end the model's thinking."""
        return tuple(self._model.tokenize(self._form.tags.ending, special=True)) if self._form else ()


def _token_of(model: LoadedModel, spelling: str) -> int | None:
    """Return the id of the one token that is spelled so, None where it takes several."""
    ids = model.tokenize(spelling, special=True)
    return ids[0] if len(ids) == 1 and model.piece(ids[0]) == spelling.encode() else None


def _spelling(model: LoadedModel, which: str) -> str:
    """Return how the model's "bos" or "eos" token is written, "" where it has none."""
    token = int(getattr(model.library, f"llama_vocab_{which}")(model.vocab))
    return model.piece(token).decode("utf-8", "replace") if token >= 0 else ""
