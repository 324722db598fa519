"""Windows of texts in bytes: found wherever they stand, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcli.store import scan
from memcli.store.scan import WIDTH, windows


def naive(texts: list[str], data: bytes) -> set[bytes]:
    cut = (text.encode() for text in texts)
    return {w for t in cut for i in range(len(t) - WIDTH + 1) if (w := t[i : i + WIDTH]) in data}


def found(of: scan.Windows) -> set[bytes]:
    return {value.tobytes() for value in of.values}


TEXTS = st.lists(st.text("abc é", max_size=30), max_size=6)


@given(TEXTS, TEXTS, st.binary(max_size=20))
def test_windows_are_found_at_any_offset_as_a_plain_search_finds_them(
    texts: list[str], kept: list[str], noise: bytes
) -> None:
    data = noise + " ".join([*kept, *texts[::2]]).encode()
    assert found(windows(texts).among(data)) == naive(texts, data)


@given(TEXTS, TEXTS)
def test_what_both_have_and_what_one_lacks_make_up_the_whole(one: list[str], other: list[str]) -> None:
    a, b = windows(one), windows(other)
    assert found(a.shared(b)) | found(a.without(b)) == found(a)
    assert found(a.shared(b)) == found(a) & found(b)
    assert found(a.together(b)) == found(a) | found(b)


def test_a_text_shorter_than_a_window_has_none() -> None:
    assert not windows(["seven77", ""])
    assert len(windows(["eight888"])) == 1


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_a_window_across_pieces_is_found(pieces: list[bytes]) -> None:
    texts = ["a secret text", "eight888"]
    whole = [b"." * 7 + b"a sec", b"ret t", b"", b"ext.", *pieces, b"eig", b"ht888"]
    assert found(windows(texts).in_pieces(whole)) == naive(texts, b"".join(whole))


def test_nothing_holds_nothing() -> None:
    assert not windows(["a secret text"]).in_pieces([])


def test_of_too_much_text_an_even_part_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MOST", 100)
    texts = [f"text number {n} of many" for n in range(50)]
    some = windows(texts)
    assert 50 <= len(some) <= 200
    assert all(windows([text]).shared(some) for text in texts), "each text has some"
