"""Compiling an embedder: what is accepted, what is refused and why, and that nothing half-done is left."""

from __future__ import annotations

import errno
import json
import math
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memcli.errors import EmbedderError
from memcli.inference import compile as compiler
from memcli.inference.compile import CompiledInfo, NotCompilable, compile_embedder
from memcli.inference.encoder import LlamaEmbedder
from tests.inference.bert import DIMENSION, FILES, WINDOW, write_bert, write_weights

Compile = Callable[..., CompiledInfo]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_bert(tmp_path / "source")


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compile:
    """Return a compile without a reference to compare with."""
    monkeypatch.setattr(compiler, "reference_vectors", lambda folder, texts: None)

    def call(folder: Path, target: Path = tmp_path / "out" / "tiny.gguf") -> CompiledInfo:
        return compile_embedder(folder, target, progress=lambda stage, share: None, log=tmp_path / "log")

    return call


def test_the_facts_come_from_the_folder(source: Path, build: Compile) -> None:
    info = build(source)
    assert (info.dimension, info.window, info.pooling) == (DIMENSION, WINDOW, "mean")


def test_without_sentence_transformers_the_result_counts_as_unverified(source: Path, build: Compile) -> None:
    assert not build(source).verified


def test_a_compiled_file_embeds(source: Path, build: Compile, tmp_path: Path) -> None:
    info = build(source)
    embedder = LlamaEmbedder(
        info.path, identity="tiny", dimension=info.dimension, window=info.window, log=tmp_path / "log"
    )
    vector = struct.unpack(f"<{DIMENSION}f", embedder.embed(["a teacup"])[0])
    assert math.isclose(math.hypot(*vector), 1.0, abs_tol=1e-6)
    assert embedder.count("a teacup") == 5
    embedder.close()


def test_compiling_twice_gives_the_same_bytes(source: Path, build: Compile, tmp_path: Path) -> None:
    first = build(source).path.read_bytes()
    assert build(source).path.read_bytes() == first
    assert build(source, tmp_path / "elsewhere" / "other.gguf").path.read_bytes() == first


def test_compiling_at_once_is_harmless(source: Path, build: Compile, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        infos = list(pool.map(build, [source] * 4))
    assert len(set(infos)) == 1
    assert [file.name for file in infos[0].path.parent.iterdir()] == ["tiny.gguf"]


def test_the_file_is_for_its_owner_alone(source: Path, build: Compile) -> None:
    path = build(source).path
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_progress_reaches_the_end_of_each_stage(source: Path, build: Compile, tmp_path: Path) -> None:
    heard: list[tuple[str, float]] = []
    compile_embedder(source, tmp_path / "x.gguf", progress=lambda *at: heard.append(at), log=tmp_path / "log")
    assert ("compiling", 1.0) in heard
    assert heard[-1] == ("checking", 1.0)


REFUSALS: dict[str, tuple[dict[str, dict[str, Any]], str]] = {
    "another architecture": ({"config.json": {"model_type": "mpnet"}}, "model_type"),
    "relative positions": ({"config.json": {"position_embedding_type": "relative_key"}}, "position_embedding_type"),
    "another activation": ({"config.json": {"hidden_act": "relu"}}, "hidden_act"),
    "sizes missing": ({"config.json": {"layer_norm_eps": None}}, "not understood"),
    "max pooling": (
        {"1_Pooling/config.json": {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}},
        "pooling",
    ),
    "two poolings": ({"1_Pooling/config.json": {"pooling_mode_cls_token": True}}, "pooling"),
    "cased": ({"tokenizer_config.json": {"do_lower_case": False}}, "upper case"),
    "too few embeddings": ({"config.json": {"vocab_size": 5}}, "more tokens"),
    "other layers": ({"config.json": {"num_hidden_layers": 2}}, "weights"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_llama_cpp_would_compute_otherwise_is_refused(case: str, build: Compile, tmp_path: Path) -> None:
    changes, reason = REFUSALS[case]
    with pytest.raises(NotCompilable, match=reason):
        build(write_bert(tmp_path / "odd", changes))
    assert not list(tmp_path.glob("out/*"))


def test_a_dense_layer_is_refused(source: Path, build: Compile) -> None:
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (source / "modules.json").write_text(json.dumps([*FILES["modules.json"], dense]))
    with pytest.raises(NotCompilable, match="Dense"):
        build(source)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": {"type": "Unigram", "vocab": []}}, "WordPiece"),
        ({"normalizer": {"type": "BertNormalizer", "lowercase": False}}, "upper case"),
        ({"normalizer": None}, "upper case"),
        ({"pre_tokenizer": {"type": "Metaspace"}}, "words"),
        ({"added_tokens": [{"id": 5, "content": "<x>", "lstrip": True}]}, "adds tokens"),
    ],
)
def test_another_tokenizer_is_refused(change: dict[str, Any], reason: str, source: Path, build: Compile) -> None:
    tokenizer = {
        "model": {"type": "WordPiece", "vocab": {"[UNK]": 1}},
        "normalizer": {"type": "BertNormalizer", "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }
    (source / "tokenizer.json").write_text(json.dumps({**tokenizer, **change}))
    with pytest.raises(NotCompilable, match=reason):
        build(source)


def test_a_missing_weight_is_refused(source: Path, build: Compile) -> None:
    write_weights(source, without="embeddings.LayerNorm.bias")
    with pytest.raises(NotCompilable, match="20 weights where BERT has 21"):
        build(source)


def test_damaged_weights_are_an_error_and_leave_nothing(source: Path, build: Compile, tmp_path: Path) -> None:
    weights = source / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EmbedderError, match="damaged") as caught:
        build(source)
    assert not isinstance(caught.value, NotCompilable)
    assert not list(tmp_path.glob("out/*"))


def test_a_full_disk_is_reported_and_leaves_nothing(
    source: Path, build: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gguf

    def full(self: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", full)
    with pytest.raises(EmbedderError, match="No space left"):
        build(source)
    assert not list(tmp_path.glob("out/*"))


def test_an_unusable_place_is_reported(source: Path, build: Compile, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EmbedderError, match="cannot write"):
        build(source, tmp_path / "file" / "tiny.gguf")


def test_vectors_unlike_the_references_are_refused(
    source: Path, build: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(folder: Path, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0] + [0.0] * (DIMENSION - 1)] * len(texts)

    monkeypatch.setattr(compiler, "reference_vectors", other)
    with pytest.raises(NotCompilable, match="differs"):
        build(source)
    assert not list(tmp_path.glob("out/*"))
