"""Guesses what comes next from what has been before: prompt lookup decoding."""

from __future__ import annotations

from collections.abc import Iterable

LENGTH = 3
"""Tokens that must recur before a guess is made."""


class Drafts:
    """Tokens that followed the last place where the text read as it does now.

    A guess costs rows of the next pass, and what the model would not have said is thrown away: answers are the same with and without.
    A guess that held doubles the next one's length, one that failed halves it, and after `PATIENCE` failures in a row it waits.
    """

    PATIENCE = 3
    PAUSE = 16

    def __init__(self, ids: Iterable[int], never: Iterable[int] = ()) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # the tokens before a place -> the place
        self._never = frozenset(never)
        self._length = 2
        self._failures = 0
        self._pause = 0
        for token in ids:
            self.push(token)

    def push(self, token: int) -> None:
        """Go on with a token."""
        if len(self._ids) >= LENGTH:
            self._after[tuple(self._ids[-LENGTH:])] = len(self._ids)
        self._ids.append(token)

    def guess(self, most: int) -> list[int]:
        """Return up to `most` tokens that may come next, perhaps none."""
        if self._pause:
            self._pause -= 1
            return []
        place = self._after.get(tuple(self._ids[-LENGTH:]))
        if place is None:
            return []
        guessed = self._ids[place : place + min(most, self._length)]
        for at, token in enumerate(guessed):
            if token in self._never:
                return guessed[:at]
        return guessed

    def judge(self, guessed: int, held: int) -> None:
        """Learn from a guess of which the first `held` tokens came."""
        if held == guessed:
            self._length = min(2 * self._length, 32)
            self._failures = 0
        elif held == 0:
            self._length = max(1, self._length // 2)
            self._failures += 1
            if self._failures == self.PATIENCE:
                self._failures, self._pause = 0, self.PAUSE
