"""Fixtures: a program with a home of its own, with quick stand-ins for the models or with the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, ScriptedModel
from tests.program import Program

settings.register_profile("any machine", deadline=None)  # a busy one is no failure
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the files of whoever runs it."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in ("MEMCLI_DB", "MEMCLI_MODEL", "MEMCLI_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def memcli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: ScriptedModel, embedder: HashingEmbedder) -> Program:
    """Return the program with a scripted model and a hashing embedder."""
    monkeypatch.setattr(Workspace, "_load_embedder", lambda self, name: embedder)
    monkeypatch.setattr(Workspace, "_load_model", lambda self, name: model)
    return Program(tmp_path / "home", {})


@pytest.fixture(scope="session")
def embedder_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the real embedder once for all tests; the folder holds what a user's cache folder would."""
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"  # by all processes of the run
    with FileLock(f"{home}.lock"):
        if not home.exists():
            _compile_embedder(home)
    return home


def _compile_embedder(home: Path) -> None:
    made = home.with_name("making")
    made.mkdir()
    env = {**os.environ, "XDG_CACHE_HOME": str(made), "MEMCLI_DB": str(made / "m.db"), "HOME": str(made)}
    subprocess.run(
        [sys.executable, "-m", "memcli", "-q", "remember", "warm up"], env=env, check=True, capture_output=True
    )
    made.rename(home)


@pytest.fixture
def compiled_embedder(embedder_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let memcli find the compiled embedder, so that no test waits for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(embedder_cache))
