"""All that could be asked about one picture, with what each question would say and the class of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.questions.candidates import Candidates
from occlusight.questions.draw import ABSENT_SHARE, count_kind, count_place, of_all
from occlusight.questions.programs import execute
from occlusight.questions.targeted_questions import Asked, Program, about, viewed


@dataclass(frozen=True, slots=True)
class Offer:
    """A question that could be asked. `says` is what its text names: kinds, and a side; `answer` the class of its answer.

    `easy` marks a no about two things whose boxes are apart.
    """

    program: Program
    mentions: dict[str, str]
    says: tuple[str, ...]
    answer: str
    easy: bool = False


def offers(candidates: Candidates, template: str, rng: np.random.Generator) -> Iterator[Offer]:
    """Yield all that a template could ask about a picture. Raises KeyError for a template that is not matched (those of texts)."""
    facts = candidates.facts
    apart = set(candidates.apart) if template in DECISIONS else ()
    for program, mentions in OFFERED[template](candidates, rng):
        arguments = program[-1][1]
        answer = answer_class(facts, program, execute(program, facts))
        says = tuple(facts.objects[id].kind if id in facts.objects else id for id in mentions.values())
        yield Offer(program, mentions, says, answer, tuple(arguments) in apart)


def answer_class(facts: Facts, program: Sequence[Sequence[Any]], answer: Mapping[str, Any]) -> str:
    """Return the class of an answer: what is counted as the same answer to questions of a template. Objects count by their kinds."""
    op, arguments = program[-1]
    value = answer["value"]
    if op in ("nearer", "farther"):
        return "first" if value == arguments[0] else "second"
    if op in ("nearest", "farthest"):
        return str(answer["kind"])
    if op == "position":
        return " ".join(value[axis] for axis in ("horizontal", "depth", "vertical"))
    if op == "count_position":
        places = [" ".join(p[axis] for axis in ("horizontal", "depth", "vertical")) for p in answer["positions"]]
        return "; ".join([str(value), *places])
    if op == "list_all":
        return ", ".join(f"{n} {kind}" for kind, n in sorted(answer["counts"].items()))
    if isinstance(value, list):
        return ", ".join(facts.objects[id].kind for id in value) or "nothing"
    return str(value)


def _hiding(c: Candidates, rng: np.random.Generator) -> Iterable[Asked]:
    return [about("hides", p) for p in (*c.covering, *c.reversed, *c.overlapping, *c.apart)]


def _counted(c: Candidates, rng: np.random.Generator) -> Iterator[Asked]:
    """Kinds that are there; and, where the lot falls so, one that is not."""
    kinds = list(c.countable)
    if rng.random() < ABSENT_SHARE and c.absent:
        kinds.append(c.absent[int(rng.random() * len(c.absent))])
    yield from (count_kind(kind) for kind in kinds if not c.confusable(kind))


def _mirrored(c: Candidates, rng: np.random.Generator) -> Iterable[Asked]:
    return [about("mirrored", p) for p in (*c.mirrored, *c.not_mirrored)]


Offered = Callable[[Candidates, np.random.Generator], Iterable[Asked]]
DECISIONS = ("occlusion.active", "occlusion.passive", "explanation.active", "explanation.passive")
OFFERED: Mapping[str, Offered] = {
    **dict.fromkeys(DECISIONS, _hiding),
    "recognition.list": lambda c, rng: [of_all("list_all")] if c.facts.recognised else [],
    "recognition.mirror": lambda c, rng: [about("shown_in", (m,), "a") for m in c.clear_mirrors],
    "occlusion.anything": lambda c, rng: [about("anything_hides", (b,), "b") for b in (*c.hidden, *c.free)],
    "occlusion.through": lambda c, rng: [about("through", p) for p in (*c.through, *c.opaque, *c.beside_glass)],
    "occlusion.mirror": _mirrored,
    "position.relative": lambda c, rng: [about("position", p) for p in c.placed],
    "position.count": lambda c, rng: [count_place(*p) for p in c.counted_places if not c.confusable(p[0])],
    "count.kind": _counted,
    "nearest.all": lambda c, rng: [of_all("nearest")] if c.extreme("nearest") else [],
    "depth_pair.nearer": lambda c, rng: [about("nearer", p) for p in c.ordered],
    "depth_pair.farther": lambda c, rng: [about("farther", p) for p in c.ordered],
    "hidden_part.pair": lambda c, rng: [about("hidden_part", p) for p in c.covering],
    "who_hides.one": lambda c, rng: [about("who_hides", (b,), "b") for b in (*c.hidden, *c.free)],
    "remove.one": lambda c, rng: [about("remove", p) for ps in c.removing for p in ps],
    "unknown.behind": lambda c, rng: [about("told_behind", (b,), "a") for bs in c.boards for b in bs],
    "viewpoint.side": lambda c, rng: [viewed(c.facts, p) for ps in c.from_second_view for p in ps],
}
