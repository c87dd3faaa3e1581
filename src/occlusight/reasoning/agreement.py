"""Whether an answer in free words says what the relation graph of its picture says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from occlusight.reading.decision import decision
from occlusight.reading.hiding import chosen, denied, nothing
from occlusight.reading.mentions import Vocabulary
from occlusight.reasoning.graph_answers import GraphAnswer, GraphAnswers
from occlusight.reasoning.reasoned import may_be_in_a_graph

DECIDED = frozenset(("hides", "anything_hides", "hides_anything", "anything_hidden"))
"""Steps that are answered by yes or no."""
NAMING = frozenset(("who_hides", "hides_what"))
"""Steps that are answered by naming things, or none."""
CHOOSING = frozenset(("nearest", "farthest"))
"""Steps that are answered by naming one thing."""


@dataclass(frozen=True)
class Checked:
    """What a graph says to a question that was answered already.

    text: in the language of the question
    probability: that it is right; None where the graph's probabilities are not calibrated, or none bears on it
    agrees: whether the answer said the same
    """

    text: str
    probability: float | None
    agrees: bool


def checked(said: str, question: str, by: GraphAnswers, history: Sequence[str] = ()) -> Checked | None:
    """Return what the graph says to a question, beside what was said; None where it says nothing of it, or the two
    cannot be compared. `history` are the questions before it."""
    asked = by.understanding.of(question, history)
    if asked.parts or not may_be_in_a_graph(asked) or any(len(by.bound(name)) != 1 for name in asked.names):
        return None
    found = by.of(asked, asked.lang)
    same = _same(said, found, by) if found.from_graph else None
    return None if same is None else Checked(found.text, found.probability, same)


def _same(said: str, found: GraphAnswer, by: GraphAnswers) -> bool | None:
    """Whether two texts answer a question alike; None where one of them decides nothing."""
    op, asked = found.program[-1]
    if said.strip() == found.text:
        return True
    if op in DECIDED:
        one, other = decision(said), decision(found.text)
        return one == other if {one, other} <= {"yes", "no"} else None
    words = Vocabulary(by.names, by.facts)
    if op in CHOOSING:
        first = [thing and thing.kinds[0] for thing in (chosen(said, words), chosen(found.text, words))]
        return None if None in first else first[0] == first[1]
    if op in NAMING:
        kinds = {by.facts.objects[id].kind for id in asked if id in by.facts.objects}
        first_kinds, second_kinds = ({k for k in _kinds(text, words) if k not in kinds} for text in (said, found.text))
        if not first_kinds and not nothing(said):
            return None
        return first_kinds == second_kinds
    return None


def _kinds(text: str, words: Vocabulary) -> list[str]:
    return [mention.kinds[0] for mention in words.mentions(text) if not denied(text, mention)]
