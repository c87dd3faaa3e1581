"""What speaks against a picture before anybody is asked about it: too blurred, too dark, too small, or much reduced.

The limits come from a sweep over the shipped model, whose figures are in docs/warnings.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from occlusight.images.header import Header

LOOK = 128  # pixels: the longer side at which blur is looked for; finer detail than that is not needed to see a thing
WINDOW = 9  # pixels of those: of the blur that a picture is compared with
BLURRED = 0.63  # of 1
DARK = 32.0  # of 255
SMALL = 32  # pixels of the shorter side
REDUCED = 4.0  # times as many pixels each way
TEXTS = {
    "blurred": (
        "the picture is blurred ({measured:.2f} where sharp ones have less than 0.4): edges, which tell who hides "
        "whom, are lost; take it again in focus and without motion",
        "图片模糊（{measured:.2f}，清晰的低于 0.4），判断遮挡所需的边缘看不清；请对好焦、拿稳后重拍",
    ),
    "dark": (
        "the picture is dark (mean lightness {measured:.0f} of 255): answers are little better than a guess; take it "
        "with more light, or brighten it",
        "图片太暗（平均亮度 {measured:.0f}/255），回答与猜测相差不多；请补光重拍或调亮",
    ),
    "small": (
        "the picture is very small ({0}): things in it cannot be told apart; give one of at least {limit:.0f} pixels "
        "on its shorter side",
        "图片太小（{0}），难以分辨其中的东西；请提供短边至少 {limit:.0f} 像素的图片",
    ),
    "reduced": (
        "the picture is read at {1} of its {0} pixels: small things are lost; ask about a part of it, or allow more "
        "pixels",
        "图片从 {0} 缩小到 {1} 像素读取，小东西会看不清；请只问局部，或放宽像素上限",
    ),
}
"""What is said of each kind, in English and Chinese."""
MOVES = (
    "the picture moves, and only its first frame is looked at; save it as an MP4 to ask about all of it",
    "这是动图，只看其第一帧；想问整段内容，请存成 MP4",
)


@dataclass(frozen=True)
class Quality:
    """What a picture is like.

    blur: how little one more blur changes it, 0 to 1 (Crété et al., "The blur effect", 2007); 0.2 to 0.4 where sharp
    brightness: the mean of its lightness, 0 to 255
    shorter: its shorter side in pixels
    """

    blur: float
    brightness: float
    shorter: int


@dataclass(frozen=True)
class Concern:
    """One thing that speaks against a picture: `measured` is beyond `limit`. `en` and `zh` say it, and what to do.

    kind: blurred, dark, small, reduced, or moves (frames: two, where there are more than one)
    """

    kind: str
    measured: float
    limit: float
    en: str
    zh: str


def quality(image: Image.Image) -> Quality:
    """Measure a picture."""
    small = image.convert("L")
    small.thumbnail((LOOK, LOOK), Image.Resampling.BOX)
    grey = np.asarray(small, np.float32)
    return Quality(blur(grey), float(grey.mean()), min(image.size))


def concerns(
    image: Image.Image, whole: tuple[int, int] | None = None, read: tuple[int, int] | None = None
) -> tuple[Concern, ...]:
    """Return what speaks against a picture; nothing for a good one.

    Args:
        image: the picture, upright.
        whole: its width and height before it was reduced, where that is known.
        read: the width and height at which the model reads it, where that is known.
    """
    found = quality(image)
    whole, read = whole or image.size, read or image.size
    factor = max(whole) / min(max(read), max(image.size))
    told = []
    if found.shorter < SMALL:
        told.append(_concern("small", found.shorter, SMALL, image.size))
    elif found.blur > BLURRED:  # a very small picture has no detail that could be missing
        told.append(_concern("blurred", found.blur, BLURRED))
    if found.brightness < DARK:
        told.append(_concern("dark", found.brightness, DARK))
    if factor > REDUCED:
        told.append(_concern("reduced", factor, REDUCED, whole, min(read, image.size, key=max)))
    return tuple(told)


def of_its_frames(header: Header | None) -> tuple[Concern, ...]:
    """Return that of a picture more frames than one are left out, where its file says that it has them."""
    return (Concern("moves", 2, 1, *MOVES),) if header is not None and header.moves else ()


def _concern(kind: str, measured: float, limit: float, *sizes: tuple[int, int]) -> Concern:
    words = [f"{wide} x {tall}" for wide, tall in sizes]
    en, zh = (text.format(*words, measured=measured, limit=limit) for text in TEXTS[kind])
    return Concern(kind, measured, limit, en, zh)


def blur(grey: npt.NDArray[np.float32]) -> float:
    """Return the blur of a picture (H, W): of the differences between neighbours, the share that is left when it is
    blurred once more, along the axis where more is left; 0 for a picture without any."""
    shares = []
    for axis in (0, 1):
        lines = np.moveaxis(grey, axis, 0)
        if lines.shape[0] <= WINDOW:
            continue
        padded = np.pad(lines, ((WINDOW // 2 + 1, WINDOW // 2), (0, 0)), mode="edge")
        sums = np.cumsum(padded, axis=0, dtype=np.float64)
        again = (sums[WINDOW:] - sums[:-WINDOW]) / WINDOW
        before, after = np.abs(np.diff(lines, axis=0)), np.abs(np.diff(again, axis=0))
        total = float(before.sum())
        if total > 0:
            lost = float(np.maximum(0.0, before - after).sum())
            shares.append((total - lost) / total)
    return max(shares, default=0.0)
