"""The head of a file: damage to what every store has in common is put right, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from memcli.store import convert, heading
from memcli.store.database import Store

KNOWN = (*range(16), *range(20, 24), *range(44, 48), *range(56, 60), *range(68, 92))
PLAIN = range(20, 24)  # of an encrypted file


@pytest.fixture(params=[None, "correct horse"], ids=["plain", "encrypted"])
def secret(request: pytest.FixtureRequest) -> str | None:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def whole(path: Path, secret: str | None) -> bytes:
    """Make a store, close it, and return its file."""
    with Store.open(path) as store:
        if secret is not None:
            convert.convert(store, secret)
    return path.read_bytes()


def test_each_flipped_bit_of_what_all_stores_have_in_common_is_put_right(
    path: Path, whole: bytes, secret: str | None
) -> None:
    for place in (16, *(KNOWN if secret is None else PLAIN)):
        for bit in range(0, 8, 3):
            spoilt = bytearray(whole)
            spoilt[place] ^= 1 << bit
            path.write_bytes(spoilt)
            keep = path.with_name(f"kept-{place}-{bit}")
            assert heading.mend(path, keep) == 1, (place, bit)
            assert path.read_bytes() == whole, (place, bit)
            assert keep.read_bytes() == spoilt
            assert keep.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", [18, 19])
def test_a_kind_of_journal_that_there_is_not_becomes_the_stores_own(path: Path, whole: bytes, place: int) -> None:
    spoilt = bytearray(whole)
    spoilt[place] = 9
    path.write_bytes(spoilt)
    assert heading.mend(path, path.with_name("kept")) == 1
    assert path.read_bytes() == whole


def test_a_sound_store_is_not_touched_nor_copied(path: Path, whole: bytes) -> None:
    assert heading.mend(path, path.with_name("kept")) == 0
    assert path.read_bytes() == whole
    assert not path.with_name("kept").exists()


def other_program(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
    db.close()


@pytest.mark.parametrize(
    "make",
    [
        other_program,
        lambda path: path.write_text("My notes. " * 50),
        lambda path: path.write_bytes(bytes(4096)),
        lambda path: path.write_bytes(b"SQLite format 3\x00"),
        lambda path: path.write_bytes(b""),
    ],
    ids=["another database", "a text", "zeros", "a stump", "nothing"],
)
def test_what_was_never_a_store_is_left_alone(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "file"
    make(path)
    before = path.read_bytes()
    assert heading.mend(path, path.with_name("kept")) == 0
    assert path.read_bytes() == before
    assert not path.with_name("kept").exists()
