"""Options that several commands take, in the same words."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
At = Annotated[str | None, typer.Option("--at", help="Take WHEN in place of now.", metavar="WHEN")]
