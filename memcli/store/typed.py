"""Lines typed into the chat, as they stand in their file: prompt_toolkit writes each line of an entry behind a plus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def read(path: Path) -> str:
    """Return a file that may hold any bytes as text; `errors="surrogateescape"` gives them back. Raises OSError."""
    return path.read_bytes().decode("utf-8", errors="surrogateescape")


def entries(text: str) -> list[str]:
    """Return the entries of the file, the oldest first."""
    found: list[str] = []
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.startswith("+"):
            lines.append(line[1:])
        elif lines:
            found.append("\n".join(lines))
            lines = []
    return found


def written(kept: Iterable[str]) -> str:
    """Return the file of these entries."""
    return "".join("\n# kept\n" + "".join(f"+{line}\n" for line in entry.split("\n")) for entry in kept)
