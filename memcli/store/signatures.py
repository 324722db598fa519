"""Signatures: which vectors are worth comparing exactly, from a bit for each of their components.

A signature holds the signs of a vector's components. How many bits two signatures differ in goes with the angle between
the vectors (Charikar, STOC 2002, for random directions; components of embeddings serve as well), and a hundred thousand
of them are compared in milliseconds. How they are stored says migration 0002.

Invariant: equals are never told apart, so what is chosen does not depend on where it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memcli.store.database import Store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLOTS = 256  # chunks in a row of the table
_WORD = 64  # bits
_AT_ONCE = 64  # rows compared at once: what is made of them stays in the processor's cache
_EMPTY = 1 << 15  # more bits than any signature has


def rows(store: Store) -> int:
    """Return how many rows of `SLOTS` chunks there are: the cost of a scan, known without one."""
    return int(store.value("SELECT count(*) FROM signatures"))


def taken(store: Store) -> set[int]:
    """Return the chunks that have a signature."""
    chunk_ids: set[int] = set()
    for block, bits in store.rows("SELECT block, bits FROM signatures"):
        width = len(bits) // SLOTS
        slots = (slot for slot in range(SLOTS) if any(bits[slot * width : (slot + 1) * width]))
        chunk_ids.update(block * SLOTS + slot for slot in slots)
    return chunk_ids


@dataclass(frozen=True, slots=True)
class Distances:
    """How many bits each chunk's signature differs in from the query's; slots without a chunk count as `_EMPTY`."""

    blocks: NDArray[np.int64]  # ascending
    bits: NDArray[np.uint16]  # of all slots of the first block, then of the second, ...

    def nearest(self, count: int, among: Iterable[int] | None = None) -> list[int]:
        """Return the ids of the `count` chunks that are nearest, and of all that are as near as the last of them."""
        import numpy as np

        bits = self.bits if among is None else self._only(among)
        up_to = np.cumsum(np.bincount(bits, minlength=_EMPTY + 1)[:_EMPTY])
        edge = min(int(np.searchsorted(up_to, count)), _EMPTY - 1)
        places = np.flatnonzero(bits <= edge)
        ids: list[int] = (self.blocks[places // SLOTS] * SLOTS + places % SLOTS).tolist()
        return ids

    def _only(self, chunk_ids: Iterable[int]) -> NDArray[np.uint16]:
        import numpy as np

        wanted = np.fromiter(chunk_ids, np.int64)
        wanted = wanted[np.isin(wanted // SLOTS, self.blocks)]
        places = np.searchsorted(self.blocks, wanted // SLOTS) * SLOTS + wanted % SLOTS
        bits = np.full_like(self.bits, _EMPTY)
        bits[places] = self.bits[places]
        return bits


def distances(store: Store, vector: bytes) -> Distances:
    """Compare the signature of `vector` with all that are stored."""
    import numpy as np

    held = store.rows("SELECT block, bits FROM signatures ORDER BY block")
    query = signature(vector)
    compared = [_compared(held[start : start + _AT_ONCE], query) for start in range(0, len(held), _AT_ONCE)]
    bits = np.concatenate(compared) if compared else np.zeros(0, np.uint16)
    return Distances(np.array([block for block, _ in held], np.int64), bits)


def signature(vector: bytes) -> NDArray[np.uint64]:
    """Return the signature of a float32 vector."""
    import numpy as np

    words: NDArray[np.uint64] = made(np.frombuffer(vector, "<f4").reshape(1, -1)).view("<u8")[0]
    return words


def made(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the signatures of vectors, one in a row, as the trigger of migration 0002 makes them."""
    import numpy as np

    positive = vectors > 0
    positive[:, 0] = True  # which says that the slot is taken
    return np.packbits(np.pad(positive, ((0, 0), (0, -positive.shape[1] % _WORD))), axis=1, bitorder="little")


def _compared(held: Sequence[tuple[Any, ...]], query: NDArray[np.uint64]) -> NDArray[np.uint16]:
    import numpy as np

    words = np.frombuffer(b"".join([bits for _, bits in held]), "<u8").reshape(-1, len(query))
    differing = np.zeros(len(words), np.uint16)
    for column, word in enumerate(query):
        differing += np.bitwise_count(words[:, column] ^ word)
    differing[(words[:, 0] & 1) == 0] = _EMPTY
    return differing
