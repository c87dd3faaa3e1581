"""Writing videos: pictures with their times become a file that browsers play.

They are coded as VP9, which is free of patents as far as is known, and whose encoder is not under the GPL, as the one
of H.264 is. What is encoded is our own, so that it needs no process of its own, as decoding does.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from occlusight.errors import BadInput
from occlusight.extras import install
from occlusight.images.film import Frame

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

FORMATS = {".mp4": "mp4", ".webm": "webm", ".mkv": "matroska"}
"""What is written, by how the file's name ends."""
MS = Fraction(1, 1000)
QUALITY = {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0"}


def check_writer() -> None:
    """Raise BadInput where nothing is installed that writes videos."""
    if importlib.util.find_spec("av") is None:
        raise BadInput(f"what writes videos is not installed (PyAV): {install('video')}")


def write_film(path: Path, frames: Iterable[Frame], end_s: float) -> None:
    """Write pictures of one size, of an even number of pixels each way, as a video.

    Each is shown from its seconds, to the millisecond, to the next one's, and the last to `end_s`.

    Raises:
        BadInput: PyAV is not installed, there is no frame, or a picture has another size than the first.
        OSError: the file cannot be written.
    """
    check_writer()
    import av

    coming = iter(frames)
    first = next(coming, None)
    if first is None:
        raise BadInput("a video needs one frame at least, but none was given")
    size = first.image.size
    if any(side % 2 for side in size):
        raise BadInput(f"a video needs even numbers of pixels, but frames of {size[0]}x{size[1]} were given")
    with av.open(str(path), "w", format=FORMATS[path.suffix.lower()]) as container:
        stream = container.add_stream("libvpx-vp9", rate=25, options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = MS
        lasts: dict[int, int] = {}  # milliseconds, by timestamp: the encoder does not hand them on
        shown: Frame | None = first
        while shown is not None:
            following = next(coming, None)
            if shown.image.size != size:
                raise BadInput(f"frames of a video are of one size ({size}), but one of {shown.image.size} was given")
            frame = av.VideoFrame.from_ndarray(np.asarray(shown.image.convert("RGB")), format="rgb24")
            frame.pts, frame.time_base = round(shown.seconds / MS), MS
            until = end_s if following is None else following.seconds
            lasts[frame.pts] = max(1, round(until / MS) - frame.pts)
            container.mux(timed(stream.encode(frame), lasts))
            shown = following
        container.mux(timed(stream.encode(None), lasts))


def timed(packets: list[Packet[VideoStream]], lasts: Mapping[int, int]) -> list[Packet[VideoStream]]:
    """Return packets that last as long as is known of their timestamps, in milliseconds."""
    for packet in packets:
        if packet.pts is not None and packet.pts in lasts:
            packet.duration = lasts[packet.pts]
    return packets
