"""What was believed then: the same as if everything that was done until then were done again, and nothing after it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memcli.memory import editing, remember
from memcli.memory.current import current
from memcli.memory.timeline import utc
from memcli.store import asof, health, memories, purge, undoing
from memcli.store.database import Store
from memcli.store.journal import Journal
from memcli.types import Filters, Kind, Owner, Source, Trust
from tests.store.making import EMBEDDER, Filled

START = datetime.fromisoformat("2026-03-01T09:00:00+00:00")
MEMORIES = tuple(Kind)


@dataclass
class State:
    """What is believed, by id, as plain fields; and which memories contradict each other."""

    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: set[frozenset[str]] = field(default_factory=set)

    def without(self, memories_: Sequence[str], messages: Sequence[str]) -> State:
        held = {
            id_: one | {"sources": {source for source in one["sources"] if source.message_id not in messages}}
            for id_, one in self.held.items()
            if id_ not in memories_
        }
        return State(held, {pair for pair in self.pairs if not pair & set(memories_)})

    def at(self, when: str) -> dict[str, dict[str, Any]]:
        """Return what is believed at a time at which nothing else has happened yet."""
        return {
            id_: one | {"conflicts": {other for other in self.held if frozenset((id_, other)) in self.pairs} - {id_}}
            for id_, one in self.held.items()
            if one["expires_at"] is None or one["expires_at"] > when
        }


Past = list[tuple[str, State]]


class Replay:
    """The naive account: a copy of what is believed after each operation, and of everything before each of them."""

    def __init__(self) -> None:
        self.now, self.after = State(), [("", State())]
        self.before: list[tuple[State, Past, str]] = []  # by operation that can be undone, with its time
        self.made: dict[str, str] = {}  # when each memory was made

    def begin(self, when: str) -> None:
        self.before.append(copy.deepcopy((self.now, self.after, when)))

    def rewrite(self, since: str, old: str, new: str) -> None:
        """Let one memory have been believed instead of another since a time in the past."""
        past = [(at, state) for at, state in self.after if at < since]
        later = [(since, self.then(since)), *((at, state) for at, state in self.after if at >= since)]
        for _, state in (later := copy.deepcopy(later)):
            state.held.pop(old, None)
            state.held[new] = copy.deepcopy(self.now.held[new])
        self.after = past + later

    def add(self, id_: str, when: str, **fields: Any) -> None:
        unset = {"times_said": 1, "confirmed_at": None, "valid_to": None, "expires_at": None, "sources": set()}
        self.now.held[id_] = unset | fields
        self.made[id_] = when

    def undo(self, operations: int) -> None:
        """Take operations back, and whatever they said of the time before them."""
        for _ in range(operations):
            self.now, past, when = self.before.pop()
            since = [(when, self.then(when)), *((at, state) for at, state in self.after if at >= when)]
            self.after = [(at, state) for at, state in past if at < when] + since

    def forget(self, gone: purge.Closure) -> None:
        def without(past: Past) -> Past:
            return [(when, state.without(gone.memories, gone.messages)) for when, state in past]

        self.now, self.after = self.now.without(gone.memories, gone.messages), without(self.after)
        self.before = [
            (state.without(gone.memories, gone.messages), without(past), when) for state, past, when in self.before
        ]
        self.made = {id_: when for id_, when in self.made.items() if id_ not in gone.memories}

    def settle(self, when: str) -> None:
        self.after.append((when, copy.deepcopy(self.now)))

    def then(self, when: str) -> State:
        return [state for at, state in self.after if at <= when][-1]


class Both:
    """A store and the account of what is done to it. `pick` chooses among some, by a number."""

    def __init__(self, store: Store) -> None:
        self.store, self.filled, self.replay = store, Filled(store), Replay()
        self.said = [self.filled.say(f"message {n}").id for n in range(3)]
        self.number, self.when = 0, utc(START)

    def do(self, what: str, a: int, b: int) -> None:
        if what == "add" or (usable := sorted(self.replay.now.at(self.when), key=list(self.replay.made).index)):
            getattr(self, what)(*([a, b] if what in ("add", "undo") else self.chosen(usable, a, b)), a + b)
        self.replay.settle(self.when)

    def chosen(self, among: Sequence[str], a: int, b: int) -> list[str]:
        return [among[a % len(among)], among[b % len(among)]]

    def text(self) -> str:
        self.number += 1
        return f"statement {self.number}"

    def journal(self) -> Journal:
        self.replay.begin(self.when)
        return Journal(self.store, action="form", actor="formation", now=self.when)

    def source(self, a: int) -> list[Source]:
        there = {id_ for (id_,) in self.store.rows("SELECT id FROM messages")}
        return [Source(id_, 0, 1 + a % 2) for id_ in [self.said[a % 3]] if id_ in there]

    # --- what is done ---

    def add(self, a: int, b: int, _: int) -> None:
        text, expires = self.text(), utc(datetime.fromisoformat(self.when) + timedelta(days=b)) if b % 4 == 3 else None
        self.replay.begin(self.when)
        (kept,) = remember.remember(
            self.store, [text], embedder=EMBEDDER, now=self.when, expires_at=expires, sources=self.source(a)
        )
        self.replay.add(kept.memory.id, self.when, text=text, expires_at=expires, sources=set(self.source(a)))

    def edit(self, id_: str, _: str, __: int) -> None:
        text, old = self.text(), self.replay.now.held[id_]
        self.replay.begin(self.when)
        memory = current(self.store, id_, now=self.when, to="edit")
        made = editing.edit(self.store, memory, text, embedder=EMBEDDER, now=self.when).memory
        del self.replay.now.held[id_]
        self.replay.add(made.id, self.when, **old | {"text": text, "confirmed_at": None})

    def supersede(self, old: str, new: str, n: int) -> None:
        if old != new:
            journal = self.journal()
            journal.supersede(old, new, valid_to=[None, "2026-03"][n % 2])
            journal.record()
            del self.replay.now.held[old]

    def merge(self, one: str, other: str, _: int) -> None:
        text, journal = self.text(), self.journal()
        made = journal.add(kind=Kind.SEMANTIC, text=text, trust=Trust.USER, sources=self.source(0), times_said=2)
        self.filled.index(Owner.MEMORY, made.id, [text])
        for old in {one, other}:
            journal.supersede(old, made.id, valid_to=None)
            del self.replay.now.held[old]
        journal.record()
        self.replay.add(made.id, self.when, text=text, sources=set(self.source(0)), times_said=2)

    def form_late(self, old: str, _: str, n: int) -> None:
        """Form a memory of a message that was said long ago, in the place of another one."""
        made = self.replay.made[old]
        at = max(made, utc(datetime.fromisoformat(self.when) - timedelta(hours=n * n)))
        text, journal = self.text(), self.journal()
        new = journal.add(kind=Kind.SEMANTIC, text=text, trust=Trust.USER, created_at=at)
        self.filled.index(Owner.MEMORY, new.id, [text])
        journal.supersede(old, new.id, valid_to="2026", at=at)
        journal.record()
        del self.replay.now.held[old]
        self.replay.add(new.id, at, text=text)
        self.replay.rewrite(at, old, new.id)

    def strengthen(self, id_: str, other: str, n: int) -> None:
        journal = self.journal()
        for each in {id_, other}:
            journal.strengthen(each, self.source(n))
            held = self.replay.now.held[each]
            held["times_said"] += 1
            held["confirmed_at"] = self.when
            held["sources"] |= set(self.source(n))
        journal.record()

    def conflict(self, one: str, other: str, _: int) -> None:
        pair = frozenset((one, other))
        if one != other and pair not in self.replay.now.pairs:
            journal = self.journal()
            journal.conflict(one, other)
            journal.record()
            self.replay.now.pairs.add(pair)

    def undo(self, a: int, _: int, __: int) -> None:
        wanted = min(1 + a % 3, len(self.replay.before))
        if wanted:
            undoing.undo(self.store, undoing.last(self.store, wanted), self.when)
            self.replay.undo(wanted)

    def forget(self, id_: str, _: str, n: int) -> None:
        gone = purge.closure_of(self.store, [id_])
        if n % 3 == 0 and (said := self.source(n)):  # a message, and what came from nothing else
            gone = purge.closure_of(self.store, [said[0].message_id])
        purge.forget(self.store, gone, self.when)
        self.replay.forget(gone)

    # --- what is seen ---

    def check(self, when: str) -> None:
        then = self.replay.then(when)
        expected = then.at(when)
        found = asof.believed(self.store, when)
        assert {m.id: {name: getattr(m, name) for name in _PLAIN} for m in found} == {
            id_: {name: one[name] for name in _PLAIN} for id_, one in expected.items()
        }
        assert {m.id: (set(m.sources), set(m.conflicts)) for m in found} == {
            id_: (one["sources"], one["conflicts"]) for id_, one in expected.items()
        }
        assert all((m.retired_at, m.superseded_by, m.undone) == (None, None, False) for m in found)
        assert [(m.created_at, m.order) for m in found] == sorted((m.created_at, m.order) for m in found)
        assert self.filled.found("statement", Filters(kinds=MEMORIES, as_of=when), 200, self.when) == set(expected)
        known = asof.believed(self.store, when, retired=True)
        assert {m.id for m in known} == {id_ for id_, made in self.replay.made.items() if made <= when}
        assert {m.id for m in known if m.retired_at is None} == set(then.held)
        assert all(m.retired_at <= when for m in known if m.retired_at)

    def check_now(self) -> None:
        expected = set(self.replay.now.at(self.when))
        current = memories.current(self.store, now=self.when)
        assert {m.id for m in current} == expected
        assert asof.believed(self.store, self.when) == current
        assert self.filled.found("statement", Filters(kinds=MEMORIES), 200, self.when) == expected


_PLAIN = ("text", "times_said", "confirmed_at", "valid_to", "expires_at")
WHAT = (
    "add",
    "add",
    "add",
    "edit",
    "supersede",
    "merge",
    "form_late",
    "strengthen",
    "conflict",
    "undo",
    "undo",
    "forget",
)
GAPS = (0, 0, 1, 3600, 86_400)  # seconds to the next operation
STEP = st.tuples(st.sampled_from(WHAT), st.integers(0, 11), st.integers(0, 11), st.sampled_from(GAPS))


@given(steps=st.lists(STEP, min_size=1, max_size=12), days=st.lists(st.floats(0, 8), max_size=2))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(  # edited, taken back and edited anew within a second, and taken back in the next
    steps=[("add", 0, 0, 1), ("edit", 0, 0, 0), ("undo", 0, 0, 0), ("edit", 0, 0, 1), ("undo", 0, 0, 1)], days=[]
)
@example(  # strengthened by a message that is forgotten once that is taken back
    steps=[("add", 1, 0, 1), ("strengthen", 0, 0, 60), ("undo", 0, 0, 60), ("forget", 0, 0, 1)], days=[]
)
@example(  # strengthened twice, superseded with an end, both taken back, and superseded by another
    steps=[
        *[("add", 0, 0, 1), ("add", 1, 0, 1), ("strengthen", 0, 1, 60), ("strengthen", 0, 1, 60)],
        *[("supersede", 0, 1, 60), ("undo", 1, 0, 60)],
        *[("add", 2, 0, 60), ("conflict", 0, 1, 60), ("merge", 0, 1, 60), ("undo", 1, 0, 60), ("supersede", 1, 0, 60)],
    ],
    days=[],
)
def test_the_past_is_what_a_replay_of_the_log_believed_then(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, int]], days: list[float]
) -> None:
    with Store.open(tmp_path_factory.mktemp("store") / "memcli.db") as store:
        both, now = Both(store), START
        times = {START - timedelta(seconds=1)}
        for what, a, b, gap in steps:
            both.when = utc(now)
            both.do(what, a, b)
            both.check_now()
            times |= {now, now + timedelta(seconds=1)}
            now += timedelta(seconds=gap)
        times |= {START + timedelta(days=day) for day in days}
        for when in sorted(times):
            both.check(utc(when))
        assert health.check(store) == []
