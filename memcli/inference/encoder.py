"""Run a compiled embedder in llama.cpp: texts to unit vectors, without torch and without numpy.

A text never reaches llama.cpp with more tokens than a batch holds (a failed assertion there ends the process), and
its weights stay in plain CPU buffers. Loaded on first use; safe to call from several threads.
"""

from __future__ import annotations

import ctypes
import math
import struct
import threading
from collections.abc import Iterator, Sequence
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
BATCH_TOKENS = 256  # measured: 1.13 times the texts a second of 512, as every token attends to the whole pack
BATCH_TEXTS = 8


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
        self._contexts: dict[int, backend.Context] = {}
        self._lock = threading.RLock()

    def count(self, text: str) -> int:
        """Return the tokens of the whole text, [CLS] and [SEP] included."""
        return len(self._tokenizer().encode(text))

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return one vector per text, in order; equal texts are computed once. Raises EmbedderError.

        Of a text longer than the window the first tokens count, as in sentence-transformers.
        """
        distinct = list(dict.fromkeys(texts))
        with self._lock:
            tokens = {text: self._cut(text) for text in distinct}
            vectors: dict[str, bytes] = {}
            for batch in packed(sorted(distinct, key=lambda text: len(tokens[text])), tokens, self._batch_tokens):
                # Measured: a lone text is 17 to 40 % faster in a context of its own without flash attention.
                context = self._context(1 if len(distinct) == 1 else BATCH_TEXTS)
                vectors.update(zip(batch, self._run(context, [tokens[text] for text in batch]), strict=True))
        return [vectors[text] for text in texts]

    def close(self) -> None:
        """Free the model; the next call loads it again."""
        with self._lock:
            model, self._model, self._contexts = self._model, None, {}
            if model is not None:
                model.close()

    @property
    def _batch_tokens(self) -> int:
        return max(BATCH_TOKENS, self.window)

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

    def _context(self, texts: int) -> backend.Context:
        """Return the context for up to `texts` texts at once, made on first use."""
        model = self._loaded()
        if texts not in self._contexts:
            flash = "LLAMA_FLASH_ATTN_TYPE_DISABLED" if texts == 1 else "LLAMA_FLASH_ATTN_TYPE_AUTO"
            size = self.window if texts == 1 else self._batch_tokens
            threads = cores.default_threads()
            try:
                self._contexts[texts] = backend.new_context(
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
        return self._contexts[texts]

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


def packed(texts: Sequence[str], tokens: dict[str, list[int]], room: int) -> Iterator[list[str]]:
    """Yield runs of `texts` that fill one batch: at most BATCH_TEXTS of them and `room` tokens."""
    batch: list[str] = []
    used = 0
    for text in texts:
        if batch and (len(batch) == BATCH_TEXTS or used + len(tokens[text]) > room):
            yield batch
            batch, used = [], 0
        batch.append(text)
        used += len(tokens[text])
    if batch:
        yield batch


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
