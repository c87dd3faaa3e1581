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


def exists_coloured(facts: Facts, kind: str, colour: str) -> Answer:
    """Is one of this kind and colour in the picture?"""
    found = [id for id in facts.recognised if (facts.objects[id].kind, facts.objects[id].colour) == (kind, colour)]
    return {"value": "yes" if found else "no", "kind": kind, "colour": colour, "objects": found}


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
        if _names_colour(c, id) and times[o.kind] == 1 and is_recognised(o) and not c.confusable(o.kind):
            found.append(id)
    return found


def coloured(c: Candidates) -> tuple[list[Asked], list[Asked]]:
    """Kinds that are there, all in colours that have names: with a colour that one of them has, and with one that only
    other things in the picture have."""
    f, yes, no = c.facts, list[Asked](), list[Asked]()
    named = {f.objects[id].colour for id in f.recognised if _names_colour(c, id)}
    for kind in present(c):
        mine = [id for id, o in f.objects.items() if o.kind == kind]
        if not all(_names_colour(c, id) and is_recognised(f.objects[id]) for id in mine):
            continue
        own = {f.objects[id].colour for id in mine}
        yes += [ask_coloured(kind, colour) for colour in sorted(filter(None, own))]
        no += [ask_coloured(kind, colour) for colour in sorted(filter(None, named - own))]
    return yes, no


def _names_colour(c: Candidates, id: str) -> bool:
    """Whether a thing's colour stands in its name, in both languages."""
    o = c.facts.objects[id]
    kind = kind_names(c.names, o.kind)
    return bool(o.colour and colour_prefix(o.name, kind.en) and colour_prefix(o.name_zh, kind.zh))


def present(c: Candidates) -> list[str]:
    """Kinds that are there beyond doubt."""
    kinds = dict.fromkeys(c.facts.objects[id].kind for id in c.facts.recognised)
    return [kind for kind in kinds if not c.confusable(kind)]


def is_missing(c: Candidates, kind: str) -> bool:
    """Whether there is none of a kind beyond doubt: nothing that is there would be called by its name."""
    there = {o.kind for o in c.facts.objects.values()}
    return kind not in there and not there & {*NARROWER.get(kind, ())} and not c.confusable(kind)


def absent_kinds(c: Candidates, rng: np.random.Generator) -> Iterator[str]:
    """Yield in random order the kinds that are missing and could well be there: those that belong where most of what is
    there belongs."""
    there = {o.kind for o in c.facts.objects.values()}
    places = Counter(place for kind in there if kind in c.names for place in c.names[kind].settings)
    most = max(places.values(), default=0)
    here = {place for place, times in places.items() if times == most}
    likely = [kind for kind in c.absent if not here or here & {*c.names[kind].settings}]
    yield from (likely[i] for i in rng.permutation(len(likely)) if is_missing(c, likely[i]))


def ask_colour(facts: Facts, a: str) -> Asked:
    """Return the question what colour `a` is, which names it by its kind alone."""
    return [["colour", [a]]], {"n": facts.objects[a].kind}


def ask_exists(kind: str) -> Asked:
    """Return the question whether there is one of a kind."""
    return [["exists", [kind]]], {"e": kind}


def ask_coloured(kind: str, colour: str) -> Asked:
    """Return the question whether there is one of a kind and colour."""
    return [["exists_coloured", [kind, colour]]], {"h": colour, "t": kind}


def draw_coloured(draw: Draw) -> Sequence[Asked]:
    """A colour that one of a kind has, and one that none has though something else does."""
    yes, no = (draw.pick(found) for found in coloured(draw.candidates))
    return () if yes is None or no is None else (yes, no)


def draw_exists(draw: Draw) -> Sequence[Asked]:
    """A kind that is there, and one that could be and is not."""
    c = draw.candidates
    yes, no = draw.pick(present(c)), next(absent_kinds(c, draw.rng), None)
    return () if yes is None or no is None else (ask_exists(yes), ask_exists(no))


def offer_exists(c: Candidates, rng: np.random.Generator) -> Iterator[Asked]:
    """Every kind that is there, and some that are not."""
    yield from map(ask_exists, present(c))
    yield from map(ask_exists, islice(absent_kinds(c, rng), ABSENT))


def say_colour(answer: Answer, w: Wording) -> str:
    """The colour alone."""
    return f"{cap(w.colour(answer['value']))}{'.' if w.lang == 'en' else '。'}"


def say_exists(answer: Answer, w: Wording) -> str:
    """Yes or no, and of what."""
    kind, yes = kind_names(w.names, answer["kind"]), answer["value"] == "yes"
    if w.lang == "zh":
        return f"有。图中有{kind.zh}。" if yes else f"没有。图中没有{kind.zh}。"
    return f"Yes. There is {article(kind.en)} {kind.en}." if yes else f"No. There is no {kind.en}."


def say_coloured(answer: Answer, w: Wording) -> str:
    """Yes or no, and of what."""
    noun, yes = _named(answer, w), answer["value"] == "yes"
    if w.lang == "zh":
        return f"有。图中有{noun}。" if yes else f"没有。图中没有{noun}。"
    return f"Yes. There is {article(noun)} {noun}." if yes else f"No. There is no {noun}."


def _named(answer: Answer, w: Wording) -> str:
    """A kind with its colour."""
    kind, colour = kind_names(w.names, answer["kind"]), w.colour(answer["colour"])
    return f"{colour} {kind.en}" if w.lang == "en" else f"{colour}的{kind.zh}"


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
    return fill("colour", w, {"c": w.colour(answer["value"]), "k": kind.en if w.lang == "en" else kind.zh})


def retell_exists(answer: Answer, w: Wording) -> list[str]:
    kind = kind_names(w.names, answer["kind"])
    slots = (
        {"k": kind.zh, "m": kind.measure} if w.lang == "zh" else {"k": kind.en, "e": f"{article(kind.en)} {kind.en}"}
    )
    return fill(f"exists.{answer['value']}", w, slots)


def retell_coloured(answer: Answer, w: Wording) -> list[str]:
    noun, kind = _named(answer, w), kind_names(w.names, answer["kind"])
    slots = {"k": noun, "m": kind.measure, "e": f"{article(noun)} {noun}"}
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
        name="exists_coloured.kind",
        kind="exists_coloured",
        program=exists_coloured,
        draw=draw_coloured,
        group=2,
        offers=lambda c, rng: [asked for found in coloured(c) for asked in found],
        reply=say_coloured,
        read="exists",
        paraphrase=retell_coloured,
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
