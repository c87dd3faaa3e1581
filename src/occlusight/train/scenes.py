"""Fresh scenes with their truth, as many as are wanted: drawn by recipes, and measured by rays."""

from __future__ import annotations

import numpy as np

from occlusight.errors import BadInput
from occlusight.questions.album import MOST
from occlusight.scenes.description import Scene
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes.clips import RECIPES as CLIP_RECIPES
from occlusight.scenes.recipes.clips import draw_clip, free_lane, in_picture
from occlusight.scenes.recipes.free import SETTINGS, WIDE_SETTINGS, make_scene, with_size
from occlusight.scenes.recipes.targeted import PLACES, TYPES, plausible_attempt
from occlusight.scenes.surroundings import PLAIN, VARIED, vary_free
from occlusight.scenes.truth.measure import Truth, graph_from_depths
from occlusight.scenes.truth.quick_raycast import quick_depth_maps, quick_optical_maps, quick_reach
from occlusight.scenes.truth.targeted import measure_targeted

FREE = (*SETTINGS, *WIDE_SETTINGS)
SOURCES = (*FREE, *TYPES)
"""Recipes of free scenes, and types of targeted ones."""
RENDERS, STILLS, CLIPS = "renders", "stills", "clips"
"""Further sources of a stage: path-traced data sets, two pictures together, and frames of a clip."""
BLOCK = 32  # pixels of the side of 2 x 2 patches, which become one token
CLIP_FRAMES = 7
ROTATION = 18  # what takes turns in recipes does so in as many scenes


def draw(
    source: str,
    index: int,
    seed: int,
    catalogue: Catalogue,
    rng: np.random.Generator,
    size: int,
    varied: float = 0.0,
) -> Scene:
    """Return scene number `index` of a source in the stream with this seed; `size` is the side, in pixels, of a square
    picture of its area, `varied` how often it stands in surroundings that vary.

    Of targeted scenes it is not looked at whether they show all that a rendered one of their recipe has to show:
    whatever they show, their truth says. Raises BadInput for an unknown source.
    """
    surroundings = VARIED if varied and rng.random() < varied else PLAIN
    if source in FREE:
        scene = make_scene(source, seed, index, catalogue, width=size)
        if surroundings != PLAIN:
            beyond = max(o.position[1] + o.scale * max(catalogue.mesh(o.mesh).size[:2]) for o in scene.objects)
            scene = vary_free(scene, index, beyond, surroundings)
        return _in_blocks(scene, size)
    if source not in TYPES:
        raise BadInput(f"{source!r} is no source of scenes; they are {', '.join(SOURCES)}")
    attempt = 0
    while True:
        recipe = f"{source}-{PLACES[int(rng.integers(len(PLACES)))]}"
        turn = int(rng.integers(ROTATION))
        drawn = plausible_attempt(recipe, seed, index, attempt, catalogue, turn, size, surroundings=surroundings)
        if drawn is not None:
            return _in_blocks(drawn[0], size)
        attempt += 1


def _in_blocks(scene: Scene, size: int) -> Scene:
    """The scene in a picture of about the area of a square of `size`, whose sides are multiples of BLOCK."""
    sides = np.array([scene.camera.width, scene.camera.height])
    width, height = np.maximum(1, np.round(sides * size / np.sqrt(sides.prod()) / BLOCK)).astype(int) * BLOCK
    return with_size(scene, int(width), int(height))


def draw_clip_frames(index: int, seed: int, catalogue: Catalogue, rng: np.random.Generator, size: int) -> list[Scene]:
    """Return 2 to 4 frames of a clip in which a thing moves behind a board, in their order."""
    attempt = 0
    while True:
        recipe = str(rng.choice(CLIP_RECIPES))
        clip = draw_clip(recipe, seed, index, attempt, CLIP_FRAMES, int(rng.integers(ROTATION)), size, False)
        if clip is not None and free_lane(clip, catalogue) and in_picture(clip, catalogue):
            kept = rng.choice(CLIP_FRAMES, int(rng.integers(2, MOST + 1)), replace=False)
            return [_in_blocks(clip.frame(int(k)), size) for k in np.sort(kept)]
        attempt += 1


def measure(scene: Scene, source: str, catalogue: Catalogue, step: int) -> Truth:
    """Return the truth of a scene with masks at 1 / `step` of the picture's resolution."""
    small = with_size(scene, scene.camera.width // step, scene.camera.height // step)
    if source in FREE:
        return graph_from_depths(quick_depth_maps(small), scene.objects, catalogue)
    return measure_targeted(small, catalogue, look=quick_optical_maps, reach=quick_reach).truth
