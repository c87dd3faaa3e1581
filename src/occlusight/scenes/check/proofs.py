"""What must hold in a data set: proofs about one scene, about one question, and about all of them.

Each proof yields a sentence for whatever contradicts it. Nothing here reads a mesh: masks, graph and programs prove
each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.datasets.masks import decode
from occlusight.errors import OcclusightError
from occlusight.files.json_lines import Line
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.kinds import LANGS
from occlusight.questions.album import Album
from occlusight.questions.own import BROUGHT
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, kinds_of_questions
from occlusight.questions.registry import templates
from occlusight.scenes.make.selection import BANDS, clear_pairs
from occlusight.scenes.recipes.free import MAX_OBJECTS, MIN_OBJECTS

Mask = NDArray[np.bool_]

SCENE_FIELDS: tuple[str, ...] = ("id", "recipe", "type", "seed", "index", "image", "graph", "masks", "camera", "placed")
SCENE_FIELDS += ("counterfactual_of", "view_of", "heldout")
TIES = 2  # pixels in which two objects may be equally near
CHANCE = 4.0  # standard deviations: if so many fewer pairs than a half are hard, that is no chance any more
MANY = 40  # scenes from which their visible fractions must be spread
SPREAD = 0.1  # of the scenes, at least, show an object in each band of visible fractions
ABOUT_OBJECTS: tuple[str, ...] = (
    "hides",
    "anything_hides",
    "who_hides",
    "hidden_part",
    "position",
    "nearer",
    "farther",
    "remove",
)
ABOUT_OBJECTS += ("colour", "amount_hidden", "part_hidden", "hides_what", "hides_anything", "behind", "in_front")
ABOUT_OBJECTS += ("left_of", "right_of", "between", "locate")
ABOUT_TEXTS = ("characters", "character", "whole_text", "covers_text")


def is_imported(line: Line) -> bool:
    """Whether a picture was brought and not rendered: nothing knows its camera."""
    return line["camera"] is None


def scene_failures(line: Line, facts: Facts) -> Iterator[str]:
    """Prove that a scene keeps the rules, and that its masks and its graph say the same."""
    graph = facts.graph
    n = len(graph.objects)
    if not MIN_OBJECTS <= n <= MAX_OBJECTS:
        yield f"has {n} objects, not {MIN_OBJECTS} to {MAX_OBJECTS}"
    if not clear_pairs(facts):
        yield "has no pair of which one covers a tenth of the other"
    ids = [o.id for o in graph.objects]
    if sorted(ids) != sorted(p["id"] for p in line["placed"]) or sorted(ids) != sorted(line["masks"]):
        yield "has not the same objects in its graph, its masks and its description"
        return
    if sorted(i for group in graph.depth_order for i in group) != sorted(ids):
        yield "has a depth order that does not list every object once"
    ends = [[facts.objects[id].distance or 0.0 for id in group] for group in graph.depth_order]
    if any(max(a) > min(b) for a, b in pairwise(ends)):
        yield "has a depth order that its distances contradict"
    try:
        amodal, visible = (np.stack([decode(line["masks"][id][m]) for id in ids]) for m in ("amodal", "visible"))
    except (OcclusightError, KeyError, TypeError, ValueError) as error:
        yield f"has masks that cannot be read ({error})"
        return
    if amodal.shape != (n, graph.height, graph.width) or visible.shape != amodal.shape:
        yield f"has masks of {amodal.shape[1:]} pixels, but the picture has {(graph.height, graph.width)}"
        return
    yield from _object_failures(facts, amodal, visible)
    yield from _pair_failures(facts, amodal, visible)


def imported_failures(line: Line, facts: Facts) -> Iterator[str]:
    """Prove that the masks and the graph of an imported picture say the same; what people outlined keeps no other
    rules."""
    graph = facts.graph
    ids = [o.id for o in graph.objects]
    if sorted(ids) != sorted(line["masks"]):
        yield "has not the same objects in its graph and its masks"
        return
    if not ids:
        return
    try:
        amodal, visible = (np.stack([decode(line["masks"][id][m]) for id in ids]) for m in ("amodal", "visible"))
    except (OcclusightError, KeyError, TypeError, ValueError) as error:
        yield f"has masks that cannot be read ({error})"
        return
    if amodal.shape[1:] != (graph.height, graph.width) or visible.shape != amodal.shape:
        yield f"has masks of {amodal.shape[1:]} pixels, but the picture has {(graph.height, graph.width)}"
        return
    yield from _object_failures(facts, amodal, visible)
    for r in graph.relations:
        hidden = 1 - facts.objects[r.occluded].visible_fraction
        area = amodal[ids.index(r.occluded)].sum()
        if r.measured and r.covered_fraction > hidden + 2e-4 + TIES / area:
            yield f"says that {r.occluder} covers {r.covered_fraction} of {r.occluded}, of which {hidden:.4f} is hidden"


def _object_failures(facts: Facts, amodal: Mask, visible: Mask) -> Iterator[str]:
    height, width = amodal.shape[1:]
    for o, whole, seen in zip(facts.graph.objects, amodal, visible, strict=True):
        if not whole.any() or (seen & ~whole).any():
            yield f"shows {o.id} where it is not"
            continue
        if abs(seen.sum() / whole.sum() - o.visible_fraction) > 1e-4:
            yield (
                f"says that {o.visible_fraction} of {o.id} is visible, but the masks say {seen.sum() / whole.sum():.4f}"
            )
        if abs(seen.sum() / seen.size - o.area) > 1e-6:
            yield f"says that {o.id} fills {o.area} of the picture, but the mask says {seen.sum() / seen.size:.6f}"
        for name, box, mask in (("box", o.box, seen if seen.any() else whole), ("amodal_box", o.amodal_box, whole)):
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            ends = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
            if any(abs(1000 * e - b) > 0.51 for e, b in zip(ends, box, strict=True)):
                yield (
                    f"has a {name} {list(box)} of {o.id} that is not around its mask {[round(1000 * e) for e in ends]}"
                )


def _pair_failures(facts: Facts, amodal: Mask, visible: Mask) -> Iterator[str]:
    """Where two objects meet, one covers the other: the two covered areas add up to the overlap of the masks."""
    objects = facts.graph.objects
    area = amodal.sum(axis=(1, 2))
    clear = [o.material == "transparent" for o in objects]
    for i, a in enumerate(objects):
        for j, b in enumerate(objects[:i]):
            overlap = int(np.count_nonzero(amodal[i] & amodal[j]))
            covered = facts.graph.covered(a.id, b.id) * area[j] + facts.graph.covered(b.id, a.id) * area[i]
            if abs(overlap - covered) > TIES + 5e-5 * (area[i] + area[j]):
                yield f"has {overlap} pixels where {a.id} and {b.id} meet, but {covered:.0f} where one covers the other"
            if not clear[i] and not clear[j] and np.count_nonzero(visible[i] & visible[j]) > TIES:
                yield f"shows {a.id} and {b.id} in the same pixels"
    for r in facts.graph.relations:
        i, j = (next(k for k, o in enumerate(objects) if o.id == id) for id in (r.occluder, r.occluded))
        hidden = 1 - objects[j].visible_fraction
        if not clear[i] and r.covered_fraction > hidden + 2e-4 + TIES / area[j]:
            yield f"says that {r.occluder} covers {r.covered_fraction} of {r.occluded}, of which {hidden:.4f} is hidden"


def question_failures(line: Line, scenes: Mapping[str, tuple[Line, Facts]]) -> Iterator[str]:
    """Prove that a question is complete, may be asked, and has the answer that its program computes."""
    try:
        q = Question.from_json(line)
    except KeyError as error:
        yield f"lacks the field {error}"
        return
    if q.kind not in kinds_of_questions() or q.lang not in LANGS or not str(q.text).strip():
        yield f"has the kind {q.kind!r}, the language {q.lang!r} and the text {q.text!r}"
    if q.scene not in scenes:
        yield f"is about the scene {q.scene!r}, which is not in the set or cannot be read"
        return
    scene, facts = scenes[q.scene]
    if q.scenes and not (set(q.scenes) <= scenes.keys() and q.scene == q.scenes[-1]):
        yield f"is about the scenes {', '.join(q.scenes)}, of which the last must be its own, and each in the set"
        return
    if q.image != scene["image"]:
        yield f"is about the picture {q.image}, but its scene's is {scene['image']}"
    try:
        answer = execute(q.program, _album(q, scenes) if q.scenes else facts)
    except (OcclusightError, LookupError, TypeError, ValueError) as error:
        yield f"has a program that cannot be executed ({error})"
        return
    if answer != q.answer:
        yield f"stores the answer {_short(q.answer)}, but its program gives {_short(answer)}"
    for op, arguments in q.program:
        if op in ABOUT_TEXTS:
            yield from _doubtful(op, arguments, facts)
        if op not in ABOUT_OBJECTS:
            continue
        hard = [a for a in arguments if a not in facts.nameable]
        if hard:
            yield f"names {', '.join(hard)}, which cannot be told or seen well enough"
        if op in ("hides", "remove") and facts.hides(*arguments) is None:
            covered = facts.graph.covered(*arguments)
            yield f"asks about a pair of which {covered:.3f} is covered, too little for yes or no"


def _album(q: Question, scenes: Mapping[str, tuple[Line, Facts]]) -> Album:
    return Album(tuple(scenes[id][1] for id in q.scenes), clip=templates()[q.template].album == "clip")


def _doubtful(op: str, arguments: Sequence[str], facts: Facts) -> Iterator[str]:
    """What of a question about a text cannot be told from the picture."""
    sign = arguments[0]
    if sign not in facts.nameable:
        yield f"names {sign}, which cannot be told or seen well enough"
    read = facts.readable(sign)
    text = [c.character for c in facts.inscriptions[sign].characters]
    if op == "character" and (text.count(arguments[1]) != 1 or read[text.index(arguments[1])] is None):
        yield f"asks about {arguments[1]!r} on {sign}, which is doubtful or there more than once"
    if op != "character" and not facts.legible(sign):
        yield f"asks about the text on {sign}, of which some characters are doubtful"


def set_failures(questions: Sequence[Line], scenes: Mapping[str, tuple[Line, Facts]]) -> Iterator[str]:
    """Prove what holds of all questions: balance, hard negatives, equal languages."""
    tally: Counter[tuple[str, str, str]] = Counter()
    programs: dict[str, dict[str, list[Any]]] = {}
    noes: dict[tuple[str, str, str], bool] = {}  # whether a pair that does not hide is a hard one
    for q in questions:
        if q["template"] in BROUGHT:  # what people ask keeps no balance
            continue
        programs.setdefault(q["scene"], {}).setdefault(q["lang"], []).append(q["program"])
        value = q["answer"].get("value")
        if value in ("yes", "no"):
            tally[q["lang"], q["template"], value] += 1
        op, arguments = q["program"][-1]
        if value == "no" and op == "hides" and q["scene"] in scenes:
            line, facts = scenes[q["scene"]]
            if is_imported(line):
                continue
            a, b = arguments
            noes[q["scene"], a, b] = bool(facts.hides(b, a)) or facts.boxes_overlap(a, b)
    for lang, template in sorted({key[:2] for key in tally}):
        yes, no = tally[lang, template, "yes"], tally[lang, template, "no"]
        if yes != no:
            yield f"{template} in {lang} has {yes} yes and {no} no"
    hard = sum(noes.values())
    if len(noes) - 2 * hard > CHANCE * math.sqrt(len(noes)):  # each is hard with a probability of a half or more
        yield f"of {len(noes)} pairs that do not hide, only {hard} are reversed true pairs or overlap"
    for scene, by_lang in programs.items():
        if any(asked != next(iter(by_lang.values())) for asked in by_lang.values()):
            yield f"the scene {scene} is not asked the same in {' and '.join(sorted(by_lang))}"


def spread_failures(scenes: Sequence[Facts]) -> Iterator[str]:
    """Prove that many free scenes show objects of every band of visible fractions."""
    if len(scenes) < MANY:
        return
    for low, high in BANDS:
        shown = sum(any(low <= f.objects[id].visible_fraction < high for id in f.nameable) for f in scenes)
        if shown < SPREAD * len(scenes):
            yield f"only {shown} of {len(scenes)} scenes show an object of which {low} to {high} is visible"


def _short(answer: Any) -> str:
    text = str(answer)
    return text if len(text) <= 120 else text[:117] + "..."
