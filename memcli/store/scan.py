"""Look for texts in bytes: every window of eight bytes at once, in time that does not depend on how many there are.

A residue of a text that is eight bytes long or longer is found, wherever it begins and ends; words and shingles of
words, which contain several windows, are found with it.

numpy is imported where it is used: most commands start without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WIDTH = 8  # bytes: one machine word
MOST = 500_000  # windows that are looked for, spread evenly over the texts where there are more
_AT_ONCE = 1 << 18  # windows in a step, in which no copy leaves the processor's cache; 2^16 takes a third longer
_SPREAD = 128  # of windows that are not looked for, one in so many is looked at closer
_FACTOR = 0x9E3779B97F4A7C15  # 2^64 by the golden ratio: Knuth's multiplicative hashing


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of texts, as sorted little-endian numbers, each once."""

    values: NDArray[np.uint64]

    def __bool__(self) -> bool:
        return len(self.values) > 0

    def __len__(self) -> int:
        return len(self.values)

    def each(self) -> list[bytes]:
        """Return each of them."""
        return [value.tobytes() for value in self.values]

    def among(self, data: bytes | memoryview) -> Windows:
        """Return those that stand in `data`, at any offset."""
        import numpy as np

        found = np.zeros(len(self.values), bool)
        if not self or len(data) < WIDTH:
            return Windows(self.values[found])
        bits = min(24, max(16, (_SPREAD * len(self.values)).bit_length()))
        factor, shift = np.uint64(_FACTOR), np.uint64(64 - bits)
        marked = np.zeros(1 << bits, bool)
        marked[self.values * factor >> shift] = True
        room = np.empty(_AT_ONCE, np.uint64)
        for offset in range(WIDTH):
            whole = np.frombuffer(data, "<u8", count=(len(data) - offset) // WIDTH, offset=offset)
            for start in range(0, len(whole), _AT_ONCE):
                part = whole[start : start + _AT_ONCE]
                hashed = np.multiply(part, factor, out=room[: len(part)])
                np.right_shift(hashed, shift, out=hashed)
                likely = part[marked.take(hashed.view(np.int64))]
                places = np.minimum(np.searchsorted(self.values, likely), len(self.values) - 1)
                found[places[self.values[places] == likely]] = True
        return Windows(self.values[found])

    def in_pieces(self, pieces: Iterable[bytes]) -> Windows:
        """Return those that stand in what the pieces make up."""
        found, tail = none(), b""
        for piece in pieces:
            found = found.together(self.among(tail + piece))
            tail = (tail + piece)[1 - WIDTH :]
        return found

    def shared(self, others: Windows) -> Windows:
        import numpy as np

        return Windows(np.intersect1d(self.values, others.values, assume_unique=True))

    def without(self, others: Windows) -> Windows:
        import numpy as np

        return Windows(np.setdiff1d(self.values, others.values, assume_unique=True))

    def together(self, others: Windows) -> Windows:
        import numpy as np

        return Windows(np.union1d(self.values, others.values))


def none() -> Windows:
    """Return no windows."""
    return windows(())


def windows(texts: Iterable[str | bytes], every: int = 1) -> Windows:
    """Return the windows of `texts` that begin at `every` so many bytes; what is shorter than WIDTH has none."""
    import numpy as np

    whole = (text if isinstance(text, bytes) else text.encode(errors="surrogatepass") for text in texts)
    encoded = [data for data in whole if len(data) >= WIDTH]
    step = max(every, 1 + sum(map(len, encoded)) // MOST)
    made = [np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), WIDTH)[::step] for data in encoded]
    if not made:
        return Windows(np.empty(0, np.uint64))
    return Windows(np.unique(np.concatenate(made).view("<u8").ravel()))
