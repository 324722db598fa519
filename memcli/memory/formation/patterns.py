"""Patterns of words, as the rules of formation write them: alternatives, in any case, that stand apart from others."""

from __future__ import annotations

import re


def words(alternatives: str) -> re.Pattern[str]:
    """Return a pattern for any of the alternatives as whole words; what follows an apostrophe is no word."""
    return re.compile(rf"(?<![\w'’])(?:{alternatives})(?!\w)", re.IGNORECASE)


def anywhere(alternatives: str) -> re.Pattern[str]:
    """Return a pattern for the alternatives, which say themselves where they begin and end."""
    return re.compile(alternatives, re.IGNORECASE)
