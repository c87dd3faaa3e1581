"""Questions as small programs over the graph, so that every answer is computed and none is written down.

A program is a list of steps `[op, args]`; an argument "$0" stands for the result of step 0. The last step's result is the answer:

>>> count_cars = [["recognised", ["car"]], ["count", ["$0", "car"]]]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts, amount_of
from occlusight.occlusion.facts import hides as relation_hides
from occlusight.occlusion.graph import UNMEASURED, Graph

Program = Sequence[Sequence[Any]]
Answer = dict[str, Any]


def execute(program: Program, about: Graph | Facts) -> Answer:
    """Run a program and return its structured answer, with the names of the objects in it. Raises BadData."""
    facts = about if isinstance(about, Facts) else Facts(about)
    results: list[Any] = []
    for op, args in program:
        if op not in OPS:
            raise BadData(f"a program has the step {op!r}; the steps are {', '.join(sorted(OPS))}")
        values = [results[int(a[1:])] if isinstance(a, str) and a.startswith("$") else a for a in args]
        try:
            results.append(OPS[op](facts, *values))
        except KeyError as error:
            raise BadData(f"the step {op} {args} names the object {error}, which is not in the graph") from error
    answer: Answer = results[-1]
    named = {id: facts.objects[id] for id in dict.fromkeys(answer["objects"])}
    return {**answer, "names": {id: {"en": o.name, "zh": o.name_zh} for id, o in named.items()}}


def recognised(facts: Facts, kind: str | None = None) -> list[str]:
    """Objects that count, front to back; of one kind where it is given."""
    return [id for id in facts.recognised if kind is None or facts.objects[id].kind == kind]


def list_all(facts: Facts, ids: list[str]) -> Answer:
    """Which kinds are there, and how many of each."""
    counts: dict[str, int] = {}
    for id in ids:
        counts[facts.objects[id].kind] = counts.get(facts.objects[id].kind, 0) + 1
    return {"value": list(counts), "counts": counts, "objects": ids}


def count(facts: Facts, ids: list[str], kind: str) -> Answer:
    """How many there are."""
    return {"value": len(ids), "kind": kind, "objects": ids}


def cover(facts: Facts, a: str, b: str) -> dict[str, Any]:
    """How `a` covers `b`; only where it does."""
    relation = facts.relations[a, b]
    if not relation.measured:
        return {"hidden_part": UNMEASURED, "covered_fraction": None, "amount": "part"}
    fraction = round(relation.covered_fraction, 3)
    return {"hidden_part": relation.hidden_part, "covered_fraction": fraction, "amount": amount_of(fraction)}


def hides(facts: Facts, a: str, b: str) -> Answer:
    """Does `a` hide part of `b`? With what a reason can cite: the reverse, the overlap, the relative position."""
    answer: Answer = {"value": "yes" if facts.hides(a, b) else "no", "occluder": a, "occluded": b, "objects": [a, b]}
    if facts.hides(a, b):
        return {**answer, **cover(facts, a, b)}
    reverse = bool(facts.hides(b, a))
    return {**answer, "reverse": reverse, **place(facts, a, b)}


def anything_hides(facts: Facts, b: str) -> Answer:
    """Is anything hiding `b`?"""
    found = facts.occluders(b)
    answer: Answer = {"value": "yes" if found else "no", "occluded": b, "occluders": found, "objects": [*found, b]}
    return {**answer, **(cover(facts, found[0], b) if len(found) == 1 else {})}


def who_hides(facts: Facts, b: str) -> Answer:
    """What hides `b`? The value is the list of occluders, the one that covers most first; empty for nothing."""
    found = facts.occluders(b)
    return {"value": found, "occluded": b, "objects": [*found, b]}


def hidden_part(facts: Facts, a: str, b: str) -> Answer:
    """Which part of `b` does `a` hide?"""
    found = cover(facts, a, b)
    return {"value": found["hidden_part"], "occluder": a, "occluded": b, **found, "objects": [a, b]}


def place(facts: Facts, a: str, b: str) -> dict[str, str]:
    """Where `a` is relative to `b`: something that stands on the other is only above it."""
    vertical = facts.vertical(a, b)
    on = vertical != "none"
    return {
        "horizontal": "none" if on else facts.horizontal(a, b),
        "depth": "none" if on else facts.depth(a, b),
        "vertical": vertical,
    }


def position(facts: Facts, a: str, b: str) -> Answer:
    """Where is `a` relative to `b`?"""
    return {"value": place(facts, a, b), "object": a, "reference": b, "objects": [a, b]}


def count_position(facts: Facts, ids: list[str], kind: str, reference: str) -> Answer:
    """How many are there, and where is each relative to the reference?"""
    places = []
    for id in ids:
        entry: dict[str, Any] = {
            "object": id,
            **place(facts, id, reference),
            "hidden": bool(facts.hides(reference, id)),
        }
        entry["hides"] = bool(facts.hides(id, reference))
        places.append(entry)
    return {"value": len(ids), "kind": kind, "reference": reference, "positions": places, "objects": [*ids, reference]}


def extreme(facts: Facts, ids: list[str], sign: int) -> Answer:
    """The nearest (sign 1) or farthest (sign -1) of these objects."""
    found = min(ids, key=lambda id: sign * (facts.objects[id].distance or 0.0))
    return {"value": found, "kind": facts.objects[found].kind, "objects": [found]}


def nearest(facts: Facts, ids: list[str]) -> Answer:
    """Which is nearest to the camera?"""
    return extreme(facts, ids, 1)


def farthest(facts: Facts, ids: list[str]) -> Answer:
    """Which is farthest from the camera?"""
    return extreme(facts, ids, -1)


def nearer(facts: Facts, a: str, b: str) -> Answer:
    """Which of two is nearer?"""
    found = a if facts.distance_order(a, b) == "front" else b
    return {"value": found, "other": b if found == a else a, "objects": [a, b]}


def farther(facts: Facts, a: str, b: str) -> Answer:
    """Which of two is farther?"""
    found = a if facts.distance_order(a, b) == "behind" else b
    return {"value": found, "other": b if found == a else a, "objects": [a, b]}


def remove(facts: Facts, a: str, b: str) -> Answer:
    """If `a` were taken away, would all of `b` be visible?"""
    others = [id for id in facts.occluders(b) if id != a]
    hidden = bool(facts.hides(a, b))
    value = "yes" if hidden and not others else "no"
    return {"value": value, "removed": a, "occluded": b, "hidden": hidden, "others": others, "objects": [a, b, *others]}


def through(facts: Facts, a: str, b: str) -> Answer:
    """Is `b` seen through `a`?"""
    value = "yes" if facts.through(a, b) else "no"
    covered = round(facts.graph.covered(a, b), 3)
    opaque = bool(facts.hides(a, b))
    return {
        "value": value,
        "glass": a,
        "object": b,
        "covered_fraction": covered,
        "hides": opaque,
        "objects": [a, b],
    }


def mirrored(facts: Facts, mirror: str, b: str) -> Answer:
    """Does the mirror show `b`? And is that the only place where it can be seen?"""
    value = "yes" if facts.shown_in(mirror, b) else "no"
    only = facts.objects[b].seen == "reflection"
    return {"value": value, "mirror": mirror, "object": b, "only": only, "objects": [mirror, b]}


def shown_in(facts: Facts, mirror: str) -> Answer:
    """What does the mirror show? The largest first."""
    found = sorted((r for r in facts.graph.reflections if r.mirror == mirror), key=lambda r: (-r.area, r.object))
    ids = [r.object for r in found if facts.shown_in(mirror, r.object)]
    return {"value": ids, "mirror": mirror, "objects": [mirror, *ids]}


def told_behind(facts: Facts, a: str) -> Answer:
    """Can it be told from the picture whether something is behind `a`? By what?"""
    found = facts.evidence(a)
    objects = [a, *(found[k] for k in ("hidden", "mirror") if k in found)]
    base: Answer = {"value": "yes" if found else "no", "occluder": a, "evidence": None}
    return {**base, **found, "objects": objects}


def hides_from(facts: Facts, a: str, b: str) -> Answer:
    """Would `a` hide part of `b` from the second camera?"""
    view = facts.graph.views[0]
    relation = next((r for r in view.relations if (r.occluder, r.occluded) == (a, b)), None)
    value = "yes" if relation_hides(relation) else "no"
    where = {"side": view.side, "degrees": view.degrees}
    return {"value": value, "occluder": a, "occluded": b, **where, "objects": [a, b]}


def stated(facts: Facts, value: Any, choices: list[str], about: str) -> Answer:
    """What people said who brought the question: no graph computes it. `about` is one for the same question in both languages."""
    return {"value": value, **({"choices": choices} if choices else {}), "about": about, "objects": []}


def characters(facts: Facts, a: str) -> Answer:
    """Which characters on `a` can be read? In the order of the text; `shown` has a dot for each run of others."""
    text, read = [c.character for c in facts.inscriptions[a].characters], facts.readable(a)
    value = [c for c, r in zip(text, read, strict=True) if r]
    shown = ""
    for c, r in zip(text, read, strict=True):
        shown += c if r else "" if shown.endswith(GAP) else GAP
    by = facts.covering(a)
    return {"value": value, "sign": a, "shown": shown, "by": by, "all": len(value) == len(text), "objects": [a, *by]}


def character(facts: Facts, a: str, c: str) -> Answer:
    """Can the character `c` on `a` be read?"""
    text = [k.character for k in facts.inscriptions[a].characters]
    if c not in text:
        raise BadData(f"a program asks about {c!r} on {a}, which carries {''.join(text)!r}")
    at = text.index(c)
    found = facts.inscriptions[a].characters[at]
    read = facts.readable(a)[at]
    by = [found.hidden_by] if not read and found.hidden_by is not None else []
    return {"value": "yes" if read else "no", "sign": a, "character": c, "by": by, "objects": [a, *by]}


def whole_text(facts: Facts, a: str) -> Answer:
    """Can all of the text on `a` be read?"""
    by = facts.covering(a)
    return {"value": "yes" if all(facts.readable(a)) else "no", "sign": a, "by": by, "objects": [a, *by]}


def covers_text(facts: Facts, a: str) -> Answer:
    """What covers characters on `a`?"""
    found = facts.covering(a)
    return {"value": found, "occluded": a, "objects": [*found, a]}


GAP = "…"  # stands for characters that cannot be read

OPS: dict[str, Callable[..., Any]] = (
    {
        f.__name__: f
        for f in (recognised, list_all, count, hides, anything_hides, who_hides, hidden_part, position, count_position)
    }
    | {f.__name__: f for f in (nearest, farthest, nearer, farther, remove)}
    | {f.__name__: f for f in (through, mirrored, shown_in, told_behind, hides_from, stated)}
    | {f.__name__: f for f in (characters, character, whole_text, covers_text)}
)
