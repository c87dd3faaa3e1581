"""Daylight and indoor light for recipes."""

from __future__ import annotations

import math

import numpy as np

from occlusight.scenes.description import Light


def sample_light(rng: np.random.Generator, outdoors: bool) -> Light:
    """A sun 30 to 70 degrees high from any side, slightly warm, and a sky that is bluer outdoors."""
    elevation, azimuth = math.radians(rng.uniform(30, 70)), rng.uniform(0, 2 * math.pi)
    direction = (
        math.cos(elevation) * math.cos(azimuth),
        math.cos(elevation) * math.sin(azimuth),
        -math.sin(elevation),
    )
    sun = float(rng.uniform(0.8, 3.2)) if outdoors else float(rng.uniform(0.4, 2.0))
    warm, sky = float(rng.uniform(0.82, 1.0)), float(rng.uniform(0.55, 1.0))
    blue = float(rng.uniform(1.0, 1.25)) if outdoors else 1.0
    return Light(direction, (sun, sun * (1 + warm) / 2, sun * warm), (sky / blue, sky, sky * blue))
