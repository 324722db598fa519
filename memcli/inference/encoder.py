"""Run a compiled embedder in llama.cpp: texts to unit vectors, without torch and without numpy.

A text never reaches llama.cpp with more tokens than a batch holds (a failed assertion there ends the process), and
its weights stay in plain CPU buffers. Loaded on first use; safe to call from several threads.
"""

from __future__ import annotations

import ctypes
import math
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memcli.errors import EmbedderError, ModelError
from memcli.inference import backend, cores
from memcli.inference.wordpiece import WordPiece

VOCABULARY = "memcli.vocabulary"  # metadata key: the pieces as the source spells them, one a line
WINDOW = "memcli.window"  # metadata key: tokens of a text that the source reads, often fewer than it has positions
POOLINGS = {"1": "mean", "2": "cls"}  # of llama_pooling_type
WORD_START = "\u2581"  # llama.cpp's spelling: this begins a word, pieces without it continue one
# Every token attends to its whole pack, so small packs cost less; below 64 tokens llama.cpp takes a path half as fast.
BATCH_TOKENS = 128
BATCH_TEXTS = 32
# Packs that are computed at once, each by its share of the cores, so that no core waits for another after every step.
# Measured on two cores that other programs use too: 1.2 times the texts a second. A worker takes 20 to 35 MB.
WORKERS = 4


@dataclass(frozen=True, slots=True)
class Facts:
    """What a GGUF file says of itself."""

    dimension: int
    window: int
    pooling: str


class LlamaEmbedder:
    """An `Embedder` on a GGUF file of BERT. The facts are given, so that asking for them loads nothing."""

    engine = "llama.cpp"

    def __init__(
        self, path: Path, *, identity: str, dimension: int, window: int, verified: bool = True, log: Path | None = None
    ) -> None:
        self.path = path
        self.identity = identity
        self.dimension = dimension
        self.window = window
        self.verified = verified
        self._log = log
        self._model: backend.LoadedModel | None = None
        self._wordpiece: WordPiece | None = None
        self._alone: backend.Context | None = None  # for one text at a time
        self._workers: list[backend.Context] = []
        self._lock = threading.RLock()

    def count(self, text: str) -> int:
        """Return the tokens of the whole text, [CLS] and [SEP] included."""
        return len(self._tokenizer().encode(text))

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return one vector per text, in order; equal texts are computed once. Raises EmbedderError.

        Of a text longer than the window the first tokens count, as in sentence-transformers.
        """
        if not texts:
            return []
        with self._lock:
            tokens = {text: self._cut(text) for text in dict.fromkeys(texts)}
            vectors = self._one(tokens) if len(tokens) == 1 else self._many(tokens)
        return [vectors[text] for text in texts]

    def close(self) -> None:
        """Free the model; the next call loads it again."""
        with self._lock:
            model, self._model, self._alone, self._workers = self._model, None, None, []
            if model is not None:
                model.close()

    def _one(self, tokens: Mapping[str, list[int]]) -> dict[str, bytes]:
        if self._alone is None:  # measured: a lone text is 17 to 40 % faster without flash attention
            self._alone = self._context(self.window, 1, "LLAMA_FLASH_ATTN_TYPE_DISABLED")
        return dict(zip(tokens, self._run(self._alone, list(tokens.values())), strict=True))

    def _many(self, tokens: Mapping[str, list[int]]) -> dict[str, bytes]:
        """Compute packs of texts, as many at once as there are workers; this thread is one of them."""
        packs = list(packed(tokens))
        contexts = self._sharing(min(len(packs), WORKERS, cores.default_threads()))
        waiting = iter(packs)  # one for all: a list's iterator gives no item to two threads
        vectors: dict[str, bytes] = {}
        failures: list[ModelError] = []

        def work(context: backend.Context) -> None:
            try:
                for pack in waiting:
                    ids = [tokens[text] for text in pack]
                    vectors.update(zip(pack, self._run(context, ids), strict=True))
            except ModelError as error:
                failures.append(error)
                packs.clear()

        helpers = [threading.Thread(target=work, args=(context,)) for context in contexts[1:]]
        for helper in helpers:
            helper.start()
        try:
            work(contexts[0])
        finally:
            packs.clear()  # Ctrl-C ends this thread's share: the others finish the pack they have
            for helper in helpers:
                helper.join()
        if failures:
            raise failures[0]
        return vectors

    def _cut(self, text: str) -> list[int]:
        ids = self._tokenizer().encode(text)
        return ids if len(ids) <= self.window else [*ids[: self.window - 1], ids[-1]]

    def _tokenizer(self) -> WordPiece:
        if self._wordpiece is None:
            with self._lock:
                self._wordpiece = WordPiece(vocabulary(self._loaded()))
        return self._wordpiece

    def _loaded(self) -> backend.LoadedModel:
        if self._model is None:
            try:
                self._model = load(self.path, self._log)
            except ModelError as error:
                raise EmbedderError(error.message, error.hint) from error
        return self._model

    def _sharing(self, count: int) -> list[backend.Context]:
        """Return `count` contexts with equal shares of the cores."""
        while len(self._workers) < count:
            size = max(BATCH_TOKENS, self.window)
            self._workers.append(self._context(size, BATCH_TEXTS, "LLAMA_FLASH_ATTN_TYPE_AUTO"))
        threads = cores.default_threads()
        for number, context in enumerate(self._workers[:count]):
            share = threads * (number + 1) // count - threads * number // count
            context.library.llama_set_n_threads(context.handle, share, share)
        return self._workers[:count]

    def _context(self, size: int, texts: int, flash: str) -> backend.Context:
        """Return a new context for up to `texts` texts of `size` tokens together."""
        model = self._loaded()
        threads = cores.default_threads()
        try:
            return backend.new_context(
                model,
                n_ctx=size,
                n_batch=size,
                n_ubatch=size,
                n_seq_max=texts,
                kv_unified=True,
                embeddings=True,
                n_threads=threads,
                n_threads_batch=threads,
                flash_attn_type=getattr(model.library, flash),
            )
        except ModelError as error:
            raise EmbedderError(error.message, "free some memory and try again") from error

    def _run(self, context: backend.Context, sequences: Sequence[Sequence[int]]) -> Iterator[bytes]:
        batch = _batch(context.library, sequences)
        result = context.encode(batch)
        if result:
            raise EmbedderError(f"the embedder {self.path.name} failed (llama.cpp returned {result})")
        for number in range(len(sequences)):
            values = context.library.llama_get_embeddings_seq(context.handle, number)
            if not values:  # ctypes gives NULL as a falsy pointer
                raise EmbedderError(f"{self.path.name} pools no vectors: it is not an embedding model")
            yield unit(values[: self.dimension], self.path.name)


def load(path: Path, log: Path | None = None) -> backend.LoadedModel:
    """Load an embedder's weights. Raises ModelError."""
    # The extra buffer types gain nothing for F16 weights except on processors with AMX, where they crash builds of
    # llama.cpp (ggml-org/llama.cpp#20824); so the embedder needs no probe of the machine.
    return backend.LoadedModel.load(path, gpu_layers=0, extra_buffers=False, log=log)


def describe(path: Path, log: Path | None = None) -> Facts:
    """Return the facts of a GGUF file, which is loaded for that. Raises ModelError where it is no BERT that pools."""
    model = load(path, log)
    try:
        kinds = model.meta("general.architecture"), model.meta("tokenizer.ggml.model")
        pooling = POOLINGS.get(model.meta("bert.pooling_type") or "")
        if kinds != ("bert", "bert") or pooling is None:
            raise EmbedderError(f"{path.name} is not a BERT embedder", "name a sentence-transformers folder instead")
        window = int(model.meta(WINDOW) or model.n_ctx_train)
        return Facts(int(model.library.llama_model_n_embd(model.handle)), min(window, model.n_ctx_train), pooling)
    finally:
        model.close()


def vocabulary(model: backend.LoadedModel) -> list[str]:
    """Return the WordPiece pieces by id, with "##" before continuations."""
    stored = model.meta(VOCABULARY)
    if stored is not None:
        return stored.split("\n")
    count = model.library.llama_vocab_n_tokens(model.vocab)
    spelled = (model.library.llama_vocab_get_text(model.vocab, token) for token in range(count))
    return [_piece(text.decode("utf-8", "replace")) for text in spelled]


def _piece(spelled: str) -> str:
    if spelled.startswith(WORD_START):
        return spelled[1:]
    return spelled if spelled.startswith("[") and spelled.endswith("]") else f"##{spelled}"


def packed(tokens: Mapping[str, Sequence[int]]) -> Iterator[list[str]]:
    """Yield the texts, by length, in packs of at most BATCH_TEXTS and BATCH_TOKENS; a longer text has its own."""
    pack: list[str] = []
    used = 0
    for text, ids in sorted(tokens.items(), key=lambda item: len(item[1])):
        if pack and (len(pack) == BATCH_TEXTS or used + len(ids) > BATCH_TOKENS):
            yield pack
            pack, used = [], 0
        pack.append(text)
        used += len(ids)
    if pack:
        yield pack


def unit(values: Sequence[float], name: str) -> bytes:
    """Return `values` scaled to length 1 as little-endian float32. Raises EmbedderError where there is no direction."""
    norm = math.hypot(*values)
    if not norm or not math.isfinite(norm):
        raise EmbedderError(f"the embedder {name} returned a vector of length {norm}", "its file may be damaged")
    return struct.pack(f"<{len(values)}f", *(value / norm for value in values))


def _batch(library: Any, sequences: Sequence[Sequence[int]]) -> Any:
    """Lay the sequences one after another, each with its own positions and number; every token is pooled."""
    tokens = [token for ids in sequences for token in ids]
    count = len(tokens)
    integers = ctypes.c_int32 * count
    numbers = [ctypes.pointer(ctypes.c_int32(number)) for number in range(len(sequences))]
    owners = [numbers[number] for number, ids in enumerate(sequences) for _ in ids]
    return library.llama_batch(
        n_tokens=count,
        token=integers(*tokens),
        pos=integers(*(position for ids in sequences for position in range(len(ids)))),
        n_seq_id=integers(*([1] * count)),
        seq_id=(ctypes.POINTER(ctypes.c_int32) * count)(*owners),
        logits=(ctypes.c_int8 * count)(*([1] * count)),
    )
