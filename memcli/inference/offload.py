"""Where a model runs: the ladder of ways to load it, and the first one that works on this machine.

Invariants: a way is tried in a process of its own, so that a crash is an answer; what was found is kept until
llama.cpp, the machine or the model file changes, and a damaged or unwritable record only means asking again.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memcli.errors import ModelError
from memcli.inference import backend, cores
from memcli.paths import Paths, write_private

TIMEOUT = 180.0  # seconds; a large model is read from a slow disk once
MOST_RECORDS = 64
NOTED_FLAGS = ("amx", "avx512", "avx2", "avx", "neon", "asimd", "sve")


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to load a model. `gpu_layers` below 0 means all of them."""

    name: str
    gpu_layers: int
    extra_buffers: bool


# Best first; a GPU rung is one more line on top. The last is not theory: on processors with AMX, builds of llama.cpp
# die with SIGSEGV in the weights' extra buffer types at the first decode (ggml-org/llama.cpp#20824).
LADDER = (
    Rung("cpu", gpu_layers=0, extra_buffers=True),
    Rung("cpu-plain", gpu_layers=0, extra_buffers=False),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one rung, by its name. `lasting` is false where another time may end otherwise (a timeout)."""

    rung: str
    ok: bool
    reason: str
    seconds: float
    lasting: bool = True


@dataclass(frozen=True, slots=True)
class Probe:
    """The rung to use, and how it was found."""

    rung: Rung
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What bears on the choice, for `doctor`."""

    cpu: str
    flags: tuple[str, ...]
    threads: int
    library: str
    build: str
    devices: tuple[str, ...]


Runner = Callable[[Path, Rung, Path | None], Attempt]


def rung_named(name: str) -> Rung:
    """Return the rung of the ladder called `name`. Raises LookupError."""
    for rung in LADDER:
        if rung.name == name:
            return rung
    raise LookupError(name)


def best_rung(path: Path, *, paths: Paths, log: Path | None = None, run: Runner | None = None) -> Probe:
    """Return the first rung on which the model at `path` loads and decodes, from the record where there is one.

    Raises ModelError where the file is no model, or no rung works: it names each one's reason.
    """
    backend.check_gguf(path)
    backend.initialise(log)
    key = _key(path)
    known = _records(paths.probes).get(key)
    probe = _from_record(known)
    if probe is None:
        probe = _climb(path, log, run or run_probe)
        if all(attempt.lasting for attempt in probe.attempts):
            _remember(paths.probes, key, probe)
    return probe


def _climb(path: Path, log: Path | None, run: Runner) -> Probe:
    attempts: list[Attempt] = []
    for rung in LADDER:
        attempts.append(run(path, rung, log))
        if attempts[-1].ok:
            return Probe(rung, tuple(attempts))
    reasons: dict[str, list[str]] = {}
    for attempt in attempts:
        reasons.setdefault(attempt.reason, []).append(attempt.rung)
    told = "; ".join(f"{reason} ({', '.join(rungs)})" for reason, rungs in reasons.items())
    raise ModelError(f"{path.name} does not run here: {told}", "is the file complete? try another model with --model")


def run_probe(path: Path, rung: Rung, log: Path | None, *, timeout: float = TIMEOUT) -> Attempt:
    """Load the model and decode a few tokens in a process of its own, and say what came of it."""
    command = [sys.executable, "-P", "-m", "memcli.inference.probe", str(path.absolute()), rung.name]
    command += [str(log.absolute())] if log else []
    # -P and this process's own search path: a folder that happens to be the current one must not supply modules.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return Attempt(
            rung.name, False, f"no answer within {timeout:g} s", time.perf_counter() - started, lasting=False
        )
    except OSError as error:
        return Attempt(rung.name, False, f"the probe did not start: {error.strerror}", 0.0, lasting=False)
    seconds = time.perf_counter() - started
    said = done.stdout.decode("utf-8", "replace").splitlines()
    if done.returncode == 0:
        return Attempt(rung.name, True, "", seconds)
    return Attempt(rung.name, False, _why(done.returncode, said[-1] if said else "start"), seconds)


def _why(status: int, last: str) -> str:
    """Put the end of a probe into words; `last` is the step it had announced, or the error it reported."""
    if status > 0:
        return last
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"died with {name} at the {last}"


def _key(path: Path) -> str:
    """Name what a finding depends on: library build, processor, model file."""
    file = path.stat()
    parts = [
        backend.library_version(),
        backend.system_info(),
        "\n".join(_processor()),
        *(os.path.realpath(path), str(file.st_size), str(file.st_mtime_ns)),
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _records(file: Path) -> dict[str, Any]:
    try:
        records = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return records if isinstance(records, dict) else {}


def _from_record(record: Any) -> Probe | None:
    try:
        return Probe(rung_named(record["rung"]), tuple(Attempt(**attempt) for attempt in record["attempts"]))
    except (TypeError, LookupError):
        return None


def _remember(file: Path, key: str, probe: Probe) -> None:
    """Add a record; of two processes that write at once, one record may be lost and is then found anew."""
    records = _records(file)
    records.pop(key, None)
    records[key] = {"rung": probe.rung.name, "attempts": [asdict(attempt) for attempt in probe.attempts]}
    latest = dict(list(records.items())[-MOST_RECORDS:])
    with suppress(OSError):  # a full or read-only disk costs a probe at the next start
        write_private(file, json.dumps(latest, indent=1).encode())


def facts() -> Facts:
    """Return what the machine and the library offer. Raises ModelError where llama.cpp cannot be loaded."""
    name, flags = _processor()
    words = set(flags.split())
    noted = tuple(flag for flag in sorted(words) if flag.startswith(NOTED_FLAGS))
    return Facts(name, noted, cores.default_threads(), backend.library_version(), backend.system_info(), _devices())


def _processor() -> tuple[str, str]:
    """Return the processor's name and its feature flags, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").split("\n\n")[0].splitlines()
    except OSError:
        return _mac_processor() if sys.platform == "darwin" else (platform.processor() or platform.machine(), "")
    entries = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    name = entries.get("model name") or entries.get("cpu part") or platform.machine()
    return name, entries.get("flags") or entries.get("features") or ""


def _mac_processor() -> tuple[str, str]:
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", "machdep.cpu.brand_string", "hw.optional"], capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return platform.machine(), ""
    pairs = [line.partition(": ") for line in done.stdout.decode("utf-8", "replace").splitlines()]
    name = next((value for key, _, value in pairs if key == "machdep.cpu.brand_string"), platform.machine())
    on = (key.rsplit(".", 1)[-1].removeprefix("FEAT_").lower() for key, _, value in pairs if value == "1")
    return name, " ".join(on)


def _devices() -> tuple[str, ...]:
    """Return the devices that ggml knows, as "CPU: Intel Xeon"."""
    backend.initialise()
    from llama_cpp._ggml import libggml

    libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    libggml.ggml_backend_dev_get.argtypes, libggml.ggml_backend_dev_get.restype = [ctypes.c_size_t], ctypes.c_void_p
    described = []
    for function in (libggml.ggml_backend_dev_name, libggml.ggml_backend_dev_description):
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_char_p
    for index in range(libggml.ggml_backend_dev_count()):
        device = libggml.ggml_backend_dev_get(index)
        name = libggml.ggml_backend_dev_name(device).decode("utf-8", "replace")
        described.append(f"{name}: {libggml.ggml_backend_dev_description(device).decode('utf-8', 'replace')}")
    return tuple(described)
