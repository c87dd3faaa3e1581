"""What a program that came with a checkpoint may take: turns, time, and the size of what it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from time import monotonic
from typing import Any

import jinja2
from jinja2.runtime import Undefined

MOST_TURNS = 200_000
"""Turns of all loops together, and calls."""
MOST_MADE = 32 << 20
"""Characters and places in lists that a rendering may make in all."""
MOST_WEIGHT = 4 << 20
"""Characters and places that one value may have, everything inside it counted as often as it occurs."""
MOST_SECONDS = 3.0


class TooMuch(jinja2.TemplateError):
    """A template takes more than its allowance."""


class Allowance:
    """What a rendering may still take."""

    def __init__(self) -> None:
        self.turns, self.made, self.until = MOST_TURNS, MOST_MADE, monotonic() + MOST_SECONDS

    def turn(self) -> None:
        """Count a turn of a loop, or a call."""
        self.turns -= 1
        if self.turns < 0 or (not self.turns % 64 and monotonic() > self.until):
            raise TooMuch("it loops without end")

    def make(self, count: int) -> None:
        """Count characters or places that are about to be made."""
        self.made -= count
        if self.made < 0 or count > MOST_WEIGHT:
            raise TooMuch("it writes more than a conversation can hold")
        if monotonic() > self.until:
            raise TooMuch("it loops without end")


allowance: ContextVar[Allowance] = ContextVar("allowance")


def weight(value: Any, most: int = MOST_WEIGHT, weighed: dict[int, tuple[Any, int]] | None = None) -> int:
    """Return how many characters and places a value has, all that is inside counted as often as it occurs.

    `weighed` are lists met before, by `id`, with their weights: what occurs a million times is weighed once.

    Raises:
        TooMuch: more than `most`, or something inside that has no text.
    """
    if isinstance(value, str):
        total = len(value)
    elif isinstance(value, (list, tuple, Mapping)):
        total = len(value)
        weighed = {} if weighed is None else weighed
        for item in value.values() if isinstance(value, Mapping) else value:
            if isinstance(item, (list, tuple, Mapping)):
                if id(item) not in weighed:
                    weighed[id(item)] = (item, weight(item, most - total, weighed))
                total += weighed[id(item)][1]
            elif not isinstance(item, (int, float, bool, type(None))):
                total += weight(item, most - total)
    elif isinstance(value, (int, float, type(None), Undefined)) or callable(value) or isinstance(value, Iterator):
        total = 1
    else:
        raise TooMuch(f"it handles a value of type {type(value).__name__}")
    if total > most:
        raise TooMuch("it makes a value that is larger than a conversation")
    return total


def made(value: Any) -> Any:
    """Weigh a value that has just been made; return it."""
    if isinstance(value, (str, list, tuple, dict)):
        weight(value)
        allowance.get().make(len(value))
    elif isinstance(value, int) and value.bit_length() > 4096:
        raise TooMuch("it makes a number that is too large")
    return value
