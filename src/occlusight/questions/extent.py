"""How much of a thing is hidden and which part, whoever hides it; what a thing hides, and whether anything is hidden at
all."""

from __future__ import annotations

from collections.abc import Sequence

from occlusight.occlusion.facts import AMOUNTS, COVERED_MIN, Facts, amount_of
from occlusight.occlusion.graph import UNMEASURED
from occlusight.questions.candidates import Candidates
from occlusight.questions.draw import Draw
from occlusight.questions.hiding import PART_EN, WHERE_ZH
from occlusight.questions.paraphrases import PART_EN as PART_TOLD_EN
from occlusight.questions.paraphrases import PART_ZH as PART_TOLD_ZH
from occlusight.questions.paraphrases import decided, fill
from occlusight.questions.phrases import AMOUNT_EN, AMOUNT_ZH, Wording, cap
from occlusight.questions.surroundings import draw_list, listing, offer_lists, say_listed
from occlusight.questions.template import Answer, Asked, Template, about

NOTHING = "nothing"  # of a thing is hidden
CLEAR = 0.03  # a share of the whole, between what is hidden and the next amount: nearer than this it is not asked about
HIDDEN_SHARE = 0.1  # of the pictures in which something is hidden are asked whether: few show all of everything


def amount_hidden(facts: Facts, b: str) -> Answer:
    """How much of `b` is hidden? "nothing", or an amount in words as `amount_of` has it."""
    hidden = round(1 - facts.objects[b].visible_fraction, 3)
    value = NOTHING if facts.untouched(b) else amount_of(hidden)
    return {"value": value, "hidden_fraction": hidden, "occluded": b, "objects": [b]}


def part_hidden(facts: Facts, b: str) -> Answer:
    """Which part of `b` is hidden, whoever hides it?"""
    by = facts.occluders(b)
    return {"value": facts.relations[by[0], b].hidden_part, "occluded": b, "occluders": by, "objects": [b, *by]}


def hides_what(facts: Facts, a: str) -> Answer:
    """What does `a` hide? What can be seen of it; the value is empty for nothing."""
    return listing(facts, [a], lambda b: facts.hides(a, b))


def hides_anything(facts: Facts, a: str) -> Answer:
    """Does `a` hide anything?"""
    found = hides_what(facts, a)["value"]
    return {"value": "yes" if found else "no", "occluder": a, "hidden": found, "objects": [a, *found]}


def anything_hidden(facts: Facts) -> Answer:
    """Is anything in the picture partly hidden by something else? What is most hidden comes first."""
    found = [b for b in facts.nameable if facts.occluders(b)]
    found.sort(key=lambda b: (facts.objects[b].visible_fraction, b))
    return {"value": "yes" if found else "no", "hidden": found, "objects": found}


def measured(c: Candidates) -> list[str]:
    """Things of which it is clear how much is hidden: whole in the picture, by nothing that can be seen through."""
    f, found = c.facts, []
    for b in f.nameable:
        by = [r for (_, occluded), r in f.relations.items() if occluded == b and r.covered_fraction > 0]
        if not f.whole_in_picture(b) or any(r.type == "transparent" or not r.measured for r in by):
            continue
        hidden = 1 - f.objects[b].visible_fraction
        edges = [COVERED_MIN, *(upper for _, upper in AMOUNTS[:-1])]
        if f.untouched(b) or (hidden > COVERED_MIN and all(abs(hidden - edge) >= CLEAR for edge in edges)):
            found.append(b)
    return found


def parted(c: Candidates) -> list[str]:
    """Things of which one part is hidden, though it may be by several."""
    found = []
    for b in c.hidden:
        parts = {c.facts.relations[a, b].hidden_part for a in c.facts.occluders(b)}
        if len(parts) == 1 and UNMEASURED not in parts:
            found.append(b)
    return found


def hiders(c: Candidates) -> tuple[list[str], list[str]]:
    """Things that hide something that can be seen, and things behind which nothing is at all."""
    f = c.facts
    behind = {a for (a, _), r in f.relations.items() if r.covered_fraction > 0 or not r.measured}
    return [a for a in f.nameable if hides_what(f, a)["value"]], [a for a in f.nameable if a not in behind]


def draw_amount(draw: Draw) -> Sequence[Asked]:
    """How much is hidden? Every amount as often, where the picture has it."""
    by_amount: dict[str, list[str]] = {}
    for b in measured(draw.candidates):
        by_amount.setdefault(amount_hidden(draw.facts, b)["value"], []).append(b)
    chosen = draw.pick(draw.pick([by_amount[amount] for amount in sorted(by_amount)]) or [])
    return () if chosen is None else (about("amount_hidden", (chosen,), "b"),)


def draw_part(draw: Draw) -> Sequence[Asked]:
    """Which part is hidden? Every part as often, where the picture has it."""
    by_part: dict[str, list[str]] = {}
    for b in parted(draw.candidates):
        by_part.setdefault(part_hidden(draw.facts, b)["value"], []).append(b)
    chosen = draw.pick(draw.pick([by_part[part] for part in sorted(by_part)]) or [])
    return () if chosen is None else (about("part_hidden", (chosen,), "b"),)


def draw_hides(draw: Draw) -> Sequence[Asked]:
    """A thing that hides something, and one that hides nothing."""
    yes, no = (draw.pick(found) for found in hiders(draw.candidates))
    return () if yes is None or no is None else tuple(about("hides_anything", (a,), "a") for a in (yes, no))


def draw_anything(draw: Draw) -> Sequence[Asked]:
    """Is anything hidden? Pictures in which something is are asked seldom, since most are such."""
    found = offer_anything(draw.candidates)
    seldom = draw.rng.random() < HIDDEN_SHARE
    return found if found and (seldom or anything_hidden(draw.facts)["value"] == "no") else ()


def offer_anything(c: Candidates) -> Sequence[Asked]:
    """Is anything hidden? Where it is beyond doubt."""
    clear = c.covering or all(r.measured and r.covered_fraction <= 0 for r in c.facts.relations.values())
    return (([["anything_hidden", []]], {}),) if clear and len(c.facts.nameable) > 1 else ()


def say_amount(answer: Answer, w: Wording) -> str:
    """The amount first."""
    amount = answer["value"]
    if w.lang == "zh":
        return "没有被遮挡。" if amount == NOTHING else f"{AMOUNT_ZH[amount]}被遮挡。"
    return f"{cap(NOTHING if amount == NOTHING else AMOUNT_EN[amount])} is hidden."


def say_part(answer: Answer, w: Wording) -> str:
    """The part alone."""
    part = answer["value"]
    return f"{WHERE_ZH.get(part, '几乎全部')}。" if w.lang == "zh" else f"{PART_EN[part]}."


def say_hides(answer: Answer, w: Wording) -> str:
    """Yes or no, and what is hidden."""
    a, found = w.the(answer["occluder"]), answer["hidden"]
    if w.lang == "zh":
        return f"是的。{a}遮挡了{w.them(found)}。" if found else f"没有。{a}没有遮挡任何物体。"
    return f"Yes. {cap(a)} hides part of {w.them(found)}." if found else f"No. {cap(a)} hides nothing."


def say_anything(answer: Answer, w: Wording) -> str:
    """Yes or no, and what is most hidden."""
    found = answer["hidden"]
    if w.lang == "zh":
        return f"是的。{w.the(found[0])}被遮挡了一部分。" if found else "没有。没有物体被遮挡。"
    return f"Yes. {cap(w.the(found[0]))} is partly hidden." if found else "No. Nothing is hidden."


def retell_amount(answer: Answer, w: Wording) -> list[str]:
    amount, b = answer["value"], w.the(answer["occluded"])
    if amount == NOTHING:
        return fill("amount_hidden.none", w, {"b": b})
    words = (AMOUNT_EN if w.lang == "en" else AMOUNT_ZH)[amount]
    return fill("amount_hidden.some", w, {"b": b, "amount": words, "percent": f"{100 * answer['hidden_fraction']:.0f}"})


def retell_part(answer: Answer, w: Wording) -> list[str]:
    parts = PART_TOLD_EN if w.lang == "en" else PART_TOLD_ZH
    return fill("part_hidden", w, {"b": w.the(answer["occluded"]), "part": parts[answer["value"]]})


def retell_what(answer: Answer, w: Wording) -> list[str]:
    slots = {"a": w.the(answer["about"][0]), "list": w.them(answer["value"])}
    return fill(f"hides_what.{'some' if answer['value'] else 'none'}", w, slots)


def retell_anything(answer: Answer, w: Wording) -> list[str]:
    return fill(f"anything_hidden.{answer['value']}", w, {"list": w.them(answer["hidden"])})


TEMPLATES = (
    Template(
        name="amount_hidden.thing",
        kind="amount_hidden",
        program=amount_hidden,
        draw=draw_amount,
        offers=lambda c, rng: [about("amount_hidden", (b,), "b") for b in measured(c)],
        main_answers=(NOTHING, "small"),
        reply=say_amount,
        read="amount",
        paraphrase=retell_amount,
    ),
    Template(
        name="part_hidden.thing",
        kind="part_hidden",
        program=part_hidden,
        draw=draw_part,
        offers=lambda c, rng: [about("part_hidden", (b,), "b") for b in parted(c)],
        main_answers=("left", "right"),
        reply=say_part,
        read="hidden_part",
        paraphrase=retell_part,
    ),
    Template(
        name="hides_what.thing",
        kind="hides_what",
        program=hides_what,
        draw=draw_list(hides_what, offer_lists(hides_what)),
        offers=offer_lists(hides_what),
        main_answers=(NOTHING,),
        reply=say_listed,
        read="listed",
        paraphrase=retell_what,
    ),
    Template(
        name="hides_anything.thing",
        kind="hides_anything",
        program=hides_anything,
        draw=draw_hides,
        group=2,
        offers=lambda c, rng: [about("hides_anything", (a,), "a") for found in hiders(c) for a in found],
        reply=say_hides,
        read="yes_no",
        paraphrase=decided("hides_anything", "occluder", "occluder"),
    ),
    Template(
        name="anything_hidden.picture",
        kind="anything_hidden",
        program=anything_hidden,
        draw=draw_anything,
        offers=lambda c, rng: offer_anything(c),
        reply=say_anything,
        read="yes_no",
        paraphrase=retell_anything,
    ),
)
