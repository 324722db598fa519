"""Merging: which current memories say the same, and which of them is kept. Pure: records in, a decision out.

Losing a memory to a wrong merge is far worse than keeping two, so everything must agree: the words (see wording), the
model of relations, who said it, its kind, when it ends, and the day of what happened. The one that is kept says, in
tags and dates, all that the others do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo

from memcli.memory.formation.reconcile import LONGEST
from memcli.memory.formation.wording import identical, same, wording
from memcli.memory.timeline import LOCAL, day
from memcli.types import SUMMED_UP, Kind, Memory

# Probability of "same", of the model of relations, below which two statements with the same words are left alone. Of 20
# such pairs among 3,296 statements one was wrong: "six" and "actually 6" (.11).
SAME = 0.15


def mergeable(memory: Memory) -> bool:
    """Tell whether a memory can say the same as another: it holds, and is a statement that somebody made."""
    return memory.retired_at is None and memory.formed_by != SUMMED_UP and len(memory.text) <= LONGEST


def worth_weighing(one: Memory, other: Memory, zone: tzinfo = LOCAL) -> bool:
    """Tell whether two memories may say the same, as far as records and words tell."""
    if one.id == other.id or not (mergeable(one) and mergeable(other)) or other.id in one.conflicts:
        return False
    if (one.kind, one.trust, one.expires_at) != (other.kind, other.trust, other.expires_at):
        return False
    if one.kind is Kind.EPISODIC and _occasion(one, zone) != _occasion(other, zone):
        return False
    if identical(one.text, other.text):
        return True
    if one.formed_by is None and other.formed_by is None:
        return False  # both are the user's own texts, which stay as he gave them
    return same(wording(one.text), wording(other.text))


def _occasion(memory: Memory, zone: tzinfo) -> str:
    return memory.valid_from or day(memory.created_at, zone)


def kept_of(cluster: Sequence[Memory]) -> Memory:
    """Return the memory that stands for all: the newest that the user asked to keep, else the one put most fully.

    Of two put as fully it is the newer one, which is how he says it now.
    """
    asked = [memory for memory in cluster if memory.formed_by is None]
    return max(asked or cluster, key=lambda memory: (0 if asked else wording(memory.text).said, *_newest(memory)))


def _newest(memory: Memory) -> tuple[str, int]:
    return memory.created_at, memory.order


def covers(kept: Memory, other: Memory) -> bool:
    """Tell whether a memory has the other's tags, and the days from and to which it is known to be true."""
    return (
        {tag.casefold() for tag in other.tags} <= {tag.casefold() for tag in kept.tags}
        and other.valid_from in (None, kept.valid_from)
        and other.valid_to in (None, kept.valid_to)
    )


def cluster_of(
    memory: Memory, alike: Sequence[Memory], same_as: Callable[[Memory, Memory], bool]
) -> tuple[Memory, tuple[Memory, ...]] | None:
    """Return the memory that is kept and those that it takes the place of; None where there are none.

    `alike` say the same as `memory`, the surest first; one is taken where it says the same as all that were taken.
    """
    cluster = [memory]
    for other in alike:
        if all(same_as(other, one) for one in cluster[1:]):
            cluster.append(other)
    kept = kept_of(cluster)
    olds = tuple(one for one in cluster if one is not kept and covers(kept, one))
    return (kept, olds) if olds else None
