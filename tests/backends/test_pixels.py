"""How large pictures are read: the defaults, a user's limits, the checkpoint's own, and what the answer says about
it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from occlusight.backends import open_backend
from occlusight.backends.events import Done, PictureUse, Usage
from occlusight.backends.hub import shipped
from occlusight.backends.local import LocalBackend
from occlusight.backends.options import MaxPixels
from occlusight.backends.picture_reader import USUAL_PIXELS, PictureReader
from occlusight.backends.protocol import Request
from occlusight.errors import BadInput, BadPicture
from occlusight.model.pixel_limits import PixelLimits
from occlusight.model.preprocess import PreprocessSettings

QWEN = PreprocessSettings()
"""The limits of Qwen3-VL's own checkpoints: 65,536 to 16,777,216 pixels."""


@pytest.fixture(scope="session")
def wide_checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with the pixel limits of Qwen3-VL's own checkpoints."""
    folder = tmp_path_factory.mktemp("wide") / "checkpoint"
    shutil.copytree(tiny_checkpoint, folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(QWEN.to_hf()))
    return folder


@pytest.fixture(scope="session")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of a phone's size, as a JPEG."""
    path = tmp_path_factory.mktemp("photograph") / "phone.jpg"
    Image.radial_gradient("L").resize((4032, 3024)).convert("RGB").save(path, quality=60)
    return path


def usage(backend: object, picture: Path | Image.Image, **settings: object) -> Usage:
    """What an answer of one token says about a picture."""
    assert isinstance(backend, LocalBackend)
    done = list(backend.generate(Request("?", (picture,), max_tokens=1, **settings)))[-1]  # type: ignore[arg-type]
    assert isinstance(done, Done)
    return done.usage


def test_a_phones_photograph_is_reduced_unless_told_otherwise(wide_checkpoint: Path, photograph: Path) -> None:
    """4032x3024 would be 126 x 94 = 11,844 tokens within the checkpoint's own limits."""
    backend = open_backend(str(wide_checkpoint))
    found = usage(backend, photograph)
    assert found.image_tokens == 36 * 27 <= 1024
    assert found.pictures == (PictureUse(27, 36, 972, (4032, 3024), (1152, 864), "max_pixels"),)
    assert isinstance(backend, LocalBackend)
    assert backend.preprocess.limits == PixelLimits(65_536, USUAL_PIXELS)


def test_each_request_may_have_limits_of_its_own_and_pictures_do_not_mix(
    wide_checkpoint: Path, photograph: Path
) -> None:
    backend = LocalBackend(wide_checkpoint)
    small = usage(backend, photograph, max_pixels=100_000)
    assert small.pictures == (PictureUse(8, 11, 88, (4032, 3024), (352, 256), "max_pixels"),)
    large = usage(backend, photograph, max_pixels=200_000)
    assert large.image_tokens == 12 * 16
    again = backend.generate(Request("?", (photograph,), max_tokens=1, max_pixels=200_000))
    done = list(again)[-1]
    assert isinstance(done, Done)
    assert done.saved.reused > 12 * 16
    assert done.usage.pictures == large.pictures
    tiny = usage(backend, Image.new("RGB", (64, 64)), min_pixels=200_000)
    assert tiny.pictures == (PictureUse(14, 14, 196, (64, 64), (448, 448)),)


@pytest.mark.parametrize(
    ("most", "least", "asked", "expected"),
    [
        (None, None, {}, (65_536, USUAL_PIXELS)),
        ("model", None, {}, (65_536, 16_777_216)),
        (2_000_000, 100_000, {}, (100_000, 2_000_000)),
        (None, 2_000_000, {}, (2_000_000, 2_000_000)),
        (2**40, None, {}, (65_536, 16_777_216)),
        (None, None, {"max_pixels": "model"}, (65_536, 16_777_216)),
        (None, None, {"max_pixels": 3_000_000, "min_pixels": 70_000}, (70_000, 3_000_000)),
        (500_000, 400_000, {"max_pixels": 300_000}, (300_000, 300_000)),
        (None, None, {"max_pixels": 10_000}, (10_000, 10_000)),
    ],
)
def test_the_smaller_upper_limit_holds(
    most: MaxPixels, least: int | None, asked: dict[str, MaxPixels], expected: tuple[int, int]
) -> None:
    reader = PictureReader.on("cpu", QWEN, most, least)
    low: object = asked.get("min_pixels")
    assert low is None or isinstance(low, int)
    assert reader.within(asked.get("max_pixels"), low).limits == PixelLimits(*expected)


def test_a_gpu_and_the_shipped_model_keep_their_own_limits() -> None:
    assert PictureReader.on("cuda", QWEN).settings == QWEN
    own = PreprocessSettings.load(shipped("default"))
    assert PictureReader.on("cpu", own).settings == own
    whole = PictureReader.on("cpu", own).use((640, 480), (14, 18), own)
    assert whole.reduced_by == "model"


def test_a_picture_that_is_too_narrow_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 10)).save(tmp_path / "thin.png")
    with pytest.raises(BadPicture, match=r"thin\.png: a picture of 3000x10 is too narrow"):
        PictureReader.on("cpu", QWEN).read(tmp_path / "thin.png")
    with pytest.raises(BadPicture, match=r"^a picture of 3000x10 is too narrow"):
        PictureReader.on("cpu", QWEN).read(Image.new("RGB", (3000, 10)))


def test_limits_that_contradict_each_other_are_refused(tiny_checkpoint: Path) -> None:
    with pytest.raises(BadInput, match=r"min_pixels \(20\) must not be above max_pixels \(10\)"):
        Request("?", max_pixels=10, min_pixels=20)
    with pytest.raises(BadInput, match="'much' was given"):
        Request("?", max_pixels="much")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="max_pixels must lie between 1"):
        LocalBackend(tiny_checkpoint, max_pixels=0)
