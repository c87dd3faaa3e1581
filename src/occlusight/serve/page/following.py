"""Videos on the page, followed from frame to frame: each once, kept with its frames for as long as there is room."""

from __future__ import annotations

import asyncio
import importlib.util
import io
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import fmean
from threading import Event
from typing import Any, TypeAlias

from PIL import Image

from occlusight.api import reasoning
from occlusight.api.timeline_rows import TITLE, rows
from occlusight.backends.protocol import Backend, CancelCheck, Request
from occlusight.backends.wrapped import layers
from occlusight.drawing.timeline_svg import timeline_svg
from occlusight.occlusion.graph import Box
from occlusight.reasoning.answering import Answering
from occlusight.reasoning.films import looked_at, story_of
from occlusight.reasoning.objects import Seen
from occlusight.reasoning.places import locates, places
from occlusight.reasoning.reasoned import Reasoning
from occlusight.reasoning.relations import Described
from occlusight.reasoning.tracking.track import Track
from occlusight.serve.fair_queue import Place
from occlusight.serve.page.desk import opened
from occlusight.serve.page.exchange import News
from occlusight.serve.page.sight import drawing, rules_said
from occlusight.serve.page.words import Language

MOST_KEPT = 16
"""Videos that are kept: of each at most 64 frames, as JPEG."""
EVERY_S, WAITS_S = 0.25, 4.0
"""How often a browser hears how far it is, and how long it has to wait, at most."""
WIDTHS = (300, 1200)
"""Pixels that a timeline may be wide."""
ROW = 24
"""Pixels from line to line of a timeline on the page."""


Teller: TypeAlias = Callable[[], Reasoning]


Places: TypeAlias = Mapping[str, Box]
"""Boxes about things, in thousandths."""


@dataclass(frozen=True)
class Followed:
    """What is known of a video: its story, the frames that it is of, as JPEG, and of those that were asked for about
    where their things are."""

    track: Track
    frames: tuple[bytes, ...]
    places: dict[int, Places] = field(default_factory=dict)

    def frame(self, number: int) -> tuple[Described, bytes]:
        """Return a frame's graph, and the frame. Raises IndexError where there is none."""
        if number < 0:
            raise IndexError(number)
        return replace(self.track.watched.graphs[number], places=self.places.get(number, {})), self.frames[number]

    def things(self, number: int) -> list[Seen]:
        """Return what is seen in a frame, but for things of which it has several alike: a name tells no place of one of
        those."""
        called = {one.id: one.seen.thing for one in self.track.watched.things}
        here = [Seen(o.id, called[o.id]) for o in self.track.watched.graphs[number].graph.objects if o.id in called]
        counts = Counter(one.thing for one in here)
        return [one for one in here if counts[one.thing] == 1]


def teller(backend: Backend) -> Teller | None:
    """Return what makes what tells the stories of videos by a model's word, the same that answers about them where the
    backend does; None for a model that tells no log-probabilities, and where videos cannot be read."""
    *before, plain = layers(backend)
    if importlib.util.find_spec("av") is None or plain.capabilities.scores is None:
        return None
    known = next((one.reasoning for one in before if isinstance(one, Answering)), None)
    return cache(lambda: known or reasoning(plain))


class Following:
    """Follows the things of videos.

    Args:
        by: makes what tells their stories, once the first is wanted.
        threads: where that is done.
    """

    def __init__(self, by: Teller, threads: Executor) -> None:
        self._by = by
        self._threads = threads
        self._kept: dict[Path, Followed] = {}

    def of(self, video: Path) -> Followed | None:
        """Return what is known of a video."""
        return self._kept.get(video)

    def forget(self, video: Path) -> None:
        """Keep nothing of a video any more."""
        self._kept.pop(video, None)

    async def news(self, video: Path, place: Place | None) -> AsyncGenerator[News, None]:
        """Yield how far it is (`waits`, `progress`), and in the end `done` with what `as_document` tells; closing this
        stops it within a look of the model. Without a place, of a video that is known. Raises what opening it and the
        backend raise."""
        if place is not None:
            async for ahead in place.waits(WAITS_S):
                yield {"event": "waits", "ahead": ahead}
        left = Event()
        try:
            if video not in self._kept and place is not None and place.runs:
                looks: list[tuple[int, int]] = []
                work = asyncio.get_running_loop().run_in_executor(
                    self._threads, self._follow, video, left.is_set, lambda *done: looks.append(done)
                )
                work.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at by nobody else
                heard = 0
                while not work.done():
                    await asyncio.wait([work], timeout=EVERY_S)
                    if len(looks) > heard:
                        heard = len(looks)
                        done, total = looks[-1]
                        yield {"event": "progress", "done": done, "total": total}
                self._keep(video, await work)
            yield {"event": "done", "track": as_document(self._kept[video])}
        finally:
            left.set()

    async def places(self, video: Path, number: int, place: Place | None) -> Places:
        """Return about where the things of a frame are, by a model that says it of one after another: asked once, when
        the place's turn has come. Raises KeyError and IndexError where there is no such frame, and what the backend
        raises."""
        found = self._kept[video]
        found.frame(number)
        if place is not None:
            async for _ in place.waits():
                pass
        if number not in found.places:
            asking = asyncio.get_running_loop().run_in_executor(self._threads, self._locate, found, number)
            found.places[number] = await asking
        return found.places[number]

    def _locate(self, found: Followed, number: int) -> Places:
        backend = self._by().extractor.backend
        if not locates(backend):
            return {}
        frame = Image.open(io.BytesIO(found.frame(number)[1])).convert("RGB")
        return places(backend, frame, found.things(number))

    def _follow(self, video: Path, left: CancelCheck, report: Callable[[int, int], None]) -> Followed:
        (film,) = opened([video], left)
        found = story_of(self._by(), Request("?", films=(film,)), left, report=report)
        return Followed(found, tuple(as_jpeg(frame.image) for frame in looked_at(film.frames)))

    def _keep(self, video: Path, found: Followed) -> None:
        self._kept[video] = found
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]


def as_document(found: Followed) -> dict[str, Any]:
    """Return a story as the page shows it: the document of `occlusight track --json`, what the rules say that changed
    its graphs, and how probably its frames are of the model's world, in the mean."""
    graphs = found.track.watched.graphs
    domains = [one.certainty.domain for one in graphs if one.certainty.domain is not None]
    return {**found.track.to_json(), "rules": rules_said(graphs), "domain": fmean(domains) if domains else None}


def timeline(found: Followed, language: Language, width: int) -> str:
    """Return who is hidden when as SVG, about so many pixels wide."""
    least, most = WIDTHS
    track = found.track
    return timeline_svg(rows(track, language), track.duration_s, TITLE[language], max(least, min(width, most)), ROW)


def drawn(found: Followed, number: int, kind: str, language: Language) -> bytes:
    """Return a frame with its arrows as `svg` or `png`. Raises IndexError where there is none."""
    graph, frame = found.frame(number)
    return drawing(graph, Image.open(io.BytesIO(frame)), kind, language)


def as_jpeg(image: Image.Image) -> bytes:
    """Return a picture as JPEG."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
