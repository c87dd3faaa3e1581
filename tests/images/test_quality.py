"""What speaks against a picture: told of bad ones, and not of good ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from occlusight.images.quality import BLURRED, DARK, SMALL, blur, concerns, quality

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module", params=["street", "bicycle", "desk", "room", "windows"])
def picture(request: pytest.FixtureRequest) -> Image.Image:
    return Image.open(EXAMPLES / f"{request.param}.webp").convert("RGB")


def kinds(image: Image.Image, *sizes: tuple[int, int]) -> list[str]:
    return [concern.kind for concern in concerns(image, *sizes)]


def test_a_good_picture_raises_no_concern(picture: Image.Image) -> None:
    assert kinds(picture) == []
    assert kinds(picture.resize((2 * picture.width, 2 * picture.height))) == []


def test_a_blurred_picture_is_told_at_any_size(picture: Image.Image) -> None:
    bad = picture.filter(ImageFilter.GaussianBlur(14 * max(picture.size) / 512))
    assert kinds(bad) == ["blurred"]
    assert kinds(bad.resize((3 * bad.width, 3 * bad.height))) == ["blurred"]
    assert kinds(picture.filter(ImageFilter.GaussianBlur(2))) == []


def test_a_dark_picture_is_told(picture: Image.Image) -> None:
    assert kinds(picture.point(lambda v: round(0.12 * v))) == ["dark"]
    assert kinds(picture.point(lambda v: round(0.5 * v))) == []


def test_a_very_small_picture_is_told(picture: Image.Image) -> None:
    small = picture.copy()
    small.thumbnail((SMALL - 1, SMALL - 1))
    assert kinds(small) == ["small"]


def test_a_picture_that_is_much_reduced_is_told_with_its_sizes(picture: Image.Image) -> None:
    (concern,) = concerns(picture, (8000, 6000), (512, 384))
    assert concern.kind == "reduced"
    assert "512 x 384 of its 8000 x 6000" in concern.en
    assert "8000 x 6000" in concern.zh
    assert kinds(picture, (1024, 768), (512, 384)) == []


def test_every_concern_has_its_figure_beyond_its_limit() -> None:
    black = Image.new("RGB", (20, 20))
    assert kinds(black) == ["small", "dark"]
    for concern in concerns(black):
        assert concern.measured < concern.limit
        assert str(round(concern.measured)) in concern.en


def test_blur_rises_with_blurring_and_is_none_of_a_plain_picture() -> None:
    blocks = np.random.default_rng(0).integers(0, 255, (4, 4), np.uint8).repeat(32, axis=0).repeat(32, axis=1)
    picture = Image.fromarray(blocks)
    found = [blur(np.asarray(picture.filter(ImageFilter.GaussianBlur(r)), np.float32)) for r in (0, 1, 2, 6)]
    assert found == sorted(found)
    assert found[0] < 0.2 < BLURRED < found[-1]
    assert blur(np.full((64, 64), 7, np.float32)) == 0
    assert quality(Image.new("L", (3, 3), 200)).blur == 0
    assert quality(Image.new("RGBA", (300, 3), "white")).brightness > DARK
