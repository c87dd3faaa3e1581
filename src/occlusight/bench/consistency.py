"""Does a model agree with itself? Both directions of a pair, two wordings, two languages, a scene and its
counterfactual."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from occlusight.bench.statistics import Rate, rate

if TYPE_CHECKING:
    from occlusight.bench.scored import Row, Scored

DECISIONS = ("occlusion", "explanation")
Pair = tuple[str, str]


def of_pairs(scored: Iterable[Scored]) -> list[tuple[Scored, Pair, str]]:
    """Return the decisions about two named objects: with (occluder, occluded) asked about and yes or no."""
    found = []
    for s in scored:
        answer = s.question.answer
        if s.question.kind in DECISIONS and "occluder" in answer and s.score.extracted in ("yes", "no"):
            found.append((s, (answer["occluder"], answer["occluded"]), s.score.extracted))
    return found


def contradictions(scored: Iterable[Scored]) -> Rate:
    """Of the pairs asked in both directions in one language, the share where both directions got a yes."""
    said: dict[Pair, dict[Pair, bool]] = defaultdict(dict)
    for s, pair, decision in of_pairs(scored):
        directions = said[s.question.scene, s.question.lang]
        directions[pair] = directions.get(pair, False) or decision == "yes"
    rows: dict[str, list[Row]] = defaultdict(list)
    for (scene, _), directions in said.items():
        for (a, b), yes in directions.items():
            if a < b and (b, a) in directions:
                rows[scene].append((float(yes and directions[b, a]), 1.0))
    return rate(rows)


def flips(scored: Iterable[Scored]) -> Rate:
    """Of the pairs asked in one language both actively and passively ("does A hide B", "is B hidden by A"), the share
    of changed minds."""
    said: dict[tuple[str, str, Pair], dict[str, str]] = defaultdict(dict)
    for s, pair, decision in of_pairs(scored):
        said[s.question.scene, s.question.lang, pair][s.question.template.split(".")[1]] = decision
    rows: dict[str, list[Row]] = defaultdict(list)
    for (scene, _, _), voices in said.items():
        if {"active", "passive"} <= set(voices):
            rows[scene].append((float(voices["active"] != voices["passive"]), 1.0))
    return rate(rows)


def language_flips(scored: Iterable[Scored]) -> Rate:
    """Of the decisions asked in both languages with one template, the share that differ between the languages."""
    said: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for s in scored:
        q = s.question
        if q.kind in DECISIONS and s.score.extracted in ("yes", "no"):
            said[q.scene, q.template, str(q.program)][q.lang] = s.score.extracted
    rows: dict[str, list[Row]] = defaultdict(list)
    for (scene, _, _), langs in said.items():
        if len(langs) == 2:
            rows[scene].append((float(len(set(langs.values())) == 2), 1.0))
    return rate(rows)


def counterfactuals(scored: Iterable[Scored], counterfactual_of: Mapping[str, str]) -> Rate:
    """Of the questions asked about a scene and about its counterfactual whose truth differs, the share with both right.

    `counterfactual_of` maps a changed scene to the one that it was made from. Clusters are the original scenes.
    """
    by_scene: dict[str, dict[tuple[str, str, str], Scored]] = defaultdict(dict)
    for s in scored:
        q = s.question
        by_scene[q.scene][q.lang, q.template, str(q.program)] = s
    rows: dict[str, list[Row]] = defaultdict(list)
    for changed, original in counterfactual_of.items():
        for key, s in by_scene.get(changed, {}).items():
            other = by_scene.get(original, {}).get(key)
            if other is not None and other.question.answer["value"] != s.question.answer["value"]:
                rows[original].append((float(s.score.outcome == other.score.outcome == "right"), 1.0))
    return rate(rows)
