"""The families of scenes, and which of them a recipe belongs to."""

from __future__ import annotations

from occlusight.errors import BadInput
from occlusight.scenes.make.clips import CLIPS
from occlusight.scenes.make.family import SceneFamily
from occlusight.scenes.make.films import FILMS
from occlusight.scenes.make.free import FREE, WIDE
from occlusight.scenes.make.signs import SIGNS
from occlusight.scenes.make.targeted import TARGETED

FAMILIES: tuple[SceneFamily, ...] = (FREE, WIDE, TARGETED, SIGNS, CLIPS, FILMS)
RECIPES: tuple[str, ...] = tuple(recipe for family in FAMILIES for recipe in family.recipes)


def family_of(recipe: str) -> SceneFamily:
    """Return the family of a recipe. Raises BadInput for an unknown one."""
    for family in FAMILIES:
        if recipe in family.recipes:
            return family
    raise BadInput(f"there is no recipe {recipe!r}; the recipes are {', '.join(RECIPES)}, all, wide, staged, or a type")


def recipes_named(text: str) -> tuple[str, ...]:
    """Read names of recipes that are separated by commas, or that stand for several: "all" for the free ones, "wide"
    for those of every kind, "staged" for the targeted ones, a type of occlusion, "signs", "clip", "films" or a type of
    these. Unknown names are left for the plan to refuse."""
    several = {name: recipes for family in FAMILIES for name, recipes in family.named.items()}
    names = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(dict.fromkeys(recipe for name in names for recipe in several.get(name, (name,))))


def frames_named(recipes: tuple[str, ...], frames: int | None) -> int:
    """Return how many frames a clip of these recipes has: as many as are asked for, or 16; 0 where they are not of
    clips."""
    clips = bool(recipes) and any(set(recipes) <= set(family.recipes) for family in FAMILIES if family.frames)
    return frames if frames is not None else 16 if clips else 0
