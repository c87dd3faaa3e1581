"""The workers that decode pictures, as their callers see them: started once, stopped at a deadline or on request,
started again."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

from PIL import Image

from occlusight.errors import Cancelled
from occlusight.images.pixels import Opened, Pieces
from occlusight.images.worker import HEAD, PLACE, Task, as_line

WORKERS = 2
LOOK_S = 0.02
"""How often is looked whether the caller still wants the picture."""
START_S = 60.0
PATIENCE = 4
"""A worker has its seconds of a processor; on a busy machine, or where such seconds cannot be limited, so many times
that by the clock."""
START = "import sys; sys.path[:] = {path}; from occlusight.images.worker import main; main()"

CancelCheck = Callable[[], bool]


class Failed(Exception):
    """A picture was not decoded: `kind` is what the worker says, "time" or "crash"."""

    def __init__(self, kind: str, reason: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


class Worker:
    """One process. It is started anew where the last one was stopped or has died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def decode(self, task: Task, given: bytes, cancelled: CancelCheck | None) -> Opened:
        """Return the RGB picture. Raises Failed, and Cancelled as soon as `cancelled`, asked in another thread, says
        so."""
        process = self._ready()
        with self._watched(process, task.seconds * PATIENCE, cancelled) as ended:
            try:
                assert process.stdin is not None
                process.stdin.write(as_line(task))
                process.stdin.write(given)
                process.stdin.flush()
                return self._receive(process)
            except (OSError, EOFError):
                self.stop()
                if ended:
                    raise ended[0] from None
                timed_out = process.returncode == -getattr(signal, "SIGPROF", 0)
                raise Failed("time" if timed_out else "crash", f"exit code {process.returncode}") from None
            except Failed:
                raise
            except BaseException:
                self.stop()  # what it would still send belongs to no one
                raise

    def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    assert pipe is not None
                    pipe.close()

    def forget(self) -> None:
        """Leave the process to the one who started it: this one is a fork of that."""
        if self._process is not None:
            self._process.returncode = 0  # else its end here would be mourned as that of a child
        self._process = None

    def _ready(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", START.format(path=ascii(sys.path))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
            with self._watched(self._process, START_S, None):
                try:
                    self._message(self._process)
                except (OSError, EOFError):
                    self.stop()
                    raise Failed("crash", "the process that decodes pictures cannot be started") from None
        return self._process

    @contextmanager
    def _watched(
        self, process: "subprocess.Popen[bytes]", seconds: float, cancelled: CancelCheck | None
    ) -> Iterator[list[Exception]]:
        """Within, the process is killed after a time or on request; the list then holds why."""
        why: list[Exception] = []
        try:
            with watched(process, seconds, cancelled, why, "picture"):
                yield why
        finally:
            if why:
                self.stop()

    def _receive(self, process: "subprocess.Popen[bytes]") -> Opened:
        kind, body = self._message(process)
        if kind == b"E":
            raise Failed(*json.loads(body))
        size, whole = (tuple(pair) for pair in json.loads(body))

        def pieces() -> Iterator[tuple[tuple[int, int], Image.Image]]:
            while True:
                kind, body = self._message(process)
                if kind == b"E":
                    raise Failed(*json.loads(body))
                if kind == b"D":
                    return
                x, y, width, height = PLACE.unpack_from(body)
                yield (x, y), Image.frombytes("RGB", (width, height), body[PLACE.size :])

        return Pieces(size, whole, pieces()).joined()

    def _message(self, process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
        assert process.stdout is not None
        kind, length = HEAD.unpack(exactly(process.stdout, HEAD.size))
        return kind, exactly(process.stdout, length)


@contextmanager
def watched(
    process: "subprocess.Popen[bytes]", seconds: float, cancelled: CancelCheck | None, why: list[Exception], what: str
) -> Iterator[None]:
    """Within, the process is killed after a time (`why` then holds Failed) or on request (Cancelled); `what` is being
    opened."""
    over = threading.Event()
    last = monotonic() + seconds

    def watch() -> None:
        while not over.wait(LOOK_S):
            if monotonic() > last:
                why.append(Failed("time"))
            elif cancelled is not None and cancelled():
                why.append(Cancelled(f"opening the {what} was stopped on request"))
            else:
                continue
            process.kill()
            return

    watcher = threading.Thread(target=watch, name=f"{what}-deadline", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def exactly(stream: Any, count: int) -> bytes:
    """Return so many bytes. Raises EOFError where there are fewer."""
    data: bytes = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


def stop_if(cancelled: CancelCheck | None, what: str = "picture") -> None:
    """Raise Cancelled if the caller does not want any more what is being opened."""
    if cancelled is not None and cancelled():
        raise Cancelled(f"opening the {what} was stopped on request")


class Gate:
    """Lets callers through, in the order of their coming, while what they will take together stays below a number of
    bytes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._taken = 0
        self._queue: deque[object] = deque()

    @contextmanager
    def through(self, wanted: int, most: int, cancelled: CancelCheck | None) -> Iterator[None]:
        """Wait for `wanted` of `most` bytes, which are given back at the end. Raises Cancelled, also where there is
        nothing to wait for."""
        ticket = object()
        stop_if(cancelled)
        with self._changed:
            self._queue.append(ticket)
            try:
                while self._queue[0] is not ticket or (self._taken and self._taken + wanted > most):
                    stop_if(cancelled)
                    self._changed.wait(None if cancelled is None else LOOK_S)
                self._taken += wanted
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= wanted
                self._changed.notify_all()


class Workers:
    """A few workers for all threads of this process, and the gate to all decoding. A fork begins with workers of its
    own."""

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._begin()

    def _begin(self) -> None:
        self.gate = Gate()
        self._all = [Worker() for _ in range(WORKERS)]
        self._free = list(self._all)
        self._changed = threading.Condition()

    def here(self) -> "Workers":
        """Return these workers, after a fork with nothing of what the other process has begun."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            for worker in self._all:
                worker.forget()
            self._begin()
        return self

    def decode(self, task: Task, given: bytes, cancelled: CancelCheck | None) -> Opened:
        """Return the RGB picture from the first worker that is free. Raises Failed, Cancelled."""
        atexit.unregister(self.stop)
        atexit.register(self.stop)
        with self._changed:
            while not self._free:
                stop_if(cancelled)
                self._changed.wait(None if cancelled is None else LOOK_S)
            worker = self._free.pop()
        try:
            return worker.decode(task, given, cancelled)
        finally:
            with self._changed:
                self._free.append(worker)
                self._changed.notify()

    def stop(self) -> None:
        """End the processes; the next picture starts one again."""
        if self._owner == os.getpid():
            for worker in self._all:
                worker.stop()


WORKERS_HERE = Workers()
