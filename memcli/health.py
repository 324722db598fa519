"""What `doctor` finds: facts about this installation, and what is wrong with it. It looks and never mends."""

from __future__ import annotations

import importlib.metadata
import platform
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memcli import __version__
from memcli.errors import EmbedderError, MemcliError, ModelError
from memcli.inference import states
from memcli.store import cipher, cleaning, index, memories, messages, queue, rebinding
from memcli.store import health as store_health
from memcli.store.database import Store
from memcli.workspace import Workspace

if TYPE_CHECKING:
    from memcli.inference.records import Probe
    from memcli.inference.rungs import Wishes
    from memcli.inference.speeds import Speeds

REINDEX = "memcli reindex"
RETRY = "memcli consolidate --retry"
MEND = "memcli doctor --fix"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `exit_status` is not 0 where something is wrong."""

    topic: str
    detail: str
    exit_status: int = 0
    hint: str = ""


def examine(workspace: Workspace) -> Iterator[Finding]:
    """Yield findings as they are made: programs, store, embedder, model, processor."""
    yield Finding("memcli", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Finding("libraries", _versions())
    yield Finding("config", f"{workspace.config.path}" + ("" if workspace.config.path.exists() else " (not there)"))
    yield Finding("log", str(workspace.paths.log))
    for look in (_states, _store, _embedder, _model, _processor):
        yield from _guarded(look, workspace)


def _guarded(look: Callable[[Workspace], Iterator[Finding]], workspace: Workspace) -> Iterator[Finding]:
    try:
        yield from look(workspace)
    except MemcliError as error:
        yield Finding(look.__name__.lstrip("_"), error.message, error.exit_status, error.hint)


def _versions() -> str:
    names = ("llama-cpp-python", "apsw-sqlite3mc", "sqlite-vec", "sentence-transformers")
    return ", ".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _states(workspace: Workspace) -> Iterator[Finding]:
    folder = workspace.paths.states
    try:
        held = states.in_folder(folder)
    except OSError as error:
        yield Finding("states", f"{folder} cannot be read: {error.strerror}", 1, f"chmod 700 '{folder}'")
        return
    yield Finding("states", f"{folder}, {len(held)} files, {sum(size for _, size in held) / 1e6:.1f} MB")


def _store(workspace: Workspace) -> Iterator[Finding]:
    path = workspace.store_path
    if not path.exists():
        yield Finding("store", f"{path} (not there yet; it is made when something is to be stored)")
        return
    store = workspace.store
    mode = stat.S_IMODE(path.stat().st_mode)
    size = path.stat().st_size / 1e6
    counts = f"{memories.count(store)} memories, {messages.count(store)} messages"
    yield Finding("store", f"{path}, {size:.1f} MB, {counts}")
    yield Finding("encryption", "none ('memcli encrypt')" if store.secret is None else cipher.NAME)
    if mode & 0o077:
        yield Finding("store mode", f"{mode:04o}: others can read it", 1, f"chmod 600 '{path}'")
    if cleaning.unclean(store):
        yield Finding(
            "forgetting", "is not finished: bytes of it are still in the files", 1, "close every memcli and start one"
        )
    yield _queue(store)
    problems = store_health.check(store)
    for problem in problems:
        yield Finding("store health", problem, 5, MEND)
    if not problems:
        yield Finding("store health", "no damage found")


def _queue(store: Store) -> Finding:
    """Tell what waits for formation, and what was set aside because it failed too often."""
    detail, aside = f"{queue.waiting(store)} messages wait", queue.set_aside(store)
    if aside:
        return Finding("formation", f"{detail}; {aside} set aside after failing too often", 1, RETRY)
    return Finding("formation", detail)


def _embedder(workspace: Workspace) -> Iterator[Finding]:
    identity = None
    try:
        embedder = workspace.open_embedder(workspace.config.text("embedder"))
        embedder.embed(["a sentence that must not crash the embedder"])
        identity = embedder.identity
        yield Finding("embedder", f"{identity}, run by {embedder.engine}")
    except EmbedderError as error:
        yield Finding("embedder", f"none: {error.message}; search goes by words only", error.exit_status, error.hint)
    if workspace.store_path.exists():
        yield _vectors(workspace.store, identity)


def _vectors(store: Store, identity: str | None) -> Finding:
    """Tell whose vectors the store holds, and whether a search by the embedder `identity` finds everything by them."""
    held, waiting = index.identity(store), index.missing(store)
    detail = f"made by {held or 'none yet'}" + (f"; {waiting} chunks wait for theirs" if waiting else "")
    if identity and held and held != identity:
        return Finding("vectors", f"{detail}; the embedder in force is another", 1, REINDEX)
    if rebinding.unfinished(store):
        return Finding("vectors", f"{detail}; a reindex is not finished: search goes by words only", 1, REINDEX)
    return Finding("vectors", detail, 1, REINDEX) if waiting else Finding("vectors", detail)


def _model(workspace: Workspace) -> Iterator[Finding]:
    from memcli.inference import catalog, machine, offload

    found = catalog.find(workspace.config.text("model"), workspace.paths)
    yield Finding("model", f"{found.name}, {found.origin}, {found.size / 1e6:.0f} MB, {found.path}")
    wishes = workspace.wishes
    probe = offload.best_rung(
        found.path, paths=workspace.paths, wishes=wishes, log=workspace.paths.log, progress=workspace.progress
    )
    yield _rung(probe)
    if probe.speeds:
        yield Finding("attention", f"{probe.speeds.chosen}; batch {wishes.tokens_at_once}")
        yield Finding("speed", _speed(probe.speeds))
    elif probe.attempts[-1].recurrent:
        yield Finding("speed", "not measured for models with a recurrent state")
    yield _memory(found.path, probe, wishes)
    in_force = "as many as fit" if wishes.gpu_layers is None else f"{wishes.gpu_layers} wanted"
    notes = offload.notes(probe, wishes)
    detail = f"{in_force}, {probe.rung.layers} in use; {'; '.join(notes) or machine.look().lacks_gpu or 'GPU found'}"
    yield Finding("gpu layers", detail)


def _rung(probe: Probe) -> Finding:
    failed = [f"{a.rung} failed: {a.reason}" for a in probe.failed]
    why = "; ".join(failed) if failed else "the best on this machine's ladder"
    passed = probe.attempts[-1]
    return Finding("rung", f"{probe.rung.name}: loads and decodes, probed in {passed.seconds:.1f} s; {why}")


def _speed(measured: Speeds) -> str:
    """Tell the speeds by depth of the way that was chosen, and at the greatest depth of the others."""
    own = ", ".join(f"{s.per_second:.0f} at depth {s.depth}" for s in measured.of(measured.chosen))
    others = [f"{measured.of(way)[-1].per_second:.0f} with {way}" for way in measured.ways if way != measured.chosen]
    more = f", reads {measured.prefill:.0f}" if measured.prefill else "; 'memcli models probe' measures more"
    return f"writes {own} tokens/s ({', '.join(others)}){more}"


def _memory(path: Path, probe: Probe, wishes: Wishes) -> Finding:
    """Tell what weights and window take, and whether the window fits main memory: by the chat's own rule."""
    from memcli.inference import machine, window
    from memcli.inference.sizes import sizes_of

    sizes, free, measured = sizes_of(path), machine.free_memory(), probe.speeds
    if sizes is None:
        return Finding("memory", "the file does not tell what its layers take")
    detail, tokens = f"weights {sizes.weights / 1e6:.0f} MB", wishes.window(sizes.trained)
    if measured is None:
        return Finding("memory", f"{detail}; what a window takes was not measured")
    each = window.in_main_memory(measured.cache_bytes, probe.rung, len(sizes.layers))
    cache = measured.cache_bytes * tokens
    detail += f", a window of {tokens} tokens {cache / 1e6:.0f} MB"
    if free is None or probe.rung.gpu_layers:
        return Finding("memory", detail)
    detail += f", {free / 1e6:.0f} MB of main memory free"
    try:
        window.check(path.name, tokens, each)
    except ModelError as error:
        return Finding("memory", f"{detail}: too little for the window", error.exit_status, error.hint)
    if sizes.weights + cache > free:
        detail += ": weights are read from the disk again and again, which is slow"
    return Finding("memory", detail)


def _processor(workspace: Workspace) -> Iterator[Finding]:
    from memcli.inference import machine

    facts, here = machine.facts(), machine.look()
    yield Finding("processor", f"{facts.cpu}, {facts.threads} threads, {' '.join(facts.flags) or 'no vector units'}")
    yield Finding("llama.cpp", f"{facts.library}; {', '.join(here.backends)}; {facts.build}")
    for device in here.devices:
        room = f", {device.free / 1e9:.1f} of {device.total / 1e9:.1f} GB free" if device.kind != "cpu" else ""
        yield Finding("device", f"{device.name}: {device.description} ({device.kind}){room}")
