"""Fixtures: a program with a home of its own, with quick stand-ins for the models or with the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.workspace import Workspace
from tests.fakes import HashingEmbedder, ScriptedModel
from tests.program import Program


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
    monkeypatch.setattr(Workspace, "_open_embedder", lambda self: embedder)
    monkeypatch.setattr(Workspace, "_load_model", lambda self, name: model)
    return Program(tmp_path / "home", {})
