"""The embedder: its vectors are the reference's, it is compiled once, and it mends what was damaged."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from operator import mul
from pathlib import Path
from unittest.mock import Mock

import pytest

from memcli.errors import EmbedderError
from memcli.inference import compile as compiler
from memcli.inference import cores, reference
from memcli.inference import embedder as opening
from memcli.inference.compile import CompiledInfo
from memcli.inference.embedder import LlamaEmbedder, SentenceTransformersEmbedder, open_embedder
from memcli.inference.reference import reference_vectors
from memcli.inference.wordpiece import WordPiece
from memcli.memory.chunking import chunk
from memcli.paths import Paths
from tests.inference.bert import DIMENSION, PIECES, WINDOW, write_bert, write_weights
from tests.inference.conftest import MINILM, paths_in

SENTENCES = (
    "She moved from Lisbon to Porto in March 2023 and adopted a cat called Pixel.",
    "Crème brûlée à la façon de Zoë; naïve coöperation, Ångström, İstanbul, straße, ΟΔΟΣ Σίσυφος.",
    "Добрый день! Съешь ещё этих мягких французских булок, да выпей чаю.",
    "私は東京に住んでいます。お茶が好きです。",
    "你好，世界！我明天要去看牙医。",
    "안녕하세요, 저는 서울에 삽니다.",
    "मेरा नाम अनीता है और मैं दिल्ली में रहती हूँ।",
    "আমি বাংলায় গান গাই। தமிழ் மொழி அழகானது.",
    "مرحبا بالعالم، كيف حالك اليوم؟ שלום עולם",
    "สวัสดีชาวโลก Xin chào thế giới",
    "party at nine🎉🎉 bring 👨‍👩‍👧 and ☕️, love🥰",
    "for (int i = 0; i < n; ++i) { sum += x[i] * 0.5e-3; }  // O(n) ~ `fast`",
    "def f(x: list[int]) -> dict[str, Any]:\n\treturn {k: v for k, v in zip('ab', x)}",
    "SELECT id, text FROM memories WHERE valid_to IS NULL ORDER BY created_at DESC;",
    "https://example.org/a/b?c=d&e=%20f#g user@example.org C:\\Temp\\x.txt",
    "a\x00b\ufffdc\x07 soft\u00adhyphen zero\u200bwidth nbsp\u00a0here \u2581 [SEP] [MASK]",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "x" * 150 + " pneumonoultramicroscopicsilicovolcanoconiosis",
    "1,234.56 € − 3½ ≠ ∑x² → ∞; №5 ™ ﬁ Ⅷ ①",
    "I HATE SHOUTING. i really do... don't you?!",
)
EMPTYISH = ("", " ", "\n\t \r\n", "\u200b", ".", "?", "a", "🙂", "\x00", "\ud800")
LONGEST = 225  # tokens; joins of sentences stay within the window of 256


def mixed_texts(embedder: LlamaEmbedder) -> list[str]:
    """Return 200 texts: the sentences, next to nothing, and joins of every length up to the window's."""
    dice = random.Random(7)
    texts = [*SENTENCES, *EMPTYISH]
    while len(texts) < 196:
        goal, text = 5 + int(LONGEST * dice.random() ** 3), ""  # mostly short, as messages are
        while embedder.count(text) < goal:
            words = dice.choice(SENTENCES).split(" ")
            start = dice.randrange(len(words))
            text = f"{text} {' '.join(words[start : start + dice.randint(1, 9)])}"
        texts.append(text if embedder.count(text) <= 256 else text[: len(text) // 2])
    return [*texts, *("tea " * (n - 2) for n in (254, 255, 256, 257))]


def floats(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 4}f", vector)


def cosine(one: bytes | Sequence[float], other: bytes | Sequence[float]) -> float:
    a, b = (floats(v) if isinstance(v, bytes) else v for v in (one, other))
    return sum(map(mul, a, b))


def opened(name: str | Path, paths: Paths) -> LlamaEmbedder | SentenceTransformersEmbedder:
    return open_embedder(str(name), paths=paths, progress=lambda stage, share: None, notice=lambda line: None)


# The real weights


@pytest.mark.model
def test_vectors_equal_those_of_sentence_transformers(minilm: LlamaEmbedder, minilm_folder: Path) -> None:
    texts = mixed_texts(minilm)
    expected = reference_vectors(minilm_folder, [text.replace("\ud800", "") for text in texts])
    assert expected is not None
    assert len(texts) == 200
    cosines = [cosine(ours, theirs) for ours, theirs in zip(minilm.embed(texts), expected, strict=True)]
    assert min(cosines) >= 0.9999, texts[cosines.index(min(cosines))]


@pytest.mark.model
def test_a_long_text_is_embedded_chunk_by_chunk(minilm: LlamaEmbedder, minilm_folder: Path) -> None:
    pieces = [piece.text for piece in chunk(" ".join(SENTENCES * 2), minilm.count, minilm.window)]
    assert len(pieces) > 3
    assert all(minilm.count(piece) <= minilm.window for piece in pieces)
    expected = reference_vectors(minilm_folder, pieces)
    assert expected is not None
    vectors = minilm.embed(pieces)
    assert min(cosine(ours, theirs) for ours, theirs in zip(vectors, expected, strict=True)) >= 0.9999


@pytest.mark.model
def test_token_ids_equal_those_of_the_reference_tokenizer(minilm_folder: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    theirs = tokenizers.Tokenizer.from_file(str(minilm_folder / "tokenizer.json"))
    theirs.no_truncation()
    theirs.no_padding()
    ours = WordPiece((minilm_folder / "vocab.txt").read_text("utf-8").split("\n"))
    blocks = ((0, 0x250), (0x300, 0x530), (0x5D0, 0x61C), (0x900, 0x9FD), (0xE00, 0xE60), (0x2000, 0x2070))
    blocks += ((0x2500, 0x2700), (0x3040, 0x3100), (0x4E00, 0x4F00), (0xAC00, 0xAD00), (0x1F300, 0x1F650))
    odd = ["[SEP]", "[MASK]", "[sep]", "Σ", "İ", "ﬁ", "\ufffd", "\u2581", "##a", "é" * 99, "b" * 101, *" " * 40]
    letters = [*(chr(code) for low, high in blocks for code in range(low, high)), *odd * 6, *SENTENCES]
    dice = random.Random(3)
    for _ in range(3000):
        text = "".join(dice.choices(letters, k=dice.randint(0, 25)))
        assert ours.encode(text) == theirs.encode(text).ids, ascii(text)


@pytest.mark.model
def test_a_batch_gives_what_single_texts_give(minilm: LlamaEmbedder) -> None:
    texts = SENTENCES * 2
    alone = {text: minilm.embed([text])[0] for text in SENTENCES}
    assert all(cosine(alone[text], vector) > 1 - 1e-6 for text, vector in zip(texts, minilm.embed(texts), strict=True))


@pytest.mark.model
def test_more_than_the_window_is_cut_as_sentence_transformers_cuts(minilm: LlamaEmbedder) -> None:
    within, over = minilm.embed(["tea " * 254, "tea " * 254 + "never read " * 5000])
    assert minilm.count("tea " * 300) == 302
    assert cosine(within, over) > 1 - 1e-6


@pytest.mark.model
def test_a_process_with_a_compiled_embedder_imports_no_torch_and_says_nothing(
    minilm: LlamaEmbedder, minilm_paths: Paths
) -> None:
    folders = [str(path) for path in (minilm_paths.data, minilm_paths.config, minilm_paths.cache, minilm_paths.state)]
    script = f"""
import sys
from pathlib import Path
from memcli.inference.embedder import open_embedder
from memcli.paths import Paths
paths = Paths(*map(Path, {folders!r}))
embedder = open_embedder({MINILM!r}, paths=paths, progress=lambda *at: sys.exit("compiles"), notice=sys.exit)
assert len(embedder.embed(["hello"])[0]) == 4 * 384
print([m for m in ("torch", "sentence_transformers", "transformers", "gguf", "safetensors") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "[]\n")


@pytest.mark.model
def test_the_identity_names_model_weights_dimension_and_pooling(minilm: LlamaEmbedder) -> None:
    name, weights, dimension, pooling = minilm.identity.split(":")
    assert (name, dimension, pooling) == (MINILM, "384", "mean")
    assert len(weights) == 8
    assert (minilm.dimension, minilm.window, minilm.verified) == (384, 256, True)


@pytest.mark.model
def test_what_cannot_be_compiled_runs_through_sentence_transformers(tmp_path: Path) -> None:
    pooling = {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}
    folder = write_bert(tmp_path / "tiny-max", {"1_Pooling/config.json": pooling})
    heard: list[str] = []
    for _ in range(2):
        embedder = open_embedder(
            str(folder), paths=paths_in(tmp_path), progress=lambda stage, share: None, notice=heard.append
        )
        assert isinstance(embedder, SentenceTransformersEmbedder)
        assert (embedder.dimension, embedder.window) == (DIMENSION, WINDOW)
    assert "pooling" in heard[-1]
    assert cosine(*embedder.embed(["a teacup", "a teacup"])) == pytest.approx(1)
    assert embedder.embed([]) == []
    assert len(embedder.embed(["\ud800"])) == 1
    assert embedder.count("a teacup") == 5


# A tiny model without a reference


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return paths_in(tmp_path)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(compiler, "reference_vectors", lambda folder, texts: None)
    return write_bert(tmp_path / "tiny")


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list that grows with every compilation."""
    done: list[Path] = []
    real = compiler.compile_embedder

    def noted(folder: Path, target: Path, *, progress: compiler.Progress, log: Path | None = None) -> CompiledInfo:
        done.append(target)
        return real(folder, target, progress=progress, log=log)

    monkeypatch.setattr(compiler, "compile_embedder", noted)
    return done


def test_vectors_come_in_the_order_of_their_texts(source: Path, paths: Paths) -> None:
    embedder = opened(source, paths)
    texts = ["a", "teacup " * 30, "b c", "", "a", "d e f g h", "teacup"] * 5
    vectors = embedder.embed(texts)
    alone = {text: embedder.embed([text])[0] for text in texts}
    assert all(cosine(vector, alone[text]) > 1 - 1e-5 for text, vector in zip(texts, vectors, strict=True))
    assert embedder.embed([]) == []


def test_many_texts_are_shared_among_threads(source: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "default_threads", lambda: 3)
    embedder = opened(source, paths)
    assert isinstance(embedder, LlamaEmbedder)
    texts = [f"{'teacup ' * (number % 9)}{number}" for number in range(400)]
    vectors = embedder.embed(texts)
    assert all(cosine(vectors[at], embedder.embed([texts[at]])[0]) > 1 - 1e-5 for at in range(0, 400, 40))


@pytest.mark.parametrize("failure", [EmbedderError("no memory"), KeyboardInterrupt()])
def test_a_failure_ends_every_thread(
    failure: BaseException, source: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cores, "default_threads", lambda: 3)
    embedder = opened(source, paths)
    assert isinstance(embedder, LlamaEmbedder)
    texts = [f"{number} {'teacup ' * 20}" for number in range(300)]
    before = embedder.embed(texts)
    running = threading.active_count()
    with monkeypatch.context() as patch:
        patch.setattr(embedder._workers[0], "encode", Mock(side_effect=failure))
        with pytest.raises(type(failure)):
            embedder.embed(texts)
    assert threading.active_count() == running
    assert cosine(embedder.embed(texts)[-1], before[-1]) > 1 - 1e-5


def test_equal_texts_are_computed_once(source: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = opened(source, paths)
    assert isinstance(embedder, LlamaEmbedder)
    sizes: list[int] = []
    real = embedder._run
    monkeypatch.setattr(embedder, "_run", lambda context, ids: (sizes.append(len(ids)), real(context, ids))[1])
    vectors = embedder.embed(["a", "b", "a", "a"])
    assert sizes == [2]
    assert vectors[0] == vectors[2] == vectors[3] != vectors[1]


def test_a_closed_embedder_loads_again(source: Path, paths: Paths) -> None:
    embedder = opened(source, paths)
    assert isinstance(embedder, LlamaEmbedder)
    before = embedder.embed(["a teacup"])
    embedder.close()
    assert embedder.embed(["a teacup"]) == before


def test_a_second_start_compiles_nothing(source: Path, paths: Paths, compilations: list[Path]) -> None:
    first, second = opened(source, paths), opened(source, paths)
    assert len(compilations) == 1
    assert first.identity == second.identity


def test_touched_and_moved_files_are_not_compiled_again(source: Path, paths: Paths, compilations: list[Path]) -> None:
    before = opened(source, paths)
    os.utime(source / "model.safetensors", (1, 1))
    assert opened(source, paths).identity == before.identity
    (source.parent / "new").mkdir()
    moved = source.rename(source.parent / "new" / "tiny")
    assert opened(moved, paths).identity == before.identity
    assert len(compilations) == 1


def test_other_weights_are_another_embedder(source: Path, paths: Paths, compilations: list[Path]) -> None:
    before = opened(source, paths)
    write_weights(source, seed=1)
    assert opened(source, paths).identity != before.identity
    assert len(compilations) == 2


@pytest.mark.parametrize("harm", ["flip", "cut", "delete", "record"])
def test_a_damaged_cache_is_made_anew_without_a_word(
    harm: str, source: Path, paths: Paths, compilations: list[Path]
) -> None:
    before = opened(source, paths).embed(["a teacup"])
    (file,) = paths.embedders.glob("*.gguf")
    data = bytearray(file.read_bytes())
    match harm:
        case "flip":
            data[-200] ^= 0xFF
            file.write_bytes(data)
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "delete":
            file.unlink()
        case "record":
            file.with_suffix(".json").write_text("{")
    assert opened(source, paths).embed(["a teacup"]) == before
    assert len(compilations) == 2


def test_a_newer_compiler_compiles_again(
    source: Path, paths: Paths, compilations: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(source, paths)
    monkeypatch.setattr(compiler, "VERSION", compiler.VERSION + 1)
    opened(source, paths)
    assert len(compilations) == 2


def test_an_unchecked_compilation_is_told_once_and_remembered(source: Path, paths: Paths) -> None:
    heard: list[str] = []
    for _ in range(2):
        embedder = open_embedder(str(source), paths=paths, progress=lambda *at: None, notice=heard.append)
        assert not embedder.verified
    assert len(heard) == 1


def test_a_compiled_file_can_be_named_itself(source: Path, paths: Paths, tmp_path: Path) -> None:
    compiled = opened(source, paths)
    (file,) = paths.embedders.glob("*.gguf")
    other = file.rename(tmp_path / "mine.gguf")
    for _ in range(2):
        direct = opened(other, paths)
        assert (direct.dimension, direct.window) == (compiled.dimension, compiled.window)
        assert direct.identity.startswith("mine:")
    assert direct.embed(["a teacup"]) == opened(source, paths).embed(["a teacup"])


def test_a_file_that_is_no_embedder_is_an_error(tmp_path: Path, paths: Paths) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF but not really" * 100)
    with pytest.raises(EmbedderError):
        opened(tmp_path / "bad.gguf", paths)


def test_a_name_that_nothing_answers_to_is_an_error_with_a_hint(paths: Paths) -> None:
    with pytest.raises(EmbedderError, match="no embedder 'nowhere'") as caught:
        opened("nowhere", paths)
    assert caught.value.hint


def test_the_models_folder_comes_before_the_current_one(
    source: Path, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bert(paths.models / "tiny", seed=5)
    monkeypatch.chdir(tmp_path)
    assert opening.locate("tiny", paths) == paths.models / "tiny"
    assert opening.locate("./tiny", paths) == paths.models / "tiny"


def test_without_sentence_transformers_the_reason_for_it_is_told(
    source: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "installed", lambda: False)
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    with pytest.raises(EmbedderError, match="hidden_act") as caught:
        opened(source, paths)
    assert "pip install" in caught.value.hint


def test_an_unwritable_cache_is_an_error(source: Path, paths: Paths) -> None:
    paths.cache.parent.mkdir(parents=True, exist_ok=True)
    paths.cache.write_text("a file where the folder should be")
    with pytest.raises(EmbedderError, match="cannot write"):
        opened(source, paths)


def test_words_are_split_into_the_longest_pieces() -> None:
    wordpiece = WordPiece(PIECES)
    assert wordpiece.encode("TeaCup, abz") == [2, PIECES.index("tea"), PIECES.index("##cup"), 1, 1, 3]
