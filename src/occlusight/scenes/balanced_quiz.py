"""The questions of a data set that is balanced: the same kinds and numbers as of any other, drawn so that texts do not give answers away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from occlusight.occlusion.balance import Balance
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Names
from occlusight.occlusion.questions import Question, ask
from occlusight.scenes.plan import Plan
from occlusight.scenes.quiz import PER_SCENE
from occlusight.scenes.staged_set import FROM_A_VIEW, PER_STAGE

STREAM = 15  # separates these draws from those of recipes and other questions


def balanced_quiz(plan: Plan, index: int, facts: Facts, names: Names, balance: Balance) -> list[Question]:
    """Ask about scene `index` of a plan in each of its languages, the same things in all; the balance counts them once.

    What is asked depends on the graph, on (seed, index), and on the scenes before it: call it in the order of the scenes.
    """
    state = [plan.seed, index, plan.recipes.index(plan.recipe(index)), STREAM]
    wanted = _wanted(plan)
    questions: list[Question] = []
    for lang in plan.langs:
        balance.begin()
        rng = np.random.default_rng(state)
        scene, image = plan.scene_id(index), plan.image(index)
        questions += ask(facts, names, rng, lang, wanted, wanted, scene=scene, image=image, balance=balance)
    balance.keep()
    return questions


def _wanted(plan: Plan) -> Mapping[str, int]:
    if not plan.staged:
        return PER_SCENE
    return {kind: n for kind, n in PER_STAGE.items() if kind not in FROM_A_VIEW}
