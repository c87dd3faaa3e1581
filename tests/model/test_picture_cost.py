"""What a picture costs is known before it is decoded, and what it becomes does not depend on how it was decoded."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from tests.model import hostile
from tests.model.hostile import encoded

from occlusight.errors import BadPicture
from occlusight.images import pixels as picture_pixels
from occlusight.images.header import read_header
from occlusight.images.pixels import upright_pieces
from occlusight.model import picture
from occlusight.model.picture import PictureLimits, open_picture, open_reduced

FORMS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


def noise(mode: str, width: int = 37, height: int = 23) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (height, width, 4), np.uint8)
    return Image.fromarray(values, "RGBA").convert("RGB" if mode == "P" else mode).convert(mode)


def plain(data: bytes) -> Image.Image:
    """What opening a picture of 8 bits means, in the shortest words."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, (255, 255, 255, 255)), layer)
    return image.convert("RGB")


def same(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and one.tobytes() == other.tobytes()


@pytest.fixture(params=["here", "worker"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Decode in this process, in small pieces, or in a worker."""
    if request.param == "worker":
        monkeypatch.setattr(picture, "QUICK_WORK", -1)
    monkeypatch.setattr(picture_pixels, "PIECE", 100)
    return str(request.param)


@pytest.mark.parametrize("make", hostile.COSTLY.values(), ids=hostile.COSTLY.keys())
def test_what_costs_too_much_is_refused_with_the_numbers(
    make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a decoder saw it")

    monkeypatch.setattr(picture, "open_pieces", never)
    monkeypatch.setattr(picture.WORKERS_HERE, "decode", never)
    with pytest.raises(BadPicture, match=r"\d+x\d+ = \d+ pixels.* more than the \d+( MB)? allowed.*; .*save it"):
        open_picture(make())


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("form", FORMS)
def test_the_same_pixels_as_a_plain_twin(form: str, mode: str, way: str) -> None:
    try:
        data = encoded(noise(mode), form)
        expected = plain(data)
    except (OSError, ValueError):
        pytest.skip(f"{form} has no {mode}")
    assert same(open_picture(data), expected)


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_every_orientation_as_a_plain_twin(form: str, orientation: int, way: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(noise("RGB"), form, exif=exif)
    assert same(open_picture(data), plain(data))
    assert open_reduced(data, None).size == plain(data).size


def test_orientation_from_xmp_and_from_either_byte_order() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="8"/></x:xmpmeta>'
    for form in ("JPEG", "WEBP"):
        assert open_picture(encoded(noise("RGB"), form, xmp=xmp)).size == (23, 37)
    big = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    assert open_picture(encoded(noise("RGB"), "PNG", exif=big)).size == (23, 37)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", "<i4", "<f4"])
@pytest.mark.parametrize("top", [1, 200, 65535, 70000])
def test_wide_values_in_pieces_are_those_of_the_whole(dtype: str, top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_pixels, "PIECE", 50)
    values = np.random.default_rng(3).uniform(0, top, (19, 31)).astype(dtype)
    mode = {"<u2": "I;16", ">u2": "I;16B", "<i4": "I", "<f4": "F"}[dtype]
    image = Image.frombytes(mode, (31, 19), values.tobytes())
    numbers: npt.NDArray[np.float64] = values.astype(np.float64)
    if mode == "F" and numbers.max() <= 1:
        numbers = numbers * 255
    elif mode.startswith("I;16") or numbers.max() > 255:
        numbers = numbers / 257
    expected = np.clip(np.rint(numbers), 0, 255).astype(np.uint8)
    assert same(upright_pieces(image).joined().image, Image.fromarray(expected).convert("RGB"))


def test_floats_that_are_no_numbers() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert np.asarray(open_picture(Image.fromarray(values)))[0, :, 0].tolist() == [0, 255, 0, 128]


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("white", [False, True])
def test_the_transparent_grey_lies_on_white(depth: int, white: bool) -> None:
    """The first sample is the transparent one, the others differ from it by the least that there is at this depth."""
    most = 2**depth - 1
    clear, other = (most, most - 1) if white else (0, 1)
    row = (clear << depth | other) << (-2 * depth % 8)
    data = hostile.png(
        2,
        1,
        depth,
        0,
        hostile.chunk(b"tRNS", struct.pack(">H", clear)),
        rows=b"\0" + row.to_bytes(-(-2 * depth // 8), "big"),
    )
    found = np.asarray(open_picture(data))[0, :, 0].tolist()
    assert found == [255, round(other * 255 / most)]


def test_the_transparent_colour_of_16_bits() -> None:
    rows = b"\0" + struct.pack(">6H", 0x1234, 0x5678, 0x9ABC, 0, 0, 0)
    data = hostile.png(2, 1, 16, 2, hostile.chunk(b"tRNS", struct.pack(">3H", 0x1234, 0x5678, 0x9ABC)), rows=rows)
    assert np.asarray(open_picture(data))[0].tolist() == [[255, 255, 255], [0, 0, 0]]


def test_white_of_12_bits_and_zeros_that_are_white() -> None:
    """TIFF knows both; Pillow scales neither."""
    tags = [tag for tag in hostile.plain_tags(2, 1, 16) if tag[0] != 262]
    inverted = hostile.tiff([*tags, (262, 4, 1, 0), (279, 4, 1, 4)], struct.pack("<2H", 0, 65535))
    assert np.asarray(open_picture(inverted))[0, :, 0].tolist() == [255, 0]
    twelve = hostile.tiff([*hostile.plain_tags(2, 1, 12), (279, 4, 1, 3)], b"\xff\xf0\x00")
    assert np.asarray(open_picture(twelve))[0, :, 0].tolist() == [255, 0]


def test_drafts_only_of_pictures_twice_as_large() -> None:
    data = encoded(noise("RGB", 400, 300), "JPEG")
    for reduce_to in (None, 70_000, 60_000, 30_001):  # a half of both sides has 30,000 pixels
        assert same(open_picture(data, reduce_to=reduce_to), plain(data))
    sizes = {reduce_to: open_picture(data, reduce_to=reduce_to).size for reduce_to in (30_000, 7_500, 1_850, 1)}
    assert sizes == {30_000: (200, 150), 7_500: (100, 75), 1_850: (50, 38), 1: (50, 38)}
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = open_reduced(encoded(noise("RGB", 400, 300), "JPEG", exif=exif), 20_000)
    assert (opened.size, opened.image.size) == ((300, 400), (150, 200))
    for form in ("PNG", "WEBP", "TIFF", "BMP", "GIF"):
        assert open_picture(encoded(noise("RGB", 400, 300), form), reduce_to=1).size == (400, 300)


def test_what_does_not_fit_whole_is_reduced_where_the_model_would(way: str) -> None:
    data = encoded(noise("RGB", 400, 300), "PNG")
    fits = PictureLimits(
        memory_bytes=67_000_000
    )  # 2 MB beside what a worker takes; the whole takes about half of that twice
    assert same(open_picture(data, reduce_to=1000, limits=fits), plain(data))
    tight = PictureLimits(memory_bytes=65_000_000 + 700_000 + len(data))
    with pytest.raises(BadPicture, match="allowed"):
        open_picture(data, limits=tight)
    if way == "here":
        opened = open_reduced(data, 1000, limits=tight)
        assert same(opened.image, plain(data).reduce(2))
        assert opened.size == (400, 300)


def test_metadata_costs_nothing() -> None:
    small = {"RGB": noise("RGB", 8, 5)}
    bomb = hostile.exif(30_000, 1 << 20)
    assert open_picture(encoded(small["RGB"], "PNG", exif=bomb)).size == (5, 8)
    assert open_picture(hostile.looping_directories()).size == (10, 10)
    assert open_picture(hostile.gif(4, 4, frames=3000)).size == (4, 4)
    for extra in (
        hostile.chunk(b"iCCP", b"k\0\0" + hostile.deflated(1 << 26)),
        hostile.chunk(b"zTXt", b"k\0\0" + hostile.deflated(1 << 26)),
    ):
        with pytest.raises(BadPicture, match="is broken"):
            open_picture(hostile.png(8, 8, 8, 0, extra))


@pytest.mark.parametrize(
    "data",
    [hostile.png(0, 4), hostile.gif(0, 0)[:13], hostile.tiff(hostile.plain_tags(0, 4))],
    ids=["PNG", "GIF", "TIFF"],
)
def test_sides_of_zero(data: bytes) -> None:
    with pytest.raises(BadPicture):
        open_picture(data)


@pytest.mark.parametrize("form", FORMS)
def test_headers(form: str) -> None:
    header = read_header(io.BytesIO(data := encoded(noise("L"), form)), len(data))
    assert header is not None
    assert (header.format, header.width, header.height, header.plain) == (form, 37, 23, form != "TIFF")
    for cut in range(4, len(data), 5):
        read_header(io.BytesIO(data[:cut]), cut)


VALID = {form: encoded(noise("RGB", 9, 7), form) for form in FORMS} | {
    "progressive": encoded(noise("RGB", 9, 7), "JPEG", progressive=True),
    "16 bits": encoded(Image.fromarray(np.arange(60, dtype=np.uint16).reshape(6, 10)), "PNG"),
    "palette": encoded(noise("RGB", 9, 7).quantize(8), "PNG", transparency=2),
    "runs": hostile.run_lengths(9, 7),
    "tags": hostile.repeated_tags(5, 30),
}


def survives(start: str, changes: list[tuple[float, int]], end: float) -> None:
    data = bytearray(VALID[start])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    refused = ""
    try:
        assert open_picture(bytes(data[: max(1, int(end * len(data)))])).mode == "RGB"
    except BadPicture as error:
        refused = str(error)
    assert "\n" not in refused


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6)
ENDS = st.one_of(st.just(1.0), st.floats(0, 1))


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(VALID)), CHANGES, ENDS)
def test_damaged_pictures_give_a_picture_or_one_line(start: str, changes: list[tuple[float, int]], end: float) -> None:
    survives(start, changes, end)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(VALID)), CHANGES, ENDS)
def test_ten_thousand_damaged_pictures(start: str, changes: list[tuple[float, int]], end: float) -> None:
    survives(start, changes, end)


def test_torch_is_not_imported() -> None:
    code = "import sys; import occlusight.model.picture; assert not {'torch', 'multiprocessing'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
