"""All that could be asked about one picture, with what each question would say and the class of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from occlusight.questions.candidates import Candidates
from occlusight.questions.programs import execute
from occlusight.questions.template import Program, Template


@dataclass(frozen=True, slots=True)
class Offer:
    """A question that could be asked. `says` is what its text names: kinds, and a side; `answer` the class of its
    answer.

    `easy` marks a no about two things whose boxes are apart.
    """

    program: Program
    mentions: dict[str, str]
    says: tuple[str, ...]
    answer: str
    easy: bool = False


def offers(candidates: Candidates, template: Template, rng: np.random.Generator) -> Iterator[Offer]:
    """Yield all that a template could ask about a picture; nothing for one that offers nothing (those of texts)."""
    facts = candidates.facts
    easy = set(template.easy(candidates)) if template.easy else ()
    for program, mentions in template.offers(candidates, rng) if template.offers else ():
        arguments = program[-1][1]
        answer = template.answer_class(facts, arguments, execute(program, facts))
        says = tuple(facts.objects[id].kind if id in facts.objects else id for id in mentions.values())
        yield Offer(program, mentions, says, answer, tuple(arguments) in easy)
