"""Other pictures with the same truth: seen in a mirror, and in another light or by another camera. For training
only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from occlusight.occlusion.graph import Box, Graph
from occlusight.scenes.truth.measure import Truth

Picture = npt.NDArray[np.uint8]  # (H, W, 3)

OTHER_SIDE: Mapping[str | None, str] = {"left": "right", "right": "left"}
GAIN = 0.2  # largest relative change of brightness
TINT = 0.04  # and of one channel against the others
GAMMA = 0.15  # and, as a logarithm, of the exponent
NOISE = 5.0  # largest standard deviation, of 255
BLUR = 0.8  # largest radius in pixels


def mirrored(rgb: Picture, truth: Truth) -> tuple[Picture, Truth]:
    """Left and right exchanged. Second views and the sentences of evidence are left out."""
    flipped = Truth(
        mirrored_graph(truth.graph), truth.amodal[..., ::-1], truth.visible[..., ::-1], truth.depth[..., ::-1]
    )
    return np.ascontiguousarray(rgb[:, ::-1]), flipped


def mirrored_graph(graph: Graph) -> Graph:
    """The graph of the mirrored picture; see `mirrored`."""

    def box(b: Box) -> Box:
        return 1000 - b[2], b[1], 1000 - b[0], b[3]

    return replace(
        graph,
        objects=tuple(
            replace(
                o,
                box=box(o.box),
                amodal_box=box(o.amodal_box),
                touches_ground_at=o.touches_ground_at and (1000 - o.touches_ground_at[0], o.touches_ground_at[1]),
                shown_part=OTHER_SIDE.get(o.shown_part, o.shown_part),
            )
            for o in graph.objects
        ),
        relations=tuple(
            replace(r, hidden_part=OTHER_SIDE.get(r.hidden_part, r.hidden_part), evidence=None) for r in graph.relations
        ),
        reflections=tuple(replace(r, box=box(r.box)) for r in graph.reflections),
        shadows=tuple(
            replace(s, box=box(s.box), direction=OTHER_SIDE.get(s.direction, s.direction)) for s in graph.shadows
        ),
        views=(),
    )


def relit(rgb: Picture, rng: np.random.Generator) -> Picture:
    """Another brightness, tint and contrast; for some pictures noise or a slight blur."""
    gain = (1 + rng.uniform(-GAIN, GAIN)) * (1 + rng.uniform(-TINT, TINT, 3))
    gamma = np.exp(rng.uniform(-GAMMA, GAMMA))
    curve = 255 * np.clip(gain[:, None] * np.linspace(0, 1, 256) ** gamma, 0, 1)  # (3, 256)
    picture = Image.fromarray(rgb).point(curve.astype(int).flatten().tolist())
    if rng.random() < 0.2:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, BLUR)))
    out: Picture = np.asarray(picture)
    if rng.random() < 0.3:
        noise = rng.standard_normal(out.shape, np.float32) * np.float32(rng.uniform(1, NOISE))
        out = np.clip(out + noise, 0, 255).astype(np.uint8)
    return out
