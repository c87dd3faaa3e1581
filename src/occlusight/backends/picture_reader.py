"""From a picture that a user gives to what the engine reads, within limits of pixels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from pathlib import Path

from occlusight.backends.events import PictureUse
from occlusight.backends.fields import Picture
from occlusight.backends.options import PIXELS_LIMIT, MaxPixels, as_max_pixels, in_order
from occlusight.backends.protocol import CancelCheck
from occlusight.checks import whole
from occlusight.engine.prompt import Visual
from occlusight.errors import BadPicture
from occlusight.model.picture import open_reduced
from occlusight.model.preprocess import PreprocessSettings, patches_of

USUAL_PIXELS = 1_048_576
"""What pictures are reduced to on a CPU unless the user says: 1024x1024. Qwen3-VL allows 16 times as many, which only
delays."""


@dataclass(frozen=True)
class PictureReader:
    """Reads pictures as a checkpoint's own settings say, but within the limits that somebody set, who may also set
    none.

    Raises BadInput for limits that are no numbers of pixels, or contradict each other.
    """

    own: PreprocessSettings
    max_pixels: MaxPixels = None
    min_pixels: int | None = None

    def __post_init__(self) -> None:
        if self.max_pixels is not None:
            as_max_pixels("max_pixels", self.max_pixels)
        if self.min_pixels is not None:
            whole("min_pixels", self.min_pixels, 1, PIXELS_LIMIT)
        in_order(self.max_pixels, self.min_pixels)

    @classmethod
    def on(
        cls, device: str, own: PreprocessSettings, max_pixels: MaxPixels = None, min_pixels: int | None = None
    ) -> PictureReader:
        """Settle what is None: `USUAL_PIXELS` on a CPU (or what `min_pixels` asks beyond), elsewhere the checkpoint's
        own limit."""
        if max_pixels is None and device == "cpu":
            max_pixels = max(USUAL_PIXELS, min_pixels or 0)
        return cls(own, max_pixels, min_pixels)

    @property
    def settings(self) -> PreprocessSettings:
        """The checkpoint's settings with the limits that hold."""
        return self.within(None, None)

    def within(self, max_pixels: MaxPixels, min_pixels: int | None) -> PreprocessSettings:
        """Return the settings for a request with limits of its own, which take the place of those that were set, as far
        as given."""
        most = self.max_pixels if max_pixels is None else max_pixels
        least = self.min_pixels if min_pixels is None else min_pixels
        return replace(self.own, limits=self.own.limits.within(most if isinstance(most, int) else None, least))

    def read(
        self,
        picture: Picture,
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        cancelled: CancelCheck | None = None,
    ) -> tuple[Visual, PictureUse]:
        """Open, resize and cut a picture; say how it was read. Raises BadPicture where it cannot be, Cancelled where
        `cancelled` says so."""
        settings = self.within(max_pixels, min_pixels)
        opened = open_reduced(picture, settings.limits.max_pixels, cancelled=cancelled)
        try:
            patches, grid = patches_of(opened.image, settings, opened.size)
        except BadPicture as error:
            raise BadPicture(f"{picture}: {error}" if isinstance(picture, (str, Path)) else str(error)) from None
        return Visual.of(patches, grid), self.use(opened.size, (grid[1], grid[2]), settings)

    def use(self, size: tuple[int, int], patches: tuple[int, int], settings: PreprocessSettings) -> PictureUse:
        """Say how a picture of `size` became so many rows and columns of patches."""
        rows, columns = (count // settings.merge_size for count in patches)
        most, own = settings.limits.max_pixels, self.own.limits
        whole = [round(side / settings.factor) * settings.factor for side in size]
        over = whole[0] * whole[1] > most
        return PictureUse(
            rows,
            columns,
            rows * columns,
            size,
            (patches[1] * settings.patch_size, patches[0] * settings.patch_size),
            None if not over else "max_pixels" if most < own.max_pixels else "model",
        )


@dataclass(frozen=True)
class ReadOnce(PictureReader):
    """Reads each picture once, however often it is asked for: for requests about the same pictures that come together.

    A file is taken to stay what it is, so that none of this may outlive the requests.
    """

    _known: dict[Hashable, tuple[Picture, tuple[Visual, PictureUse]]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def read(
        self,
        picture: Picture,
        max_pixels: MaxPixels = None,
        min_pixels: int | None = None,
        cancelled: CancelCheck | None = None,
    ) -> tuple[Visual, PictureUse]:
        """See `PictureReader.read`."""
        key = (picture if isinstance(picture, Path) else id(picture), max_pixels, min_pixels)
        if key not in self._known:
            self._known[key] = picture, super().read(picture, max_pixels, min_pixels, cancelled)
        return self._known[key][1]
