"""The place of a scene in a data set: what decides which scene is drawn there."""

from __future__ import annotations

from dataclasses import dataclass

from occlusight.scenes.surroundings import PLAIN


@dataclass(frozen=True)
class Slot:
    """Scene `index` of a set, with its id and the path of its picture.

    Scenes go in groups of `group_size` (a scene with its variants, or the frames of a clip), or alone: `base` is the
    index of the group's first scene and `base_id` its id. `rotation_index` counts the groups of the same recipe before
    this one: what takes turns goes by it. `width` is the picture's side in pixels, `surroundings` the sort of what is
    around the objects (see `scenes.surroundings`).
    """

    id: str
    image: str
    recipe: str
    seed: int
    index: int
    base: int
    base_id: str
    rotation_index: int
    width: int
    heldout: bool = False
    group_size: int = 1
    surroundings: str = PLAIN

    @property
    def group_member(self) -> int:
        """The place in the group, from 0."""
        return self.index - self.base
