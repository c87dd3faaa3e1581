"""The process that decodes pictures which this one had better not: it may be stopped at any moment, and memory is
rationed to it.

It reads tasks from standard input and writes pieces to standard output. It imports Pillow and NumPy, never torch.
"""

import base64
import io
import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NoReturn

from PIL import Image, UnidentifiedImageError

from occlusight.images.header import read_header
from occlusight.images.pixels import open_pieces

Failure = Literal["unknown", "broken", "memory", "size"]
"""Not of a known format; no decoder can read it; more memory than allowed; more pixels than the header let expect."""
HEAD = struct.Struct("<cI")
PLACE = struct.Struct("<4I")  # x, y, width, height


@dataclass(frozen=True)
class Task:
    """What to decode: the file `path` in the file system's encoding as base64, or so many `given` bytes that follow the
    task.

    `memory` bytes may be allocated and `seconds` of a processor be used; `finished` are the bytes set aside for the RGB
    picture.
    """

    path: str = ""
    given: int = 0
    draft: int = 1
    factor: int = 1
    memory: int = 0
    seconds: float = 0.0
    finished: int = 0

    @classmethod
    def encode_path(cls, path: Path) -> str:
        """Return a path as `path` has it; names need not be text."""
        return base64.b64encode(os.fsencode(path)).decode()

    def open(self, stack: ExitStack, tasks: BinaryIO) -> tuple[BinaryIO, int]:
        """Return the file and its size."""
        if not self.path:
            return io.BytesIO(tasks.read(self.given)), self.given
        file = Path(os.fsdecode(base64.b64decode(self.path))).open("rb")  # noqa: SIM115 - the stack closes it
        stack.push(file)
        return file, os.fstat(file.fileno()).st_size


def main() -> NoReturn:
    """Work until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's, who stops this process if he wants to
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", 1 << 20)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not come between the pieces
    Image.MAX_IMAGE_PIXELS = None  # what is allowed has been decided by then
    from PIL import TiffImagePlugin  # noqa: F401 - else the first TIFF brings the import of all formats; only workers read it

    tasks = sys.stdin.buffer
    send(answers, b"R")
    while line := tasks.readline():
        task = Task(**json.loads(line))
        limit_seconds(task.seconds)
        try:
            with ExitStack() as stack:
                file, size = task.open(stack, tasks)
                lift = limit_memory(task.memory)
                stack.callback(lift)
                _answer(task, file, size, answers)
        except MemoryError:
            _fail(answers, "memory")
        except UnidentifiedImageError:
            _fail(answers, "unknown")
        except BrokenPipeError:
            os._exit(0)  # nobody waits any more
        except Exception as error:  # decoders raise nearly anything on broken data
            _fail(answers, "memory" if "out of memory" in str(error) else "broken", error)
        limit_seconds(0)
        answers.flush()
    os._exit(0)


def _answer(task: Task, file: BinaryIO, size: int, answers: BinaryIO) -> None:
    """Send the size, the pieces and the end."""
    header = read_header(file, size)
    if header is None:
        return _fail(answers, "unknown")
    found = open_pieces(file, header, task.draft, task.factor)
    width, height = found.size
    if 4 * width * height > task.finished:
        return _fail(answers, "size", f"{width}x{height}")
    send(answers, b"S", json.dumps([found.size, found.whole]).encode())
    for place, piece in found.pieces:
        send(answers, b"P", PLACE.pack(*place, *piece.size), piece.tobytes())
    return send(answers, b"D")


def _fail(answers: BinaryIO, kind: Failure, reason: object = "") -> None:
    send(answers, b"E", json.dumps([kind, first_line(reason)]).encode())


def send(answers: BinaryIO, kind: bytes, *parts: bytes) -> None:
    """Write a message: R ready, S size, P piece, D done, E error."""
    answers.write(HEAD.pack(kind, sum(map(len, parts))))
    for part in parts:
        answers.write(part)
    if kind != b"P":
        answers.flush()


def as_line(task: Task) -> bytes:
    """Return a task as `main` reads it."""
    return json.dumps(asdict(task)).encode() + b"\n"


def first_line(error: object) -> str:
    """Return one line of an error's text, or its name."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def limit_seconds(seconds: float) -> None:
    """End this process after so much time of a processor from now; 0 takes the limit away. Without effect on
    Windows."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def limit_memory(allowed: int) -> Callable[[], None]:
    """Let this process allocate so many bytes more than it has, where the system knows such limits; return how to lift
    that."""
    try:
        import resource

        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = held + allowed
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ImportError, OSError, ValueError):  # Windows and macOS: what the header says, and the time, must do
        return lambda: None

    def lift() -> None:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    return lift
