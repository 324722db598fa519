"""Answers that repeat what goes: the assistant had it before him, and says words of it that nothing else says.

They are derived from it: "Turing is a fine name for a dog" is not to outlive "My dog is called Turing". An answer whose
words also stand in something that stays is another statement, and stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from memcli.store import vocabulary
from memcli.store.database import Store, listed
from memcli.types import Owner

MOST_ELSEWHERE = 200  # chunks beside those that go in which a term may stand to be worth a look: else it is common


def repeating(store: Store, messages: Collection[str], memories: Collection[str]) -> set[str]:
    """Return the ids of the answers that repeat what only these messages and memories say, and are not among them."""
    heard = _answers_after(store, (*messages, *memories)) - set(messages)
    if not heard:
        return set()
    own = _chunks(store, Owner.MESSAGE, messages) | _chunks(store, Owner.MEMORY, memories)
    read = dict(vocabulary.evenly(list(own.items())))
    terms = vocabulary.terms(store, list(read.values()))
    everywhere = vocabulary.counts(store, terms)
    rare = {term for term in terms if 0 < everywhere.get(term, 0) - len(terms[term]) <= MOST_ELSEWHERE + len(own)}
    found = {term: chunks - set(own) for term, chunks in vocabulary.chunks_with(store, rare).items()}
    owners = _owners(store, set().union(*found.values()))
    said_by = ({owners.get(chunk, "") for chunk in chunks} for chunks in found.values())
    return set().union(*(by for by in said_by if by <= heard))


def _answers_after(store: Store, items: Iterable[str]) -> set[str]:
    """Return the answers in whose thread one of `items` was said before, or placed as a note."""
    sql = """
        WITH gone (id) AS (SELECT value FROM json_each(?)),
        told (thread_id, seq) AS (
            SELECT thread_id, seq FROM messages WHERE id IN gone
            UNION ALL SELECT thread_id, seq FROM recalled JOIN messages ON id = message_id WHERE item_id IN gone
        ),
        first (thread_id, seq) AS (SELECT thread_id, min(seq) FROM told GROUP BY thread_id)
        SELECT m.id FROM first JOIN messages AS m ON m.thread_id = first.thread_id AND m.seq > first.seq
        WHERE m.role = 'assistant'
    """
    return {id_ for (id_,) in store.rows(sql, (listed(items),))}


def _chunks(store: Store, owner: Owner, ids: Collection[str]) -> dict[int, str]:
    sql = "SELECT id, words FROM chunks WHERE owner = ? AND owner_id IN (SELECT value FROM json_each(?)) ORDER BY id"
    return dict(store.rows(sql, (owner, listed(ids))))


def _owners(store: Store, chunks: Iterable[int]) -> dict[int, str]:
    sql = "SELECT id, owner_id FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
    return dict(store.rows(sql, (listed(chunks),)))
