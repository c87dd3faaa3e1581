"""Drafts what comes next from what has been before: prompt lookup decoding."""

from __future__ import annotations

from collections.abc import Iterable

LENGTH = 3
"""Tokens that must recur before anything is drafted."""


class PromptLookup:
    """Tokens that followed the last place where the text read as it does now.

    A draft costs rows of the next pass, and what the model would not have said is thrown away: answers are the same
    with and without. A draft that was accepted doubles the next one's length, one that failed halves it, and after
    `PATIENCE` failures in a row it waits.
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

    def propose(self, max_drafts: int) -> list[int]:
        """Return up to `max_drafts` tokens that may come next, perhaps none."""
        if self._pause:
            self._pause -= 1
            return []
        place = self._after.get(tuple(self._ids[-LENGTH:]))
        if place is None:
            return []
        draft_ids = self._ids[place : place + min(max_drafts, self._length)]
        for at, token in enumerate(draft_ids):
            if token in self._never:
                return draft_ids[:at]
        return draft_ids

    def judge(self, drafted: int, accepted: int) -> None:
        """Learn from a draft of which the first `accepted` tokens were accepted."""
        if accepted == drafted:
            self._length = min(2 * self._length, 32)
            self._failures = 0
        elif accepted == 0:
            self._length = max(1, self._length // 2)
            self._failures += 1
            if self._failures == self.PATIENCE:
                self._failures, self._pause = 0, self.PAUSE
