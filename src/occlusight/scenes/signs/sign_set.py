"""One scene of a set of signs: chosen, measured, put into words; and what must hold in it.

It is a staged scene (see `staged_set`, whose bytes name the published sets' generator and so stay as they are) with texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Lang, Names
from occlusight.occlusion.questions import Question, ask
from occlusight.scenes.catalogue import Catalogue
from occlusight.scenes.description import Scene
from occlusight.scenes.masks import decode, encode
from occlusight.scenes.signs.audit import reading_failures
from occlusight.scenes.signs.recipe import FAMILY, SIGNS, choose_signs
from occlusight.scenes.signs.truth import SignTruth, measure_signs
from occlusight.scenes.staged_set import DEGREES, PER_STAGE, _descriptions, _edited, _masks, cues
from occlusight.scenes.stages.variants import second_camera
from occlusight.scenes.stored import Line, scene_of

STREAM = 14
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


@dataclass(frozen=True, eq=False)
class SignScene:
    """A scene to keep: `line` is its line of scenes.jsonl."""

    scene: Scene
    truth: SignTruth
    line: Line


def sign_scene(
    id: str,
    base_id: str,
    image: str,
    recipe: str,
    seed: int,
    index: int,
    variant: int,
    catalogue: Catalogue,
    *,
    turn: int,
    width: int,
    heldout: bool,
) -> SignScene:
    """Return the scene of a base index, as it is (variant 0) or otherwise (1 removed, 2 aside or swapped, 3 another camera).

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported.
    """
    scene, _, drawing, focus = choose_signs(recipe, seed, index, catalogue, turn=turn, width=width, heldout=heldout)
    edit = None
    side = "right" if turn % 2 else "left"
    camera = second_camera(scene, DEGREES if side == "right" else -DEGREES)
    if variant:
        scene, edit = _edited(scene, focus, variant, turn)
        if edit == "view":
            scene = replace(scene, camera=camera)
    if edit == "view":
        truth = measure_signs(scene, catalogue)
    else:
        truth = measure_signs(scene, catalogue, camera, side, DEGREES)
    line: Line = {
        "id": id,
        "recipe": recipe,
        "type": "partial",
        "family": FAMILY,
        "seed": seed,
        "index": index,
        "drawing": drawing,
        "image": image,
        "heldout": heldout,
        "counterfactual_of": base_id if variant and edit != "view" else None,
        "view_of": base_id if edit == "view" else None,
        "edit": edit,
        "focus": list(focus),
        "cues": cues(Facts(truth.graph)),
        "graph": truth.graph.to_json(),
        "masks": _masks(truth.staged),
        "camera": asdict(scene.camera),
        "light": asdict(scene.light),
        "surroundings": asdict(scene.surroundings),
        "placed": _descriptions(scene, truth.staged, catalogue),
    }
    for id_, ink in truth.ink.items():
        line["masks"][id_]["characters"] = [encode(mask) for mask in ink]
    return SignScene(scene, truth, line)


def sign_quiz(
    facts: Facts,
    names: Names,
    recipe: str,
    seed: int,
    index: int,
    variant: int,
    langs: tuple[Lang, ...],
    *,
    scene: str,
    image: str,
    views: bool = False,
) -> list[Question]:
    """Ask about a scene of signs, their texts first; every language is asked the same things."""
    wanted = {kind: n for kind, n in PER_SIGNS.items() if views or kind != "viewpoint"}
    state = [seed, index, SIGNS.index(recipe), variant, STREAM]
    return [
        q
        for lang in langs
        for q in ask(facts, names, np.random.default_rng(state), lang, wanted, wanted, scene=scene, image=image)
    ]


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
