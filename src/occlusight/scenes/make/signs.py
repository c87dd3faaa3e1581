"""One scene of a set of signs: chosen, measured, put into words; and what must hold in it. It is a staged scene with texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from occlusight.datasets.masks import decode, encode
from occlusight.errors import BadData
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.randomness import stream
from occlusight.scenes.check.audit_inscriptions import reading_failures
from occlusight.scenes.make.quiz import ask_alike
from occlusight.scenes.make.scene_line import scene_of
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.make.targeted import FROM_A_VIEW, PER_STAGE
from occlusight.scenes.make.targeted_line import StagedScene, staged_line
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.recipes.signs import FAMILY, SIGNS, choose_signs
from occlusight.scenes.recipes.variants import variant_of
from occlusight.scenes.truth.inscriptions import measure_signs

PER_SIGNS: Mapping[str, int] = {
    "characters": 2,
    "character": 4,
    "whole_text": 2,
    "covers_text": 1,
    **{kind: n for kind, n in PER_STAGE.items() if kind in ("recognition", "explanation", "occlusion", "position")},
    "hidden_part": 1,
    "who_hides": 1,
    "viewpoint": 2,
}


def sign_scene(slot: Slot, catalogue: Catalogue) -> StagedScene:
    """Return the scene of a slot, as it is or otherwise (see `variant_of`); its masks have each character's ink too.

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported.
    """
    scene, _, drawing, focus = choose_signs(
        slot.recipe, slot.seed, slot.base, catalogue, turn=slot.turn, width=slot.width, heldout=slot.heldout
    )
    variant = variant_of(scene, focus, slot.member, slot.turn)
    truth = measure_signs(variant.scene, catalogue, variant.second)
    line = staged_line(
        slot,
        variant.scene,
        truth.staged,
        focus,
        catalogue,
        type="partial",
        family=FAMILY,
        drawing=drawing,
        edit=variant.edit,
    )
    for id, ink in truth.ink.items():
        line["masks"][id]["characters"] = [encode(mask) for mask in ink]
    return StagedScene(variant.scene, truth.graph, line)


def sign_quiz(
    facts: Facts, names: Names, slot: Slot, langs: tuple[Lang, ...], *, views: bool = False
) -> list[Question]:
    """Ask about a scene of signs, their texts first; every language is asked the same things."""
    wanted = {kind: n for kind, n in PER_SIGNS.items() if views or kind not in FROM_A_VIEW}
    draws = partial(stream, "signs questions", slot.seed, slot.base, SIGNS.index(slot.recipe), slot.member)
    return ask_alike(facts, names, draws, langs, wanted, scene=slot.id, image=slot.image)


def inscription_failures(line: Line, facts: Facts) -> Iterator[str]:
    """Prove that masks and graph say the same of every character, and that a scene as it was drawn has a text to ask about."""
    for a, inscription in facts.inscriptions.items():
        try:
            seen = decode(line["masks"][a]["visible"])
            ink = [decode(rle) for rle in line["masks"][a]["characters"]]
        except (BadData, KeyError) as error:
            yield f"has masks of the characters on {a} that cannot be read ({error})"
            continue
        if len(ink) != len(inscription.characters):
            yield f"has {len(ink)} masks for the {len(inscription.characters)} characters on {a}"
            continue
        whole = decode(line["masks"][a]["amodal"])
        for mask, c in zip(ink, inscription.characters, strict=True):
            share = (mask & seen).sum() / max(1, mask.sum())
            if (mask & ~whole).any():
                yield f"has ink of {c.character!r} where {a} is not"
            if abs(share - c.visible_fraction) > 1e-4:
                yield f"says that {c.visible_fraction} of {c.character!r} on {a} is visible, but the masks say {share:.4f}"
        if sum(ink).max() > 1:  # type: ignore[union-attr]
            yield f"has two characters of {a} in the same pixels"
    if line["family"] == FAMILY and not line["edit"]:
        first = line["focus"][1]
        read = facts.readable(first)
        if None in read or True not in read or False not in read:
            yield f"is about the text on {first}, of which not some characters can be read and the others not"


def read_again(line: Line, facts: Facts) -> Iterator[str]:
    """Prove with the meshes that the second method reads the same characters."""
    try:
        scene = scene_of(line)
    except BadData:
        return  # said already
    yield from reading_failures(scene, facts.graph)
