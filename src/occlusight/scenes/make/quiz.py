"""The questions that a data set asks about one scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question, ask
from occlusight.randomness import stream
from occlusight.scenes.recipes.free import SETTINGS

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


def quiz(
    graph: Graph, names: Names, recipe: str, seed: int, index: int, langs: Iterable[Lang], *, scene: str, image: str
) -> list[Question]:
    """Ask about a scene, at most PER_SCENE of each kind; every language is asked the same things.

    What is asked depends on the graph and on (recipe, seed, index) alone.
    """
    draws = partial(stream, "free questions", seed, index, sorted(SETTINGS).index(recipe))
    return ask_alike(graph, names, draws, langs, PER_SCENE, scene=scene, image=image)


def ask_alike(
    about: Graph | Facts,
    names: Names,
    draws: Callable[[], np.random.Generator],
    langs: Iterable[Lang],
    wanted: Mapping[str, int],
    *,
    scene: str,
    image: str,
) -> list[Question]:
    """Ask at most as many questions of each kind as are `wanted`; `draws` begins the stream anew, so every language is asked the same."""
    return [
        question
        for lang in langs
        for question in ask(about, names, draws(), lang, wanted, wanted, scene=scene, image=image)
    ]
