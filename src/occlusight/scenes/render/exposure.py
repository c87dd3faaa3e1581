"""Pictures of frames: rendered as targeted scenes are, all of a clip with the exposure of its first frame.

With one of its own a frame would grow brighter when a dark thing leaves it, which tells what the picture does not show.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from occlusight.scenes.description import Scene
from occlusight.scenes.render.path_tracer import to_srgb
from occlusight.scenes.render.targeted import exposure, radiance

METER = 96, 16  # pixels and samples of the picture that the exposure is measured on


def render_frame(scene: Scene, first: Scene, samples: int = 64) -> NDArray[np.uint8]:
    """Return the picture of a frame, (H, W, 3) sRGB, exposed as the clip's first frame is. Raises like
    `render_targeted`."""
    return to_srgb(radiance(scene, samples) * np.float32(exposure_of(first)))


@lru_cache(maxsize=4)
def exposure_of(first: Scene) -> float:
    """Return the exposure of a clip: measured on its first frame, in few pixels."""
    side, samples = METER
    return exposure(radiance(replace(first, camera=replace(first.camera, width=side, height=side)), samples))
