"""How many rows of prompts a decoder layer can compute in the time that it may take, learned from the passes before."""

from __future__ import annotations

FIRST_FLOPS = 4e11
"""Operations a second, assumed before anything was measured."""
ENOUGH = 16
"""A pass of fewer rows says nothing about the speed: it waits for the weights."""
GRAIN = 16
"""Rows are dealt out in multiples: some kernels are built anew for every number of rows."""


class TokenBudget:
    """Rows a second, of a layer with so many `parameters`.

    A pass that was slower than thought counts at once, a faster one raises the figure at most threefold. A pass of far
    fewer rows than there might have been, and within its time, lowers nothing: it waited for the weights, which more
    rows would have shared.
    """

    def __init__(self, parameters: int, max_rows: int) -> None:
        self.max_rows = max_rows
        self._rate = FIRST_FLOPS / (2 * max(1, parameters))

    def rows(self, seconds: float) -> int:
        """Return how many rows fit into so many seconds: at least `GRAIN`, at most `max_rows`."""
        fit = int(max(0.0, seconds) * self._rate) // GRAIN * GRAIN
        return min(max(fit, GRAIN), self.max_rows)

    def seconds(self, rows: int) -> float:
        """Return what a layer takes with so many rows."""
        return rows / self._rate

    def learn(self, rows: int, seconds: float, given: float) -> None:
        """Take in what a layer took with so many rows, of `given` seconds."""
        measured = rows / max(seconds, 1e-6)
        few = rows < ENOUGH or (2 * rows < self.rows(given) and seconds < given)
        if measured < self._rate:
            self._rate = self._rate if few else measured
        elif rows >= ENOUGH:
            self._rate = min(measured, 3 * self._rate)
