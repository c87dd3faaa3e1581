"""How callers in several threads share one engine: first come, first served, and each may be told to stop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from occlusight.errors import Cancelled
from occlusight.model.qwen3vl import Qwen3VL


class Turns:
    """A lock that is passed on in the order of asking, so that two answers advance alternately."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn, and pass it on at the end."""
        self._acquire()
        try:
            yield
        finally:
            self._release()

    def _acquire(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        try:
            gate.acquire()
        except BaseException:  # interrupted while waiting: leave the queue, or pass on a turn that came meanwhile
            with self._guard:
                came = gate not in self._waiting
                if not came:
                    self._waiting.remove(gate)
            if came:
                self._release()
            raise

    def _release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


class Interrupts:
    """Makes a model's forward passes stop between two blocks once the caller's flag is set.

    Hooks on the vision blocks and decoder layers look at the flag of whoever has the turn.
    """

    def __init__(self, model: Qwen3VL) -> None:
        self._flag: threading.Event | None = None
        for block in (*model.vision.blocks, *model.text.layers):
            block.register_forward_pre_hook(self._look)

    @contextmanager
    def watch(self, flag: threading.Event) -> Iterator[None]:
        """Within, a forward pass raises Cancelled soon after `flag` is set."""
        self._flag = flag
        try:
            yield
        finally:
            self._flag = None

    def _look(self, *_: Any) -> None:
        if self._flag is not None and self._flag.is_set():
            raise Cancelled("the answer was stopped")
