"""Read a file to import: every line is checked before anything is written (see `intake`).

    line -> JSON -> a record of an export ("memcli" says of which format), or one that others wrote -> among the others

Invariant: what passes can be written; what does not is listed with its line and the reason.
"""

from __future__ import annotations

import json
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Never

from memcli import __version__
from memcli.errors import InputError
from memcli.memory.importing import exported, foreign, log
from memcli.memory.importing.among import Among
from memcli.memory.importing.exported import Newer
from memcli.memory.importing.fields import BadLine, Values
from memcli.memory.importing.records import NewMemory, Record
from memcli.store.outgoing import FORMAT
from memcli.types import Trust

_SHOWN = 3  # bad lines in the error

_EXPORTED: Mapping[str, Callable[[Values], Record]] = {
    "store": exported.store,
    "thread": exported.thread,
    "message": exported.message,
    "memory": exported.memory,
    "core": exported.block,
    "summary": exported.summary,
    "operation": log.operation,
}
_FOREIGN = ("message", "thread", "memory", "core")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A checked file: its records in order, and (line number, reason) of what cannot be imported."""

    records: tuple[Record, ...]
    bad: tuple[tuple[int, str], ...]


def lines(text: str) -> list[str]:
    """Cut a file at its line feeds. The other characters that Unicode ends a line with may stand in a JSON string."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def parse(lines: Iterable[str], *, unsaid: Trust = Trust.DOCUMENT) -> Parsed:
    """Check every line. For a bad line nothing is raised; it is listed with its number and the reason.

    `unsaid` is whose words a memory is that does not say so. Raises InputError for an export by a newer memcli.
    """
    records: list[Record] = []
    bad: list[tuple[int, str]] = []
    seen: Counter[str] = Counter()
    among = Among()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            records.append(among.check(number, _record(_load(line), seen, unsaid)))
        except RecursionError:
            bad.append((number, "nested too deeply"))
        except BadLine as error:
            bad.append((number, str(error)))
        except InputError as error:
            bad.append((number, error.message))
        except Newer:
            raise InputError(
                f"line {number} is of an export that a newer memcli made; this memcli {__version__} knows format"
                f" {FORMAT}",
                "use a newer memcli",
            ) from None
    wrong = among.finish(records)
    kept = tuple(record for place, record in enumerate(records) if place not in wrong)
    return Parsed(kept, tuple(sorted([*bad, *wrong.values()])))


def _load(line: str) -> Any:
    try:
        line.encode()
        return json.loads(line, parse_constant=_no_constant)
    except UnicodeEncodeError as error:
        raise BadLine(f"not UTF-8 at character {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise BadLine(f"not JSON: {error.msg} at column {error.colno}") from None
    except ValueError:  # Python's limit, which keeps a line of digits from taking minutes
        raise BadLine("a number has too many digits") from None


def _no_constant(name: str) -> Never:
    raise BadLine(f"not JSON: {name} is no number")


def _record(value: Any, seen: Counter[str], unsaid: Trust) -> Record:
    if not isinstance(value, dict):
        raise BadLine("not a JSON object")
    type_ = value.get("type", "message")
    if "memcli" in value:
        exported.check_format(value)
        if not isinstance(type_, str) or type_ not in _EXPORTED:
            raise BadLine(f"type {reprlib.repr(type_)} is none of {', '.join(_EXPORTED)}")
        return _EXPORTED[type_](value)
    if type_ == "message":
        return foreign.message(value, seen)
    if type_ == "memory":
        return foreign.memory(value, unsaid)
    if type_ == "core":
        return foreign.block(value, unsaid)
    if type_ == "thread":
        return foreign.thread(value)
    if isinstance(type_, str) and type_ in _EXPORTED:
        raise BadLine(f'a record of type {type_} is imported from an export alone, which has "memcli" in each line')
    raise BadLine(f"type {reprlib.repr(type_)} is none of {', '.join(_FOREIGN)}")


def refuse(bad: Sequence[tuple[int, str]], origin: str) -> InputError:
    """Return the error that names the first bad lines of a file."""
    shown = "; ".join(f"line {number}: {reason}" for number, reason in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return InputError(f"{origin}: {shown}{more}", "nothing was imported; --keep-going imports the lines that are good")


__all__ = ["NewMemory", "Parsed", "lines", "parse", "refuse"]
