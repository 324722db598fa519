"""llama.cpp behind one module: errors instead of crashes, and silence."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.errors import ModelError
from memcli.inference import backend, catalog, cores

HEAD = struct.Struct("<4sIQQ")


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, check=False, capture_output=True, timeout=120
    )


@pytest.fixture(scope="module")
def starter() -> Path:
    found = catalog.starter()
    assert found is not None
    return found.path


@pytest.fixture(scope="module")
def model(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[backend.LoadedModel]:
    loaded = backend.LoadedModel.load(starter, log=tmp_path_factory.mktemp("log") / "log")
    yield loaded
    loaded.close()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a GGUF"),
        (b"hello, I am a text", "not a GGUF"),
        (b"GGUF\x03\x00", "truncated"),
        (HEAD.pack(b"GGUF", 1, 1, 1), "version 1"),
        (HEAD.pack(b"GGUF", 3, 1 << 40, 1), "damaged"),
        (HEAD.pack(b"GGUF", 3, 0, 0), "damaged"),
    ],
)
def test_a_file_that_is_no_model_is_refused_before_the_library_sees_it(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=complaint):
        backend.check_gguf(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model file .*gone\.gguf"):
        backend.check_gguf(tmp_path / "gone.gguf")


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no regular file"):
        backend.check_gguf(tmp_path)


LOAD_CUT_FILES = """
import sys
from pathlib import Path
from memcli.errors import ModelError
from memcli.inference.backend import LoadedModel
whole, cut = Path(sys.argv[1]), Path(sys.argv[2])
size = whole.stat().st_size
for length in (24, 100, 5_000, 1_000_000, 3_000_000, size - 1):
    with whole.open("rb") as source:
        cut.write_bytes(source.read(length))
    try:
        LoadedModel.load(cut)
    except ModelError as error:
        print(length, error.message)
"""


@pytest.mark.model
def test_a_truncated_model_is_an_error_and_not_a_crash(starter: Path, tmp_path: Path) -> None:
    done = run(LOAD_CUT_FILES, str(starter), str(tmp_path / "cut.gguf"))
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 6
    assert "data is not within the file bounds" in lines[-1]


DECODE = """
import sys
from pathlib import Path
from memcli.inference.backend import LoadedModel, new_context
model = LoadedModel.load(Path(sys.argv[1]))
print(new_context(model, n_ctx=256, n_threads=1).decode_tokens([1, 2, 3]))
"""


@pytest.mark.model
def test_loading_and_decoding_write_nothing_to_the_terminal_and_the_log_is_private(
    starter: Path, own_home: Path
) -> None:
    done = run(DECODE, str(starter))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"0\n", b"")
    log = own_home / "state" / "memcli" / "memcli.log"
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.stat().st_size > 0


EXIT_WHILE_DECODING = """
import sys, threading, time
from pathlib import Path
from memcli.inference.backend import LoadedModel, new_context
model = LoadedModel.load(Path(sys.argv[1]))
context = new_context(model, n_ctx=2048, n_batch=1024, n_ubatch=1024, n_threads=1)
threading.Thread(target=context.decode_tokens, args=(list(range(1, 1001)),), daemon=True).start()
time.sleep(0.3)
"""


@pytest.mark.model
def test_the_interpreter_may_exit_while_a_thread_decodes(starter: Path) -> None:
    done = run(EXIT_WHILE_DECODING, str(starter))
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_log_over_its_limit_starts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "LOG_LIMIT", 100)
    log = backend._Log(tmp_path / "log")
    for number in range(50):
        log(2, b"line %d\n" % number, None)
    assert log.path.stat().st_size <= 100 + len("line 49\n")
    assert log.path.read_bytes().endswith(b"line 49\n")


def test_a_log_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    log = backend._Log(tmp_path / "file" / "log")
    log(4, b"load: tensor missing\n", None)
    assert log.reason() == "tensor missing"


@pytest.mark.model
@pytest.mark.parametrize("text", ["", "Hello there", "naïve café 日本語 🦊\n\n\ttabs", "nul \0 inside", "<|im_end|>"])
def test_the_pieces_of_a_text_make_up_the_text(model: backend.LoadedModel, text: str) -> None:
    ids = model.tokenize(text)
    assert b"".join(model.piece(token) for token in ids).decode() == text


@pytest.mark.model
@pytest.mark.parametrize("token", [-1, 49_152, 1 << 30])
def test_a_token_that_the_model_does_not_have_is_an_error(model: backend.LoadedModel, token: int) -> None:
    with pytest.raises(ModelError, match=f"no token {token}"):
        model.piece(token)


@pytest.mark.model
def test_half_a_surrogate_pair_can_be_tokenised(model: backend.LoadedModel) -> None:
    assert model.tokenize("a\udcffb") == model.tokenize("a?b")


@pytest.mark.model
def test_control_tokens_are_read_only_on_request(model: backend.LoadedModel) -> None:
    assert len(model.tokenize("<|im_end|>", special=True)) == 1
    assert len(model.tokenize("<|im_end|>")) > 1


@pytest.mark.model
def test_metadata_of_any_length_is_returned_whole(model: backend.LoadedModel) -> None:
    template = model.meta("tokenizer.chat_template")
    assert template is not None
    assert template.endswith("{% endif %}")
    assert model.meta("no.such.key") is None


@pytest.mark.model
def test_a_context_that_the_library_refuses_is_an_error(model: backend.LoadedModel) -> None:
    with pytest.raises(ModelError, match="no context"):  # quantised values need flash attention
        backend.new_context(model, n_ctx=256, flash_attn_type=0, type_v=model.library.GGML_TYPE_Q8_0)


@pytest.mark.model
def test_a_closed_model_says_so_instead_of_crashing(starter: Path) -> None:
    loaded = backend.LoadedModel.load(starter)
    context = backend.new_context(loaded, n_ctx=256)
    loaded.close()
    loaded.close()
    for use in (lambda: loaded.tokenize("text"), lambda: loaded.piece(1), lambda: context.decode_tokens([1])):
        with pytest.raises(ModelError, match="closed"):
            use()


def test_threads_are_cores_and_never_none() -> None:
    assert 1 <= cores.default_threads() <= (os.cpu_count() or 1)
