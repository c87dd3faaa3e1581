"""Free scenes in a data set: what a recipe happens to draw, as long as it makes good questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.randomness import stream
from occlusight.scenes.check.proofs import scene_failures, spread_failures
from occlusight.scenes.check.remeasured import remeasured_failures
from occlusight.scenes.make.family import MeasuredScene, SceneFamily
from occlusight.scenes.make.quiz import ask_alike
from occlusight.scenes.make.scene_line import scene_line
from occlusight.scenes.make.selection import BANDS, Look, Selection, select
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.meshes.catalogue import Catalogue, load_catalogue, wide_catalogue
from occlusight.scenes.recipes.free import SETTINGS, WIDE_SETTINGS, number_of
from occlusight.scenes.render.path_tracer import render
from occlusight.scenes.truth.quick_raycast import quick_depth_maps
from occlusight.scenes.truth.raycast import depth_maps

PER_SCENE: Mapping[str, int] = {
    "recognition": 1,
    "occlusion": 4,  # pairs of a yes and a no
    "explanation": 4,
    "position": 3,
    "count": 1,
    "nearest": 1,
    "depth_pair": 1,
    "hidden_part": 1,
    "who_hides": 1,
}


def _selected(slot: Slot, catalogue: Catalogue, look: Look = depth_maps) -> Selection:
    """The scene of a slot; each recipe goes through all bands of visible fractions."""
    band = BANDS[slot.rotation_index % len(BANDS)]
    return select(
        slot.recipe,
        slot.seed,
        slot.index,
        catalogue,
        band=band,
        width=slot.width,
        heldout=slot.heldout,
        look=look,
    )


def _draw(slot: Slot, catalogue: Catalogue) -> MeasuredScene:
    selection = _selected(slot, catalogue)
    return MeasuredScene(selection.scene, selection.truth.graph, scene_line(slot, selection, catalogue))


def _measure(slot: Slot, catalogue: Catalogue) -> list[Graph]:
    return [_selected(slot, catalogue, quick_depth_maps).truth.graph]


def _render(made: MeasuredScene, samples: int) -> NDArray[np.uint8]:
    return render(made.scene, samples)


def _ask(facts: Facts, names: Names, slot: Slot, langs: Sequence[Lang]) -> list[Question]:
    """What is asked depends on the graph, recipe, seed and index alone."""
    draws = partial(stream, "free questions", slot.seed, slot.index, number_of(slot.recipe))
    return ask_alike(facts, names, draws, langs, PER_SCENE, scene=slot.id, image=slot.image)


def _prove_set(folder: Path, lines: Sequence[Line], facts: Sequence[Facts]) -> Iterator[str]:
    return spread_failures(facts)


FREE = SceneFamily(
    name="free",
    recipes=tuple(SETTINGS),
    named={"all": tuple(SETTINGS)},
    version=1,
    digest_before="6ed8964e31dda957bfab3d14c54d30f2bda686fca5c959163d840bf5213177b8",
    catalogue=load_catalogue,
    draw=_draw,
    render=_render,
    ask=_ask,
    prove=scene_failures,
    remeasure=remeasured_failures,
    prove_set=_prove_set,
    measure=_measure,
    balanced=lambda group_size: PER_SCENE,
    denoised=False,
)


WIDE = replace(
    FREE,
    name="wide",
    recipes=tuple(WIDE_SETTINGS),
    named={"wide": tuple(WIDE_SETTINGS)},
    version=1,
    digest_before="",
    catalogue=wide_catalogue,
)
"""Free scenes of every kind and mesh that there is."""
