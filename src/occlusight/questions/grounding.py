"""Where things are, as boxes in the JSON that Qwen3-VL is asked for: `[{"bbox_2d": [x0, y0, x1, y1], "label": "red
car"}]`.

Coordinates are thousandths of the picture, around what can be seen. All things come from left to right (by x0, then
y0): x0 is the first number of an entry, so what has been written already tells which things are still to come, and no
distance has to be kept in mind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from occlusight.occlusion.facts import Facts
from occlusight.questions.candidates import Candidates
from occlusight.questions.counting import ABSENT_SHARE
from occlusight.questions.draw import Draw
from occlusight.questions.phrases import Wording
from occlusight.questions.seeing import absent_kinds
from occlusight.questions.template import Answer, Asked, Template, about, of_all


def detect(facts: Facts, ids: list[str]) -> Answer:
    """The boxes of these objects, left to right; `others` are boxes of what can be noticed beside them."""
    ordered = sorted(ids, key=lambda id: (facts.objects[id].box[:2], id))
    reflected = (o.id for o in facts.objects.values() if o.seen == "reflection")
    others = boxes(facts, (id for id in (*facts.noticeable, *reflected) if id not in ids))
    return {"value": ordered, "boxes": boxes(facts, ordered), "others": others, "objects": ordered}


def locate(facts: Facts, a: str) -> Answer:
    """The box of one object."""
    return {"value": [a], "boxes": boxes(facts, [a]), "others": {}, "objects": [a]}


def detect_kind(facts: Facts, ids: list[str], kind: str) -> Answer:
    """The boxes of all of a kind, left to right; empty where there is none."""
    return {**detect(facts, ids), "others": {}, "kind": kind}


def offer_kinds(c: Candidates, rng: np.random.Generator) -> Iterator[Asked]:
    """Kinds whose number is beyond doubt, and one that could be there and is not."""
    there = (kind for kind in c.countable if not c.confusable(kind))
    for kind in [*there, *islice(absent_kinds(c, rng), 1)]:
        yield [["recognised", [kind]], ["detect_kind", ["$0", kind]]], {"k": kind}


def draw_kind(draw: Draw) -> Sequence[Asked]:
    """Mostly a kind that is there."""
    f = draw.facts
    by: dict[bool, list[Asked]] = {True: [], False: []}
    for asked in offer_kinds(draw.candidates, draw.rng):
        by[any(f.objects[id].kind == asked[1]["k"] for id in f.recognised)].append(asked)
    there = draw.rng.random() >= ABSENT_SHARE
    found = draw.pick(by[there] or by[True])
    return () if found is None else (found,)


def boxes(facts: Facts, ids: Iterable[str]) -> dict[str, list[int]]:
    """Boxes around what can be seen, x0, y0, x1, y1 in thousandths, by id."""
    return {id: list(facts.objects[id].box) for id in ids}


def say_boxes(answer: Answer, w: Wording) -> str:
    """The JSON on one line, labels in the question's language."""
    return json.dumps(entries(answer, w), ensure_ascii=False)


def entries(answer: Answer, w: Wording) -> list[dict[str, object]]:
    """What the JSON holds."""
    named = [(id, w.facts.objects[id]) for id in answer["value"]]
    return [{"bbox_2d": answer["boxes"][id], "label": o.name if w.lang == "en" else o.name_zh} for id, o in named]


def retell_boxes(answer: Answer, w: Wording) -> list[str]:
    """The same in a code fence on many lines, and in another order."""
    found = entries(answer, w)
    lines = ",\n".join(f"\t{json.dumps(one, ensure_ascii=False)}" for one in found)
    return [f"```json\n[\n{lines}\n]\n```", json.dumps(found[::-1], ensure_ascii=False)]


TEMPLATES = (
    Template(
        name="detect.all",
        kind="detect",
        program=detect,
        offers=lambda c, rng: [of_all("detect")] if c.facts.recognised else [],
        reply=say_boxes,
        read="boxes",
        paraphrase=retell_boxes,
        verbatim=True,
    ),
    Template(
        name="detect_kind.kind",
        kind="detect_kind",
        program=detect_kind,
        draw=draw_kind,
        offers=offer_kinds,
        reply=say_boxes,
        read="boxes",
        paraphrase=retell_boxes,
        verbatim=True,
    ),
    Template(
        name="locate.one",
        kind="locate",
        program=locate,
        offers=lambda c, rng: [about("locate", (a,), "a") for a in c.facts.nameable],
        reply=say_boxes,
        read="boxes",
        paraphrase=retell_boxes,
        verbatim=True,
    ),
)
