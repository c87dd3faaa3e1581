"""A family of scenes: recipes that are drawn, measured, rendered, asked about and proven in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question
from occlusight.scenes.description import Scene
from occlusight.scenes.make.slot import Slot
from occlusight.scenes.meshes.catalogue import Catalogue

GROUP = 4  # scenes of a group in a set with variants


@dataclass(frozen=True, eq=False)
class MeasuredScene:
    """A scene to keep, its graph, and its line of scenes.jsonl. Its picture has the exposure of the scene `exposed_as`,
    or its own."""

    scene: Scene
    graph: Graph
    line: Line
    exposed_as: Scene | None = None


@dataclass(frozen=True)
class CardText:
    """What the data card of a family's sets says: their name where they have none, what the pictures are of, what is
    special about them, and whom to thank beside the authors of the meshes."""

    title: str
    subject: str
    about: str
    thanks: str = ""


def no_failures(folder: Path, lines: Sequence[Line], facts: Sequence[Facts]) -> Iterator[str]:
    """Prove nothing about a set as a whole."""
    yield from ()


@dataclass(frozen=True)
class SceneFamily:
    """What a data set has to know of the recipes that it is made from.

    `named` are names that stand for several of the recipes. `version` is raised when the same seed gives other scenes,
    or other pictures of them, than before (`tests/scenes/test_recipes_version.py` fails when scenes change and it does
    not); `digest_before` is what manifests say of version 1 that were written before there were versions.
    """

    name: str
    recipes: tuple[str, ...]
    named: Mapping[str, tuple[str, ...]]
    version: int
    digest_before: str
    catalogue: Callable[[], Catalogue]
    """What its scenes are drawn from, and their questions."""
    draw: Callable[[Slot, Catalogue], MeasuredScene]
    """Search for the scene of a slot and measure it. Raises BadData when a mesh is not imported."""
    render: Callable[[MeasuredScene, int], NDArray[np.uint8]]
    """Return the picture of a scene, (H, W, 3) sRGB, with a number of samples a pixel."""
    ask: Callable[[Facts, Names, Slot, Sequence[Lang]], list[Question]]
    """Ask about the scene of a slot; every language is asked the same things."""
    prove: Callable[[Line, Facts], Iterator[str]]
    """Yield what contradicts itself in the line of a scene, without reading a mesh."""
    remeasure: Callable[[Line, Facts], Iterator[str]]
    """Yield what a line says otherwise than is measured from its description."""
    prove_set: Callable[[Path, Sequence[Line], Sequence[Facts]], Iterator[str]] = no_failures
    """Yield what contradicts itself in the scenes of a folder as a whole."""
    measure: Callable[[Slot, Catalogue], list[Graph]] | None = None
    """Return the graphs of a slot's group, measured quickly and at the slot's width; None where there is no quick
    way."""
    balanced: Callable[[int], Mapping[str, int]] | None = None
    """How many questions of each kind a balanced set asks about a scene, by the size of its groups; None where sets
    cannot be."""
    further: Callable[[Sequence[Line]], Mapping[str, Sequence[Line]]] | None = None
    """Return further files of lines by their names, made from the lines of a set's scenes."""
    variants: bool = False
    """Whether a scene can be followed by three others of it."""
    varied: bool = False
    """Whether its scenes can play in varied surroundings."""
    frames: tuple[int, int] | None = None
    """The fewest and the most frames of a group, where groups are clips."""
    denoised: bool = True
    """Whether pictures are denoised."""
    card: CardText | None = None
    """What the data card says; None where sets have none."""
    attribution: Sequence[str] = field(default=())
    """Whom to name beside the authors of the meshes."""
