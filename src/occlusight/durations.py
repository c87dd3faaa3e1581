"""Times in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a time in words that do not promise too much, such as `8 s`, `3 min` or `6 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def about(seconds: float) -> str:
    """Return an estimated time in words, such as `about 8 s`."""
    return f"about {duration(seconds)}"
