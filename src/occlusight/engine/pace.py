"""How many rows a step can compute in the time that it may take, learned from the steps before."""

from __future__ import annotations

FIRST_FLOPS = 2e11
"""Operations a second, assumed before anything was measured."""
ENOUGH = 16
"""A pass of fewer rows says nothing about the speed: it waits for the weights."""
GRAIN = 16
"""Rows are dealt out in multiples: some kernels are built anew for every number of rows."""


class Pace:
    """Rows a second. A slower pass counts at once, a faster one raises the figure at most threefold."""

    def __init__(self, parameters: int, most: int) -> None:
        self.most = most
        self._rate = FIRST_FLOPS / (2 * max(1, parameters))

    def rows(self, seconds: float) -> int:
        """Return how many rows fit into so many seconds: at least `GRAIN`, at most `most`."""
        fit = int(max(0.0, seconds) * self._rate) // GRAIN * GRAIN
        return min(max(fit, GRAIN), self.most)

    def learn(self, rows: int, seconds: float) -> None:
        """Take in what a pass of so many rows took."""
        if rows < ENOUGH:
            return
        measured = rows / max(seconds, 1e-6)
        self._rate = measured if measured < self._rate else min(measured, 3 * self._rate)
