"""The questions of a pool of graphs, with their answers as classes and what the probes may know of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import LANGS, Names
from occlusight.questions.question import Question
from occlusight.questions.registry import templates
from occlusight.scenes.make.balanced_quiz import balanced_quiz
from occlusight.scenes.make.graph_pool import PooledGraph
from occlusight.scenes.make.plan import DatasetPlan


@dataclass(frozen=True, eq=False)
class Asked:
    """A question about a pooled graph: `answer` is the class of its answer, `slots` the ids of the objects that it
    names."""

    scene: str
    question: Question
    facts: Facts
    answer: str
    slots: tuple[str, ...]

    @property
    def template(self) -> str:
        """The question's template."""
        return self.question.template

    @property
    def op(self) -> str:
        """The last step of its program: questions with the same one are about the same relation."""
        return str(self.question.program[-1][0])

    @property
    def arguments(self) -> list[Any]:
        """What the last step is about, results of other steps left out."""
        return [a for a in self.question.program[-1][1] if not str(a).startswith("$")]


def asked(plan: DatasetPlan, pooled: Sequence[PooledGraph], names: Names, *, balanced: bool = True) -> Iterator[Asked]:
    """Yield the questions that a data set with these scenes would ask, in both languages, in the order of the scenes.

    A scene and its variants count as one.
    """
    facts = [Facts(one.graph) for one in pooled]
    if balanced:
        quizzes = balanced_quiz(plan, [one.index for one in pooled], facts, names)
    else:
        quizzes = [plan.family.ask(f, names, plan.slot(one.index), LANGS) for one, f in zip(pooled, facts, strict=True)]
    for one, known, questions in zip(pooled, facts, quizzes, strict=True):
        scene = plan.slot(one.index).base_id
        for q in questions:
            slots = tuple(a for a in q.program[-1][1] if a in known.objects)
            yield Asked(scene, q, known, templates()[q.template].answer_class(known, q.program[-1][1], q.answer), slots)
