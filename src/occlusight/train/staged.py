"""Composites of targeted scenes as training examples: boards, glass and mirrors, with the same descriptions as rendered
ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from occlusight.errors import OcclusightError
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes.targeted import PLACES, plausible_attempt
from occlusight.scenes.render.sprites import SpriteBank
from occlusight.scenes.render.staged import compose_staged
from occlusight.scenes.truth.measure import Truth

TYPE_SHARES = {"partial": 0.12, "complete": 0.26, "chain": 0.08, "transparent": 0.22, "reflective": 0.32}
ATTEMPTS = 12  # at a recipe, until another is tried
RECIPES_TRIED = 40
ROTATION = 18  # what takes turns in recipes does so in as many scenes


def staged_example(
    index: int,
    seed: int,
    catalogue: Catalogue,
    bank: SpriteBank,
    rng: np.random.Generator,
    size: int,
    truth_step: int,
) -> tuple[npt.NDArray[np.uint8], Truth]:
    """Picture of a targeted scene, `size` pixels wide and high, and its truth with masks at 1 / `truth_step` of that.

    It is not looked at whether it shows all that a rendered scene of its recipe has to show: whatever it shows, its
    truth says. Raises OcclusightError where the bank has too few sprites for any recipe.
    """
    for turn in range(RECIPES_TRIED):
        type = str(rng.choice(list(TYPE_SHARES), p=list(TYPE_SHARES.values())))
        recipe = f"{type}-{PLACES[int(rng.integers(len(PLACES)))]}"
        for attempt in range(turn * ATTEMPTS, (turn + 1) * ATTEMPTS):
            rotation = int(rng.integers(ROTATION))
            drawn = plausible_attempt(recipe, seed, index, attempt, catalogue, rotation, size)
            if drawn is None:
                continue
            scene, focus = drawn
            scene = replace(scene, camera=replace(scene.camera, width=size, height=size))
            picture = compose_staged(scene, bank, catalogue, rng, focus)
            if picture is not None:
                return picture.rgb, picture.truth(catalogue, truth_step).truth
    raise OcclusightError(
        f"no targeted scene out of {RECIPES_TRIED} can be composed with this bank, which has sprites of "
        f"{len(bank.by_mesh)} meshes; finish it with `occlusight train sprites`"
    )
