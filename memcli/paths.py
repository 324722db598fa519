"""Where memcli keeps its files: one place that knows every folder, and makes them private (0700)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from memcli.errors import InputError

APP = "memcli"
EDITING = "edit-"  # begins the name of a folder with a text that is being edited; the number of the process follows


@dataclass(frozen=True, slots=True)
class Paths:
    """The four folders of the platform's convention (XDG on Linux, ~/Library on macOS)."""

    data: Path
    config: Path
    cache: Path
    state: Path

    @classmethod
    def default(cls) -> Paths:
        """Return the user's own folders; nothing is created."""
        from platformdirs import PlatformDirs

        dirs = PlatformDirs(APP, appauthor=False)
        return cls(dirs.user_data_path, dirs.user_config_path, dirs.user_cache_path, dirs.user_state_path)

    @property
    def store(self) -> Path:
        """The one file with everything that is remembered."""
        return self.data / "memcli.db"

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def models(self) -> Path:
        """GGUF chat models, or links to them."""
        return self.cache / "models"

    @property
    def embedders(self) -> Path:
        """Compiled embedders."""
        return self.cache / "embedders"

    @property
    def probes(self) -> Path:
        """What the offload probe found, per model file."""
        return self.cache / "probes.json"

    @property
    def states(self) -> Path:
        """KV states of threads. They quote the store: see store/derived.py."""
        return self.cache / "states"

    @property
    def history(self) -> Path:
        """Lines typed into the REPL."""
        return self.state / "history"

    @property
    def log(self) -> Path:
        return self.state / "memcli.log"


def named(name: Path | str) -> Path:
    """Return the path that a user means by `name`, with "~" expanded. Raises InputError for what can be none."""
    if "\x00" in str(name):
        raise InputError(f"{str(name)!r} is no name of a file: it has a NUL byte", "name another file")
    try:
        return Path(name).expanduser()
    except RuntimeError:  # "~somebody" whom the system does not know
        raise InputError(
            f"{name} is in the home of a user whom there is not", "write ./~ for a name of yours"
        ) from None


def make_private(folder: Path) -> Path:
    """Create `folder` for its owner alone and return it; existing folders keep their mode. Raises OSError."""
    missing = [p for p in (folder, *folder.parents) if not p.exists()]
    for part in reversed(missing):
        part.mkdir(mode=0o700, exist_ok=True)
    return folder


def append_private(path: Path, text: str) -> None:
    """Add `text` at the end of `path` (0600). Raises OSError."""
    make_private(path.parent)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open(handle, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)


def write_private(path: Path, data: bytes) -> None:
    """Write `path` (0600) in one step, so that a reader sees the old bytes or the new ones. Raises OSError."""
    make_private(path.parent)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
