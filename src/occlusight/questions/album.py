"""Several pictures that one question is about: stills that have nothing to do with each other, or stills of a clip.

In a clip an id keeps its thing from picture to picture; of other stills the ids say nothing beyond their own picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Object
from occlusight.occlusion.kinds import Names
from occlusight.questions.candidates import Candidates

Sort = Literal["", "stills", "clip"]  # what a form of question is about: one picture, several, or several of a clip
MOST = 4  # pictures that one question is about
T = TypeVar("T")


@dataclass(frozen=True)
class Album:
    """Pictures in the order in which they are shown. Raises BadInput for fewer than two, or more than four."""

    pictures: tuple[Facts, ...]
    clip: bool = False

    def __post_init__(self) -> None:
        if not 2 <= len(self.pictures) <= MOST:
            raise BadInput(f"a question is about 2 to {MOST} pictures together, but {len(self.pictures)} were given")

    @property
    def first(self) -> Facts:
        """What is true of the first picture."""
        return self.pictures[0]

    @property
    def last(self) -> Facts:
        """What is true of the last picture."""
        return self.pictures[-1]

    @cached_property
    def naming(self) -> Facts:
        """What things are called by, and who hides whom in the last picture.

        In a clip each thing is as the last picture that has it has it; of other stills every thing gets an id of its
        own.
        """
        found: dict[str, Object] = {}
        for i, facts in enumerate(self.pictures):
            for id, o in facts.objects.items():
                key = id if self.clip else f"{i + 1}.{id}"
                found[key] = o if self.clip else replace(o, id=key)
        graph = self.last.graph if self.clip else replace(self.last.graph, relations=(), depth_order=())
        return Facts(replace(graph, objects=tuple(found.values())))

    @property
    def objects(self) -> Mapping[str, Object]:
        """The things of all pictures by their ids, as `naming` has them."""
        return self.naming.objects


class AlbumDraw:
    """Draws what to ask about several pictures."""

    def __init__(self, album: Album, names: Names, rng: np.random.Generator) -> None:
        self.album, self.rng = album, rng
        self.candidates = [Candidates(facts, names) for facts in album.pictures]

    def pick(self, items: list[T]) -> T | None:
        """One of the items; None where there are none. Always draws once."""
        at = int(self.rng.random() * len(items))
        return items[at] if items else None

    def shuffled(self, items: list[T]) -> list[T]:
        """The items in random order."""
        return items if len(items) < 2 else [items[i] for i in self.rng.permutation(len(items))]
