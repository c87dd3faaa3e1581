"""Opening videos: a file becomes a few upright RGB frames with their times, or one clear error.

Videos are as hostile as pictures, and their decoders far larger. PyAV, an extra, is therefore loaded in a process of
its own alone (`images.film_worker`), which has limits on memory and on the time of processors, reads nothing but the
one file, and is ended when the caller does not want the frames any more.
"""

import base64
import importlib.util
import json
import math
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from PIL import Image

from occlusight.errors import BadInput, BadVideo, Cancelled
from occlusight.extras import install
from occlusight.images.header import VIDEO, other_format, read_header
from occlusight.images.process import CancelCheck, Failed, exactly, stop_if, watched
from occlusight.images.worker import HEAD, first_line

START = "import sys; sys.path[:] = {path}; from occlusight.images.film_worker import main; main()"
FRAME = struct.Struct("<d2I")  # seconds, width, height
USUAL_RATE = 25
"""Frames a second where nothing says it, as FFmpeg has it."""
THREADS = 2
"""Threads that decode; the limit on time counts them together."""
ADVICE = "give an MP4, WebM, MKV or AVI video"
ANIMATED = ("GIF", "WEBP")
"""Formats of pictures that may move."""
PART = "a part of it"
PART_OPTIONS = f"{PART} (--start, --end)"
"""Who asks about whole videos has no such options."""


@dataclass(frozen=True)
class Frame:
    """One picture of a film, and when it is shown: `seconds` after the first one of the video, by its own timestamp."""

    seconds: float
    image: Image.Image


@dataclass(frozen=True)
class Film:
    """What was taken of a video.

    Args:
        frames: in the order of their times, which rise; all of one size.
        duration_s: how long the whole video is, in seconds: as its file says, else by its packets, where these were
            counted, or until the end of the last frame that was decoded.
        rate: frames of the video a second; None where it is unknown or varies.
        size: width and height of the video, upright, in square pixels; frames are smaller where they had to be reduced.
    """

    frames: tuple[Frame, ...]
    duration_s: float
    rate: float | None
    size: tuple[int, int]

    @classmethod
    def of(cls, frames: Sequence[tuple[float, Image.Image]]) -> Self:
        """Return pictures, each with its seconds, as a video. Raises BadInput for none."""
        if not frames:
            raise BadInput("a video needs frames, but there are none; give (seconds, picture) of each")
        seconds = [one for one, _ in frames]
        step = (seconds[-1] - seconds[0]) / (len(frames) - 1) if len(frames) > 1 else 1 / USUAL_RATE
        return cls(tuple(Frame(*one) for one in frames), seconds[-1] + step, None, frames[0][1].size)


@dataclass(frozen=True)
class FilmLimits:
    """What opening one video may take.

    Args:
        frames: the most frames that are taken.
        pixels: the most pixels of a frame; larger ones are reduced where they are decoded, to 768 visual tokens of
            Qwen3-VL unless told otherwise. The frames that come out take 4 bytes a pixel.
        source_pixels: the most pixels of a frame in the file: 8192x8192.
        seconds: the longest wait.
        memory_bytes: what the process that decodes may allocate. Without effect on Windows and macOS.
    """

    frames: int = 256
    pixels: int = 786_432
    source_pixels: int = 67_108_864
    seconds: float = 60.0
    memory_bytes: int = 1_500_000_000


@dataclass(frozen=True)
class Budget:
    """How many frames a model that reads whole videos is given, spread evenly from the first to the last: as many as
    `per_second` makes of what is taken, but not fewer than `least` nor more than `most`, nor than there are.

    The usual numbers are those of Qwen3-VL's video processor; `pixels`, of all frames together, leaves each twice as
    wide and high as that reads it.
    """

    least: int = 4
    most: int = 768
    pixels: int = 4 * 25_165_824


@dataclass(frozen=True)
class FilmTask:
    """What the process is to do: `path` in the file system's encoding as base64, the rest as `open_film` has it."""

    path: str
    per_second: float
    start_s: float
    end_s: float | None
    limits: FilmLimits
    budget: Budget | None = None

    def as_line(self) -> bytes:
        """Return the task as `read` reads it."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> "FilmTask":
        """Return the task of a line."""
        fields = json.loads(line)
        budget = None if fields["budget"] is None else Budget(**fields["budget"])
        return cls(**{**fields, "limits": FilmLimits(**fields["limits"]), "budget": budget})

    @property
    def file(self) -> Path:
        """The video."""
        return Path(os.fsdecode(base64.b64decode(self.path)))


def open_film(
    path: Path,
    per_second: float = 2.0,
    start_s: float = 0.0,
    end_s: float | None = None,
    limits: FilmLimits = FilmLimits(),
    cancelled: CancelCheck | None = None,
    budget: Budget | None = None,
) -> Film:
    """Return frames of a video: for each of the instants start_s + k / per_second the first frame at or after it, until
    end_s. A frame that is the first after several instants is taken once, so that a video with fewer frames than asked
    for gives each of its own.

    Times are the video's own timestamps, counted from its first frame, and need not be evenly spaced; a millisecond is
    forgiven, to which some formats round. Where a frame has no timestamp, or one that is not after the last frame's,
    it is shown one step after that: by the average rate that the file says, else 25 frames a second. Frames are turned
    upright, and of square pixels.

    Args:
        path: the file.
        per_second: frames wanted a second of the video.
        start_s: seconds after the first frame of the video, where what is taken begins.
        end_s: where it ends; None for the end of the video.
        limits: what opening may take.
        cancelled: asked often, from another thread; once it says True, decoding ends at once.
        budget: spread the frames evenly, as it says, each the nearest one to its instant, the last one of a video that
            ends before its file says among them. Where the file does not say how long it is, its packets are counted.

    Raises:
        BadVideo: missing, empty, not a video, without pictures, cut, broken, or beyond the limits, with the numbers; or
            PyAV is not installed.
        BadInput: a value that cannot be used.
        Cancelled: `cancelled` said so.
    """
    path = Path(path)
    _check(per_second, start_s, end_s)
    _check_file(path)
    if importlib.util.find_spec("av") is None:
        raise BadVideo(f"{path} is a video, and what reads videos is not installed (PyAV): {install('video')}")
    stop_if(cancelled, "video")
    if budget is not None:
        limits = replace(limits, frames=budget.most)
    where = base64.b64encode(os.fsencode(os.path.realpath(path))).decode()
    task = FilmTask(where, float(per_second), float(start_s), end_s, limits, budget)
    return _Opening(str(path), task).run(cancelled)


def is_video(path: Path) -> bool:
    """Whether a file begins as videos do; False for what cannot be read."""
    try:
        with path.open("rb") as file:
            return other_format(file) == VIDEO
    except OSError:
        return False


def _check(per_second: float, start_s: float, end_s: float | None) -> None:
    if not (math.isfinite(per_second) and per_second > 0):
        raise BadInput(f"frames a second must be a number above 0, but {per_second} was given")
    if not (math.isfinite(start_s) and start_s >= 0):
        raise BadInput(f"the start must be 0 s or later, but {start_s} was given")
    if end_s is not None and not (math.isfinite(end_s) and end_s >= start_s):
        raise BadInput(f"the end must not be before the start ({start_s:g} s), but {end_s} was given")


def _check_file(path: Path) -> None:
    """Raise BadVideo for what is no video by its place, its size or its first bytes."""
    try:
        if path.is_dir():
            raise BadVideo(f"{path} is a folder, not a video; {ADVICE}")
        if path.exists() and not path.is_file():
            raise BadVideo(f"{path} is a device or a pipe, not a file; save the video and give its path")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise BadVideo(f"{path} is empty (0 bytes); {ADVICE}")
            header = read_header(file, size)
            other = other_format(file)
    except FileNotFoundError:
        raise BadVideo(f"{path}: there is no such file; check the path") from None
    except (OSError, ValueError) as error:
        if isinstance(error, BadVideo):
            raise
        raise BadVideo(f"{path}: cannot be read ({first_line(error)}); check the path and the permissions") from None
    if header is not None:
        instead = "save it as an MP4 if it moves" if header.format in ANIMATED else ADVICE
        raise BadVideo(f"{path} is a {header.format} picture, not a video; ask about it as a picture, or {instead}")
    if other not in (None, VIDEO):
        raise BadVideo(f"{path} is {other}, not a video; {ADVICE}")


@dataclass
class _Opening:
    """One video being opened; errors call it `name`. `reached` is the time of the last frame that came."""

    name: str
    task: FilmTask
    reached: float | None = None

    def run(self, cancelled: CancelCheck | None) -> Film:
        process = subprocess.Popen(
            [sys.executable, "-c", START.format(path=ascii(sys.path))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        why: list[Exception] = []
        try:
            with watched(process, self.task.limits.seconds, cancelled, why, "video"):
                process.stdin.write(self.task.as_line())
                process.stdin.flush()
                return self._receive(process.stdout)
        except (OSError, EOFError):
            process.kill()
            code = process.wait()
            if why and isinstance(why[0], Cancelled):
                raise why[0] from None
            timed_out = bool(why) or code == -getattr(signal, "SIGPROF", 0)
            failed = Failed("time") if timed_out else Failed("crash", f"exit code {code}")
            raise self._failed(failed) from None
        except Failed as error:
            raise self._failed(error) from None
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()

    def _receive(self, stream: IO[bytes]) -> Film:
        frames: list[Frame] = []
        while True:
            kind, length = HEAD.unpack(exactly(stream, HEAD.size))
            body = exactly(stream, length)
            match kind:
                case b"E":
                    failure, fields = json.loads(body)
                    raise Failed(failure, json.dumps(fields))
                case b"F":
                    seconds, width, height = FRAME.unpack_from(body)
                    frames.append(Frame(seconds, Image.frombytes("RGB", (width, height), body[FRAME.size :])))
                    self.reached = seconds
                case _:
                    about = json.loads(body)
                    width, height = about["size"]
                    return Film(tuple(frames), about["duration"], about["rate"], (width, height))

    def _failed(self, failed: Failed) -> BadVideo:
        """Return the error that a user is told."""
        fields: dict[str, Any] = json.loads(str(failed)) if str(failed).startswith("{") else {"reason": str(failed)}
        limits, task = self.task.limits, self.task
        options = task.budget is None
        tell: dict[str, Callable[[], str]] = {
            "unknown": lambda: f"is not a video that can be read; {ADVICE}",
            "sound": lambda: f"has sound but no pictures; {ADVICE}",
            "nothing": lambda: f"is a video without a single frame that can be decoded; save it again, or {ADVICE}",
            "outside": lambda: (
                f"has no frame from {task.start_s:g} s on: it ends at {fields['duration']:.2f} s; give an earlier start"
                if fields["duration"] <= task.start_s
                else f"has no frame that can be decoded between {task.start_s:g} and "
                f"{task.end_s or fields['duration']:g} s; give another part (it is {fields['duration']:.2f} s long)"
            ),
            "many": lambda: self._many(**fields),
            "cut": lambda: (
                f"is cut: it says that it is {fields['duration']:.2f} s long, but its frames end at "
                f"{fields['reached']:.2f} s; copy it again, or "
                + (f"take what is there with --end {fields['reached']:.2f}" if options else "save anew what is there")
            ),
            "size": lambda: (
                f"has frames of {fields['width']}x{fields['height']} = {fields['width'] * fields['height']} pixels, "
                f"more than the {limits.source_pixels} allowed; make them smaller"
            ),
            "codec": lambda: f"is coded as {fields['reason']}, which cannot be decoded here; save it as H.264 or VP9",
            "memory": lambda: (
                f"takes more than the {limits.memory_bytes / 1e6:.0f} MB allowed to decode; make its frames smaller"
            ),
            "time": lambda: (
                f"takes more than the {limits.seconds:g} s allowed to decode"
                + (f" ({self.reached:.1f} s of it were)" if self.reached is not None else "")
                + f"; give {PART_OPTIONS if options else PART}, or make its frames smaller"
            ),
            "crash": lambda: f"is a video that no decoder survives ({fields['reason']}); save it again, or {ADVICE}",
        }
        other = f"is broken ({fields.get('reason')}); save it again, or {ADVICE}"
        return BadVideo(f"{self.name} {tell[failed.kind]() if failed.kind in tell else other}")

    def _many(self, duration: float, known: bool, count: int) -> str:
        """Say how long a video is, how many frames that would be, and what to give."""
        limits, task = self.task.limits, self.task
        end = min(duration, task.end_s if task.end_s is not None else duration)
        length = f"is {duration:.1f} s long" if known else f"is {duration:.1f} s long or longer"
        part = f" from {task.start_s:g} to {end:g} s" if known and (task.start_s or end < duration) else ""
        least = math.floor(1e4 * (limits.frames - 1) / max(end - task.start_s, 1e-3)) / 1e4 if known else 0.0
        fewer = f"at most {least:g} frames a second (--fps)" if least > 0 else "fewer frames a second (--fps)"
        return (
            f"{length}:{part} {count}{'' if known else ' or more'} frames at {task.per_second:g} a second, "
            f"more than the {limits.frames} allowed; give {fewer}, or {PART_OPTIONS}"
        )
