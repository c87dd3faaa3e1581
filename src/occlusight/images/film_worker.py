"""The process that decodes one video and ends: it may be stopped at any moment, and memory and time are rationed to it.

It reads a task from standard input and writes to standard output: F frames, D what the video is, or E why there is
nothing. What it opens may be hostile; what writes videos (`images.film_writer`) is given our own frames.
"""

import json
import math
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from typing import Any, BinaryIO, NoReturn

import av
import av.error
import av.logging
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from occlusight.images.film import FRAME, THREADS, USUAL_RATE, FilmTask
from occlusight.images.film_container import counted, moving_pictures, open_container, said
from occlusight.images.worker import first_line, limit_memory, limit_seconds, send

FORGIVEN = Fraction(1, 1000)
"""How early a frame may come: Matroska and FLV round to this."""
UNSAID_COLORS = 2
"""What FFmpeg calls AVCOL_SPC_UNSPECIFIED."""
LATEST = 1 << 62
"""The last timestamp that can be sought."""
AHEAD = 1
"""Seconds: keyframes that are so much nearer to what is wanted are sought, and so long before it, since the index knows
when frames are decoded, not when they are shown."""
Transpose = Image.Transpose
TURNS = {
    (0, 1, -1, 0): Transpose.ROTATE_270,
    (-1, 0, 0, -1): Transpose.ROTATE_180,
    (0, -1, 1, 0): Transpose.ROTATE_90,
    (-1, 0, 0, 1): Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Transpose.TRANSPOSE,
    (0, -1, -1, 0): Transpose.TRANSVERSE,
}
"""What the signs of a display matrix (a, b, c, d) do to a picture; the identity is not among them."""
SIDEWAYS = {Transpose.ROTATE_90, Transpose.ROTATE_270, Transpose.TRANSPOSE, Transpose.TRANSVERSE}


class Refused(Exception):
    """There is nothing to be had: its kind, and what there is to say about it."""

    def __init__(self, kind: str, fields: Mapping[str, float | str | bool] | None = None) -> None:
        super().__init__(kind)
        self.kind, self.fields = kind, dict(fields or {})


def main() -> NoReturn:
    """Decode the video of one task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's, who stops this process if he wants to
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", 1 << 20)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not come between the frames
    av.logging.set_level(None)
    task = FilmTask.read(sys.stdin.buffer.readline())
    limit_seconds(task.limits.seconds * THREADS)
    limit_memory(task.limits.memory_bytes)
    try:
        with task.file.open("rb") as file:
            answer(task, file, answers)
    except BrokenPipeError:
        os._exit(0)  # nobody waits any more
    except MemoryError:
        fail(answers, Refused("memory"))
    except Refused as error:
        fail(answers, error)
    except Exception as error:  # demuxers and decoders raise nearly anything on broken data
        said = error.strerror if isinstance(error, av.error.FFmpegError) else None  # without the file's name
        fail(answers, Refused("broken", {"reason": first_line(said or error)}))
    with suppress(BrokenPipeError):
        answers.flush()
    os._exit(0)


def fail(answers: BinaryIO, error: Refused) -> None:
    """Send why there is nothing."""
    send(answers, b"E", json.dumps([error.kind, error.fields]).encode())


def answer(task: FilmTask, file: BinaryIO, answers: BinaryIO) -> None:
    """Send the frames. Raises Refused, or what PyAV does."""
    try:
        container = open_container(file)
    except (av.error.InvalidDataError, av.error.ArgumentError):
        raise Refused("unknown" if not looks_like_mp4(file) else "broken", {"reason": "its index is missing"}) from None
    with container:
        film = Reel.of(container, task)
        film.spread()
        if film.count is None:
            film.refuse_many()
        taken = 0
        for seconds, frame in film.wanted():
            taken += 1
            if taken > task.limits.frames:
                raise Refused("many", {"duration": float(seconds), "known": False, "count": taken})
            image = film.upright(frame)
            send(answers, b"F", FRAME.pack(float(seconds), *image.size), image.tobytes())
            answers.flush()
            if taken == film.count:
                break
        film.refuse_cut()
        if not taken:
            begun = film.last is not None or film.jumped
            raise Refused("outside" if begun else "nothing", {"duration": film.duration_s()})
        about = {"size": film.size, "rate": film.rate, "duration": film.duration_s()}
        send(answers, b"D", json.dumps(about).encode())


def looks_like_mp4(file: BinaryIO) -> bool:
    """Whether a file that could not be opened begins as MP4 and MOV do."""
    file.seek(4)
    return file.read(4) == b"ftyp"


@dataclass
class Reel:
    """The pictures of one video file, in the order in which they are shown.

    Args:
        zero: the timestamp of the first frame; None where the file does not say it, and frames then begin at 0.
        said_s: how long the file says that it is.
        counted_s: where it does not say it, how long it is by its packets, if these were counted.
        step: seconds from frame to frame where their timestamps do not say it.
        rate: frames a second; None where it is unknown, or as soon as two frames are not a step apart.
        last: the time of the frame decoded last.
        jumped: whether no frame has come since the last jump.
        ended: whether the file has no more frames.
        out: the size of the frames that are sent, before they are turned.
        size: that of the first frame, upright and unreduced.
        early: how much earlier than its instant a frame may come.
        count: how many frames are spread evenly; None where they are not.
    """

    task: FilmTask
    container: InputContainer
    stream: VideoStream
    zero: Fraction | None
    said_s: Fraction | None
    step: Fraction
    rate: float | None
    last: Fraction | None = None
    jumped: bool = False
    ended: bool = False
    out: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    counted_s: Fraction | None = None
    early: Fraction = FORGIVEN
    count: int | None = None
    scaler: VideoReformatter = field(default_factory=VideoReformatter)  # each of a frame's own keeps its threads

    @classmethod
    def of(cls, container: InputContainer, task: FilmTask) -> "Reel":
        """Return the first stream of moving pictures. Raises Refused."""
        stream = moving_pictures(container)
        if stream is None:
            raise Refused("sound" if container.streams.audio or container.streams.video else "nothing")
        context = stream.codec_context
        if context is None:
            raise Refused("codec", {"reason": "something unknown"})
        if context.width * context.height > task.limits.source_pixels:
            raise Refused("size", {"width": context.width, "height": context.height})
        context.thread_count = THREADS
        context.thread_type = "AUTO"
        zero = None if stream.start_time is None or not stream.time_base else stream.start_time * stream.time_base
        average, base = stream.average_rate, stream.base_rate
        even = average and base and any(abs(average * n / base - 1) < 0.01 for n in (1, 2))
        step = 1 / Fraction(average or USUAL_RATE)
        return cls(
            task, container, stream, zero, said(container, stream), step, float(average) if average and even else None
        )

    def spread(self) -> None:
        """Take the frames that a budget allows, each the nearest one to one of as many even instants."""
        budget, task = self.task.budget, self.task
        if budget is None:
            return
        count, span = budget.most, Fraction(0)
        if self.said_s is None:
            self.counted_s = counted(task.file, self.step)
        length = self.length_s
        if length is not None:
            end = length if task.end_s is None else min(length, Fraction(task.end_s))
            span = end - Fraction(task.start_s)
            there = round(span / self.step)
            count = min(max(int(span * Fraction(task.per_second)), budget.least), budget.most, there)
        pixels = min(task.limits.pixels, budget.pixels // max(count, 1))
        self.task = replace(task, limits=replace(task.limits, pixels=pixels))
        if span > 0 and count > 0:
            self.early, self.count = self.step / 2, count
        if self.count and count > 1:
            self.task = replace(self.task, per_second=float((count - 1) / (span - self.step)))

    def refuse_many(self) -> None:
        """Raise Refused where the file says that there are more frames than allowed."""
        if self.said_s is None:
            return
        end = self.said_s if self.task.end_s is None else min(self.said_s, Fraction(self.task.end_s))
        span = end - Fraction(self.task.start_s)
        per_second = Fraction(self.task.per_second)
        if self.rate is not None:
            per_second = min(per_second, 1 / self.step)
        count = math.ceil(span * per_second)
        if self.stream.frames:
            count = min(count, self.stream.frames)
        if count > self.task.limits.frames:
            raise Refused("many", {"duration": float(self.said_s), "known": True, "count": count})

    def refuse_cut(self) -> None:
        """Raise Refused where the frames ended long before the file says."""
        if not self.ended or self.said_s is None or self.last is None:
            return
        reached = self.last + self.step
        if self.said_s - reached > max(Fraction(1), 2 * self.step):
            raise Refused("cut", {"duration": float(self.said_s), "reached": float(self.last)})

    @property
    def length_s(self) -> Fraction | None:
        """How long the video is before it is decoded: as it says, else as was counted, if that was."""
        return self.counted_s if self.said_s is None else self.said_s

    def duration_s(self) -> float:
        """How long the video is: as it says, unless that is nothing, or frames come later than that."""
        length = self.length_s
        if length is not None and (self.last is None or self.last < length):
            return float(length)
        return float(self.last + self.step if self.last is not None else 0)

    def wanted(self) -> Iterator[tuple[Fraction, VideoFrame]]:
        """Yield the first frame at or after each instant, and its seconds; where they are spread evenly, the last one
        of all, too, if it comes before the last instant."""
        passed: tuple[Fraction, VideoFrame] | None = None
        start, per_second = Fraction(self.task.start_s), Fraction(self.task.per_second)
        end = None if self.task.end_s is None else Fraction(self.task.end_s) + FORGIVEN
        instant = start
        while True:
            self.jump(instant)
            for frame in self.frames():
                seconds = self.time(frame)
                if seconds is None:
                    continue
                if seconds + self.early < instant:
                    passed = (seconds, frame) if self.count is not None and seconds + self.early >= start else None
                    continue
                if end is not None and seconds > end:
                    return
                passed = None
                yield seconds, frame
                instant = start + (math.floor((seconds + self.early - start) * per_second) + 1) / per_second
                if end is not None and instant > end:
                    return
                if self.keyframe(instant) is not None:
                    break
            else:
                self.ended = True
                if passed is not None:
                    yield passed
                return

    def frames(self) -> Iterator[VideoFrame]:
        """Yield all frames from here on. Packets that cannot be decoded are left out, as players do."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
                packet = None  # the file ends within a packet
            try:
                yield from chain(self.stream.decode(packet)) if packet is not None else self.stream.decode(None)
            except av.error.EOFError:
                return
            except av.error.FFmpegError as error:
                if isinstance(error, MemoryError):
                    raise
            if packet is None or packet.size == 0:
                return

    def keyframe(self, instant: Fraction) -> int | None:
        """Return where to go on, in the stream's time, if the index knows a keyframe between here and there."""
        if self.zero is None or not self.stream.time_base:
            return None
        target = min(int((instant - AHEAD + self.zero) / self.stream.time_base), LATEST)
        index = self.stream.index_entries.search_timestamp(target, backward=True)
        if index < 0:
            return None
        found = self.stream.index_entries[index].timestamp * self.stream.time_base - self.zero
        here = self.last if self.last is not None else Fraction(0)
        return target if found > here + AHEAD else None

    def jump(self, instant: Fraction) -> None:
        """Go on at the keyframe before an instant, where that saves work."""
        target = self.keyframe(instant)
        if target is not None:
            self.container.seek(target, stream=self.stream, backward=True)
            self.jumped = True

    def time(self, frame: VideoFrame) -> Fraction | None:
        """Return a frame's seconds after the first one; None for one from before the last jump."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        seconds = None
        if stamp is not None and frame.time_base:
            if self.zero is None:
                self.zero = stamp * frame.time_base
            seconds = stamp * frame.time_base - self.zero
        if seconds is None or (self.last is not None and seconds <= self.last):
            if self.jumped:
                return None
            seconds = Fraction(0) if self.last is None else self.last + self.step
        if self.last is not None and not self.jumped and abs(seconds - self.last - self.step) > 2 * FORGIVEN:
            self.rate = None
        self.last, self.jumped = seconds, False
        return seconds

    def upright(self, frame: VideoFrame) -> Image.Image:
        """Return a frame as it is to be shown, with at most the allowed pixels, and of the size of the first one."""
        width, height = frame.width, frame.height
        if width * height > self.task.limits.source_pixels:
            raise Refused("size", {"width": width, "height": height})
        aspect = self.stream.sample_aspect_ratio
        if aspect and Fraction(1, 4) <= aspect <= 4:
            width = max(1, round(width * aspect))
        turn = turned(frame)
        if self.out is None:
            shrink = min(1.0, math.sqrt(self.task.limits.pixels / (width * height)))
            self.out = max(1, int(width * shrink)), max(1, int(height * shrink))
            self.size = (height, width) if turn in SIDEWAYS else (width, height)
        unsaid = frame.colorspace == UNSAID_COLORS and frame.height >= 720
        colors = Colorspace.ITU709 if unsaid else None  # as players guess
        rgb = self.scaler.reformat(
            frame, *self.out, format="rgb24", interpolation="BICUBIC", src_colorspace=colors, threads=1
        )
        plane = rgb.planes[0]
        image = Image.frombuffer("RGB", self.out, bytes(plane), "raw", "RGB", plane.line_size, 1)
        return image if turn is None else image.transpose(turn)


def turned(frame: VideoFrame) -> Transpose | None:
    """Return what makes a frame upright, by its display matrix; None for nothing."""
    sides: Any = frame.side_data  # what PyAV says of its type is not what it is
    matrix = sides.get("DISPLAYMATRIX")
    if matrix is None:
        return None
    a, b, _, c, d = memoryview(bytes(matrix)).cast("i")[:5]
    most = max(map(abs, (a, b, c, d)))
    return TURNS.get((sign(a, most), sign(b, most), sign(c, most), sign(d, most)))


def sign(value: int, most: int) -> int:
    """Return -1, 0 or 1: a number that is small beside the largest is 0."""
    return 0 if 2 * abs(value) < most else (1 if value > 0 else -1)


if __name__ == "__main__":
    main()
