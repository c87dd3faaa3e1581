"""One scene of a staged set: chosen, measured, put into words. `dataset` renders it and keeps it.

With variants a set goes in groups: a scene, the same without its occluder, with it moved aside or two things swapped in depth, and the
same from another camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.randomness import stream
from occlusight.scenes.make.quiz import ask_alike
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted_line import StagedScene, staged_line
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes.targeted import STAGES, choose_stage, family_of
from occlusight.scenes.recipes.variants import variant_of
from occlusight.scenes.truth.targeted import measure_staged

GROUP = 4  # scenes of a group in a set with variants
PER_STAGE: Mapping[str, int] = {
    "recognition": 1,
    "explanation": 2,
    "occlusion": 2,
    "position": 3,
    "depth_pair": 1,
    "nearest": 1,
    "count": 1,
    "hidden_part": 1,
    "who_hides": 1,
    "remove": 2,
    "through": 2,
    "mirrored": 2,
    "mirror_shows": 1,
    "unknown": 2,
    "viewpoint": 2,
}
FROM_A_VIEW = ("viewpoint",)  # asked only in sets that show the other view


def staged_scene(slot: Slot, catalogue: Catalogue) -> StagedScene:
    """Return the scene of a slot, as it is or otherwise (see `variant_of`).

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported.
    """
    chosen = choose_stage(
        slot.recipe, slot.seed, slot.base, catalogue, turn=slot.turn, width=slot.width, heldout=slot.heldout
    )
    variant = variant_of(chosen.scene, chosen.focus, slot.member, slot.turn)
    truth = measure_staged(variant.scene, catalogue, variant.second)
    family = family_of(slot.recipe)
    line = staged_line(
        slot,
        variant.scene,
        truth,
        chosen.focus,
        catalogue,
        type={"chain": "partial"}.get(family, family),
        family=family,
        drawing=chosen.drawing,
        edit=variant.edit,
    )
    return StagedScene(variant.scene, truth.graph, line)


def staged_quiz(
    facts: Facts, names: Names, slot: Slot, langs: tuple[Lang, ...], *, views: bool = False
) -> list[Question]:
    """Ask about a staged scene; every language is asked the same things. Of the second view only where the set shows it (`views`)."""
    wanted = {kind: n for kind, n in PER_STAGE.items() if views or kind not in FROM_A_VIEW}
    draws = partial(stream, "targeted questions", slot.seed, slot.base, STAGES.index(slot.recipe), slot.member)
    return ask_alike(facts, names, draws, langs, wanted, scene=slot.id, image=slot.image)
