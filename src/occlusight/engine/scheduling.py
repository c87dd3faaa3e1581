"""Who gets how many rows of the next pass."""

from __future__ import annotations

from collections.abc import Sequence

FEW = 16
"""So many unread tokens are read at once: an answer's last token, its guesses, what a schema forces."""


def deal(unread: Sequence[int], budget: int) -> list[int]:
    """Return rows for sequences in the order of their coming, given how many tokens each has yet to read.

    1. Whoever has few tokens to read, above all every running answer, reads at least one: each step brings each answer on.
    2. Half of the budget goes to the long reader that came first, so that it ends whatever comes after it;
    3. what is left to those with few, then to those with the least left, so that a short prompt does not wait for a long one; then to
       the first again.

    Nobody starves: the first long reader always gets at least one row, and everything before it in time ends.

    Worked examples: unread 1, 1000, 80, 500 and a budget of 128 give 1, 64, 63, 0; unread 9, 9, 9 and a budget of 16 give 9, 6, 1.
    """
    rows = [int(count <= FEW) for count in unread]
    long = [index for index, count in enumerate(unread) if count > FEW]
    if long:
        rows[long[0]] = min(unread[long[0]], max(1, budget // 2))
    left = max(0, budget - sum(rows))
    few = [index for index, count in enumerate(unread) if count <= FEW]
    for index in [*few, *sorted(long[1:], key=lambda index: unread[index]), *long[:1]]:
        more = min(unread[index] - rows[index], left)
        rows[index] += more
        left -= more
    return rows
