"""Run the whole program in this process, with streams, folders and models of the test's own."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memcli.cli import main
from memcli.paths import Paths
from memcli.ui.terminal import Terminal


@dataclass(frozen=True)
class Outcome:
    """What one command line did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, str]:
        return json.loads(self.err.splitlines()[-1])["error"]


class Stream(io.StringIO):
    """A stream that may claim to be a terminal."""

    def __init__(self, text: str = "", *, tty: bool = False) -> None:
        super().__init__(text)
        self.tty = tty

    def isatty(self) -> bool:
        return self.tty


class BytesIn(Stream):
    """Stdin with bytes behind it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.buffer = io.BytesIO(data)


@dataclass
class Program:
    """memcli with a home of its own below `home`."""

    home: Path
    environ: dict[str, str]

    @property
    def paths(self) -> Paths:
        return Paths(*(self.home / name for name in ("data", "config", "cache", "state")))

    def __call__(self, *args: str, stdin: str | bytes | None = None, tty: bool = False) -> Outcome:
        source = BytesIn(stdin) if isinstance(stdin, bytes) else Stream(stdin or "", tty=tty or stdin is None)
        out, err = Stream(tty=tty), Stream(tty=tty)
        status = main.run([str(a) for a in args], Terminal(source, out, err, self.environ), self.paths)
        return Outcome(status, out.getvalue(), err.getvalue())
