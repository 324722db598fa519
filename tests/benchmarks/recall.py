"""How much of what answers a question is found? Run by hand: python -m tests.benchmarks.recall DATA_DIR

Every conversation is imported into a store of its own and asked all its questions, a day after its last message,
through `recall.search` as the program does it. Beside it stand simple methods on the same store, what each feature is
worth, and with --cross-validate how weights do that were found on other conversations.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

from rich.console import Console
from rich.progress import track

from memcli.config import SETTINGS
from memcli.engines import Embedder
from memcli.errors import InputError
from memcli.inference.embedder import open_embedder
from memcli.memory import asking
from memcli.memory.ranking import WEIGHTS, Weights
from memcli.paths import Paths
from memcli.store import typos, words
from memcli.store.database import Store
from tests.benchmarks import baselines, conversations, fitting
from tests.benchmarks.baselines import Baselines
from tests.benchmarks.conversations import KS, Answer, Conversation, column, error, families
from tests.benchmarks.features import Features
from tests.benchmarks.tables import Table, show

MEMCLI = "memcli"
METHODS = (*baselines.METHODS, MEMCLI)
MAIN_K = 10

# What is no weight and can be left out all the same: where it is looked up, and what takes its place.
LEFT_OUT: dict[str, tuple[Any, str, Any]] = {
    "cutting away what is said about the conversation": (asking, "_subject", lambda text: text),
    '"I" for the names of speakers': (asking, "_spoken", lambda subject, named: subject),
    "exact forms beside stems": (words, "EXACT", 0.0),
    "correction of typos": (typos, "corrected", lambda store, query, known=None: query),
}
# The memories' weights are left out of this: conversations in the import format hold none.
ZEROED = {
    f.name: replace(WEIGHTS, **{f.name: (0.0,) * len(WEIGHTS.near) if f.name == "near" else 0.0})
    for f in fields(Weights)
    if f.name not in {"memory", "faded"}
}


def without(what: str) -> str:
    return f"without {what}"


def measure(found: Iterable[Conversation], stores: Path, embedder: Embedder) -> list[fitting.Case]:
    """Ask all questions in all the ways that are compared."""
    cases: list[fitting.Case] = []
    remembering = conversations.Remembering(embedder)
    for conversation in found:
        with conversations.imported(conversation, stores, remembering) as store:
            cases += _asked(conversation, store, remembering)
    return cases


def _asked(conversation: Conversation, store: Store, embedder: Embedder) -> Iterator[fitting.Case]:
    simple = Baselines(store, embedder)
    for question in conversation.questions:
        answer = Answer(conversation.family, conversation.name, question.category)
        for method, refs in simple.refs(question.text).items():
            answer.recalls[method] = conversations.graded(refs, question.evidence)
        search = conversations.search(store, question, embedder, conversation.later)
        answer.recalls[MEMCLI] = conversations.graded(conversations.refs_of(search.hits), question.evidence)
        features = Features(search, question.evidence)
        for name, weights in ZEROED.items():
            answer.recalls[without(name)] = features.recalls(weights)
        for what, stand_in in LEFT_OUT.items():
            with mock.patch.object(*stand_in):
                other = conversations.search(store, question, embedder, conversation.later)
            answer.recalls[without(what)] = conversations.graded(conversations.refs_of(other.hits), question.evidence)
        yield fitting.Case(answer, features)


# --- what is printed ---


def figures(answers: Sequence[Answer], method: str) -> tuple[str, ...]:
    """Return the mean recalls, and the standard error of the one at 10."""
    means = (f"{statistics.fmean(column(answers, method, k)):.3f}" for k in KS)
    return (*means, f"{error(column(answers, method, MAIN_K)):.3f}")


HEADINGS = (*(f"R@{k}" for k in KS), f"± at {MAIN_K}")


def difference(answers: Sequence[Answer], one: str, other: str, k: int) -> tuple[float, float]:
    """Return the mean of the paired differences in recall at `k`, and its standard error."""
    pairs = zip(column(answers, one, k), column(answers, other, k), strict=True)
    apart = [a - b for a, b in pairs]
    return statistics.fmean(apart), error(apart)


def signed(value: float) -> str:
    shown = f"{value:+.3f}"
    return shown if float(shown) else "0.000"


def methods(answers: Sequence[Answer]) -> Iterator[Table]:
    for family, own in families(answers).items():
        table = Table(f"{family}: methods, {len(own)} questions", ("method", *HEADINGS))
        for method in METHODS:
            table.add(method, *figures(own, method))
        yield table


def paired(answers: Sequence[Answer]) -> Iterator[Table]:
    headings = ("family", "less", "at", "difference", "±", "more than its error")
    table = Table(f"{MEMCLI} less the fixed recipes, question by question", headings)
    for family, own in families(answers).items():
        for recipe, k in product(baselines.RECIPES, (5, MAIN_K)):
            mean, wobble = difference(own, MEMCLI, recipe, k)
            table.add(family, recipe, f"R@{k}", signed(mean), f"{wobble:.3f}", "yes" if mean > wobble else "no")
    yield table


def categories(answers: Sequence[Answer]) -> Iterator[Table]:
    for family, own in families(answers).items():
        table = Table(f"{family}: {MEMCLI} by category", ("category", "questions", *HEADINGS))
        for category in sorted({answer.category for answer in own}):
            some = [answer for answer in own if answer.category == category]
            table.add(category, str(len(some)), *figures(some, MEMCLI))
        yield table


def ablation(answers: Sequence[Answer]) -> Iterator[Table]:
    own = families(answers)
    headings = [heading for family in own for heading in (f"{family} R@{MAIN_K}", "±")]
    table = Table(f"what R@{MAIN_K} loses where one thing is left out", ("without", *headings))
    for what in (*ZEROED, *LEFT_OUT):
        lost = [difference(some, MEMCLI, without(what), MAIN_K) for some in own.values()]
        table.add(what, *(cell for mean, wobble in lost for cell in (signed(mean), f"{wobble:.3f}")))
    yield table


def held_out(answers: Sequence[Answer], found: Mapping[str, Sequence[Weights]]) -> Iterator[Table]:
    for family, own in families(answers).items():
        table = Table(f"{family}: weights found on other conversations", ("weights", *HEADINGS))
        table.add("as shipped", *figures(own, MEMCLI))
        for label in (fitting.SAME, fitting.ALL, fitting.OTHER):
            if all(fitting.trained_on(label) in answer.recalls for answer in own):
                table.add(fitting.trained_on(label), *figures(own, fitting.trained_on(label)))
        yield table
    table = Table("weights found, by what they were found on: least to most", ("weight", "as shipped", *found))
    for name in fitting.COORDINATES:
        ranges = ([fitting.value(weights, name) for weights in several] for several in found.values())
        table.add(name, f"{fitting.value(WEIGHTS, name):g}", *map(_range, ranges))
    yield table


def _range(values: Sequence[float]) -> str:
    least, most = min(values), max(values)
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"


def as_json(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the mean recalls by family, by "all" or category, by method."""
    report: dict[str, Any] = {}
    for family, own in families(answers).items():
        parts = {"all": own} | {a.category: [b for b in own if b.category == a.category] for a in own}
        report[family] = {
            part: {m: {f"R@{k}": statistics.fmean(column(some, m, k)) for k in KS} for m in some[0].recalls}
            for part, some in parts.items()
        }
    return report


# --- the command ---


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.recall", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="folders of messages.jsonl and questions.jsonl")
    parser.add_argument("--match", default="*", metavar="GLOB", help="only folders whose names match")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the imported stores here for the next run")
    parser.add_argument("--cross-validate", action="store_true", help="fit weights on some, measure on others")
    parser.add_argument("--passes", type=int, default=fitting.PASSES, metavar="N", help="of a fit, at most")
    parser.add_argument("--seed", type=int, default=fitting.SEED, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all means here")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    return parser.parse_args(arguments)


@contextmanager
def kept(folder: Path | None) -> Iterator[Path]:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def default_embedder(console: Console) -> Embedder:
    name = next(s.default for s in SETTINGS if s.key == "embedder")
    return open_embedder(str(name), paths=Paths.default(), progress=lambda *_: None, notice=console.print)


def main(
    arguments: Sequence[str] | None = None,
    console: Console | None = None,
    embedder: Callable[[Console], Embedder] = default_embedder,
) -> None:
    chosen = parsed(arguments)
    console, aside = console or Console(), Console(stderr=True)
    found = conversations.read(chosen.data, chosen.match)
    if not found:
        raise InputError("no conversation folders found")
    with kept(chosen.keep) as stores:
        cases = measure(track(found, "Asking", console=aside, transient=True), stores, embedder(aside))
    answers = [case.answer for case in cases]
    tables = [*methods(answers), *paired(answers), *categories(answers), *ablation(answers)]
    if chosen.cross_validate:
        folds = track(fitting.folds(cases), "Fitting", console=aside, transient=True)
        tables += held_out(answers, fitting.cross_validate(folds, chosen.passes, chosen.seed))
    for table in tables:
        show(table, console, markdown=chosen.markdown)
    if chosen.json:
        chosen.json.write_text(json.dumps(as_json(answers), indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
