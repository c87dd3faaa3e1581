"""The true answers to a data set's questions, computed again from its graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from occlusight.bench.oracle_backend import Oracle
from occlusight.bench.paraphrase import paraphrase
from occlusight.datasets.dataset import DataSet
from occlusight.errors import BadData
from occlusight.occlusion.kinds import Names
from occlusight.questions.phrases import Wording
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, reply


def computed(data: DataSet, question: Question) -> dict[str, Any]:
    """Execute a question's program on its scene, or its scenes. Raises BadData where the stored answer is another
    one."""
    answer = execute(question.program, data.facts(question))
    if answer != question.answer:
        differing = [k for k in sorted({*answer, *question.answer}) if answer.get(k) != question.answer.get(k)]
        raise BadData(
            f"the question {question.id!r} of {data.folder} stores an answer that its program does not give "
            f"({', '.join(f'{k}: {question.answer.get(k)!r}, computed {answer.get(k)!r}' for k in differing)})"
        )
    return answer


def oracle_of(data: DataSet, names: Names, *, paraphrased: bool = False) -> Oracle:
    """Return the backend that answers every question of the set from the truth, in the templates' words or in others.

    Raises BadData like `computed`.
    """
    known: dict[tuple[Path | str, ...], str] = {}
    for q in data.questions:
        facts = data.naming(q)
        answer = computed(data, q)
        if paraphrased:
            text = paraphrase(q, facts, names)
        else:
            text = reply(q.template, answer, Wording(facts, names, q.lang))
        known[(*(picture.resolve() for picture in data.pictures(q)), q.text)] = text
    return Oracle(known)
