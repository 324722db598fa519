"""What an import did, in words and as JSON: what is new, whose words it is, what was not taken and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from memcli.types import Trust
from memcli.ui.shapes import Json

if TYPE_CHECKING:
    from memcli.memory.intake.report import Report

_WHOSE = {
    Trust.USER: "yours",
    Trust.ASSISTANT: "the assistant's",
    Trust.DOCUMENT: "of documents",
    Trust.TOOL: "of tools",
}


def summary(report: Report) -> str:
    """Return on one line what is in the store now."""
    counts = {
        "messages": report.messages,
        "memories": report.memories,
        "core blocks": report.core,
        "threads": report.threads,
        "summaries": report.summaries,
        "operations": report.operations,
    }
    new = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing new"
    known = f"; {report.known} known already" if report.known else ""
    differing = f", {report.differing} of them with another text, which stays" if report.differing else ""
    bad = f"; {len(report.bad)} bad lines passed over" if report.bad else ""
    return f"imported {new}{known}{differing}{bad}"


def words(report: Report) -> str:
    """Return on one line whose words the messages, memories and core blocks are, "" where there are none."""
    counts = {"messages": report.said, "memories": report.kept}
    told = [f"{what}: {_whose(each)}" for what, each in counts.items() if each.total()]
    return "; ".join([*told, *([f"core blocks: {report.core} yours, in every context"] if report.core else [])])


def _whose(counts: Mapping[Trust, int]) -> str:
    return ", ".join(f"{counts[trust]} {whose}" for trust, whose in _WHOSE.items() if counts[trust])


def notices(report: Report) -> Iterator[str]:
    """Yield what the user should know of it."""
    if report.unsaid[Trust.DOCUMENT]:
        yield (
            f"{report.unsaid[Trust.DOCUMENT]} memories do not say whose words they are, and count as a document's;"
            " the same command with --trust user makes them yours"
        )
    if report.claimed:
        yield f"{report.claimed} memories that counted as a document's are yours now"
    if report.lowered:
        yield f"{report.lowered} memories are kept as facts: only your own words are instructions"
    if report.passed_over:
        yield (
            f"{report.passed_over} operations passed over: a log is taken over with a whole export,"
            " and only into a store that has none"
        )
    for what, count in report.dropped.items():
        if count:
            yield f"{count} {what} left out: what they quote does not bear them out"


def shape(report: Report) -> Json:
    return {
        "messages": report.messages,
        "memories": report.memories,
        "core": report.core,
        "threads": report.threads,
        "summaries": report.summaries,
        "operations": report.operations,
        "known": report.known,
        "differing": report.differing,
        "passed_over": report.passed_over,
        "dropped": {what: count for what, count in report.dropped.items() if count},
        "words": {
            "messages": {trust.value: count for trust, count in report.said.items()},
            "memories": {trust.value: count for trust, count in report.kept.items()},
        },
        "unsaid": report.unsaid.total(),
        "claimed": report.claimed,
        "lowered": report.lowered,
        "bad": [{"file": name, "line": number, "reason": reason} for name, number, reason in report.bad],
    }
