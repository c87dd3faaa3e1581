"""Opening pictures: whatever a user gives becomes an upright RGB picture, or one clear error."""

import io
import warnings
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from occlusight.errors import BadPicture

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 80_000_000
"""Pixels of the largest picture that is decoded: 240 MB of RGB."""
MAX_BYTES = 200_000_000
ADVICE = "give a JPG, PNG or WEBP picture"


def open_picture(source: str | Path | bytes | Image.Image, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """An upright RGB picture from a file, its bytes or a PIL picture.

    The EXIF orientation is applied; transparency is laid on white; palettes, grey, CMYK and 16-bit values become
    8-bit RGB; of an animation the first frame is taken.

    Raises:
        BadPicture: missing, empty, not a picture, broken, or larger than `max_pixels`.
    """
    if isinstance(source, Image.Image):
        return _finish(source, "the picture", max_pixels)
    if isinstance(source, bytes):
        return _decode(io.BytesIO(source), len(source), f"the picture ({len(source)} bytes)", max_pixels)
    path = Path(source)
    try:
        if path.is_dir():
            raise BadPicture(f"{path} is a folder, not a picture; {ADVICE}")
        size = path.stat().st_size
        with path.open("rb") as file:
            return _decode(file, size, str(path), max_pixels)
    except FileNotFoundError:
        raise BadPicture(f"{path}: there is no such file; check the path") from None
    except (OSError, ValueError) as error:
        if isinstance(error, BadPicture):
            raise
        raise BadPicture(f"{path}: cannot be read ({_reason(error)}); check the path and the permissions") from None


def _decode(file: BinaryIO, size: int, name: str, max_pixels: int) -> Image.Image:
    if size == 0:
        raise BadPicture(f"{name} is empty (0 bytes); {ADVICE}")
    if size > MAX_BYTES:
        raise BadPicture(f"{name} has {size} bytes, more than the {MAX_BYTES} allowed; {ADVICE} that is smaller")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file, formats=FORMATS)
        with image:
            return _finish(image, name, max_pixels)
    except UnidentifiedImageError:
        raise BadPicture(f"{name} is not a picture that can be read; {ADVICE}") from None
    except BadPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPicture(f"{name} is far larger than the {max_pixels} pixels allowed; make it smaller") from None
    except Exception as error:  # decoders raise nearly anything on broken data
        raise BadPicture(f"{name} is broken ({_reason(error)}); save it again or {ADVICE}") from None


def _finish(image: Image.Image, name: str, max_pixels: int) -> Image.Image:
    width, height = image.size
    if width * height > max_pixels:
        raise BadPicture(
            f"{name} has {width}x{height} = {width * height} pixels, more than the {max_pixels} allowed; make it smaller"
        )
    if width * height == 0:
        raise BadPicture(f"{name} has no pixels ({width}x{height}); {ADVICE}")
    image.load()
    return _rgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # broken EXIF is no reason to refuse a whole picture
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _to_bytes(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _to_bytes(image: Image.Image) -> Image.Image:
    """Grey values of 16 bits (or 32, or floats) as 8 bits; PIL's own conversion cuts them off at 255."""
    values = np.asarray(image).astype(np.float64)
    top = values.max(initial=0.0)
    if image.mode == "F" and top <= 1.0:
        values = values * 255.0
    elif image.mode.startswith("I;16") or top > 255.0:
        values = values / 257.0
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8), "L")


def _reason(error: BaseException) -> str:
    """One line of an error's text."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
