"""Decoded pictures become upright RGB piece by piece, so that no second whole picture lies in memory beside the
first."""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

# Importing this plugin spares the import of all others, which Pillow does for a format that it does not know yet.
from PIL import Image, WebPImagePlugin

from occlusight.images.header import Header

__all__ = ["Pieces", "WebPImagePlugin", "open_pieces", "upright_pieces"]

PIECE = 1 << 19
"""Pixels of a piece."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What an EXIF orientation asks for."""
ORIENTATION = 0x0112
ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


@dataclass(frozen=True)
class Pieces:
    """A picture of `size` (width, height) in pieces: each an RGB picture, and where its upper left corner belongs.

    `whole` is the size of the picture before it was reduced, upright as well.
    """

    size: tuple[int, int]
    whole: tuple[int, int]
    pieces: Iterator[tuple[tuple[int, int], Image.Image]]

    def joined(self) -> "Opened":
        """Return the RGB picture."""
        image = Image.new("RGB", self.size)
        for place, piece in self.pieces:
            image.paste(piece, place)
        return Opened(image, self.whole)


@dataclass(frozen=True)
class Opened:
    """An upright RGB picture, and the size (width, height) that it has unreduced."""

    image: Image.Image
    size: tuple[int, int]


def open_pieces(file: BinaryIO, header: Header, draft: int = 1, factor: int = 1) -> Pieces:
    """Decode a file whose header was read. `draft` (1, 2, 4, 8) and `factor` divide both sides, while a JPEG is decoded
    and after that.

    Raises whatever Pillow raises on broken files.
    """
    file.seek(0)
    image = Image.open(file, formats=[header.format])
    whole = image.size
    if draft > 1:
        image.draft(None, (image.width // draft, image.height // draft))
    image.load()
    if draft == 1:
        whole = image.size  # a TIFF has been turned by now
    _correct_transparency(image, header)
    turn = image.getexif().get(ORIENTATION, 1) if header.format == "TIFF" else orientation(image.info)
    return upright_pieces(image, turn, factor, header.depth, whole)


def upright_pieces(
    image: Image.Image, turn: Any = 1, factor: int = 1, depth: int = 16, whole: tuple[int, int] | None = None
) -> Pieces:
    """Turn a loaded picture as its EXIF orientation says, reduce it by `factor`, lay it on white.

    `depth` are the bits of a sample, `whole` is the size that the picture had before a draft, as it lies in the file.
    """
    if image.width * image.height == 0:
        raise ValueError(f"it has no pixels: {image.width}x{image.height}")
    width, height = -(-image.width // factor), -(-image.height // factor)
    columns = min(width, max(1, PIECE // factor // factor))
    rows = max(1, PIECE // (columns * factor * factor))
    method = TURNS.get(turn)
    convert = _Grey.of(image, depth) if image.mode.startswith(("I", "F")) else _rgb

    def pieces() -> Iterator[tuple[tuple[int, int], Image.Image]]:
        for top in range(0, height, rows):
            for left in range(0, width, columns):
                right, bottom = min(width, left + columns), min(height, top + rows)
                box = (
                    left * factor,
                    top * factor,
                    min(image.width, right * factor),
                    min(image.height, bottom * factor),
                )
                piece = convert(image.crop(box))
                if factor > 1:
                    piece = piece.reduce(factor)
                if method is not None:
                    piece = piece.transpose(method)
                x = {2: width - right, 3: width - right, 5: top, 6: height - bottom, 7: height - bottom, 8: top}
                y = {3: height - bottom, 4: height - bottom, 5: left, 6: left, 7: width - right, 8: width - right}
                yield (x.get(turn, left), y.get(turn, top)), piece

    size, whole = (width, height), whole or image.size
    return Pieces(size[::-1], whole[::-1], pieces()) if turn in (5, 6, 7, 8) else Pieces(size, whole, pieces())


def _rgb(piece: Image.Image) -> Image.Image:
    if piece.mode in ALPHA or "transparency" in piece.info:
        layer = piece.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return piece.convert("RGB")


def _correct_transparency(image: Image.Image, header: Header) -> None:
    """Bring a PNG's transparent value to the scale of the decoded samples: Pillow widens 2 and 4 bits and halves 16 of
    RGB."""
    value = image.info.get("transparency")
    if header.format != "PNG" or value is None:
        return
    if image.mode == "L" and header.depth in (2, 4):
        image.info["transparency"] = value * 255 // (2**header.depth - 1)
    elif image.mode == "RGB" and header.depth == 16:
        image.info["transparency"] = tuple(one >> 8 for one in value)


@dataclass(frozen=True)
class _Grey:
    """Grey values of 16 bits (or 32, or floats) as 8 bits; Pillow's own conversion cuts them off at 255.

    A value v becomes v * `times` / `over`, from 255 down where `inverted`; `clear` is the value that is transparent.
    """

    times: int
    over: int
    inverted: bool = False
    clear: int | None = None

    @classmethod
    def of(cls, image: Image.Image, depth: int) -> "_Grey":
        """Find what white is: by the bits of a sample, or by the largest value where any number is possible."""
        tags = getattr(image, "tag_v2", {})
        if image.mode.startswith("I;16"):
            clear = image.info.get("transparency")
            times, over = (255, 2**depth - 1) if 8 < depth < 16 else (1, 257)
            return cls(times, over, tags.get(262) == 0, clear if isinstance(clear, int) else None)
        largest = max(_largest(image.crop(box)) for box in _boxes(image.size))
        if image.mode == "F" and largest <= 1:
            return cls(255, 1)
        return cls(1, 257 if largest > 255 else 1)

    def __call__(self, piece: Image.Image) -> Image.Image:
        values = np.asarray(piece).astype(np.float64)
        grey = np.nan_to_num(values * self.times / self.over, nan=0.0, posinf=255.0, neginf=0.0)
        grey = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
        if self.inverted:
            grey = 255 - grey
        if self.clear is not None:
            grey[values == self.clear] = 255
        return Image.fromarray(grey).convert("RGB")


def _boxes(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    width, height = size
    columns = min(width, PIECE)
    rows = max(1, PIECE // columns)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(width, left + columns), min(height, top + rows)


def _largest(piece: Image.Image) -> float:
    values: npt.NDArray[Any] = np.asarray(piece)
    return float(values.max(initial=0, where=np.isfinite(values)))


def orientation(info: dict[Any, Any]) -> int:
    """Return the EXIF orientation, 1 where there is none, from EXIF or else from XMP, as Pillow does.

    Pillow reads every tag for that, and tags may name the same bytes again and again; here one tag is looked for.
    """
    exif = info.get("exif")
    if exif is None and isinstance(text := info.get("Raw profile type exif"), str):
        try:
            exif = bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            exif = None
    found = _orientation_tag(exif) if isinstance(exif, bytes) else None
    if found is not None:
        return found
    text, data = info.get("XML:com.adobe.xmp"), info.get("xmp")
    if isinstance(text, str) and text:
        match: re.Match[Any] | None = re.search(r'tiff:Orientation(?:="|>)([0-9])', text)
    else:
        match = re.search(rb'tiff:Orientation(?:="|>)([0-9])', data) if isinstance(data, bytes) else None
    return int(match[1]) if match else 1


def _orientation_tag(exif: bytes) -> int | None:
    """Find the tag in the first directory of an EXIF block."""
    stream = io.BytesIO(exif.removeprefix(b"Exif\x00\x00"))
    start = stream.read(8)
    end = "<" if start[:2] == b"II" else ">"
    try:
        (place,) = struct.unpack(end + "I", start[4:8])
        stream.seek(place)
        (count,) = struct.unpack(end + "H", stream.read(2))
        for _ in range(count):
            tag, kind, number, value = struct.unpack(end + "HHI4s", stream.read(12))
            if tag == ORIENTATION and number == 1 and kind in (1, 3, 4):
                return int(struct.unpack_from(end + {1: "B", 3: "H", 4: "I"}[kind], value)[0])
    except struct.error:
        return None  # broken EXIF is no reason to refuse a whole picture
    return None
