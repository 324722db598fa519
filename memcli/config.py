"""Settings: option > MEMCLI_* variable > config file (TOML) > default, each value with its origin.

`SETTINGS` is the one list of keys: the command `config`, shell completion, the man page and the checks all read it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memcli.errors import ConfigError
from memcli.paths import Paths, write_private

Value = str | int | float

_LARGEST_FILE = 1 << 20  # bytes of a config file: more is another file, or a device without an end

# Parameters below which a model is small: it gets fewer notes, draws more soberly, and is not asked to judge.
SMALL = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: its type, its bounds where it is a number, and what it does."""

    key: str
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    auto: bool = False  # also takes the word "auto"; a whole number unless it is a `fraction`
    fraction: bool = False
    words: tuple[str, ...] = ()  # the only ones it takes, where there are any

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"MEMCLI_{self.key.upper()}"

    def parse(self, raw: object, origin: str) -> Value:
        """Return `raw` as this setting's type; raise ConfigError naming `origin` where it does not fit."""
        if self.auto and raw == "auto":
            return "auto"
        kind = self.kind
        try:
            value: Value = kind(raw)  # type: ignore[call-overload, arg-type]
        except (TypeError, ValueError):
            raise ConfigError(f"{self.key}: {raw!r} is not {self.wants()} ({origin})") from None
        if isinstance(value, str) and "\x00" in value:
            raise ConfigError(f"{self.key}: {value!r} has a NUL byte ({origin})")
        wrong_word = bool(self.words) and value not in self.words
        if (
            isinstance(raw, (bool, list, dict))
            or wrong_word
            or (isinstance(raw, float) and kind is int and raw != value)
        ):
            raise ConfigError(f"{self.key}: {raw!r} is not {self.wants()} ({origin})")
        if isinstance(value, (int, float)) and not self._within(value):
            raise ConfigError(f"{self.key}: {value} is not {self.wants()} ({origin})")
        return value

    @property
    def kind(self) -> type[str] | type[int] | type[float]:
        """The type of a value that is not "auto"."""
        return float if self.fraction else int if self.auto else type(self.default)

    def _within(self, value: float) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def wants(self) -> str:
        """Say in words what the value may be."""
        if self.words:
            return " or ".join(f'"{word}"' for word in self.words)
        if self.kind is str:
            return "a text"
        noun = "a whole number" if self.kind is int else "a number"
        bounds = f" from {self.low:g}" if self.low is not None else ""
        bounds += f" to {self.high:g}" if self.high is not None else ""
        return noun + bounds + (' or "auto"' if self.auto else "")


# Characters of the core block about the user. Of 20 questions about him SmolLM2-135M answered 12 right without it, 14
# behind a bare system prompt, and 17, 15 and 18 behind a block of 3, 5 and 8 statements (74, 127 and 234 characters);
# of 12 about the world 7, 6, and 8, 4 and 8. A longer one was not tried, and would be paid for in every context.
PORTRAIT_CHARS = 250

SETTINGS: tuple[Setting, ...] = (
    Setting("db", "", "the store; empty: memcli.db in the user's data folder"),
    Setting("model", "", "name or path of the chat model; empty: the only one installed, else the starter"),
    Setting("embedder", "all-MiniLM-L6-v2", "name or folder of the sentence-transformers model that makes the vectors"),
    Setting(
        "context_size",
        "auto",
        "tokens of the window; auto: 4096, or what the model was trained for if less",
        256,
        auto=True,
    ),
    Setting("gpu_layers", "auto", "layers on the GPU, 0 for none; auto: as many as fit its memory", 0, auto=True),
    Setting("threads", "auto", "processor threads for the model; auto: the physical cores", 1, 1024, auto=True),
    Setting("batch", "auto", "tokens that the model reads in one go; auto: 512", 32, 8192, auto=True),
    Setting(
        "temperature",
        "auto",
        "how freely answers are drawn, 0 not at all; auto: 0.2 for models under 1B parameters, 0.7 above",
        0,
        5,
        auto=True,
        fraction=True,
    ),
    Setting(
        "answer_tokens",
        "auto",
        "tokens after which an answer is cut; up to a quarter of the window is kept free for it; auto: 256 for models"
        " under 1B parameters, 1024 above",
        1,
        auto=True,
    ),
    Setting(
        "thinking_tokens",
        "auto",
        "tokens that a reasoning model may think before it has to answer, 0: none; auto: what the answer leaves free",
        0,
        auto=True,
    ),
    Setting(
        "recall_limit",
        "auto",
        "notes recalled for a turn; auto: 3 for models under 1B parameters, 8 above",
        0,
        100,
        auto=True,
    ),
    Setting(
        "formation",
        "on",
        "on: a chat forms memories of what you say, while you read and type; off: that waits for 'memcli consolidate'",
        words=("on", "off"),
    ),
    Setting(
        "portrait_chars",
        PORTRAIT_CHARS,
        "characters of the core block user as 'memcli consolidate' keeps it, where you have not written it; 0: none",
        0,
        2000,
    ),
    Setting(
        "forget_unused_days",
        0,
        "days after which 'memcli consolidate' forgets for good what was neither said nor recalled again, with the"
        " messages it came from, and what has expired as long ago; what is pinned, rules, preferences and core memory"
        " stay; it cannot be undone; 0: keep forever",
        0,
        36_500,
    ),
    Setting(
        "state_cache_mb",
        1024,
        "megabytes of saved model states of your threads (KV cache), with which they go on at once; 0: none",
        0,
    ),
    Setting(
        "passphrase_file",
        "",
        "a file whose first line is the passphrase of an encrypted store; empty: asked for on the terminal",
    ),
    Setting("system_prompt", "", "the first words of every context; empty: the model's own, or a short one"),
)

BY_KEY: dict[str, Setting] = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Config:
    """The values in force. `origins` tells for each key where its value came from."""

    values: Mapping[str, Value]
    origins: Mapping[str, str]
    path: Path

    def text(self, key: str) -> str:
        return str(self.values[key])

    def number(self, key: str) -> float | None:
        """Return a number, or None where the value is "auto"."""
        value = self.values[key]
        return None if value == "auto" else float(value)

    def whole(self, key: str) -> int | None:
        """Return a whole number, or None where the value is "auto"."""
        value = self.values[key]
        return None if value == "auto" else int(value)


def load(
    paths: Paths,
    environ: Mapping[str, str],
    options: Mapping[str, object | None] | None = None,
    path: Path | None = None,
) -> Config:
    """Merge defaults, file, environment and `options` (None: not given). Raises ConfigError."""
    file = location(paths, environ, path)
    values: dict[str, Value] = {setting.key: setting.default for setting in SETTINGS}
    origins = dict.fromkeys(values, "default")

    def put(key: str, raw: object, origin: str) -> None:
        values[key] = find(key, origin).parse(raw, origin)
        origins[key] = origin

    for key, raw in read_file(file, required=file != paths.config_file).items():
        put(key, raw, str(file))
    for setting in SETTINGS:
        if environ.get(setting.variable):
            put(setting.key, environ[setting.variable], setting.variable)
    for key, value in (options or {}).items():
        if value is not None:
            put(key, value, f"--{key.replace('_', '-')}")
    return Config(values, origins, file)


def location(paths: Paths, environ: Mapping[str, str], path: Path | None = None) -> Path:
    """Return the config file in force: `path`, else MEMCLI_CONFIG, else the user's own."""
    return path or Path(environ.get("MEMCLI_CONFIG") or paths.config_file)


def find(key: str, origin: str = "") -> Setting:
    """Return the setting named `key`; raise ConfigError with the nearest name where there is none."""
    if key in BY_KEY:
        return BY_KEY[key]
    from difflib import get_close_matches

    near = get_close_matches(key, BY_KEY, n=1)
    hint = f"did you mean {near[0]}?" if near else "'memcli config show' lists the keys"
    raise ConfigError(f"no setting is called {key!r}" + (f" ({origin})" if origin else ""), hint)


def read_file(file: Path, *, required: bool = False) -> dict[str, object]:
    """Return the file's keys; {} where there is no file and none is required. Raises ConfigError."""
    try:
        with file.open("rb") as stream:
            held = stream.read(_LARGEST_FILE + 1)
        if len(held) > _LARGEST_FILE:
            raise ConfigError(f"{file} is larger than {_LARGEST_FILE} bytes, and no config file", "name another one")
        return tomllib.loads(held.decode())
    except FileNotFoundError:
        if required:
            raise ConfigError(f"there is no config file {file}") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} does not parse: {error}", f"edit it, or move it away: {file}") from None
    except RecursionError:
        raise ConfigError(f"{file} does not parse: nested too deeply", f"edit it, or move it away: {file}") from None
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from None


def write_value(file: Path, key: str, raw: str | None) -> Value | None:
    """Set `key` in the file, keeping its comments and order; None takes it out. Raises ConfigError."""
    import tomlkit

    setting = find(key)
    value = None if raw is None else setting.parse(raw, "config set")
    read_file(file)  # a file that does not parse is reported, never overwritten
    document = tomlkit.parse(file.read_text("utf-8")) if file.exists() else tomlkit.document()
    if value is None:
        document.pop(key, None)
    else:
        document[key] = value
    try:
        write_private(Path(os.path.realpath(file)), tomlkit.dumps(document).encode())
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from None
    return value
