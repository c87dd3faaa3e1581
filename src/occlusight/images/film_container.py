"""What a video's file says of itself before anything of it is decoded: which of its streams are moving pictures, and
how long they last.

Loaded in the process that decodes (`images.film_worker`) alone.
"""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

FORMATS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,h264,hevc,m4v,mpegvideo,ivf"
"""What files may be. Play lists and the like, which name other files and addresses, are left out."""


def open_container(file: BinaryIO) -> InputContainer:
    """Return what a file holds. Raises what PyAV does."""
    return av.open(
        file,
        "r",
        container_options={"format_whitelist": FORMATS, "protocol_whitelist": "none"},
        metadata_errors="replace",  # titles come in any encoding
        buffer_size=1 << 20,
    )


def moving_pictures(container: InputContainer) -> VideoStream | None:
    """Return the first stream of moving pictures, which covers of songs are not; None where there is none."""
    return next((s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic), None)


def said(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return how many seconds the file says that its pictures last. Sound may last longer, so that the whole file's
    length counts only where there is nothing else in it. Matroska says when they end, counted from its own zero."""
    if stream.duration and stream.duration > 0 and stream.time_base:
        return stream.duration * stream.time_base
    with suppress(ValueError, KeyError):  # Matroska
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return after_start(stream, 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds))
    if container.duration and container.duration > 0:
        length = Fraction(container.duration, av.time_base)
        return after_start(stream, length) if "matroska" in container.format.name else length
    return None


def after_start(stream: VideoStream, end: Fraction) -> Fraction | None:
    """Return how long after its first frame a stream ends; None where it says that it ends before that."""
    zero = stream.start_time * stream.time_base if stream.start_time is not None and stream.time_base else Fraction(0)
    return end - zero if end > zero else None


def counted(path: Path, step: Fraction) -> Fraction | None:
    """Return how long the pictures of a file last that does not say it, by all its packets, none of which is decoded:
    by their timestamps, else a step each; None where there are none."""
    first = last = None
    count = 0
    with path.open("rb") as file, open_container(file) as container:
        stream = moving_pictures(container)
        with suppress(av.error.FFmpegError):  # the file ends within a packet
            for packet in container.demux(stream) if stream is not None else ():
                count += packet.size > 0
                if packet.pts is not None and packet.time_base:
                    at = packet.pts * packet.time_base
                    first = at if first is None else min(first, at)
                    last = at if last is None else max(last, at)
    span = count * step if first is None or last is None else last - first + step
    return span or None
