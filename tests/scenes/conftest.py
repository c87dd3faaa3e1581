"""The catalogue, imported meshes, and small scenes of procedural shapes that need no import."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from occlusight.cli.app import run
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import Catalogue, load_catalogue
from occlusight.scenes.render import light_maps
from occlusight.scenes.render.light_maps import two_threads
from occlusight.scenes.render.surfaces import mitsuba


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def suitcases() -> Callable[..., Scene]:
    """A scene with a red suitcase 3 m away and a blue one behind it, `shift` metres to the right."""

    def make(shift: float = 0.2, size: int = 64) -> Scene:
        red = Placed("o1", "suitcase", "procedural-suitcase", (0.0, 0.0, 0.0), 0, 1.0, "red", (0.5, 0.01, 0.01))
        blue = Placed("o2", "suitcase", "procedural-suitcase", (shift, 1.0, 0.0), 0, 1.0, "blue", (0.01, 0.05, 0.5))
        return Scene(
            recipe="room",
            seed=1,
            index=2,
            objects=(red, blue),
            camera=Camera((0.0, -3.0, 0.6), (0.1, 0.0, 0.4), 35.0, size, size),
            light=Light((0.3, 0.6, -0.8), (1.5, 1.5, 1.4), (0.8, 0.8, 0.85)),
            surroundings=Surroundings("room", (0.3, 0.3, 0.3), (0.6, 0.6, 0.6), 3.0),
        )

    return make


@pytest.fixture(scope="session")
def small_sets() -> ModuleType:
    """The module small_sets.py beside this file."""
    name = "occlusight_test_small_sets"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("small_sets.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def small_set(small_sets: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of three scenes that no test changes."""
    folder = tmp_path_factory.mktemp("sets") / "street3"
    small_sets.make(folder)
    return folder


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `scenes import` in this process; returns exit code, stdout, stderr."""

    def call(*arguments: Any) -> tuple[int, str, str]:
        code = run(["scenes", "import", *(str(a) for a in arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def small_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes a map whose light comes from one column."""
    monkeypatch.setenv("OCCLUSIGHT_ASSETS", str(tmp_path))
    monkeypatch.setattr(light_maps, "ROWS", 64)
    (tmp_path / "maps").mkdir()

    def write(key: str) -> None:
        pixels = np.full((32, 64, 3), 0.5, np.float32)
        pixels[8:12, 40] = 3.0
        with two_threads():
            mitsuba().Bitmap(pixels).write(str(tmp_path / "maps" / f"{key}.exr"))

    return write
