"""The formation queue: messages that wait until it is settled what of them is kept.

Invariants: a message is worked on by one worker at a time, who holds a lease, and leaves the queue in the transaction
that writes what came of it, so that a crash repeats at most one message and nothing is written twice; messages are
taken in the order in which they were said; one that failed too often is set aside and never dropped.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from memcli.store import messages, workers
from memcli.store.database import Store, listed
from memcli.types import Message

MOST_FAILURES = 3  # then a message is set aside: the next one is not to wait for it for ever


class LeaseLost(Exception):
    """The message is somebody else's by now, was formed, or was forgotten: nothing may be written for it."""


def enqueue(store: Store, message_id: str, now: str) -> None:
    """Let the message wait for formation; once is enough, and a forgotten one does not wait."""
    store.run(
        "INSERT OR IGNORE INTO formation_queue (message_id, queued_at) SELECT id, ? FROM messages WHERE id = ?",
        (now, message_id),
    )


def claim(store: Store, worker: str, now: str, lease_seconds: int, *, passing: Collection[str] = ()) -> Message | None:
    """Lease the oldest message that nobody works on, but for those to be passed over, and return it; None without one.

    A lease that has run out, or whose process has died, counts as a failure of its message.
    """
    if store.one("SELECT 1 FROM formation_queue WHERE attempts < ? LIMIT 1", (MOST_FAILURES,)) is None:
        return None  # the usual case, which takes no lock
    # Messages join the queue in the transaction that stores them, so the order of the rows is that of the messages.
    oldest = """
        SELECT message_id FROM formation_queue
        WHERE attempts < :most AND (leased_by IS NULL OR leased_by = :worker)
        AND message_id NOT IN (SELECT value FROM json_each(:passing)) ORDER BY rowid LIMIT 1
    """
    until = _later(now, lease_seconds)
    with store.atomic():
        _end_leases(store, worker, now)
        row = store.one(
            f"UPDATE formation_queue SET leased_by = :worker, leased_until = :until WHERE message_id = ({oldest})"
            " RETURNING message_id",
            {"worker": worker, "until": until, "most": MOST_FAILURES, "passing": listed(passing)},
        )
        return messages.get(store, row[0]) if row else None


def settle(store: Store, message_id: str, worker: str) -> None:
    """Take the message out of the queue, first thing in the transaction that writes what came of it.

    Raises LeaseLost where the worker holds it no more.
    """
    sql = "DELETE FROM formation_queue WHERE message_id = ? AND leased_by = ? RETURNING message_id"
    if not store.rows(sql, (message_id, worker)):
        raise LeaseLost(message_id)


def release(store: Store, message_id: str, worker: str) -> None:
    """Give the message back as it was: the next one takes it."""
    _give_back(store, message_id, worker, failures=0)


def fail(store: Store, message_id: str, worker: str) -> None:
    """Give the message back after it could not be formed; after MOST_FAILURES of these it is set aside."""
    _give_back(store, message_id, worker, failures=1)


def waiting(store: Store) -> int:
    """Return how many messages wait for formation, those included that somebody works on."""
    return int(store.value("SELECT count(*) FROM formation_queue WHERE attempts < ?", (MOST_FAILURES,)))


def set_aside(store: Store) -> int:
    """Return how many messages are passed over because they failed too often."""
    return int(store.value("SELECT count(*) FROM formation_queue WHERE attempts >= ?", (MOST_FAILURES,)))


def retry(store: Store) -> int:
    """Let the messages wait again that were set aside, and return how many there were."""
    sql = "UPDATE formation_queue SET attempts = 0 WHERE attempts >= ? RETURNING message_id"
    return len(store.rows(sql, (MOST_FAILURES,)))


def _give_back(store: Store, message_id: str, worker: str, *, failures: int) -> None:
    store.run(
        "UPDATE formation_queue SET leased_by = NULL, leased_until = NULL, attempts = attempts + ?"
        " WHERE message_id = ? AND leased_by = ?",
        (failures, message_id, worker),
    )


def _end_leases(store: Store, worker: str, now: str) -> None:
    """Take back the leases of others that have run out, and those of the dead."""
    held = store.rows("SELECT DISTINCT leased_by FROM formation_queue WHERE leased_by IS NOT NULL")
    store.run(
        "UPDATE formation_queue SET leased_by = NULL, leased_until = NULL, attempts = attempts + 1"
        " WHERE leased_by != ? AND (leased_until <= ? OR leased_by IN (SELECT value FROM json_each(?)))",
        (worker, now, listed(other for (other,) in held if workers.dead(other))),
    )


def _later(now: str, seconds: int) -> str:
    moment = datetime.fromisoformat(now) + timedelta(seconds=seconds)
    return moment.replace(tzinfo=None).isoformat() + "Z"
