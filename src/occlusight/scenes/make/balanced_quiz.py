"""The questions of a balanced data set: of the same kinds as any other's, matched so that texts do not give answers
away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from occlusight.errors import BadInput
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import Names
from occlusight.questions.balance import match
from occlusight.questions.candidates import Candidates
from occlusight.questions.question import Question, put
from occlusight.randomness import stream
from occlusight.scenes.make.plan import DatasetPlan

ALWAYS = ("explanation", "position")  # beside what is there: what the article asks about every picture


def balanced_quiz(
    plan: DatasetPlan, indices: Sequence[int], facts: Sequence[Facts], names: Names
) -> list[list[Question]]:
    """Ask about the scenes of a set in each of its languages, the same things in all; return the questions about each.

    `indices` are those of the scenes in the plan, `facts` what is true of them. What is asked about one depends on all
    of them. Raises BadInput for a family whose sets cannot be balanced.
    """
    if plan.family.balanced is None:
        raise BadInput(f"sets of {plan.family.name} cannot be balanced")
    wanted = plan.family.balanced(plan.group_size)
    return matched_quiz(plan, indices, facts, names, wanted, ALWAYS, "balanced questions")


def matched_quiz(
    plan: DatasetPlan,
    indices: Sequence[int],
    facts: Sequence[Facts],
    names: Names,
    wanted: Mapping[str, int],
    always: Sequence[str],
    name: str,
) -> list[list[Question]]:
    """Ask at most `wanted[kind]` questions of a kind about a scene, matched over all of them: see `questions.balance`.

    Those of `always` are asked of every scene that offers them. `name` is that of the stream of random numbers.
    """
    rng = stream(name, plan.seed)
    matched = match([Candidates(f, names) for f in facts], wanted, always, rng)
    found = []
    for index, one, chosen in zip(indices, facts, matched, strict=True):
        order = rng.permutation(len(chosen))
        asked = [(chosen[i].template, (chosen[i].offer.program, chosen[i].offer.mentions)) for i in order]
        questions: list[Question] = []
        for lang in plan.langs:
            words = stream(name, plan.seed, index)
            questions += put(asked, one, names, words, lang, scene=plan.scene_id(index), image=plan.image(index))
        found.append(questions)
    return found
