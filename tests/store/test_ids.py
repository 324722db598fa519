from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.errors import AmbiguousId, NothingFound
from memcli.store import ids
from memcli.types import Owner
from tests.store.making import Filled


def test_ids_are_ten_typeable_characters_with_a_letter() -> None:
    made = {ids.new_id() for _ in range(2000)}
    assert len(made) == 2000
    assert all(len(id_) == 10 and not id_.isdigit() and not set(id_) & set("ilouILOU") for id_ in made)


def test_an_item_is_found_by_its_id_or_the_beginning_of_it(filled: Filled) -> None:
    message = filled.say("hello", id="abcdef1234")
    for typed in ("abcdef1234", "abc", " abcd ", "ABCDEF"):
        assert ids.resolve(filled.store, typed) == (Owner.MESSAGE, message.id)


def test_an_exact_id_wins_over_longer_ones(filled: Filled) -> None:
    filled.say("short", id="abcd")
    filled.say("long", id="abcdef")
    assert ids.resolve(filled.store, "abcd") == (Owner.MESSAGE, "abcd")


def test_an_ambiguous_beginning_lists_what_fits(filled: Filled) -> None:
    for letter in "bcdefgh":
        filled.say("hello", id=f"aaa{letter}")
    filled.keep("hello", id="aaaa")
    with pytest.raises(AmbiguousId) as caught:
        ids.resolve(filled.store, "aaa")
    assert caught.value.hint == "aaaa, aaab, aaac, aaad, aaae, ..."


def test_only_the_asked_owners_are_looked_at(filled: Filled) -> None:
    filled.say("hello", id="abcdef")
    filled.keep("hello", id="abcxyz")
    assert ids.resolve(filled.store, "abc", (Owner.MEMORY,)) == (Owner.MEMORY, "abcxyz")


@pytest.mark.parametrize("typed", ["", "ab", "%", "abc%", "___", "a_c", "*", "abc*", "'", "zzz", "abcdef12345"])
def test_what_is_too_short_or_has_wildcards_finds_nothing(filled: Filled, typed: str) -> None:
    filled.say("hello", id="abcdef1234")
    with pytest.raises(NothingFound):
        ids.resolve(filled.store, typed)


class Undo(Exception):
    pass


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.sets(st.text("ab1", min_size=7, max_size=12), min_size=1, max_size=12))
def test_a_shortened_id_finds_its_item_again(filled: Filled, made: set[str]) -> None:
    with contextlib.suppress(Undo), filled.store.atomic():
        for place, id_ in enumerate(sorted(made)):
            filled.say("hello", id=id_) if place % 2 else filled.keep("hello", id=id_)
        shown = ids.short(filled.store, made)
        assert shown.keys() == made
        assert all(len(short) >= 6 for short in shown.values())
        assert {ids.resolve(filled.store, short)[1] for short in shown.values()} == made
        raise Undo
