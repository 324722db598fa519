"""Of statements that say the same many become one, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from memcli.inference.embedder import open_embedder
from memcli.paths import Paths
from tests.benchmarks import merging
from tests.benchmarks.merging import APART, SAME, Figures


def test_the_statements_are_many_and_each_says_one_thing() -> None:
    says = merging.groups()
    assert len(SAME) + len(APART) >= 60
    assert len(set(says.values())) > len(APART)
    assert all(len({says[text] for text in texts}) == 1 for texts in SAME)
    assert all(len({says[text] for text in texts}) == len(texts) for texts in APART)


def test_precision_and_recall_count_pairs() -> None:
    figures = Figures("x", right=[("a", "b")] * 3, wrong=[("a", "c")], missed=[("d", "e")] * 3)
    assert (figures.precision, figures.recall) == (0.75, 0.5)


def test_by_words_only_nothing_is_merged_wrongly(tmp_path: Path) -> None:
    figures = merging.measured("words", tmp_path, None)
    assert (figures.wrong, figures.precision) == ([], 1.0)
    assert figures.recall >= 0.7


@pytest.mark.model
@pytest.mark.usefixtures("compiled_embedder")
def test_with_the_default_embedder_nothing_is_merged_wrongly(tmp_path: Path) -> None:
    embedder = open_embedder("all-MiniLM-L6-v2", paths=Paths.default(), progress=lambda *_: None, notice=print)
    figures = merging.measured("embedder", tmp_path, embedder)
    assert (figures.wrong, figures.precision) == ([], 1.0)
    assert figures.recall >= 0.7
