"""Estimated times in words."""

from __future__ import annotations


def about(seconds: float) -> str:
    """Return a time in words that do not promise too much, such as `about 8 s`."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"
