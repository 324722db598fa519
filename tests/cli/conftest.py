"""Programs: one that pulls from a stand-in for the hub, one with a store of everything, and another one beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.inference import catalog, hub_pull
from memcli.store.database import Store
from tests.hub import FILE, REPO, StandIn, gguf_bytes, serving
from tests.porting import with_every_record
from tests.program import Program


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    return gguf_bytes(tmp_path)


@pytest.fixture(scope="module")
def one_client() -> Iterator[None]:
    """Let all tests of a module share one HTTP client, which takes a while to make, and close it."""
    from huggingface_hub import close_session, constants

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NO_PROXY", "127.0.0.1,localhost")
        # The reference embedder, where a test has loaded it into this process, keeps the library off the network.
        environment.delenv("HF_HUB_OFFLINE", raising=False)
        environment.setattr(constants, "HF_HUB_OFFLINE", False)
        close_session()
        yield
        close_session()


@pytest.fixture
def hub(memcli: Program, data: bytes, one_client: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Serve a repository with one model in two sizes; no login, no waiting, no starter."""
    monkeypatch.setattr(hub_pull, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(catalog, "starter", lambda: None)
    with serving() as stand_in:
        stand_in.repos[REPO] = {"README.md": b"# Tiny", FILE: data, "tiny-Q8_0.gguf": data[::-1]}
        memcli.environ["HF_ENDPOINT"] = stand_in.url
        yield stand_in


@pytest.fixture
def full(memcli: Program) -> Program:
    """A program whose store has every sort of record."""
    with Store.open(memcli.paths.store) as store:
        with_every_record(store)
    return memcli


@pytest.fixture
def other(memcli: Program, tmp_path: Path) -> Program:
    """Return a program with a home of its own, beside the first."""
    return Program(tmp_path / "other", {})
