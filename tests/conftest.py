"""What tests of several parts share: a tiny checkpoint with random weights, pictures, and relation graphs.

The process that only hands out tests to others imports this file too: what takes long to import is imported by the
fixture that needs it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from occlusight.occlusion.kinds import KindNames
    from occlusight.scenes.render.rasterizer import Rasterizer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's files first: they take the longest, and at the end one worker would be left alone with them."""
    items.sort(key=lambda item: item.get_closest_marker("page") is None)


def pytest_collection_finish() -> None:
    """Let one thread compute: with tiny matrices a second one costs more than it does, above all on a busy machine."""
    import torch

    torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is imported to itself, while it is imported and later: looking through all of torch, transformers and
    Gradio for garbage takes a second each time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def draw(seed: int, size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Return a picture of a few overlapping shapes; each seed gives another one."""
    image = Image.new("RGB", size, (200, 210, 220))
    pen = ImageDraw.Draw(image)
    for step in range(6):
        x, y = (seed * 37 + step * 29) % size[0], (seed * 53 + step * 17) % size[1]
        colour = ((seed * 71 + step * 40) % 256, (seed * 31 + step * 90) % 256, (step * 60) % 256)
        pen.ellipse((x - 15, y - 12, x + 15, y + 12), fill=colour)
    return image


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of a tiny model that answers nonsense, always the same."""
    from tests.speaking import write_checkpoint

    return write_checkpoint(tmp_path_factory.mktemp("tiny") / "checkpoint")


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> Callable[..., Path]:
    """Write a checkpoint that differs from the usual one; see `write_checkpoint`."""
    from tests.speaking import write_checkpoint

    return lambda **settings: write_checkpoint(tmp_path / "checkpoint", **settings)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four picture files: PNG, JPG, WEBP of one size and a wide PNG."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for seed, (name, size) in enumerate(
        {"a.png": (96, 64), "b.jpg": (96, 64), "c.webp": (96, 64), "wide.png": (200, 40)}.items()
    ):
        draw(seed, size).save(folder / name)
        paths.append(folder / name)
    return paths


@pytest.fixture(scope="module")
def plain_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let clients know no authorities: to read those of the world takes each a thirtieth of a second, and no server of
    the tests has a certificate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("authorities")))
        yield


@pytest.fixture(scope="session")
def graphs() -> ModuleType:
    """The module tests/occlusion/graphs.py."""
    import tests.occlusion.graphs

    return tests.occlusion.graphs


@pytest.fixture(scope="session")
def names(graphs: ModuleType) -> dict[str, KindNames]:
    """A small catalogue."""
    return graphs.NAMES


@pytest.fixture(scope="session")
def assets() -> None:
    """All meshes, imported when they are not yet; skips where they cannot be downloaded."""
    from occlusight.errors import BadData
    from occlusight.scenes.meshes.assets import import_assets, missing_meshes

    if missing_meshes():
        try:
            import_assets()
        except BadData as e:
            pytest.skip(f"the meshes cannot be imported here: {e}")


@pytest.fixture(scope="session")
def maps() -> None:
    """All HDR maps, imported when they are not yet; skips where they cannot be downloaded."""
    from occlusight.errors import BadData
    from occlusight.scenes.meshes.map_assets import import_maps

    try:
        import_maps()
    except BadData as e:
        pytest.skip(f"the HDR maps cannot be imported here: {e}")


@pytest.fixture(scope="session")
def rasterizer() -> Rasterizer:
    """A rasterizer; without OpenGL the test is skipped, or fails where OpenGL was promised."""
    from occlusight.errors import BadInput
    from occlusight.scenes.render.rasterizer import Rasterizer

    try:
        return Rasterizer()
    except BadInput as e:
        if os.environ.get("OCCLUSIGHT_REQUIRE_OPENGL"):
            pytest.fail(str(e))
        pytest.skip(str(e))
