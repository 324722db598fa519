"""Options that several commands take, in the same words."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
At = Annotated[str | None, typer.Option("--at", help="Take WHEN in place of now.", metavar="WHEN")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="What was believed at WHEN, as it was then.", metavar="WHEN")]
