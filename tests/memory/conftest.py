"""Two stores: one to export from, and another to import into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.store.database import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "one.db") as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "other.db") as opened:
        yield opened
