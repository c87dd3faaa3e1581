"""The questions about one scene, the same in every language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.occlusion.kinds import Lang, Names
from occlusight.questions.question import Question, ask


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
    """Ask at most as many questions of each kind as are `wanted`, in every language the same: `draws` begins the stream
    anew."""
    return [
        question
        for lang in langs
        for question in ask(about, names, draws(), lang, wanted, wanted, scene=scene, image=image)
    ]
