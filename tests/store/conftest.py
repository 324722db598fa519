from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memcli.store.database import Store
from tests.store.making import Filled


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "place" / "memcli.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path, busy_ms=300) as opened:
        yield opened


@pytest.fixture
def filled(store: Store) -> Filled:
    return Filled(store)
