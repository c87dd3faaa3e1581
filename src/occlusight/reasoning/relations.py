"""The relation graph of a picture by any model's word: extracted, made probabilities, checked by rules, worded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Request
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import NO_BOX, UNMEASURED, Box, Graph, Object, Relation, Text, Unknown
from occlusight.occlusion.kinds import LANGS, KindNames, Lang, Names, pluralize
from occlusight.questions.hiding import hides
from occlusight.questions.phrases import Wording
from occlusight.questions.question import reply
from occlusight.reasoning.calibration import NEVER_UNSURE, Calibration, Sure, is_said
from occlusight.reasoning.details import details
from occlusight.reasoning.extract import Extraction, Extractor, Odds
from occlusight.reasoning.objects import Seen, area
from occlusight.reasoning.pairs import Pair
from occlusight.reasoning.rules.changes import Change
from occlusight.reasoning.rules.check import check
from occlusight.reasoning.rules.observed import Observed
from occlusight.reasoning.rules.observed import Pair as Statement
from occlusight.reasoning.rules.ruleset import Rules
from occlusight.reasoning.vocabulary import Words

SAME_WORLD = 0.5
"""A fit is used for pictures that are with this probability of the world that it was fitted on."""
UNSURE = {"en": "The model is not sure enough whether {a} hides {b} to say it.", "zh": "模型不足以确定{a}是否遮挡{b}。"}


@dataclass(frozen=True)
class Certainty:
    """How the probabilities of a graph came about.

    calibrated: whether they were fitted
    on: what pictures they were fitted on; None where they are not calibrated
    domain: the probability that this picture is of the model's world; None where nobody knows
    why_not: why they are not calibrated
    """

    calibrated: bool
    on: str | None = None
    domain: float | None = None
    why_not: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict."""
        return {"calibrated": self.calibrated, "on": self.on, "domain": self.domain, "why_not": self.why_not}


@dataclass(frozen=True)
class Described:
    """What was made of one picture.

    graph: what is true in the most probable world that breaks no rule
    asked: the probability that the first hides part of the second, of each ordered pair that was asked about: a
        calibrated one where `certainty` says so
    sure: the least probability of a yes, and of a no, with which such a decision is said
    changes: what is not as the model says, and by which rules
    places: boxes in thousandths about objects that have none in the graph, to draw them (see `places.py`)
    denied: objects that the model says are not there when it is asked for them by name (see `looking.py`)
    """

    graph: Graph
    asked: Mapping[Pair, float]
    certainty: Certainty
    sure: Sure = NEVER_UNSURE
    changes: tuple[Change, ...] = ()
    extraction: Extraction | None = field(default=None, compare=False, repr=False)
    places: Mapping[str, Box] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Return the graph's document, with how its probabilities came about, and what rules changed and why."""
        changes = [asdict(change) for change in self.changes]
        return {**self.graph.to_json(), "certainty": self.certainty.to_json(), "changes": changes}


def describe(
    extractor: Extractor,
    picture: Picture,
    calibration: Calibration | None = None,
    *,
    extraction: Extraction | None = None,
    lang: Lang = "en",
    request: Request = Request("?"),
    rules: Rules | None = None,
    budget_s: float = 0.5,
) -> Described:
    """Return the relation graph of a picture.

    Args:
        calibration: what makes probabilities of this model's log-odds; None leaves them uncalibrated.
        extraction: what the model says of the picture, where it has been asked.
        lang: the language in which the model is asked, otherwise.
        request: how pictures are read and answers drawn.
        rules: what the graph is checked by; None are the shipped ones.
        budget_s: the time that this may take.

    Raises what the backend raises for a picture that cannot be read.
    """
    extraction = extraction or extractor.of(picture, lang, request)
    domain = extractor.backend.domain((picture,))
    certainty = certainty_of(calibration, extraction, domain, extractor.backend.info.revision)
    used = calibration if certainty.calibrated else None
    found = world(extraction, used, certainty, extractor.words, rules=rules, budget_s=budget_s)
    seen = {one.id: one for one in extraction.objects}
    pairs = [(seen[r.occluder], seen[r.occluded]) for r in found.graph.relations]
    told = details(extractor.backend, pairs, replace(request, pictures=(picture,), history=()))
    relations = tuple(
        replace(r, hidden_part=d.part, covered_fraction=d.share)
        if (d := told.get((r.occluder, r.occluded))) and not r.measured
        else r
        for r in found.graph.relations
    )
    return replace(found, graph=worded(replace(found.graph, relations=relations), extractor.words))


def certainty_of(
    calibration: Calibration | None, extraction: Extraction, domain: float | None, revision: str
) -> Certainty:
    """Say whether a fit may be used: it must be this model's, of this language, and for pictures of this world."""
    if calibration is None:
        return Certainty(False, None, domain, "nobody fitted this model; see `occlusight calibrate`")
    if calibration.revision != revision:
        return Certainty(False, None, domain, "the fit is of another revision of the model")
    if f"hides.{extraction.lang}" not in calibration.fits:
        return Certainty(False, None, domain, f"nothing was fitted in the language {extraction.lang}")
    if domain is not None and domain < SAME_WORLD:
        return Certainty(
            False, None, domain, f"it was fitted on {calibration.domain}, and this picture is probably none of them"
        )
    return Certainty(True, calibration.domain, domain)


def world(
    extraction: Extraction,
    calibration: Calibration | None,
    certainty: Certainty,
    words: Words,
    *,
    checked: bool = True,
    rules: Rules | None = None,
    budget_s: float = 0.5,
) -> Described:
    """Return what is true by what a model said, `checked` by rules or not; details and evidence are not yet there."""
    raw = {pair: own(odds) for pair, odds in extraction.hides.items()}
    fitted = None if calibration is None else calibration.of(extraction, "hides")
    before = {pair: own(odds) for pair, odds in extraction.nearer.items()}
    if calibration is not None:
        before = calibration.of(extraction, "nearer") or before
    asked = raw if fitted is None else fitted
    there = None if calibration is None else calibration.objects.get(extraction.lang)
    objects = tuple(as_object(one, words, there) for one in extraction.objects)
    width, height = extraction.listed.size
    said = tuple(
        Relation(
            *(a, b, "partial", 0.0, UNMEASURED),
            probability=None if fitted is None else round(fitted[a, b], 6),
            raw_probability=round(p, 6),
        )
        for (a, b), p in raw.items()
    )
    graph = Graph(width, height, objects, said)
    changes: tuple[Change, ...] = ()
    if checked:
        ordered = tuple(Statement(a, b, p) for (a, b), p in before.items())
        by_rules = check(Observed(graph, nearer=ordered), rules, budget_s)
        graph, changes = by_rules.graph, by_rules.changes
    else:
        kept = tuple(r for r in said if asked[r.occluder, r.occluded] >= 0.5)
        graph = replace(graph, relations=kept, depth_order=by_wins(objects, before, asked))
    sure = NEVER_UNSURE if calibration is None else calibration.sure("hides", extraction.lang)
    return _with_doubts(Described(graph, asked, certainty, sure, changes, extraction))


def _with_doubts(found: Described) -> Described:
    """Name the pairs of which it cannot be told whether one hides the other, by the probabilities that the graph ends
    up with, and put their relations after those that are said. What rules decide against the model's word is told."""
    if not found.certainty.calibrated:
        return found
    names = {o.id: o for o in found.graph.objects}
    held = {(r.occluder, r.occluded): r.probability for r in found.graph.relations}
    decided = {change.of for change in found.changes if change.about == "hides"}
    doubts = []
    for (a, b), asked in found.asked.items():
        settled = held.get((a, b))
        p = asked if settled is None else settled
        if not is_said(p, found.sure) and (settled is not None or (a, b) not in decided):
            slots = {"en": (f"the {names[a].name}", f"the {names[b].name}"), "zh": (names[a].name_zh, names[b].name_zh)}
            text = {lang: UNSURE[lang].format(a=one, b=two) for lang, (one, two) in slots.items()}
            doubts.append(Unknown((a, b), Text(**text), round(p, 6)))
    unsaid = {one.about for one in doubts}
    relations = sorted(found.graph.relations, key=lambda r: (r.occluder, r.occluded) in unsaid)
    graph = replace(found.graph, relations=tuple(relations), unknown=(*found.graph.unknown, *doubts))
    return replace(found, graph=graph)


def own(odds: Odds) -> float:
    """Return the probability by a model's own word: the mean of its log-odds over wordings."""
    return 1 / (1 + math.exp(-odds.mean))


def as_object(seen: Seen, words: Words, probability: float | None = None) -> Object:
    """Return an object as the graph holds it; what the model does not tell is as if all of it could be seen."""
    thing, box = seen.thing, seen.box or NO_BOX
    colour = next((key for key, names in words.colours.items() if names == thing.colour and any(names)), None)
    return Object(
        *(seen.id, thing.kind.key, thing.called("en"), thing.called("zh"), box, box, 1.0),
        probability=1.0 if probability is None else probability,
        colour=colour,
        unique=seen.alone,
        area=area(box) / 1e6,
    )


def by_wins(
    objects: Sequence[Object], before: Mapping[Pair, float], hiding: Mapping[Pair, float]
) -> tuple[tuple[str, ...], ...]:
    """Return the order in depth without rules: by the chances that an object is nearer than others, summed over the
    pairs that were asked (Copeland's count, of probabilities)."""
    won = {o.id: [0.0, 0] for o in objects}
    for (a, b), p in before.items():
        for id, chance in ((a, p), (b, 1 - p)):
            won[id][0] += chance
            won[id][1] += 1
    for (a, b), p in hiding.items():
        if p >= 0.5:
            for id, chance in ((a, p), (b, 1 - p)):
                won[id][0] += chance
                won[id][1] += 1
    share = {id: total / n if n else 0.5 for id, (total, n) in won.items()}
    return tuple((id,) for id in sorted(share, key=lambda id: -share[id]))


def names_of(graph: Graph, words: Words) -> Names:
    """Return the names of all kinds in a graph: the known ones, and for others the objects' own."""
    own = {
        o.kind: KindNames(o.kind, o.name, pluralize(o.name), o.name_zh, "个")
        for o in graph.objects
        if o.kind not in words.kinds
    }
    return {**words.kinds, **own}


def worded(graph: Graph, words: Words) -> Graph:
    """Give each relation its evidence in both languages, where it has none, and say how much of each object is seen."""
    facts, names = Facts(graph), names_of(graph, words)
    relations = []
    for r in graph.relations:
        if r.evidence is None and r.measured:
            answer = hides(facts, r.occluder, r.occluded)
            said = (reply("explanation.active", answer, Wording(facts, names, lang)) for lang in LANGS)
            relations.append(replace(r, evidence=Text(*map(_without_yes, said))))
        else:
            relations.append(r)
    left: dict[str, float] = {}
    for r in relations:  # where several things cover one, as if they did so here and there
        left[r.occluded] = left.get(r.occluded, 1.0) * (1 - r.covered_fraction)
    objects = tuple(replace(o, visible_fraction=round(left.get(o.id, 1.0), 3)) for o in graph.objects)
    return replace(graph, objects=objects, relations=tuple(relations))


def _without_yes(said: str) -> str:
    return said.removeprefix("Yes. ").removeprefix("是的。")
