"""Candidates for tests of ranking and choosing."""

from memcli.memory.asking import understand
from memcli.memory.ranking import Asked, rank
from memcli.types import Candidate, Hit, Trust


def message(id_: str, text: str = "", *, words: float | tuple[float, ...] = (), **more: object) -> Candidate:
    """Return a message of the user; `words` are its parts."""
    parts = (words,) if isinstance(words, float) else words
    values = {"created_at": "2026-01-01T00:00:00Z", "trust": Trust.USER, "kind": "message"} | more
    text = text or f"This is what is said by {id_}."
    return Candidate(id=id_, text=text, words=sum(parts), parts=parts, **values)  # type: ignore[arg-type]


def kept(id_: str, text: str = "", **more: object) -> Candidate:
    """Return a memory."""
    return message(id_, text, **({"kind": "semantic"} | more))


def thread(*turns: Candidate) -> dict[int, list[list[int]]]:
    """Return what stands around each turn of one thread, two turns far."""
    seqs = [turn.seq for turn in turns]
    return {
        seq: [[seqs[j] for j in (i - d, i + d) if 0 <= j < len(seqs)] for d in (1, 2)] for i, seq in enumerate(seqs)
    }


def ranked(question: str, *found: Candidate, around: dict[int, list[list[int]]] | None = None, names=()) -> list[Hit]:
    words = max((len(c.parts) for c in found), default=0)
    return rank(Asked(understand(question, names), (), (1.0,) * words), found, around or {})
