"""Compile a BERT sentence-transformers folder to one GGUF file; what cannot be represented faithfully is refused.

A target is either complete or absent: the file is written beside it under another name and moved into place, so
two processes that compile at once replace each other's equal bytes. Reasons to refuse are raised as `NotCompilable`
before anything is written; the caller then runs the model through sentence-transformers itself.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memcli.errors import EmbedderError
from memcli.inference.encoder import VOCABULARY, WINDOW, WORD_START, LlamaEmbedder
from memcli.inference.reference import reference_vectors
from memcli.paths import make_private

if TYPE_CHECKING:
    from gguf import GGUFWriter

Progress = Callable[[str, float], None]

VERSION = 1  # of this compiler; raise it when its output changes, and every cached file is made anew
WEIGHTS = "model.safetensors"
# llama.cpp adds positions and token types to F32 activations, so these two stay F32; other matrices become F16.
KEPT_EXACT = ("token_types.weight", "position_embd.weight")
LEAST_COSINE = 0.9999  # F16 weights give 0.99999; a wrong graph or tokenizer falls far below
# One text for each way in which tokenizers and graphs are known to differ.
PROBES = (
    "",
    " \t\n ",
    "The quick brown fox jumps over the lazy dog.",
    "Crème brûlée à la façon de Zoë, ΟΔΟΣ, Ёлка, İstanbul, straße",
    "私は東京に住んでいます。你好，世界 한국어도",
    "मेरा नाम अनीता है और मैं दिल्ली में रहती हूँ",
    "hello🥰 party 👨‍👩‍👧 at 9pm ☕\ufe0f",
    "for (int i = 0; i < n_tokens; ++i) { sum += x[i] * 0.5e-3; }  // O(n)",
    "a\x00b\ufffdc\x07 soft\u00adhyphen [SEP] " + "x" * 120,
    "She moved from Lisbon to Porto in March 2023 and adopted a cat called Pixel.",
    "Remind me to call the dentist on Tuesday at 10:30, please!",
)
SIZES = (
    "hidden_size",
    "intermediate_size",
    "layer_norm_eps",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "type_vocab_size",
    "vocab_size",
)
# Heads that a sentence embedding does not use, and an index that is no weight.
UNUSED = ("pooler.", "cls.", "embeddings.position_ids")


class NotCompilable(EmbedderError):
    """llama.cpp would not compute what sentence-transformers computes; the message is the reason."""


@dataclass(frozen=True, slots=True)
class CompiledInfo:
    """What a compiled file is. `verified` tells whether it was compared with sentence-transformers."""

    path: Path
    dimension: int
    window: int
    pooling: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """WordPiece pieces by id, and the ids of the special tokens by role ("unk", "sep", "pad", "cls", "mask")."""

    pieces: tuple[str, ...]
    special: dict[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """Everything but the weights that a compiled file is made from, checked."""

    folder: Path
    config: dict[str, Any]
    pooling: str
    window: int
    vocabulary: Vocabulary

    @property
    def dimension(self) -> int:
        return int(self.config["hidden_size"])

    @property
    def layers(self) -> int:
        return int(self.config["num_hidden_layers"])


def compile_embedder(folder: Path, target: Path, *, progress: Progress, log: Path | None = None) -> CompiledInfo:
    """Write `target` from the sentence-transformers model in `folder`, checked against it where that can run.

    `progress` receives a stage's name and the fraction done. Raises NotCompilable, or EmbedderError where the folder
    cannot be read or the target not be written; neither leaves a file behind.
    """
    source = read_source(folder)
    with _scratch(target) as scratch:
        _write(source, scratch, progress)
        progress("checking", 0.0)
        verified = verify(scratch, source, log)
        progress("checking", 1.0)
        scratch.replace(target)
    return CompiledInfo(target, source.dimension, source.window, source.pooling, verified)


def read_source(folder: Path) -> Source:
    """Read and check the folder's description of the model. Raises NotCompilable and EmbedderError."""
    try:
        _check_modules(folder)
        config = read_json(folder / "config.json")
        _check_architecture(config)
        sizes = {key: float(config[key]) for key in SIZES}
        vocabulary = _vocabulary(folder)
        if len(vocabulary.pieces) > sizes["vocab_size"]:
            raise NotCompilable("its tokenizer knows more tokens than it has embeddings")
        return Source(folder, config, _pooling(folder), _window(folder, config), vocabulary)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotCompilable(f"its description is not understood: {error!r}") from error


def read_json(path: Path, *, missing: Any = None) -> Any:
    """Return the parsed file; where there is none, `missing` if that is given. Raises NotCompilable, EmbedderError."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if missing is not None:
            return missing
        raise NotCompilable(f"it has no {path.name} where BERT models have one") from None
    except (OSError, ValueError) as error:
        raise EmbedderError(f"cannot read {path}: {error}") from None


def _check_architecture(config: dict[str, Any]) -> None:
    """Accept what llama.cpp's BERT graph computes: learned absolute positions, GELU, one attention."""
    wanted = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise NotCompilable(f"its {key} is {config[key]!r}, not {value!r}")
    if "model_type" not in config:
        raise NotCompilable("its config.json names no model_type")


def _check_modules(folder: Path) -> None:
    """Accept a transformer, a pooling and a normalisation in this order; no dense layers, no built-in prompt."""
    modules = read_json(folder / "modules.json")
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise NotCompilable(f"its modules are {', '.join(kinds) or 'missing'}")
    if modules[0]["path"]:
        raise NotCompilable("its transformer lies in a folder of its own")
    if read_json(folder / "config_sentence_transformers.json", missing={}).get("default_prompt_name"):
        raise NotCompilable("it puts a prompt before every text")


def _pooling(folder: Path) -> str:
    """Return "mean" or "cls"."""
    config = read_json(folder / "1_Pooling" / "config.json")
    named = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    modes = [key for key, value in config.items() if key.startswith("pooling_mode_") and value]
    mode = config.get("pooling_mode") or (named.get(modes[0]) if len(modes) == 1 else None)
    if mode not in named.values():
        raise NotCompilable(f"its pooling is {mode or ' + '.join(modes) or 'not given'}")
    return str(mode)


def _window(folder: Path, config: dict[str, Any]) -> int:
    """Return how many tokens of a text the model reads, special ones included."""
    positions = int(config["max_position_embeddings"])
    sentence = read_json(folder / "sentence_bert_config.json", missing={})
    tokenizer = read_json(folder / "tokenizer_config.json", missing={})
    return int(min(positions, sentence.get("max_seq_length") or tokenizer.get("model_max_length") or positions))


def _vocabulary(folder: Path) -> Vocabulary:
    """Read the WordPiece vocabulary of a tokenizer that folds case and accents as llama.cpp's does."""
    fast = read_json(folder / "tokenizer.json", missing={})
    if fast:
        _check_tokenizer(fast)
        ids = {**fast["model"]["vocab"], **{token["content"]: token["id"] for token in fast.get("added_tokens", ())}}
    else:
        if not read_json(folder / "tokenizer_config.json", missing={}).get("do_lower_case"):
            raise NotCompilable("its tokenizer keeps upper case")
        ids = {piece: index for index, piece in enumerate(_lines(folder / "vocab.txt"))}
    pieces = [f"[unused-{index}]" for index in range(max(ids.values()) + 1)]
    for piece, index in ids.items():
        if "\n" not in piece:  # never met, since texts are split at it, and it separates the stored pieces
            pieces[index] = piece
    return Vocabulary(tuple(pieces), {role: ids[f"[{role.upper()}]"] for role in ("unk", "sep", "pad", "cls", "mask")})


def _check_tokenizer(fast: dict[str, Any]) -> None:
    model, normalizer = fast["model"], fast.get("normalizer") or {}
    if model.get("type", "WordPiece") != "WordPiece" or model.get("continuing_subword_prefix", "##") != "##":
        raise NotCompilable(f"its tokenizer is {model.get('type')}, not WordPiece")
    if model.get("max_input_chars_per_word", 100) != 100:
        raise NotCompilable("its tokenizer has its own limit for a word's length")
    folds = normalizer.get("type") == "BertNormalizer" and normalizer.get("lowercase")
    if not folds or normalizer.get("strip_accents") is False or not normalizer.get("handle_chinese_chars", True):
        raise NotCompilable("its tokenizer keeps upper case or accents, or joins Chinese characters")
    plain = ("single_word", "lstrip", "rstrip", "normalized")
    if any(token.get(key) for token in fast.get("added_tokens", ()) for key in plain):
        raise NotCompilable("it adds tokens of its own to the vocabulary")
    if (fast.get("pre_tokenizer") or {}).get("type") != "BertPreTokenizer":
        raise NotCompilable("its tokenizer splits words in its own way")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").removesuffix("\n").split("\n")  # some pieces are other line separators
    except (OSError, UnicodeDecodeError) as error:
        raise EmbedderError(f"cannot read {path}: {error}") from None


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """Yield an empty private file beside `target`, gone afterwards unless moved. Turns OSError to EmbedderError."""
    import tempfile  # not at the top: it takes longer to import than this module, and starts seldom compile

    scratch: Path | None = None
    try:
        make_private(target.parent)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        scratch = Path(name)
        yield scratch
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmbedderError(f"cannot write the compiled embedder {target}: {reason}", "free space there") from error
    finally:
        if scratch:
            with suppress(OSError):  # a folder that went read-only must not hide the error above
                scratch.unlink(missing_ok=True)


def verify(target: Path, source: Source, log: Path | None = None) -> bool:
    """Compare vectors of `target` with the reference's; False where there is none to ask. Raises NotCompilable."""
    texts = [*PROBES, " ".join(PROBES[-2:] * source.window)]  # the last is cut at the window by both
    expected = reference_vectors(source.folder, texts)
    if expected is None:
        return False
    embedder = LlamaEmbedder(target, identity="", dimension=source.dimension, window=source.window, log=log)
    try:
        vectors = embedder.embed(texts)
    finally:
        embedder.close()
    for text, vector, wanted in zip(texts, vectors, expected, strict=True):
        cosine = sum(map(mul, struct.unpack(f"<{source.dimension}f", vector), wanted))
        if not cosine >= LEAST_COSINE:
            raise NotCompilable(f"its compiled form differs from it: cosine {cosine:.5f} for {text[:30]!r}")
    return True


def _write(source: Source, path: Path, progress: Progress) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "bert")
    try:
        _add_description(writer, source)
        _add_vocabulary(writer, source)
        for done, (name, values) in enumerate(_tensors(source), 1):
            writer.add_tensor(name, values)
            progress("compiling", done / _expected(source))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_description(writer: GGUFWriter, source: Source) -> None:
    from gguf import LlamaFileType, PoolingType

    config = source.config
    writer.add_name(source.folder.name)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_context_length(int(config["max_position_embeddings"]))
    writer.add_embedding_length(source.dimension)
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_block_count(source.layers)
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_layer_norm_eps(float(config["layer_norm_eps"]))
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType[source.pooling.upper()])
    writer.add_uint32(WINDOW, source.window)
    writer.add_uint32("memcli.compiler", VERSION)


def _add_vocabulary(writer: GGUFWriter, source: Source) -> None:
    """Spell the pieces as llama.cpp's WordPiece looks them up: a mark begins a word, nothing continues it."""
    from gguf import TokenType

    special = source.vocabulary.special
    tokens, types = [], []
    for index, piece in enumerate(source.vocabulary.pieces):
        is_special = index in special.values()
        types.append(TokenType.CONTROL if is_special else TokenType.NORMAL)
        tokens.append(piece if is_special else piece[2:] if piece.startswith("##") else WORD_START + piece)
    for index in range(len(tokens), int(source.config["vocab_size"])):  # rows that only pad the matrix
        tokens.append(f"[pad-{index}]")
        types.append(TokenType.UNUSED)
    writer.add_string(VOCABULARY, "\n".join(source.vocabulary.pieces))
    writer.add_tokenizer_model("bert")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_type_count(int(source.config["type_vocab_size"]))
    writer.add_bos_token_id(special["cls"])
    writer.add_eos_token_id(special["sep"])
    writer.add_unk_token_id(special["unk"])
    writer.add_sep_token_id(special["sep"])
    writer.add_pad_token_id(special["pad"])
    writer.add_mask_token_id(special["mask"])


def _expected(source: Source) -> int:
    """Tensors of a BERT encoder: five for the embeddings, sixteen a layer."""
    return 5 + 16 * source.layers


def _tensors(source: Source) -> Iterator[tuple[str, Any]]:
    """Yield (GGUF name, array) for every weight. Raises NotCompilable for weights that have no place in BERT."""
    import numpy as np
    from gguf import MODEL_ARCH, get_tensor_name_map
    from safetensors import SafetensorError, safe_open

    names = get_tensor_name_map(MODEL_ARCH.BERT, source.layers)
    found = 0
    try:
        with safe_open(source.folder / WEIGHTS, framework="numpy") as weights:
            for key in sorted(weights.keys()):
                own = key.removeprefix("bert.")
                if own.startswith(UNUSED):
                    continue
                name = names.get_name(own, try_suffixes=(".weight", ".bias"))
                kind = weights.get_slice(key).get_dtype()
                if name is None or kind not in ("F32", "F16"):
                    raise NotCompilable(f"its weight {key} ({kind}) has no place in llama.cpp's BERT")
                values = weights.get_tensor(key)
                half = values.ndim == 2 and name not in KEPT_EXACT
                yield name, values.astype(np.float16 if half else np.float32)
                found += 1
    except FileNotFoundError:
        raise NotCompilable(f"it has no {WEIGHTS}") from None
    except SafetensorError as error:
        raise EmbedderError(f"{source.folder / WEIGHTS} is damaged: {error}", "install the model again") from error
    if found != _expected(source):
        raise NotCompilable(f"it has {found} weights where BERT has {_expected(source)}")
