"""The real embedder, compiled once for all tests of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.inference.embedder import LlamaEmbedder, locate, open_embedder
from memcli.paths import Paths

MINILM = "all-MiniLM-L6-v2"


def paths_in(folder: Path) -> Paths:
    return Paths(folder / "data", folder / "config", folder / "cache", folder / "state")


@pytest.fixture(scope="session")
def minilm_paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return paths_in(tmp_path_factory.mktemp("minilm"))


@pytest.fixture(scope="session")
def minilm_folder(minilm_paths: Paths) -> Path:
    """Return the sentence-transformers folder that the package carries."""
    return locate(MINILM, minilm_paths)


@pytest.fixture(scope="session")
def minilm(minilm_paths: Paths) -> LlamaEmbedder:
    """Return the default embedder, compiled and checked."""
    embedder = open_embedder(MINILM, paths=minilm_paths, progress=lambda stage, share: None, notice=pytest.fail)
    assert isinstance(embedder, LlamaEmbedder)
    return embedder
