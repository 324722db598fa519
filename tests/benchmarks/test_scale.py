"""The benchmark of large stores runs and measures what it says."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from memcli.store import vectors
from tests.benchmarks import scale


def test_every_stage_is_timed_and_the_overlap_with_the_exact_search_is_high(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_SCANNED", -1)
    figures = scale.measure(300, 5, tmp_path)
    assert figures.overlap >= 0.98
    assert set(scale.STAGES) <= set(figures.seconds)
    assert all(len(seconds) == 5 for seconds in figures.seconds.values())
    assert figures.megabytes > 0.3
    out = io.StringIO()
    scale.report(figures, Console(file=out, width=100))
    assert all(what in out.getvalue() for what in (*figures.seconds, "p95", "overlap", "pieces a second"))
