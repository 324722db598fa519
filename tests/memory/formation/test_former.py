"""The former: from one message to what is kept of it, written in one step or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcli.engines import Embedder
from memcli.errors import StoreLocked
from memcli.memory.formation import former as module
from memcli.memory.formation.extract import Candidate
from memcli.memory.formation.former import MessageFormer
from memcli.memory.formation.reconcile import Decision, Step
from memcli.memory.formation.records import Action, Formed, Stopped
from memcli.store import journal, memories, messages, operations, queue, threads
from memcli.store.database import Store
from memcli.store.queue import LeaseLost
from memcli.types import Kind, Memory, Message, Role, Trust
from tests.fakes import HashingEmbedder

MAY, JUNE, JULY = "2025-05-15T10:00:00Z", "2025-06-15T10:00:00Z", "2025-07-15T10:00:00Z"
TABLES = {"memories": "id", "memory_sources": "memory_id", "memory_conflicts": "memory_id"}
_NOT_UNDONE = "SELECT * FROM {table} WHERE {of} NOT IN (SELECT id FROM memories WHERE undone) ORDER BY 1, 2"


class Desk:
    """A store with a thread in it, and the former that works on it."""

    def __init__(self, store: Store, embedder: Embedder | None) -> None:
        self.store = store
        self.former = MessageFormer(store, embedder, lambda: datetime(2025, 8, 1, tzinfo=UTC), zone=UTC)
        self.thread = threads.create(store, now=MAY)

    def say(self, text: str, at: str = MAY, *, role: Role = Role.USER, trust: Trust = Trust.USER) -> Message:
        """Have a message wait, claimed by the former."""
        made = messages.add(self.store, thread_id=self.thread.id, role=role, content=text, trust=trust, now=at)
        queue.enqueue(self.store, made.id, at)
        self.store.run("UPDATE formation_queue SET leased_by = ?, leased_until = ?", (self.former.worker, "2099"))
        return made

    def form(self, text: str, at: str = MAY) -> Formed:
        return self.former.form(self.say(text, at))

    def all(self) -> list[tuple[object, ...]]:
        """Return everything that is kept of memories, but for what was undone."""
        return [row for table, of in TABLES.items() for row in self.store.rows(_NOT_UNDONE.format(table=table, of=of))]

    def current(self) -> list[str]:
        return [text for (text,) in self.store.rows("SELECT text FROM memories WHERE retired_at IS NULL ORDER BY text")]

    def decide(self, monkeypatch: pytest.MonkeyPatch, step: Step, *olds: Memory) -> None:
        """Have whatever is said be kept whole, with this step."""

        def decisions(
            former: MessageFormer, candidate: Candidate, message: Message, own: str, around: object
        ) -> Decision:
            return Decision(step, candidate, olds)

        def read(former: MessageFormer, message: Message) -> module.Read:
            said = Candidate(message.content, 0, len(message.content), Kind.SEMANTIC, 0.9)
            return module.Read(message.content, (said,))

        monkeypatch.setattr(MessageFormer, "decide", decisions)
        monkeypatch.setattr(MessageFormer, "read", read)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Store.open(tmp_path / "m.db", busy_ms=20) as store:
        yield Desk(store, HashingEmbedder())


@pytest.fixture
def real(tmp_path: Path, minilm: Embedder) -> Iterator[Desk]:
    with Store.open(tmp_path / "m.db", busy_ms=20) as store:
        yield Desk(store, minilm)


def only(formed: Formed) -> Memory:
    (change,) = formed.changes
    return change.memory


# --- what is kept ---


def test_a_fact_is_kept_in_the_users_words_with_where_it_was_said(desk: Desk) -> None:
    message = desk.say("hi! My sister Ines lives in Porto. What should I cook?")
    memory = only(desk.former.form(message))
    (source,) = memory.sources
    assert memory.text == "My sister Ines lives in Porto" == message.content[source.start : source.end]
    assert (memory.created_at, memory.formed_by, memory.trust) == (MAY, "rules", Trust.USER)
    assert queue.waiting(desk.store) == 0


def test_polarity_is_kept(desk: Desk) -> None:
    assert "don't" in only(desk.form("I don't eat meat.")).text


@pytest.mark.parametrize(
    ("role", "trust"),
    [(Role.ASSISTANT, Trust.ASSISTANT), (Role.USER, Trust.DOCUMENT), (Role.TOOL, Trust.TOOL)],
)
def test_what_the_user_did_not_say_forms_nothing(desk: Desk, role: Role, trust: Trust) -> None:
    assert desk.former.form(desk.say("I am allergic to peanuts.", role=role, trust=trust)).changes == ()
    assert (desk.all(), queue.waiting(desk.store)) == ([], 0)


@pytest.mark.parametrize(
    "text",
    [
        'Ann wrote: "I am allergic to peanuts and to hay."',
        "Translate this: I am allergic to peanuts",
        "> I am allergic",
    ],
)
def test_quoted_words_form_nothing(desk: Desk, text: str) -> None:
    assert desk.form(text).changes == ()


def test_what_one_message_says_twice_is_kept_once(desk: Desk) -> None:
    desk.form("I am allergic to peanuts. I am allergic to peanuts.")
    assert desk.current() == ["I am allergic to peanuts"]


def test_what_was_said_of_another_message_is_said_again(desk: Desk) -> None:
    first = only(desk.form("I am allergic to peanuts."))
    (change,) = desk.form("I am allergic to peanuts.", JUNE).changes
    assert (change.action, change.memory.id) == (Action.STRENGTHENED, first.id)
    assert (change.memory.times_said, change.memory.confirmed_at, len(change.memory.sources)) == (2, JUNE, 2)


def test_to_hear_an_older_message_again_does_not_make_it_older(desk: Desk) -> None:
    desk.form("I am allergic to peanuts.", JUNE)
    (change,) = desk.form("I am allergic to peanuts.", MAY).changes
    assert change.memory.confirmed_at == JUNE


@pytest.mark.model
def test_who_moves_lives_in_the_new_city_and_the_old_one_is_history(real: Desk) -> None:
    old = only(real.form("I live in Lisbon."))
    (change,) = real.form("I've moved, I live in Porto now.", JUNE).changes
    closed = memories.get(real.store, old.id)
    assert change.action is Action.SUPERSEDED
    assert (closed.superseded_by, closed.valid_to, closed.retired_at) == (change.memory.id, "2025-06-15", JUNE)
    assert "Porto" in change.memory.text
    assert change.memory.formed_by == "rules+embedder"


@pytest.mark.model
def test_a_correction_says_that_the_old_one_was_never_true(real: Desk) -> None:
    old = only(real.form("My sister is called Inez."))
    (change,) = real.form("Sorry, typo: my sister is called Ines.", JUNE).changes
    closed = memories.get(real.store, old.id)
    assert change.action is Action.UPDATED
    assert (closed.superseded_by, closed.valid_to) == (change.memory.id, None)


@pytest.mark.model
def test_two_sisters_are_two_memories(real: Desk) -> None:
    real.form("My sister Ada lives in Leeds.")
    real.form("My sister Eve lives in Hull.", JUNE)
    assert len(real.current()) == 2


# --- how decisions are written ---


def test_an_old_message_that_is_formed_late_does_not_retire_newer_truth(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = only(desk.form("I live in Porto.", JUNE))
    desk.decide(monkeypatch, Step.SUPERSEDE, newer)
    (told,) = desk.form("I live in Lisbon", MAY).changes
    assert (told.memory.text, told.old and told.old.text) == ("I live in Porto", "I live in Lisbon")
    assert desk.current() == ["I live in Porto"]
    (past,) = desk.store.rows("SELECT text, superseded_by, valid_to FROM memories WHERE retired_at IS NOT NULL")
    assert past == ("I live in Lisbon", newer.id, "2025-06-15")


def test_a_conflict_keeps_both_and_each_names_the_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    old = only(desk.form("I am allergic to peanuts."))
    desk.decide(monkeypatch, Step.CONFLICT, old)
    made = only(desk.form("I am not allergic to peanuts", JUNE))
    assert memories.get(desk.store, old.id).conflicts == (made.id,)
    assert memories.get(desk.store, made.id).conflicts == (old.id,)


def test_what_was_forgotten_meanwhile_counts_as_not_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    old = only(desk.form("I am allergic to peanuts."))
    desk.store.run("DELETE FROM memories WHERE id = ?", (old.id,))
    desk.decide(monkeypatch, Step.SUPERSEDE, old)
    (change,) = desk.form("I am allergic to hay", JUNE).changes
    assert (change.action, change.old) == (Action.ADDED, None)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from([*Step]), min_size=1, max_size=5))
def test_forming_and_taking_back_gives_the_equal_store(
    tmp_path: Path, steps: Sequence[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
    with Store.open(path) as store, monkeypatch.context() as patch:
        desk = Desk(store, None)
        states = [desk.all()]
        for number, step in enumerate(steps):
            olds = [
                memories.get(store, id_) for (id_,) in store.rows("SELECT id FROM memories WHERE retired_at IS NULL")
            ]
            desk.decide(patch, step, *olds[:2])
            desk.form(f"statement {number}", MAY)
            if desk.all() != states[-1]:
                states.append(desk.all())
        for operation in operations.recent(store, 10):
            assert desk.all() == states.pop()
            journal.take_back(store, operation, JULY)
        assert desk.all() == states.pop() == []


# --- stopping, waiting, losing ---


def test_a_former_that_was_asked_to_stop_writes_nothing_until_it_may_again(desk: Desk) -> None:
    message = desk.say("I am allergic to peanuts.")
    desk.former.stop()
    with pytest.raises(Stopped):
        desk.former.form(message)
    assert (desk.all(), queue.waiting(desk.store)) == ([], 1)
    desk.former.resume()
    assert desk.former.form(message).changes


@pytest.mark.parametrize("texts", [1, 2, 3, 4])
def test_a_stop_at_any_embedding_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch, texts: int) -> None:
    desk.form("I am allergic to hay.")
    before = desk.all()
    embed = HashingEmbedder.embed
    left = [texts]

    def stopping(embedder: HashingEmbedder, some: Sequence[str]) -> list[bytes]:
        left[0] -= 1
        if left[0] == 0:
            desk.former.stop()
        return embed(embedder, some)

    monkeypatch.setattr(HashingEmbedder, "embed", stopping)
    with pytest.raises(Stopped):
        desk.form("My sister Ines lives in Porto. I am allergic to peanuts.", JUNE)
    assert (desk.all(), queue.waiting(desk.store)) == (before, 1)


def test_another_process_that_writes_is_waited_for(desk: Desk) -> None:
    message = desk.say("I am allergic to peanuts.")
    with Store.open(desk.store.path) as other:
        other.run("BEGIN IMMEDIATE")
        desk_free = threading.Event()
        threading.Timer(0.3, desk_free.set).start()
        real_check = desk.former._check

        def check() -> None:
            if desk_free.is_set() and other.db.in_transaction:
                other.run("ROLLBACK")
            real_check()

        desk.former._check = check  # type: ignore[method-assign]
        formed = desk.former.form(message)
    assert formed.changes


def test_a_stop_ends_the_waiting_for_another_process(desk: Desk) -> None:
    message = desk.say("I am allergic to peanuts.")
    stopped = []

    def stop() -> None:
        stopped.append(time.monotonic())
        desk.former.stop()

    with Store.open(desk.store.path) as other, other.atomic():
        threading.Timer(0.3, stop).start()
        with pytest.raises(Stopped):
            desk.former.form(message)
        assert time.monotonic() - stopped[0] < 0.2  # 50 ms are promised; a busy machine takes longer


def test_a_process_that_never_ends_its_writing_is_not_waited_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_MS", 50)
    message = desk.say("I am allergic to peanuts.")
    with Store.open(desk.store.path) as other, other.atomic(), pytest.raises(StoreLocked):
        desk.former.form(message)


def test_a_message_that_another_took_meanwhile_writes_nothing(desk: Desk) -> None:
    message = desk.say("I am allergic to peanuts.")
    desk.store.run("UPDATE formation_queue SET leased_by = 'somebody else'")
    with pytest.raises(LeaseLost):
        desk.former.form(message)
    assert desk.all() == []
