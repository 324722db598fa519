"""Fit the models of memcli/memory/formation/weights to the conversations beside this file.

    pip install -e '.[starter,dev]' scikit-learn
    python training/fit.py [--check] [--cache DIR]

--check prints how the models do on conversations that they were not fitted to (ten folds) instead of writing them.
--cache keeps vectors between runs; embedding all conversations takes a few minutes.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.model_selection import GroupKFold

sys.path.insert(0, str(Path(__file__).parent))
from data import DISTINCT, NONE, Pair, clauses, pairs

from memcli.inference.embedder import open_embedder
from memcli.memory.formation.features import features
from memcli.memory.formation.judge import context
from memcli.memory.formation.likeness import Statement, likeness
from memcli.memory.formation.phrases import phrases, spoken
from memcli.paths import Paths

WEIGHTS = Path(__file__).parents[1] / "memcli" / "memory" / "formation" / "weights"
Numbers = np.ndarray[Any, Any]


@dataclass
class Settings:
    """How one model is fitted. All found by cross-validation; smaller steps than these change less than the folds do.

    `strength` is scikit-learn's C. Seen features are standardised; vectors and phrases come with a factor each.
    """

    strength: float
    phrase_factor: float
    rarest: int  # conversations' clauses that must have a phrase
    vector_factor: float = 4.0
    context_factor: float = 3.0


JUDGE = Settings(strength=0.03, phrase_factor=2.0, rarest=4)
RELATION = Settings(strength=0.1, phrase_factor=0.6, rarest=8)
BESIDE, STRANGE = 0.5, 0.2  # weight of pairs that were said at once, or in two conversations: they are many and easy
NEGLIGIBLE = 0.02  # weight of a phrase that changes nothing


class Measured:
    """Vectors of texts, computed once."""

    def __init__(self, cache: Path | None) -> None:
        self._file = cache / "measured.pickle" if cache else None
        self.vectors_of = pickle.loads(self._file.read_bytes()) if self._file and self._file.exists() else {}
        paths = Paths.default()
        self.embedder = open_embedder("all-MiniLM-L6-v2", paths=paths, progress=lambda *_: None, notice=print)

    def vectors(self, texts: Sequence[str]) -> Numbers:
        new = sorted({text for text in texts if text not in self.vectors_of}, key=len)
        for start in range(0, len(new), 256):
            batch = new[start : start + 256]
            for text, made in zip(batch, self.embedder.embed(batch), strict=True):
                self.vectors_of[text] = np.frombuffer(made, dtype=np.float32)
        return np.stack([self.vectors_of[text] for text in texts])

    def keep(self) -> None:
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(pickle.dumps(self.vectors_of))


@dataclass
class Task:
    """What is learned: a row of numbers and a set of phrases for each label."""

    name: str
    numbers: Numbers
    factors: Numbers  # 0 where a column is standardised instead
    phrases: list[set[str]]
    labels: Numbers
    groups: Numbers
    weights: Numbers
    settings: Settings
    embedder: str = ""


class Fitted:
    """A logistic model with its scaling."""

    def __init__(self, task: Task, rows: Numbers) -> None:
        given, settings = task.numbers[rows], task.settings
        plain = task.factors == 0
        self.mean = np.where(plain, given.mean(0), 0.0)
        self.scale = np.where(plain, 1 / (given.std(0) + 1e-6), task.factors)
        self.words = CountVectorizer(analyzer=lambda said: said, binary=True, min_df=settings.rarest)
        said = self.words.fit_transform([task.phrases[row] for row in rows])
        self.factor = settings.phrase_factor
        self.model = LogisticRegression(C=settings.strength, max_iter=600)
        self.model.fit(self._matrix(given, said), task.labels[rows], sample_weight=task.weights[rows])

    def _matrix(self, numbers: Numbers, said: Any) -> Any:
        return sparse.hstack([sparse.csr_matrix((numbers - self.mean) * self.scale), said * self.factor]).tocsr()

    def __call__(self, task: Task, rows: Numbers) -> Numbers:
        said = self.words.transform([task.phrases[row] for row in rows])
        return np.asarray(self.model.predict_proba(self._matrix(task.numbers[rows], said)))

    def write(self, task: Task) -> None:
        width = task.numbers.shape[1]
        weights = self.model.coef_[:, :width] * self.scale
        bias = self.model.intercept_ - weights @ self.mean
        spoken_weights = self.model.coef_[:, width:].T * self.factor
        telling = np.abs(spoken_weights).max(1) >= NEGLIGIBLE
        shipped = {
            "labels": list(self.model.classes_),
            "bias": [float(one) for one in bias],
            "weights": _packed(weights),
            "embedder": task.embedder,
            "phrases": [str(one) for one in self.words.get_feature_names_out()[telling]],
            "phrase_weights": _packed(spoken_weights[telling]),
        }
        (WEIGHTS / f"{task.name}.json").write_text(json.dumps(shipped, ensure_ascii=False), encoding="utf-8")
        print(f"{task.name}: {len(task.labels)} rows, {width} numbers, {telling.sum()} phrases")


def _packed(numbers: Numbers) -> str:
    return b64encode(numbers.astype("<f2").tobytes()).decode()


def judging(measured: Measured) -> list[Task]:
    """Return the two judges: by sight, and with the embedder."""
    rows = clauses()
    seen = np.array([features(row.units, row.place, message=row.message, before=row.before) for row in rows])
    vectors = measured.vectors([row.unit.text for row in rows])
    around = measured.vectors([context(row.units, row.place) for row in rows])
    said = [phrases(row.unit.text, row.unit.stop if row.unit.last else "") for row in rows]
    labels, groups = np.array([row.label for row in rows]), np.array([row.conversation for row in rows])

    def task(name: str, parts: list[tuple[Numbers, Numbers]], embedder: str = "") -> Task:
        numbers, factors = np.hstack([part for part, _ in parts]), np.concatenate([factor for _, factor in parts])
        return Task(name, numbers, factors, said, labels, groups, np.ones(len(rows)), JUDGE, embedder)

    sight = (seen, np.zeros(seen.shape[1]))
    meant = [
        (vectors, np.full(vectors.shape[1], JUDGE.vector_factor)),
        (around, np.full(around.shape[1], JUDGE.context_factor)),
    ]
    by = measured.embedder.identity
    return [
        task("judge_by_sight", [sight]),
        task("judge", [sight, *meant], by),
    ]


def relating(measured: Measured) -> list[Task]:
    """Return the two models of how a statement relates to an older one: with the embedder, and by sight."""
    rows = pairs()
    old, new, message = (measured.vectors([getattr(row, name) for row in rows]) for name in ("old", "new", "message"))
    near, near_message = (old * new).sum(1), (old * message).sum(1)
    numbers = np.array([_likeness(row, float(near[at]), float(near_message[at])) for at, row in enumerate(rows)])
    blind = np.array([_likeness(row, 0.0, 0.0) for row in rows])
    said = [spoken(row.new, row.message) for row in rows]
    labels, groups = np.array([row.label for row in rows]), np.array([row.conversation for row in rows])
    weights = np.array([BESIDE if row.beside else STRANGE if row.strange else 1.0 for row in rows])
    factors = np.zeros(numbers.shape[1])
    return [
        Task("relation", numbers, factors, said, labels, groups, weights, RELATION, measured.embedder.identity),
        Task("relation_by_sight", blind, factors, said, labels, groups, weights, RELATION),
    ]


def _likeness(row: Pair, near: float, near_message: float) -> list[float]:
    old, new = Statement(row.old, row.old_kind), Statement(row.new, row.new_kind, row.message)
    return likeness(old, new, cosine=near, message_cosine=near_message)


def check(task: Task) -> None:
    """Print what the model makes of each conversation when it was fitted to the others."""
    found = np.zeros((len(task.labels), len(set(task.labels))))
    for known, asked in GroupKFold(10).split(task.numbers, task.labels, task.groups):
        fitted = Fitted(task, known)
        found[asked] = fitted(task, asked)
    names = fitted.model.classes_
    rest = NONE if NONE in names else DISTINCT
    wanted = task.labels != rest
    precision = average_precision_score(wanted, 1 - found[:, list(names).index(rest)])
    right = float((names[found.argmax(1)] == task.labels).mean())
    print(f"{task.name}: average precision of anything but {rest} {precision:.3f}, right {right:.3f}")
    print("  ", *names)
    print(confusion_matrix(task.labels, names[found.argmax(1)], labels=names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    measured = Measured(given.cache)
    tasks = [*judging(measured), *relating(measured)]
    measured.keep()
    act: Callable[[Task], None] = (
        check if given.check else lambda task: Fitted(task, np.arange(len(task.labels))).write(task)
    )
    for task in tasks:
        act(task)


if __name__ == "__main__":
    main()
