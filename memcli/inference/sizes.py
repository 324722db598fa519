"""How many bytes a model's layers take, read from the head of its GGUF file without loading it.

Invariant: a file that cannot be read to the end of its head gives no sizes, never wrong ones and no error: what is
the matter with it is said by the one who loads it.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from memcli.inference import catalog
from memcli.inference.backend import GGUF_MOST_ENTRIES

MOST_LAYERS, MOST_STRINGS = 1 << 14, 1 << 23  # larger counts are damage: they would only take time and memory
STRING, ARRAY = 8, 9  # of GGUF's value types
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
MOST_KEPT = 4096  # numbers of an array; longer ones are vocabularies
F16 = 2  # bytes
LAYER = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class ModelSizes:
    """Bytes of a model's parts. `kv` is what a token takes in the cache, by layer, with keys and values in f16."""

    layers: tuple[int, ...]
    output: int  # what turns the last layer's result into scores of tokens
    kv: tuple[int, ...]
    heads: int
    vocabulary: int
    trained: int  # tokens of context; 0 where the file does not tell
    weights: int
    parameters: int

    @property
    def parts(self) -> int:
        """What llama.cpp counts as layers to offload: the output is one more."""
        return len(self.layers) + 1


def sizes_of(path: Path) -> ModelSizes | None:
    """Return the sizes of the model at `path`, with the other files of a model in several; None where unreadable."""
    try:
        stat = path.stat()
        return _sizes(path, stat.st_size, stat.st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=4)
def _sizes(path: Path, _size: int, _changed: int) -> ModelSizes | None:
    try:
        heads = [_Head(file) for file in catalog.shards(path)]
        meta = heads[0].meta
        tensors: dict[str, tuple[int, tuple[int, ...]]] = {}
        for head in heads:
            tensors |= head.tensors
        return _from(meta, tensors)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, struct.error):
        return None


def _from(meta: Mapping[str, Any], tensors: Mapping[str, tuple[int, tuple[int, ...]]]) -> ModelSizes:
    architecture = meta["general.architecture"]

    def number(key: str, otherwise: Any = None) -> Any:
        return meta.get(f"{architecture}.{key}", otherwise)

    count = _plausible(int(number("block_count")), MOST_LAYERS)
    layers, output = [0] * count, 0
    for name, (size, _) in tensors.items():
        layer = LAYER.match(name)
        if layer:
            layers[int(layer[1])] += size
        elif name.startswith("output"):
            output += size
    embedding, shape = tensors["token_embd.weight"]
    if "output.weight" not in tensors:
        output += embedding  # one tensor has both tasks: llama.cpp makes a second copy of it for the device
    heads = number("attention.head_count", 0)
    most = max(heads) if isinstance(heads, list) else heads
    key = number("attention.key_length") or int(number("embedding_length")) // max(most, 1)
    row = F16 * (key + (number("attention.value_length") or key))
    groups = number("attention.head_count_kv", heads)
    each = groups if isinstance(groups, list) else [groups] * count
    if len(each) < count:
        raise ValueError(each)
    weights = sum(size for size, _ in tensors.values())
    parameters = sum(math.prod(shape) for _, shape in tensors.values())
    trained = int(number("context_length", 0))
    kv = tuple(row * n for n in each[:count])
    return ModelSizes(tuple(layers), output, kv, most, shape[-1], trained, weights, parameters)


def _plausible(count: int, most: int) -> int:
    """Return `count`. Raises ValueError where it is more than `most`."""
    if count > most:
        raise ValueError(count)
    return count


class _Head:
    """The metadata of one file, and of each of its tensors the bytes and the shape."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            self._data, self._at = data, 8  # behind the magic and the version
            tensors, keys = (_plausible(count, GGUF_MOST_ENTRIES) for count in self._take("QQ"))
            self.meta = {self._string(): self._value(self._take("I")[0]) for _ in range(keys)}
            found = sorted((self._tensor() for _ in range(tensors)), key=lambda tensor: tensor[2])
            alignment = int(self.meta.get("general.alignment", 32))
            length = len(data) - -(-self._at // alignment) * alignment
            ends = [offset for _, _, offset in found[1:]] + [length]
            # A tensor ends where the next begins: so no table of types is needed, and padding is counted with it.
            sized = zip(found, ends, strict=True)
            self.tensors = {name: (end - offset, shape) for (name, shape, offset), end in sized}

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{layout}", self._data, self._at)
        self._at += struct.calcsize(f"<{layout}")
        return values

    def _string(self) -> str:
        (length,) = self._take("Q")
        self._at += length
        return self._data[self._at - length : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind != ARRAY:
            return self._take(NUMBERS[kind])[0]
        inner, count = self._take("IQ")
        if inner == STRING:
            return self._skip_strings(_plausible(count, MOST_STRINGS))
        if count <= MOST_KEPT:
            return list(self._take(f"{count}{NUMBERS[inner]}"))
        self._at += count * struct.calcsize(f"<{NUMBERS[inner]}")
        return None

    def _skip_strings(self, count: int) -> None:
        """Pass over a vocabulary."""
        at, data, length = self._at, self._data, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length(data, at)[0]
        self._at = at

    def _tensor(self) -> tuple[str, tuple[int, ...], int]:
        name = self._string()
        (dimensions,) = self._take("I")
        shape = self._take(f"{dimensions}Q")
        _, offset = self._take("IQ")
        return name, shape, offset
