from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from occlusight.scenes.description import Light, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.render.path_tracer import exposure, render, to_srgb
from occlusight.scenes.truth.measure import measure

LIGHT = Light((0.3, 0.6, -0.8), (1.5, 1.5, 1.4), (0.8, 0.8, 0.85))


def test_importing_scenes_loads_neither_mitsuba_nor_torch() -> None:
    code = (
        "import sys, occlusight.scenes.render.path_tracer, occlusight.scenes.truth.measure, "
        "occlusight.scenes.meshes.assets; print([m for m in ('mitsuba', 'torch', 'embreex') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_scene_gives_the_same_bytes_again(suitcases: Callable[..., Scene]) -> None:
    scene = suitcases(size=40)
    first = render(scene, samples=4)
    assert first.shape == (40, 40, 3)
    assert first.dtype == np.uint8
    assert (render(scene, samples=4) == first).all()
    assert (render(replace(scene, index=3), samples=4) != first).any()


def test_the_colours_are_where_the_masks_say(catalogue: Catalogue, suitcases: Callable[..., Scene]) -> None:
    scene = suitcases()
    picture = render(scene, samples=16).astype(int)
    truth = measure(scene, catalogue)
    red, blue = (picture[m & ~_edge(m)] for m in truth.visible)
    assert np.mean(red[:, 0] > red[:, 2] + 30) > 0.6  # the trim and the handle are black
    assert np.mean(blue[:, 2] > blue[:, 0] + 30) > 0.6
    both = truth.amodal[0] & truth.amodal[1]
    assert np.mean(picture[both][:, 2] > picture[both][:, 0] + 30) < 0.1  # what is in front is red
    assert 60 < picture.mean() < 200


def _edge(mask: np.ndarray) -> np.ndarray:
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    return mask & ~inner


@pytest.mark.parametrize("kind", ["ground", "table", "room"])
def test_every_surrounding_can_be_drawn(suitcases: Callable[..., Scene], kind: str) -> None:
    around = Surroundings(kind, (0.3, 0.3, 0.3), (0.6, 0.5, 0.5), 4.0)
    picture = render(replace(suitcases(size=24), surroundings=around), samples=2)
    assert picture.std() > 5
    with pytest.raises(ValueError, match="sea"):
        render(replace(suitcases(size=24), surroundings=Surroundings("sea", (0, 0, 0))), samples=2)


def test_a_white_floor_in_full_light_is_nearly_white() -> None:
    down = 0.8 / np.sqrt(0.09 + 0.36 + 0.64)
    white = np.mean([s * down / np.pi + k for s, k in zip(LIGHT.sun, LIGHT.sky, strict=True)])
    value = to_srgb(np.array([white * exposure(LIGHT)], np.float32))[0]
    assert 235 < value < 250
    assert to_srgb(np.array([0.0, 100.0], np.float32)).tolist() == [0, 255]
