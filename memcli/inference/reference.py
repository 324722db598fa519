"""sentence-transformers itself: the embedder of last resort, and the reference that compiled ones are checked against.

As `python -m memcli.inference.reference FOLDER` it reads a JSON list of texts and writes a JSON list of unit vectors,
so that torch stays out of the process that asks. It is silent and opens no socket either way.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from memcli.errors import EmbedderError

TIMEOUT = 600.0  # seconds; importing torch from a slow disk takes minutes
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "TQDM_DISABLE": "1",
}
INSTALL = "pip install 'memcli[sentence-transformers]'"


def installed() -> bool:
    """Tell whether sentence-transformers can be imported, without importing it."""
    return find_spec("sentence_transformers") is not None and find_spec("torch") is not None


class SentenceTransformersEmbedder:
    """An `Embedder` for models that cannot be compiled: seconds to load, hundreds of megabytes."""

    engine = "sentence-transformers"
    verified = True  # it is the reference

    def __init__(self, folder: Path, *, identity: str, dimension: int, window: int) -> None:
        self.path = folder
        self.identity = identity
        self.dimension = dimension
        self.window = window
        self._loaded: Any = None

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            self._loaded = load(self.path)
        return self._loaded

    def count(self, text: str) -> int:
        return len(self._model.tokenizer(_whole(text), truncation=False, verbose=False)["input_ids"])

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return one vector per text, in order. Raises EmbedderError."""
        if not texts:
            return []
        try:
            vectors = self._model.encode(
                [_whole(text) for text in texts], normalize_embeddings=True, show_progress_bar=False
            )
        except RuntimeError as error:  # torch's own, out of memory among them
            raise EmbedderError(f"sentence-transformers failed: {error}") from error
        return [vector.astype("<f4").tobytes() for vector in vectors]


def _whole(text: str) -> str:
    """Return `text` without halves of surrogate pairs, which the tokenizers library does not take."""
    return text.encode("utf-8", "ignore").decode("utf-8")


def load(folder: Path) -> Any:
    """Load the model for the processor, in silence. Raises EmbedderError."""
    if not installed():
        raise EmbedderError(f"the embedder {folder.name} needs sentence-transformers", INSTALL)
    import logging
    import warnings

    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise EmbedderError(f"sentence-transformers cannot load {folder}: {error}") from error


def describe(folder: Path) -> tuple[int, int]:
    """Return the model's dimension and window; it is loaded for that. Raises EmbedderError."""
    model = load(folder)
    return len(model.encode("")), int(model.max_seq_length or model.tokenizer.model_max_length)


def reference_vectors(folder: Path, texts: Sequence[str]) -> list[list[float]] | None:
    """Return the vectors that sentence-transformers gives in a process of its own, None where it cannot run."""
    if not installed():
        return None
    import subprocess  # not at the top: most starts ask nothing

    # Started in the folder that holds the package: it is found also when not installed, and a file in the user's
    # current folder that is called like a module of the standard library is not.
    home = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "memcli.inference.reference", str(folder.resolve())]
    try:
        done = subprocess.run(
            command,
            input=json.dumps(list(texts)),
            capture_output=True,
            encoding="utf-8",
            cwd=home,
            env={**os.environ, **QUIET},
            timeout=TIMEOUT,
            check=True,
        )
        vectors: list[list[float]] = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError):
        return None
    return vectors


def main() -> None:
    """Answer one request on stdin."""
    texts = json.load(sys.stdin)
    vectors = load(Path(sys.argv[1])).encode(texts, normalize_embeddings=True, show_progress_bar=False)
    json.dump(vectors.tolist(), sys.stdout)


if __name__ == "__main__":
    main()
