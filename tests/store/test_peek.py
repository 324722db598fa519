"""Reading a store's file beside SQLite takes no lock away from the connections of this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.store import peek, traces
from memcli.store.database import Store
from tests.store.making import Filled, python

OPEN_AND_CLOSE = """
import sys
from pathlib import Path
from memcli.store.database import Store
with Store.open(Path(sys.argv[1])) as store:
    store.value("SELECT count(*) FROM messages")
"""


@pytest.mark.parametrize("look", ["a forgetting's proof", "another connection"])
def test_another_process_does_not_take_an_open_store_for_its_own(filled: Filled, path: Path, look: str) -> None:
    filled.say("said")
    if look == "another connection":
        Store.open(path).close()
    else:
        traces.look(filled.store, ["some text that is gone"])
    assert python(OPEN_AND_CLOSE, path).wait() == 0
    assert path.with_name(path.name + "-wal").exists(), "the last one to close removes it, and this one is open"
    filled.say("said again")
    assert python(OPEN_AND_CLOSE, path).wait() == 0


def test_the_file_is_read_whole_in_pieces(filled: Filled, path: Path) -> None:
    filled.store.run("PRAGMA wal_checkpoint(TRUNCATE)")
    size = path.stat().st_size
    cut = list(peek.pieces(path, 5000))
    assert len(cut) == -(-size // 5000)
    assert len(b"".join(cut)) == size
    assert peek.head(path, 16) == b"SQLite format 3\0"


def test_an_empty_file_has_no_pieces_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert peek.head(tmp_path / "empty", 100) == b""
    with pytest.raises(FileNotFoundError):
        peek.head(tmp_path / "missing", 100)
