"""Pictures and videos that come inside requests, as data URIs, and pictures that are fetched from the addresses that
requests name, where that was allowed: in files of our own, where the same content is the same
file, so that what was found out about it is known again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Literal, TypeAlias

from occlusight.errors import BadPicture, BadVideo, Busy, Cancelled
from occlusight.images.film import Budget, Film, FilmLimits, open_film
from occlusight.images.header import VIDEO, other_format, read_header
from occlusight.images.quality import Concern, of_its_frames
from occlusight.model.picture import open_picture, reduced
from occlusight.serve.api.errors import ApiError
from occlusight.serve.api.fetching import Fetcher, NotFetched
from occlusight.serve.scratch import Scratch

ADDRESS = re.compile(r"https?://", re.IGNORECASE)
DATA_URI = re.compile(r"data:(image|video)/[\w.+-]+(;[\w.+-]+=[\w.+-]+)*;base64,", re.IGNORECASE | re.ASCII)
EXAMPLES = {
    "image": "pictures come inside the request, as data:image/png;base64,...; addresses are not fetched "
    "(serve --allow-picture-urls fetches single pictures over http and https)",
    "video": "videos come inside the request, as data:video/mp4;base64,...; addresses are not fetched",
}
A_VIDEO = (
    "a video, and a picture is wanted here; /v1/chat/completions takes videos as video_url, /v1/responses as "
    "input_video, /v1/messages as video"
)
FRAME_PIXELS = 786_432
"""Pixels of a frame that comes as a picture; larger ones are reduced, as those of videos are."""
FOLDER = "occlusight-pictures-"
FETCHES = 3
"""Pictures that are fetched at a time: each takes one of the threads in which all requests are prepared."""
REPEATS = 8
"""How often a request may show each of its pictures, on the average: a conversation repeats them."""
WAIT_S, RETRY_S = 5.0, 5
"""Seconds that a request waits for a place for its video, and after which another try may be worth it."""
Kind: TypeAlias = Literal["image", "video"]


@dataclass(frozen=True)
class RequestLimits:
    """What the pictures of a request may be: how many, and pixels of each; how many videos, what each may take to be
    opened, and into how many frames; or of how many pictures one may be put together. `fetcher` gets those that are
    named by their addresses; None leaves these out."""

    pictures: int = 16
    pixels: int = 100_000_000
    films: int = 2
    film: FilmLimits = field(default_factory=lambda: FilmLimits(seconds=20.0))
    budget: Budget = field(default_factory=lambda: Budget(pixels=25_165_824))
    frames: int = 128
    fetcher: Fetcher | None = None


@dataclass
class Kept:
    """A file, its size in bytes, and how many requests show it."""

    path: Path
    size: int
    users: int = 0


class PictureStore:
    """The pictures of all requests, in a folder that only this user can read, and those of the latest that have ended:
    so many bytes. Several threads may use it. `films` has a place for each opened video, which takes 0.1 GB at most;
    one is opened at a time. `fetching` has a place for each picture on its way."""

    def __init__(self, most: int = 2**28, films: int = 8) -> None:
        self.most = most
        self.films = BoundedSemaphore(films)
        self.opening = Lock()
        self.fetching = BoundedSemaphore(FETCHES)
        self._scratch: Scratch | None = None
        self._kept: OrderedDict[str, Kept] = OrderedDict()  # the one that was shown longest ago first
        self._lock = Lock()

    def take(self, data: bytes) -> Path:
        """Return the file of a picture; it stays there until `leave`, at least."""
        name = hashlib.blake2b(data, digest_size=20).hexdigest()
        with self._lock:
            if self._scratch is None:
                self._scratch = Scratch(FOLDER)
            kept = self._kept.get(name)
            if kept is None:
                kept = self._kept[name] = Kept(self._scratch.path / name, len(data))
                kept.path.write_bytes(data)
            kept.users += 1
            self._kept.move_to_end(name)
        return kept.path

    def leave(self, path: Path) -> None:
        """Say that a request does not need a file any more."""
        with self._lock:
            if path.name in self._kept:
                self._kept[path.name].users -= 1
            self._tidy()

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            self._kept.clear()
            if self._scratch is not None:
                self._scratch.close()
                self._scratch = None

    def _tidy(self) -> None:
        total = sum(one.size for one in self._kept.values())
        for name, kept in list(self._kept.items()):
            if total <= self.most:
                return
            if kept.users == 0:
                total -= kept.size
                kept.path.unlink(missing_ok=True)
                del self._kept[name]


class Pictures:
    """The pictures of one request; `concerns` say of which more frames than the first are left out."""

    def __init__(self, store: PictureStore, limits: RequestLimits) -> None:
        self.store = store
        self.limits = limits
        self.concerns: list[Concern] = []
        self._names: dict[str, str] = {}
        self._kept: dict[str, Path] = {}
        self._pictures: set[str] = set()
        self._places: set[str] = set()
        self._films = 0
        self._over = False
        self._lock = Lock()
        self._fetched_until: float | None = None

    def add(self, url: str, param: str) -> Path:
        """Keep a picture and return where; its content is a picture by its header, decoded is it by whoever uses it.

        Raises ApiError that names `param`: it is no data URI and may not be fetched, is no picture, one too many, or
        has too many pixels; Busy where too many are being fetched.
        """
        if url not in self._pictures and len(self._pictures) >= self.limits.pictures:
            raise ApiError(f"a request takes at most {self.limits.pictures} pictures", param, "too_many_images")
        most = REPEATS * self.limits.pictures
        if param not in self._places and len(self._places) >= most:
            raise ApiError(f"a request shows pictures at most {most} times in all", param, "too_many_images")
        self._places.add(param)
        self._pictures.add(url)
        if url not in self._kept and self.limits.fetcher is not None and ADDRESS.match(url):
            return self._keep(url, self._fetched(self.limits.fetcher, url, param), param)
        return self._picture(url, param)

    def data_uri(self, url: str) -> str:
        """Return a picture that was kept as a data URI, wherever it came from."""
        if DATA_URI.match(url):
            return url
        data = self._kept[url].read_bytes()
        header = read_header(io.BytesIO(data), len(data))
        assert header is not None  # it would not have been kept
        return f"data:image/{header.format.lower()};base64,{base64.b64encode(data).decode()}"

    def _fetched(self, fetcher: Fetcher, url: str, param: str) -> bytes:
        if not self.store.fetching.acquire(blocking=False):
            raise Busy("too many pictures are being fetched", RETRY_S)
        try:
            ends = self._fetched_until = self._fetched_until or monotonic() + fetcher.limits.seconds
            return fetcher.fetch(url, ends, lambda: self._over)
        except NotFetched as error:
            raise ApiError(f"{param}: the picture was not fetched: {error}", param, "invalid_image_url") from error
        finally:
            self.store.fetching.release()

    def film(self, url: str, param: str) -> Film:
        """Open a video as a few of its frames.

        Raises:
            ApiError: as `add`.
            BadVideo: it cannot be read.
            Busy: too many others are open.
        """
        data = content_of(url, param, "video")
        path = self._kept[url] = self._kept.get(url) or self.store.take(data)
        self._names[str(path)] = param

        def opened() -> Film:
            with self.store.opening:
                return open_film(path, limits=self.limits.film, cancelled=lambda: self._over, budget=self.limits.budget)

        return self._held(opened, param)

    def film_of(self, urls: Sequence[str], seconds: Sequence[float], param: str) -> Film:
        """Put a video together of pictures with their seconds. Raises as `film`, and BadPicture."""
        if len(urls) > self.limits.frames:
            raise ApiError(f"{param}: a video takes at most {self.limits.frames} frames", param, "too_many_images")
        if len(seconds) != len(urls) or any(after <= before for before, after in pairwise(seconds)):
            raise ApiError(f"{param}: each frame needs a time, and times must rise", param, "invalid_value")
        paths = [self._picture(url, f"{param}[{at}]") for at, url in enumerate(urls)]

        def opened() -> Film:
            most = min(FRAME_PIXELS, self.limits.budget.pixels // len(paths))
            frames = [reduced(open_picture(path, reduce_to=most, cancelled=lambda: self._over), most) for path in paths]
            if len({frame.size for frame in frames}) > 1:
                raise ApiError(f"{param}: the frames of a video must be of one size", param, "invalid_value")
            return Film.of(list(zip(seconds, frames, strict=True)))

        return self._held(opened, param)

    def _held(self, opened: Callable[[], Film], param: str) -> Film:
        """Open a video, and keep its place until the request is answered."""
        if self._films >= self.limits.films:
            raise ApiError(f"a request takes at most {self.limits.films} videos", param, "too_many_videos")
        if not self.store.films.acquire(timeout=WAIT_S):
            raise Busy("too many videos are open", RETRY_S)
        kept = False
        try:
            film = opened()
            with self._lock:
                kept = not self._over
                self._films += kept
        finally:
            if not kept:
                self.store.films.release()
        return film

    def _picture(self, url: str, param: str) -> Path:
        if url in self._kept:
            return self._kept[url]
        return self._keep(url, content_of(url, param), param)

    def _keep(self, url: str, data: bytes, param: str) -> Path:
        header = read_header(io.BytesIO(data), len(data))
        if header is None:
            what = A_VIDEO if other_format(io.BytesIO(data)) == VIDEO else "not a picture that can be read"
            raise ApiError(f"{param}: this is {what}", param, "invalid_image")
        self.concerns += of_its_frames(header)
        if header.pixels > self.limits.pixels:
            raise ApiError(
                f"{param}: the picture has {header.width}x{header.height} pixels, more than the {self.limits.pixels} "
                "allowed; make it smaller",
                param,
                "image_too_large",
            )
        with self._lock:
            if self._over:
                raise Cancelled("nobody waits for this picture any more")
            path = self._kept[url] = self.store.take(data)
        self._names[str(path)] = param
        return path

    def leave(self) -> None:
        """Say that the request is answered, or that nobody waits for that any more."""
        with self._lock:
            self._over = True
            for _ in range(self._films):
                self.store.films.release()
            self._films = 0
        for path in self._kept.values():
            self.store.leave(path)

    def told(self, error: BadPicture | BadVideo) -> ApiError:
        """Return an error about a picture or video that names the field it came in, not the file."""
        message, param = str(error), None
        for path, name in self._names.items():
            if path in message:
                message, param = message.replace(path, name), name
        return ApiError(message, param, "invalid_video" if isinstance(error, BadVideo) else "invalid_image")


@contextmanager
def pictures_kept(store: PictureStore, limits: RequestLimits) -> Iterator[Pictures]:
    """Keep a request's pictures as long as this lasts."""
    pictures = Pictures(store, limits)
    try:
        yield pictures
    finally:
        pictures.leave()


def content_of(url: str, param: str, kind: Kind = "image") -> bytes:
    """Return what a data URI holds."""
    head = DATA_URI.match(url)
    if head is None or head[1].lower() != kind:
        said = f"this is {A_VIDEO}" if head is not None and kind == "image" else EXAMPLES[kind]
        raise ApiError(f"{param}: {said}", param, f"invalid_{kind}_url")
    try:
        data = base64.b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(f"{param}: the {kind} is not base64", param, "invalid_base64") from None
    if not data:
        raise ApiError(f"{param}: the {kind} is empty", param, f"invalid_{kind}")
    return data
