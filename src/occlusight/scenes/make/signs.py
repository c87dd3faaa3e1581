"""Signs in a data set: targeted scenes with texts of which some characters can be read and the others not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from occlusight.datasets.masks import encode
from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import COVERED, LEGIBLE, READ, Facts
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.randomness import stream
from occlusight.scenes.check.audit_inscriptions import reading_failures
from occlusight.scenes.check.inscription_proofs import inscription_failures
from occlusight.scenes.check.targeted_proofs import measured_again, targeted_failures
from occlusight.scenes.make.family import CardText, MeasuredScene, SceneFamily
from occlusight.scenes.make.quiz import ask_alike
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted import PER_SCENE, render, with_views
from occlusight.scenes.make.targeted_line import targeted_line
from occlusight.scenes.meshes.catalogue import Catalogue, full_catalogue
from occlusight.scenes.meshes.lettering import ATTRIBUTION
from occlusight.scenes.recipes.signs import RECIPES, TYPE, choose_signs
from occlusight.scenes.recipes.variants import variant_of
from occlusight.scenes.truth.inscriptions import measure_signs

PER_SIGNS: Mapping[str, int] = {
    "characters": 2,
    "character": 4,
    "whole_text": 2,
    "covers_text": 1,
    **{kind: n for kind, n in PER_SCENE.items() if kind in ("recognition", "explanation", "occlusion", "position")},
    "hidden_part": 1,
    "who_hides": 1,
    "viewpoint": 2,
}


def _draw(slot: Slot, catalogue: Catalogue) -> MeasuredScene:
    """The scene of a slot, as it is or otherwise (see `variant_of`); its masks have each character's ink too."""
    chosen = choose_signs(
        slot.recipe,
        slot.seed,
        slot.base,
        catalogue,
        rotation_index=slot.rotation_index,
        width=slot.width,
        heldout=slot.heldout,
    )
    variant = variant_of(chosen.scene, chosen.focus, slot.group_member, slot.rotation_index)
    truth = measure_signs(variant.scene, catalogue, variant.second)
    line = targeted_line(
        slot,
        variant.scene,
        truth.targeted,
        chosen.focus,
        catalogue,
        type="partial",
        family=TYPE,
        attempt=chosen.attempt,
        edit=variant.edit,
    )
    for id, ink in truth.ink.items():
        line["masks"][id]["characters"] = [encode(mask) for mask in ink]
    return MeasuredScene(variant.scene, truth.graph, line)


def _ask(facts: Facts, names: Names, slot: Slot, langs: Sequence[Lang]) -> list[Question]:
    """The texts are asked about first."""
    draws = partial(stream, "signs questions", slot.seed, slot.base, RECIPES.index(slot.recipe), slot.group_member)
    wanted = with_views(PER_SIGNS, slot.group_size)
    return ask_alike(facts, names, draws, langs, wanted, scene=slot.id, image=slot.image)


def _prove(line: Line, facts: Facts) -> Iterator[str]:
    yield from targeted_failures(line, facts)
    yield from inscription_failures(line, facts)


def _remeasure(line: Line, facts: Facts) -> Iterator[str]:
    yield from measured_again(line, facts)
    if facts.inscriptions:
        yield from _read_again(line, facts)


def _read_again(line: Line, facts: Facts) -> Iterator[str]:
    """Prove with the meshes that the second method reads the same characters."""
    try:
        scene = scene_of(line)
    except BadData:
        return  # said already
    yield from reading_failures(scene, facts.graph)


SIGNS = SceneFamily(
    name="signs",
    recipes=RECIPES,
    named={TYPE: RECIPES},
    version=1,
    digest_before="ac4bcbaeb813ccbe3e995730df73bb7e2b3ddd414e644e6683c08839578f3b41",
    catalogue=full_catalogue,
    draw=_draw,
    render=render,
    ask=_ask,
    prove=_prove,
    remeasure=_remeasure,
    variants=True,
    card=CardText(
        title="A set of signs",
        subject="signs and plates with Chinese and Latin text, partly hidden",
        about=f"""- **Which characters can be read**: one counts as read when at least {READ:.0%} of its ink is seen \
and it is {LEGIBLE} pixels high, as hidden when
  at most {COVERED:.0%} is; what lies between is doubtful and not asked about. The ink is that of the face which the \
picture shows, carried along
  each line of sight to the plane of the sign; the second method reads it off the meshes' own texture coordinates.
- **Each scene** has a sign of which some characters can be read and the others not, and one of which all can. Every \
picture shows text,
  so nothing can be learnt from it about pictures without.""",
        thanks=", and of the face of the texts (under the SIL Open Font License 1.1),",
    ),
    attribution=(ATTRIBUTION,),
)
