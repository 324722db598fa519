"""The words and short phrases of a clause, for a model that has learned what "allergic to" is worth. Pure."""

from __future__ import annotations

import re

LONGEST = 3  # words of a phrase
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[?.^!,:]")


def phrases(text: str, stop: str) -> set[str]:
    """Return every run of at most LONGEST words; figures count alike, `^` opens the clause and `stop` ends it."""
    words = _TOKEN.findall(text.lower().replace("’", "'"))
    figures = ("#" if any(map(str.isdigit, word)) else word for word in words)
    tokens = ["^", *figures, "?" if stop == "?" else "."]
    return {" ".join(tokens[at : at + size]) for size in range(1, LONGEST + 1) for at in range(len(tokens) - size + 1)}


def spoken(statement: str, message: str) -> set[str]:
    """Return the phrases of a statement and those of the message around it, marked apart."""
    return {f"s {phrase}" for phrase in phrases(statement, ".")} | {f"m {phrase}" for phrase in phrases(message, ".")}
