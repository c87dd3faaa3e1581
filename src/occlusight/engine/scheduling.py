"""Who gets how many rows of the next pass."""

from __future__ import annotations

from collections.abc import Sequence

FEW = 16
"""So many unread tokens are read at once: an answer's last token, its guesses, what a schema forces."""


def deal(unread: Sequence[int], budget: int) -> list[int]:
    """Return rows for sequences in the order of their coming, given how many tokens each has yet to read.

    1. Whoever has few tokens to read, above all every running answer, reads them all: each step brings each answer on.
    2. Of the budget, half goes to the long reader that came first, so that it ends whatever comes after it;
    3. the rest to those with the least left, so that a short prompt does not wait for a long one; then to the first again.

    Nobody starves: the first long reader always gets at least one row, and everything before it in time ends.

    Worked example: unread 1, 1000, 80, 500 and a budget of 128 give 1, 64, 64, 0.
    """
    rows = [count if count <= FEW else 0 for count in unread]
    long = [index for index, count in enumerate(unread) if count > FEW]
    if not long:
        return rows
    left = max(1, budget)
    rows[long[0]] = min(unread[long[0]], max(1, left // 2))
    left -= rows[long[0]]
    for index in sorted(long[1:], key=lambda index: unread[index]):
        rows[index] = min(unread[index], left)
        left -= rows[index]
    rows[long[0]] += min(left, unread[long[0]] - rows[long[0]])
    return rows
