"""What is in the picture, and how many of a kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import counted, kind_names, listed, number
from occlusight.questions.candidates import Candidates
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import fill
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.template import Answer, Asked, Template, of_all

ABSENT_SHARE = 0.15  # of the counting questions ask about a kind that is not there


def list_all(facts: Facts, ids: list[str]) -> Answer:
    """Which kinds are there, and how many of each."""
    counts: dict[str, int] = {}
    for id in ids:
        counts[facts.objects[id].kind] = counts.get(facts.objects[id].kind, 0) + 1
    return {"value": list(counts), "counts": counts, "objects": ids}


def count(facts: Facts, ids: list[str], kind: str) -> Answer:
    """How many there are."""
    return {"value": len(ids), "kind": kind, "objects": ids}


def draw_count(draw: Draw) -> Sequence[Asked]:
    """How many of a kind? Kinds that are there several times are asked about more often."""
    f, c = draw.facts, draw.candidates
    weighted = [k for id in f.recognised for k in c.countable if f.objects[id].kind == k]
    kind = draw.pick(c.absent if draw.rng.random() < ABSENT_SHARE and c.absent else weighted)
    return () if kind is None or c.confusable(kind) else (count_kind(kind),)


def draw_all(draw: Draw) -> Sequence[Asked]:
    """What is in the picture?"""
    return (of_all("list_all"),) if draw.facts.recognised else ()


def count_kind(kind: str) -> Asked:
    """Return the question how many of a kind there are."""
    return [["recognised", [kind]], ["count", ["$0", kind]]], {"k": kind}


def offer_counts(c: Candidates, rng: np.random.Generator) -> Iterator[Asked]:
    """Kinds that are there; and, where the lot falls so, one that is not."""
    kinds = list(c.countable)
    if rng.random() < ABSENT_SHARE and c.absent:
        kinds.append(c.absent[int(rng.random() * len(c.absent))])
    yield from (count_kind(kind) for kind in kinds if not c.confusable(kind))


def say_all(answer: Answer, w: Wording) -> str:
    """There are four objects: a red car, ..."""
    groups: dict[tuple[str, str], int] = {}
    for id in answer["objects"]:
        o = w.facts.objects[id]
        key = (o.kind, o.name if w.lang == "en" else o.name_zh)
        groups[key] = groups.get(key, 0) + 1
    n = len(answer["objects"])
    phrases = [
        counted(kind_names(w.names, kind), times, w.lang, name, single_article=True)
        for (kind, name), times in groups.items()
    ]
    if w.lang == "zh":
        return f"图中有{number(n, 'zh')}个物体:{listed(phrases, 'zh')}。"
    there = "is one object" if n == 1 else f"are {number(n, 'en')} objects"
    return f"There {there}: {listed(phrases, 'en')}."


def say_count(answer: Answer, w: Wording) -> str:
    """How many? The number first."""
    kind, n = kind_names(w.names, answer["kind"]), answer["value"]
    if w.lang == "zh":
        return f"{counted(kind, n, 'zh')}。" if n else f"没有。图中没有{kind.zh}。"
    return f"{cap(counted(kind, n, 'en'))}." if n else f"None. There is no {kind.en} in the picture."


def retell_all(answer: dict[str, Any], w: Wording) -> list[str]:
    phrases = [counted(kind_names(w.names, kind), n, w.lang) for kind, n in answer["counts"].items()]
    return fill("recognition", w, {"list": listed(phrases, w.lang)})


def retell_count(answer: dict[str, Any], w: Wording) -> list[str]:
    kind, n = kind_names(w.names, answer["kind"]), answer["value"]
    noun = kind.zh if w.lang == "zh" else kind.en if n == 1 else kind.plural
    return fill("count.some" if n else "count.none", w, {"n": str(n), "k": noun, "m": kind.measure})


def class_of_counts(facts: Facts, arguments: Sequence[Any], answer: Mapping[str, Any]) -> str:
    """How many there are of each kind."""
    return ", ".join(f"{n} {kind}" for kind, n in sorted(answer["counts"].items()))


TEMPLATES = (
    Template(
        name="recognition.list",
        kind="recognition",
        program=list_all,
        draw=draw_all,
        offers=lambda c, rng: [of_all("list_all")] if c.facts.recognised else [],
        answer_class=class_of_counts,
        reply=say_all,
        read="kinds",
        paraphrase=retell_all,
    ),
    Template(
        name="count.kind",
        kind="count",
        program=count,
        draw=draw_count,
        offers=offer_counts,
        main_answers=("1",),
        reply=say_count,
        read="count",
        paraphrase=retell_count,
    ),
)
