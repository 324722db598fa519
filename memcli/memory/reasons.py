"""Say in words why an item was recalled."""

from __future__ import annotations

from collections.abc import Mapping


def explain(why: Mapping[str, float]) -> str:
    """Return contributions in words, largest first."""
    ordered = sorted(why.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {value:.2f}" for name, value in ordered if abs(value) >= 0.005)
