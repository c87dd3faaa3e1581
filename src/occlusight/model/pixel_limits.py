"""How large pictures may be read: apart from what prepares them, so that who only says it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from occlusight.errors import BadInput


@dataclass(frozen=True)
class PixelLimits:
    """How many pixels a picture may have after resizing."""

    min_pixels: int = 65_536
    max_pixels: int = 16_777_216

    def __post_init__(self) -> None:
        if not 0 < self.min_pixels <= self.max_pixels:
            raise BadInput(f"pixel limits must rise from above 0, got {self.min_pixels} to {self.max_pixels}")

    def within(self, max_pixels: int | None, min_pixels: int | None) -> PixelLimits:
        """Return what is left of these limits where others, if given, hold too: the smaller maximum; then the larger
        minimum, up to it.
        """
        high = self.max_pixels if max_pixels is None else min(self.max_pixels, max_pixels)
        return PixelLimits(min(max(self.min_pixels, min_pixels or 0), high), high)
