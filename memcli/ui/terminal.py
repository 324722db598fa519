"""The streams of one run and what they can do: stdout for answers and data, stderr for everything said about them.

Built once in `main` and handed down, so that a test can look on from outside. Every text passes the sanitiser here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any, Protocol, TextIO, cast

from memcli.errors import InputError, MemcliError
from memcli.ui.sanitize import clean, json_line, styled

if TYPE_CHECKING:
    from rich.console import Console


class Report(Protocol):
    """Hears how far long work has come: what is done, and of how much."""

    def __call__(self, done: int, total: int, /) -> None: ...


class _Unread:
    """A stream whose reader may leave without the writer hearing of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(BrokenPipeError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(BrokenPipeError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Styled:
    """A stream for Rich: what a terminal would act on gets through only where Rich writes it for a style of ours."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(styled(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@dataclass
class Terminal:
    """Where a command reads and writes."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False
    json: bool = False
    no_color: bool = False
    debug: bool = False

    @classmethod
    def of_process(cls) -> Terminal:
        """Take the process's own streams, in UTF-8 whatever the locale says. A closed one is as good as /dev/null."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        return cls(sys.stdin or StringIO(), sys.stdout or StringIO(), sys.stderr or StringIO(), os.environ)

    # --- facts ---

    @property
    def interactive(self) -> bool:
        """A person sits at both ends."""
        return self.stdin.isatty() and self.stdout.isatty()

    @property
    def styled(self) -> bool:
        """Stdout is a terminal for people: tables, colours, Markdown."""
        return self.stdout.isatty() and not self.json

    @property
    def capable(self) -> bool:
        """It also dims text and moves its cursor."""
        return self.styled and self.environ.get("TERM") not in ("dumb", "unknown")

    @property
    def colored(self) -> bool:
        dumb = self.environ.get("TERM") == "dumb" or bool(self.environ.get("NO_COLOR"))
        return self.stdout.isatty() and not self.no_color and not dumb

    def console(self, *, stderr: bool = False) -> Console:
        """Return a Rich console on one of the streams."""
        from rich.console import Console

        file = cast("TextIO", _Styled(self.stderr if stderr else self.stdout))
        return Console(file=file, no_color=not self.colored, highlight=False, soft_wrap=False, emoji=False)

    # --- writing ---

    @contextmanager
    def to_the_end(self) -> Iterator[None]:
        """Carry out the block whoever still reads: `memcli forget ... --yes | head` is not to stop at its list."""
        stream, self.stdout = self.stdout, cast("TextIO", _Unread(self.stdout))
        try:
            yield
        finally:
            self.stdout = stream

    def out(self, text: str = "", *, end: str = "\n", flush: bool = False) -> None:
        """Write text for people or pipes to stdout."""
        self.stdout.write(clean(text) + end)
        if flush:
            self.stdout.flush()

    def data(self, value: object, *, flush: bool = False) -> None:
        """Write one JSON document to stdout."""
        self.stdout.write(json_line(value) + "\n")
        if flush:
            self.stdout.flush()

    def notice(self, text: str) -> None:
        """Say something that is not the answer, unless --quiet."""
        if not self.quiet:
            self._say(text)

    def error(self, error: MemcliError) -> None:
        """Report an error in one or two lines, or as JSON."""
        if self.json:
            body = {"code": error.code, "message": error.message, "hint": error.hint}
            self.stderr.write(json_line({"error": body}) + "\n")
            return
        self._say(f"memcli: {error.message}")
        if error.hint:
            self._say(f"        {error.hint}")

    def trace(self, text: str) -> None:
        """Show where an error comes from, with --debug."""
        if self.debug:
            self._say(text.rstrip("\n"))

    def help(self, text: str) -> None:
        """Show how a command is used, where that takes the place of an error."""
        self._say(text)

    def _say(self, text: str) -> None:
        self.stdout.flush()
        self.stderr.write(clean(text) + "\n")
        self.stderr.flush()

    @contextmanager
    def progress(self, label: str, *, of_bytes: bool = False) -> Iterator[Report]:
        """Show a bar on stderr while the block runs, if a person looks on and it takes more than a moment."""
        if self.quiet or not self.stderr.isatty():
            yield _unheard
            return
        from memcli.ui.progress import bar

        with bar(self.console(stderr=True), clean(label), of_bytes=of_bytes) as report:
            yield report

    # --- reading ---

    def confirm(self, question: str) -> bool:
        """Ask yes or no; anything but a yes is a no. Raises InputError where nobody can be asked."""
        if not self.interactive:
            raise InputError("this asks for a confirmation and there is no terminal to ask on", "give --yes")
        self.stderr.write(f"{clean(question)} [y/N] ")
        self.stderr.flush()
        with self._new_line_after_ctrl_c():
            said = self.stdin.readline()
        if not said:
            self._say("")  # Ctrl-D leaves the cursor behind the question
        return said.strip().casefold() in ("y", "yes")

    @contextmanager
    def _new_line_after_ctrl_c(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._say("")
            raise

    @property
    def can_ask(self) -> bool:
        """A person sits at one end at least: `git log | memcli ask` may ask for a passphrase."""
        return any(stream.isatty() for stream in (self.stdin, self.stdout, self.stderr))

    def ask_secret(self, question: str) -> str:
        """Ask on the terminal itself, whatever is piped, and do not show what is typed. Raises InputError."""
        import warnings
        from getpass import GetPassWarning, getpass

        self.stdout.flush()
        try:
            with warnings.catch_warnings(), self._new_line_after_ctrl_c():
                warnings.simplefilter("error", GetPassWarning)  # it would show what is typed
                return getpass(clean(question))
        except EOFError:
            self._say("")
            raise InputError("no passphrase was given") from None
        except (OSError, GetPassWarning):
            raise InputError("no passphrase was given") from None
        except UnicodeDecodeError:
            raise InputError("the passphrase is not UTF-8 text") from None

    def read_all(self) -> str:
        """Return all of stdin as text. Raises InputError for anything that is not text."""
        return decode(self.read_bytes(), "stdin")

    def read_bytes(self) -> bytes:
        """Return all of stdin as it comes."""
        return self._bytes().read()

    def lines(self) -> Iterator[str]:
        """Yield stdin line by line, as it comes. Raises InputError for a line that is not text."""
        for number, line in enumerate(iter(self._bytes().readline, b""), 1):
            yield decode(line, f"stdin line {number}").rstrip("\r\n")

    def _bytes(self) -> _ByteReader:
        return getattr(self.stdin, "buffer", None) or _Encoded(self.stdin)


def _unheard(done: int, total: int) -> None:
    """Progress that nobody looks at."""


class _ByteReader(Protocol):
    def read(self) -> bytes: ...
    def readline(self) -> bytes: ...


class _Encoded:
    """The bytes of a stream that has only text, such as a StringIO."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def read(self) -> bytes:
        return self._stream.read().encode("utf-8", "surrogateescape")

    def readline(self) -> bytes:
        return self._stream.readline().encode("utf-8", "surrogateescape")


def decode(data: bytes, origin: str, errors: str = "strict") -> str:
    """Return UTF-8 bytes as text. Raises InputError for NUL bytes (binary data), and for invalid UTF-8 if `strict`."""
    try:
        text = data.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{origin} is not UTF-8 text: byte 0x{data[error.start]:02x} at offset {error.start}",
            "convert it first, for example with iconv",
        ) from None
    if "\x00" in text:
        raise InputError(f"{origin} is binary data, not text: NUL byte at offset {text.index(chr(0))}")
    return text
