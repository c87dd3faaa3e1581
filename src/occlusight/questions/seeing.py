"""What can be seen at a glance: what colour a thing is, whether there is one of a kind, and what the picture shows in
short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from occlusight.occlusion.facts import Facts, is_recognised
from occlusight.occlusion.kinds import article, colour_prefix, counted, kind_names, listed
from occlusight.questions.candidates import Candidates
from occlusight.questions.draw import Draw
from occlusight.questions.paraphrases import fill
from occlusight.questions.phrases import Wording, cap
from occlusight.questions.template import Answer, Asked, Template, of_all

TOLD = 2  # pairs that a description tells, of those that hide most
ABSENT = 6  # kinds that are not there, of those offered about a picture
NARROWER: Mapping[str, tuple[str, ...]] = {
    "bed": ("crib", "mattress"),
    "bicycle": ("exercise_bike", "tricycle"),
    "billboard": ("shop_sign", "notice_board"),
    "box": ("gift", "parcel", "milk"),
    "bush": ("tree", "plant", "bamboo"),
    "cabinet": ("wardrobe", "drawers", "bookcase"),
    "canister": ("jar",),
    "car": ("van",),
    "chair": ("armchair", "high_chair", "wheelchair", "stool", "bean_bag"),
    "clock": ("watch",),
    "computer": ("laptop", "tablet"),
    "flowers": ("plant",),
    "glasses": ("sunglasses",),
    "jug": ("kettle",),
    "lamp": ("table_lamp", "floor_lamp", "street_lamp"),
    "mirror": ("traffic_mirror", "glass_facade"),
    "motorbike": ("scooter",),
    "notice_board": ("billboard", "stop_sign", "whiteboard"),
    "panel": ("screen", "billboard", "notice_board", "shop_sign", "whiteboard"),
    "person": ("man", "woman", "boy", "girl"),
    "phone": ("mobile_phone",),
    "plant": ("flowers", "bamboo"),
    "refrigerator": ("freezer",),
    "stop_sign": ("street_name", "notice_board", "name_plate"),
    "table": ("workbench",),
    "umbrella": ("parasol",),
    "whiteboard": ("notice_board", "screen"),
    "window": ("shelter", "glass_facade", "guard"),
}
"""Kinds that some would call by the name of a wider one: where one is there, nobody is asked whether the wider one
is."""


def colour(facts: Facts, a: str) -> Answer:
    """What colour is `a`?"""
    return {"value": facts.objects[a].colour, "object": a, "objects": [a]}


def exists(facts: Facts, kind: str) -> Answer:
    """Is one of this kind in the picture?"""
    found = [id for id in facts.recognised if facts.objects[id].kind == kind]
    return {"value": "yes" if found else "no", "kind": kind, "objects": found}


def describe(facts: Facts, ids: list[str]) -> Answer:
    """What is there, and who hides whom; of the pairs those of which most is hidden."""
    kinds = list(dict.fromkeys(facts.objects[id].kind for id in ids))
    told = {*facts.nameable} & {*ids}
    pairs = [p for p in facts.relations if {*p} <= told and facts.hides(*p)]
    pairs.sort(key=lambda p: (-facts.relations[p].covered_fraction, p))
    return {"value": kinds, "hides": [list(p) for p in pairs[:TOLD]], "objects": ids}


def painted(c: Candidates) -> list[str]:
    """Things whose colour has a name, and which are told apart without it: the only ones of their kind."""
    f = c.facts
    times = Counter(o.kind for o in f.objects.values())
    found = []
    for id in f.nameable:
        o = f.objects[id]
        kind = kind_names(c.names, o.kind)
        named = colour_prefix(o.name, kind.en) and colour_prefix(o.name_zh, kind.zh)
        if o.colour and named and times[o.kind] == 1 and is_recognised(o) and not c.confusable(o.kind):
            found.append(id)
    return found


def present(c: Candidates) -> list[str]:
    """Kinds that are there beyond doubt."""
    kinds = dict.fromkeys(c.facts.objects[id].kind for id in c.facts.recognised)
    return [kind for kind in kinds if not c.confusable(kind)]


def missing(c: Candidates) -> list[str]:
    """Kinds that are not there beyond doubt."""
    return [kind for kind in c.absent if _clear(c, kind)]


def plausible(c: Candidates) -> list[str]:
    """Kinds that are missing and could well be there."""
    return [kind for kind in _likely(c) if _clear(c, kind)]


def _clear(c: Candidates, kind: str) -> bool:
    """Whether nothing that is there would be called by the name of an absent kind."""
    there = {o.kind for o in c.facts.objects.values()}
    return not there & {*NARROWER.get(kind, ())} and not c.confusable(kind)


def _likely(c: Candidates) -> list[str]:
    """Absent kinds that belong where most of what is there belongs."""
    there = {o.kind for o in c.facts.objects.values()}
    places = Counter(place for kind in there if kind in c.names for place in c.names[kind].settings)
    most = max(places.values(), default=0)
    here = {place for place, times in places.items() if times == most}
    return [kind for kind in c.absent if not here or here & {*c.names[kind].settings}]


def ask_colour(facts: Facts, a: str) -> Asked:
    """Return the question what colour `a` is, which names it by its kind alone."""
    return [["colour", [a]]], {"n": facts.objects[a].kind}


def ask_exists(kind: str) -> Asked:
    """Return the question whether there is one of a kind."""
    return [["exists", [kind]]], {"e": kind}


def draw_exists(draw: Draw) -> Sequence[Asked]:
    """A kind that is there, and one that could be and is not."""
    c = draw.candidates
    yes, likely = draw.pick(present(c)), draw.shuffled(_likely(c))
    no = next((kind for kind in likely if _clear(c, kind)), None)
    return () if yes is None or no is None else (ask_exists(yes), ask_exists(no))


def offer_exists(c: Candidates, rng: np.random.Generator) -> Iterator[Asked]:
    """Every kind that is there, and some that are not."""
    yield from map(ask_exists, present(c))
    likely = _likely(c)
    order = (likely[i] for i in rng.permutation(len(likely)))
    yield from (ask_exists(kind) for kind in islice((kind for kind in order if _clear(c, kind)), ABSENT))


def say_colour(answer: Answer, w: Wording) -> str:
    """The colour alone."""
    return f"{cap(colour_of(answer['object'], w))}{'.' if w.lang == 'en' else '。'}"


def colour_of(id: str, w: Wording) -> str:
    """The word for a thing's colour, as its name has it; empty where the name has none."""
    o, kind = w.facts.objects[id], w.kind(id)
    if w.lang == "en":
        return (colour_prefix(o.name, kind.en) or "").strip()
    return (colour_prefix(o.name_zh, kind.zh) or "").removesuffix("的")


def say_exists(answer: Answer, w: Wording) -> str:
    """Yes or no, and of what."""
    kind, yes = kind_names(w.names, answer["kind"]), answer["value"] == "yes"
    if w.lang == "zh":
        return f"有。图中有{kind.zh}。" if yes else f"没有。图中没有{kind.zh}。"
    return f"Yes. There is {article(kind.en)} {kind.en}." if yes else f"No. There is no {kind.en}."


def say_scene(answer: Answer, w: Wording) -> str:
    """A list of things, and a sentence for each pair."""
    pairs = [w.hiding(a, b) for a, b in answer["hides"]]
    if w.lang == "zh":
        return "。".join([f"图中有{things(answer, w)}", *pairs]) + "。"
    return ". ".join([cap(things(answer, w)), *map(cap, pairs)]) + "."


def things(answer: Answer, w: Wording) -> str:
    """What is there, as a list of noun phrases: things of one name are counted."""
    groups = Counter(
        (o.kind, o.name if w.lang == "en" else o.name_zh) for o in (w.facts.objects[id] for id in answer["objects"])
    )
    named = [
        counted(kind_names(w.names, kind), n, w.lang, name, single_article=True) for (kind, name), n in groups.items()
    ]
    return listed(named, w.lang)


def retell_colour(answer: Answer, w: Wording) -> list[str]:
    kind = w.kind(answer["object"])
    return fill("colour", w, {"c": colour_of(answer["object"], w), "k": kind.en if w.lang == "en" else kind.zh})


def retell_exists(answer: Answer, w: Wording) -> list[str]:
    kind = kind_names(w.names, answer["kind"])
    slots = (
        {"k": kind.zh, "m": kind.measure} if w.lang == "zh" else {"k": kind.en, "e": f"{article(kind.en)} {kind.en}"}
    )
    return fill(f"exists.{answer['value']}", w, slots)


def retell_scene(answer: Answer, w: Wording) -> list[str]:
    pairs = [w.hiding(a, b) for a, b in answer["hides"]]
    en = w.lang == "en"
    told = (". " if en else "。").join(map(cap, pairs)) + ("." if en else "。") if pairs else ""
    return [text.strip() for text in fill("describe", w, {"list": things(answer, w), "pairs": told})]


TEMPLATES = (
    Template(
        name="colour.kind",
        kind="colour",
        program=colour,
        offers=lambda c, rng: [ask_colour(c.facts, a) for a in painted(c)],
        reply=say_colour,
        read="colour",
        paraphrase=retell_colour,
    ),
    Template(
        name="exists.kind",
        kind="exists",
        program=exists,
        draw=draw_exists,
        group=2,
        offers=offer_exists,
        reply=say_exists,
        read="exists",
        paraphrase=retell_exists,
    ),
    Template(
        name="describe.scene",
        kind="describe",
        program=describe,
        offers=lambda c, rng: [of_all("describe")] if c.facts.recognised else [],
        answer_class=lambda facts, arguments, answer: ", ".join(sorted(answer["value"])),
        reply=say_scene,
        read="description",
        paraphrase=retell_scene,
    ),
)
