"""Every kind of picture becomes upright RGB; whatever is none gives one clear line."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlusight.errors import BadPicture
from occlusight.model.picture import open_picture

RED, GREEN, WHITE = (255, 0, 0), (0, 128, 0), (255, 255, 255)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def halves() -> Image.Image:
    """Red on the left, green on the right, 40 x 20."""
    image = Image.new("RGB", (40, 20), RED)
    image.paste(GREEN, (20, 0, 40, 20))
    return image


def colour(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


@pytest.mark.parametrize("form", ["PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF"])
def test_formats(form: str, tmp_path: Path) -> None:
    data = encoded(halves(), form)
    path = tmp_path / "picture.of.any.name"
    path.write_bytes(data)
    with Image.open(path) as opened:
        images = [open_picture(source) for source in (data, path, str(path), opened)]
    for image in images:
        assert (image.mode, image.size) == ("RGB", (40, 20))
        assert np.abs(np.subtract(colour(image, 5, 10), RED)).max() < 8
        assert np.abs(np.subtract(colour(image, 35, 10), GREEN)).max() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    """Stored so that turning it as EXIF says gives red on the left."""
    stored = {
        1: halves(),
        2: halves().transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: halves().transpose(Image.Transpose.ROTATE_180),
        4: halves().transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: halves().transpose(Image.Transpose.TRANSPOSE),
        6: halves().transpose(Image.Transpose.ROTATE_90),
        7: halves().transpose(Image.Transpose.TRANSVERSE),
        8: halves().transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = open_picture(encoded(stored, "PNG", exif=exif))
    assert image.size == (40, 20)
    assert (colour(image, 2, 2), colour(image, 37, 17)) == (RED, GREEN)


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 128), (0, 0, 4, 8))
    image = open_picture(encoded(clear, "PNG"))
    assert colour(image, 6, 4) == WHITE
    assert colour(image, 1, 4) == (255, 127, 127)
    grey = Image.new("LA", (8, 8), (0, 0))
    assert colour(open_picture(encoded(grey, "PNG")), 4, 4) == WHITE


def test_a_palette_with_and_without_a_transparent_entry() -> None:
    indexed = halves().quantize(4)
    assert colour(open_picture(encoded(indexed, "PNG")), 5, 5) == RED
    entry = indexed.getpixel((5, 5))
    image = open_picture(encoded(indexed, "PNG", transparency=entry))
    assert (colour(image, 5, 5), colour(image, 35, 5)) == (WHITE, GREEN)
    gif = open_picture(encoded(indexed, "GIF", transparency=entry))
    assert colour(gif, 5, 5) == WHITE


def test_a_transparent_colour_of_an_rgb_picture() -> None:
    image = open_picture(encoded(halves(), "PNG", transparency=RED))
    assert (colour(image, 5, 5), colour(image, 35, 5)) == (WHITE, GREEN)


def test_cmyk() -> None:
    image = open_picture(encoded(halves().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(np.subtract(colour(image, 5, 10), RED)).max() < 12


@pytest.mark.parametrize(("form", "mode"), [("PNG", "I;16"), ("TIFF", "I;16"), ("TIFF", "I")])
def test_16_bits_are_scaled_not_cut(form: str, mode: str) -> None:
    values = np.array([[0, 257 * 100, 257 * 200, 65535]], dtype=np.uint16 if mode == "I;16" else np.int32)
    image = open_picture(encoded(Image.fromarray(values), form))
    assert [colour(image, x, 0)[0] for x in range(4)] == [0, 100, 200, 255]


def test_floats() -> None:
    image = open_picture(encoded(Image.fromarray(np.array([[0.0, 0.5, 1.0]], dtype=np.float32)), "TIFF"))
    assert [colour(image, x, 0)[0] for x in range(3)] == [0, 128, 255]


def test_black_and_white_and_grey() -> None:
    assert colour(open_picture(encoded(Image.new("1", (4, 4), 1), "PNG")), 1, 1) == WHITE
    assert colour(open_picture(encoded(Image.new("L", (4, 4), 7), "PNG")), 1, 1) == (7, 7, 7)


def test_the_first_picture_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), GREEN)]
    for form in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
        assert np.abs(np.subtract(colour(open_picture(data), 4, 4), RED)).max() < 8


def test_a_given_picture_is_not_changed() -> None:
    given = halves()
    open_picture(given).paste(WHITE, (0, 0, 40, 20))
    assert colour(given, 5, 5) == RED


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0II*\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12", b"Exif\0\0nonsense", b""]
)
def test_broken_exif_is_no_reason_to_refuse(exif: bytes) -> None:
    for form in ("PNG", "WEBP"):
        assert open_picture(encoded(halves(), form, exif=exif)).size == (40, 20)


JPEG = encoded(halves(), "JPEG")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"not a picture at all", "is not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG or XML file, which is not a picture"),
        (b"%PDF-1.7", "is a PDF, which is not a picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "is a HEIC picture, which is not"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "is an AVIF picture, which is not"),
        (b"\0\0\0\x18ftypisom\0\0\2\0", "is a video, which is not"),
        (b"\0\0\0\x08free\0\x9a\x40\0mdat", "is a video, which is not"),
        (b"the wide street, the free place", "is not a picture"),
        (b"\r\n<!DOCTYPE html><html>", "is a web page, which is not"),
        (b"\xff\x0a\xfa\x1f", "is a JPEG XL picture, which is not"),
        (JPEG[:-200], "is broken"),
        (encoded(halves(), "PNG")[:60], "is broken"),
        (encoded(halves(), "PNG")[:-30], "is broken"),
    ],
)
def test_what_is_no_picture_gives_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    for source, name in ((data, "the picture"), (path, str(path))):
        with pytest.raises(BadPicture, match=says) as caught:
            open_picture(source)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_paths_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(BadPicture, match="no such file"):
        open_picture(tmp_path / "missing.png")
    with pytest.raises(BadPicture, match="is a folder"):
        open_picture(tmp_path)
    with pytest.raises(BadPicture, match="cannot be read"):
        open_picture("a\0b")
    with pytest.raises(BadPicture, match="cannot be read"):
        open_picture(tmp_path / ("x" * 5000))


@pytest.mark.skipif(not hasattr(os, "mkfifo") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(halves(), "PNG"))
    path.chmod(0)
    with pytest.raises(BadPicture, match="permissions"):
        open_picture(path)


@pytest.mark.parametrize("side", [9_500, 40_000])
def test_bombs_are_refused(side: int) -> None:
    """Pillow warns of the first and refuses the second; only the header says so many pixels."""
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    data = b"\x89PNG\r\n\x1a\n" + chunk + encoded(halves(), "PNG")[33:]
    with pytest.raises(
        BadPicture, match=rf"{side}x{side} = {side**2} pixels .* MB to open, more than the 425 MB allowed"
    ):
        open_picture(data)


def test_huge_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from occlusight.model import picture

    monkeypatch.setattr(picture, "MAX_BYTES", 100)
    with pytest.raises(BadPicture, match="bytes, more than the 100 allowed"):
        open_picture(JPEG)


def test_a_picture_without_pixels() -> None:
    with pytest.raises(BadPicture, match="no pixels"):
        open_picture(Image.new("RGB", (0, 5)))
