"""`track --window`: films that are too long for one story, and files that still grow, piece by piece."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from occlusight.backends.fields import Picture
from occlusight.errors import BadInput, BadVideo
from occlusight.images.film import FilmLimits, open_film
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.tracking.track import Occlusion
from occlusight.reasoning.tracking.window import LEAST, Window

GROWS_S = 10.0
"""A file that was written to within so many seconds may still grow."""
LOOK_S = 1.0
"""Seconds between two looks at a file that grows."""
BEFORE_S = 0.002
"""So long before the next piece a piece ends."""
Piece = list[tuple[float, Picture]]


def frames_of_window(seconds: float, fps: float, most: int) -> int:
    """Return how many frames a window of so many seconds has. Raises BadInput for too few or too many."""
    if not (math.isfinite(seconds) and LEAST <= seconds * fps <= most):
        raise BadInput(
            f"--window takes seconds that make {LEAST} to {most} frames, here {LEAST / fps:g} to {most / fps:g} at "
            f"{fps:g} frames a second, but {seconds:g} was given"
        )
    return round(seconds * fps)


def pieces(
    video: Path,
    fps: float,
    step: int,
    start: float,
    end: float | None,
    tell: Callable[[str], None],
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Piece]:
    """Yield the frames of a video, `step` at a time or fewer, with their seconds.

    At the end of a file that was written to lately more is waited for; `tell` hears where there are no frames for long,
    and where the video ended.

    Raises BadVideo where not even its first piece can be had.
    """
    at, length = start, 0.0
    while end is None or at < end:
        following = at + step / fps
        until = following - BEFORE_S if end is None else min(following - BEFORE_S, end)
        try:
            film = open_film(video, fps, at, until, FilmLimits(frames=step))
        except BadVideo as error:
            if not length:
                raise
            if grows(video):
                wait(LOOK_S)
            elif at < length - 0.5 / fps:
                tell(f"(from {at:g} to {following:g} s: {error})")
                at = following
            else:
                tell(f"(the video ended at {length:g} s)")
                return
            continue
        length = max(length, film.duration_s)
        yield [(frame.seconds, frame.image) for frame in film.frames]
        last = film.frames[-1].seconds
        came = last < until - 1.5 / fps and grows(video)  # what is missing may still come
        at = at + (math.floor((last - at) * fps + 1e-6) + 1) / fps if came else following


def grows(video: Path) -> bool:
    """Whether a file is there and was written to so lately that it may still grow."""
    try:
        return time.time() - video.stat().st_mtime < GROWS_S
    except OSError:
        return False


def tell_events(window: Window, coming: Iterator[Piece], lang: Lang, as_json: bool) -> None:
    """Print each event as soon as it has ended, a line each, and the last ones at the end."""
    for piece in coming:
        say(window.add(piece), lang, as_json)
    say(window.end(), lang, as_json)


def say(events: list[Occlusion], lang: Lang, as_json: bool) -> None:
    """Print events, as JSON Lines or as sentences."""
    for event in events:
        said = getattr(event.evidence, lang).rstrip(".。")
        chance = "" if event.probability is None else f" ({event.probability:.2f})"
        print(json.dumps(event.to_json(), ensure_ascii=False) if as_json else f"{said}{chance}", flush=True)
