"""What a forgetting takes along: an item's versions, its sources, what was derived from them. Nothing is deleted here.

Invariant: a memory is taken only with a reason (named, a version of a named one, derived from nothing but messages
that go, or the sum of several of which one goes); other memories from the same messages are listed in `kept`, so that
nothing goes or stays in silence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from memcli.store import ids
from memcli.store.database import Store, listed
from memcli.store.operations import SUMMING
from memcli.store.repeating import repeating
from memcli.types import SUMMED_UP, Owner

# A prefix is a JSON list of [label, origin, text].
_FROZEN_CORE = """
    SELECT segment.value ->> 1, segment.value ->> 2 FROM threads, json_each(threads.prefix) AS segment
    WHERE threads.prefix IS NOT NULL AND segment.value ->> 1 LIKE 'core:%'
"""
# A block goes with what it said before, whichever of the two is named.
_CORE_TEXTS = (
    "SELECT label, text, author FROM core_blocks"
    " UNION ALL SELECT label, text, author FROM core_versions WHERE text IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Closure:
    """What goes, by id (core blocks by label), and which memories stay with their provenance cut.

    Of the `messages` some are answers `repeating` the others. Of the blocks in `portraits` only what consolidate made
    of them goes: it quotes a memory that does. Of the threads in `names` only the name goes.
    """

    messages: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()
    core: tuple[str, ...] = ()
    portraits: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    repeating: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    summaries: tuple[str, ...] = ()  # those that are named; others go with what they may quote

    @property
    def empty(self) -> bool:
        return not (self.messages or self.memories or self.threads or self.core or self.names or self.summaries)


def closure_of(store: Store, ids_: Iterable[str], *, cascade: bool = False) -> Closure:
    """Return what goes with these items, each given by its id or a prefix. Raises NothingFound, AmbiguousId."""
    found = [ids.resolve(store, id_) for id_ in ids_]
    memories = versions(store, {id_ for owner, id_ in found if owner is Owner.MEMORY})
    messages = {id_ for owner, id_ in found if owner is Owner.MESSAGE}
    return _closure(store, messages, memories, cascade=cascade)


def closure_of_thread(store: Store, thread_id: str, *, cascade: bool = False) -> Closure:
    """Return what goes with a whole thread."""
    messages = _ids(store, "SELECT id FROM messages WHERE thread_id = ?", thread_id)
    return _closure(store, messages, set(), threads={thread_id}, cascade=cascade)


def closure_matching(store: Store, text: str, *, cascade: bool = False) -> Closure:
    """Return what goes with everything that contains `text` literally, ignoring case."""
    needle = text.casefold()
    if not needle:
        return Closure()

    def holders(sql: str) -> set[str]:
        return {id_ for id_, held in store.rows(sql) if needle in held.casefold()}

    # What a thread was told of a core block that has changed since is quoted in its notes and in its frozen prefix.
    told = holders("SELECT item_id, line FROM recalled WHERE item_id LIKE 'core:%'") | holders(_FROZEN_CORE)
    found = _closure(
        store,
        holders("SELECT id, content FROM messages"),
        versions(store, holders("SELECT id, text FROM memories")),
        core=holders(f"SELECT label, text FROM ({_CORE_TEXTS})") | {origin.removeprefix("core:") for origin in told},
        cascade=cascade,
    )
    return replace(
        found,
        names=_sorted(holders("SELECT id, name FROM threads WHERE name IS NOT NULL")),
        summaries=_sorted(holders("SELECT id, text FROM summaries")),
    )


def closure_before(store: Store, when: str, *, cascade: bool = False) -> Closure:
    """Return what goes with everything from before `when`: messages, memories, threads that end up empty.

    Later versions of an old memory stay, and so does core memory: it is in force until it is changed. Of a block that
    was cleared before `when`, what it said goes.
    """
    messages = _ids(store, "SELECT id FROM messages WHERE created_at < ?", when)
    memories = _ids(store, "SELECT id FROM memories WHERE created_at < ?", when)
    threads = _ids(
        store,
        "SELECT id FROM threads AS t WHERE updated_at < ?1"
        " AND NOT EXISTS (SELECT 1 FROM messages WHERE thread_id = t.id AND created_at >= ?1)",
        when,
    )
    core = _ids(
        store,
        "SELECT v.label FROM core_versions AS v JOIN operations AS o ON o.id = v.operation"
        " WHERE v.label NOT IN (SELECT label FROM core_blocks) GROUP BY v.label HAVING max(o.at) < ?",
        when,
    )
    return _closure(store, messages, memories, threads=threads, core=core, cascade=cascade)


def closure_all(store: Store) -> Closure:
    """Return everything."""
    return Closure(
        messages=_sorted(_ids(store, "SELECT id FROM messages")),
        memories=_sorted(_ids(store, "SELECT id FROM memories")),
        threads=_sorted(_ids(store, "SELECT id FROM threads")),
        core=_sorted(_ids(store, "SELECT label FROM core_blocks UNION SELECT label FROM core_versions")),
    )


def _closure(
    store: Store,
    named: set[str],
    memories: set[str],
    *,
    threads: Iterable[str] = (),
    core: Iterable[str] = (),
    cascade: bool,
) -> Closure:
    """Complete the `named` messages and the `memories` (their versions included) with what belongs to them."""
    messages = named | _sources(store, memories)
    if cascade:
        memories = memories | versions(store, _derived(store, messages))
        memories |= versions(store, condensing(store, messages, memories))
        kept: set[str] = set()
    else:
        memories = memories | _derived_only(store, named)
        memories |= versions(store, condensing(store, messages, memories))
        kept = (_derived(store, messages) | versions(store, memories)) - memories
    answers = repeating(store, messages, memories)
    return Closure(
        messages=_sorted(messages | answers),
        memories=_sorted(memories),
        threads=_sorted(threads),
        core=_sorted(core),
        portraits=_sorted(portraits(store, memories)),
        kept=_sorted(kept),
        repeating=_sorted(answers),
    )


def portraits(store: Store, memories: Iterable[str]) -> set[str]:
    """Return the labels of core blocks that consolidate made, now or before, and that quote any of `memories`."""
    made = store.rows(f"SELECT label, text FROM ({_CORE_TEXTS}) WHERE author = 'consolidate'")
    texts = store.rows("SELECT text FROM memories WHERE id IN (SELECT value FROM json_each(?))", (listed(memories),))
    quotes = {" ".join(text.split()) for (text,) in texts if made}  # as they stand in a block
    return {label for label, text in made if any(quote in text for quote in quotes)}


def condensing(store: Store, messages: Iterable[str], memories: Iterable[str]) -> set[str]:
    """Return the memories that sum up several, and rest on any of these: they would go on telling of what has gone."""
    sql = """
        SELECT m.id FROM memories AS m WHERE m.formed_by = ? AND (
            EXISTS (
                SELECT 1 FROM memory_sources AS s
                WHERE s.memory_id = m.id AND s.message_id IN (SELECT value FROM json_each(?))
            ) OR EXISTS (
                SELECT 1 FROM operations AS o JOIN json_each(o.detail, '$.of') AS episode
                WHERE o.action = ? AND instr(o.items, m.id) AND episode.value IN (SELECT value FROM json_each(?))
            )
        )
    """
    return _ids(store, sql, SUMMED_UP, listed(messages), SUMMING, listed(memories))


def versions(store: Store, memories: Iterable[str]) -> set[str]:
    """Return `memories` with all that they superseded, or that superseded them, at any remove.

    Of what did so until that was undone, what was undone itself comes along, and nothing that stands by itself since;
    and so does what was undone and says the same.
    """
    sql = """
        WITH RECURSIVE version (id) AS (
            SELECT value FROM json_each(?)
            UNION SELECT m.superseded_by FROM version JOIN memories AS m USING (id) WHERE m.superseded_by IS NOT NULL
            UNION SELECT m.id FROM version JOIN memories AS m ON m.superseded_by = version.id
            UNION SELECT m.id FROM version JOIN lapses AS l ON l.memory_id = version.id
                JOIN memories AS m ON m.id = l.superseded_by WHERE m.undone
            UNION SELECT m.id FROM version JOIN lapses AS l ON l.superseded_by = version.id
                JOIN memories AS m ON m.id = l.memory_id WHERE m.undone
            UNION SELECT u.id FROM version JOIN memories AS m USING (id)
                JOIN memories AS u ON u.text = m.text AND u.undone = 1
        ) SELECT id FROM version
    """
    return _ids(store, sql, listed(memories))


def tied(store: Store) -> list[tuple[str, str]]:
    """Return the pairs of memories of which one takes the other along, other than by a message or a successor."""
    sql = """
        SELECT memory_id, superseded_by FROM lapses WHERE superseded_by IS NOT NULL
        UNION SELECT m.id, u.id FROM memories AS m JOIN memories AS u ON u.text = m.text AND u.undone = 1
        WHERE m.id != u.id
        UNION SELECT m.id, episode.value FROM operations AS o JOIN json_each(o.detail, '$.of') AS episode
        JOIN json_each(o.items) AS item JOIN memories AS m ON m.id = item.value WHERE o.action = ? AND m.formed_by = ?
    """
    return store.rows(sql, (SUMMING, SUMMED_UP))


def _sources(store: Store, memories: Iterable[str]) -> set[str]:
    sql = "SELECT message_id FROM memory_sources WHERE memory_id IN (SELECT value FROM json_each(?))"
    return _ids(store, sql, listed(memories))


def _derived(store: Store, messages: Iterable[str]) -> set[str]:
    """Return the memories that came from any of `messages`."""
    sql = "SELECT memory_id FROM memory_sources WHERE message_id IN (SELECT value FROM json_each(?))"
    return _ids(store, sql, listed(messages))


def _derived_only(store: Store, messages: Iterable[str]) -> set[str]:
    """Return the memories that came from `messages` and from nothing else."""
    sql = """
        SELECT memory_id FROM memory_sources GROUP BY memory_id
        HAVING sum(message_id NOT IN (SELECT value FROM json_each(?))) = 0
    """
    return _ids(store, sql, listed(messages))


def _ids(store: Store, sql: str, *params: str) -> set[str]:
    return {id_ for (id_,) in store.rows(sql, params)}


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(values))
