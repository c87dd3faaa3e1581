"""Who reads with whom, and how much."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

PRIORITY_BOUNDS = (16, 96)
"""Sequences with at most so many unread tokens go together: answers (their last token, drafts, what a schema forces),
and short prompts, which so do not wait for long ones. Those with more are the last class."""


def priority_of(unread: int) -> int:
    """Return the priority class of a sequence: 0 goes first that has so many tokens to read."""
    return bisect_left(PRIORITY_BOUNDS, unread)


def split_budget(unread: Sequence[int], budget: int) -> list[int]:
    """Return rows of a pass for prompts in the order of their coming, given how many tokens each has yet to read.

    1. Half of the budget goes to the one that came first, so that it ends whatever comes after it;
    2. what is left to those with the least to read, so that they do not wait for a long one; then to the first again.

    Nobody starves: the first always gets at least one row, and everything before it in time ends.

    Worked examples: unread 1000, 80, 500 and a budget of 128 give 64, 64, 0; unread 20, 20, 20 and a budget of 32 give
    16, 16, 0.
    """
    if not unread:
        return []
    rows = [min(unread[0], max(1, budget // 2)), *[0] * (len(unread) - 1)]
    left = max(0, budget - rows[0])
    for index in [*sorted(range(1, len(unread)), key=lambda index: unread[index]), 0]:
        more = min(unread[index] - rows[index], left)
        rows[index] += more
        left -= more
    return rows
