"""What can be asked about a graph and what is true in it: looked up once, so that many questions on a picture are
cheap.

The thresholds are those of "Which questions count" in the contracts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from occlusight.occlusion.graph import Graph, Inscription, Object, Relation

RECOGNISED_VISIBLE, RECOGNISED_AREA = 0.20, 0.005  # what recognition and counting count
NAMEABLE_VISIBLE, NAMEABLE_AREA = 0.10, 0.003  # what a question may name
NOTICEABLE_AREA = 0.0005  # below this nobody sees the thing
COVERED_MIN = 0.04  # between 0 and this a yes/no is not asked
DEPTH_MARGIN = 0.12  # of the nearer distance
HORIZONTAL_MARGIN = 60  # of 1000, between box centres
CLEARLY_THROUGH = 0.25  # share of an object that must be behind glass for it to be seen through that
MIRRORED_AREA, MIRRORED_SHARE = 0.0025, 0.35  # what can be seen in a mirror
SHADOW_AREA = 0.002  # of the picture: a shadow that tells of a hidden thing
WHOLLY = 0.98
READ, COVERED = 0.95, 0.12  # visible share of a character's ink from which it can be read, and up to which it cannot
LEGIBLE = 11  # pixels: the least height of a character that can be read
AMOUNTS = (("small", 0.25), ("part", 0.50), ("more_than_half", 0.80), ("most", 1.01))


def amount_of(fraction: float) -> str:
    """Return the class of a covered fraction: small, part, more_than_half or most."""
    return next(name for name, upper in AMOUNTS if fraction < upper)


def hides(relation: Relation | None) -> bool | None:
    """Whether a relation means that part of the object cannot be seen; None where that part is too small, see-through,
    or hidden by others too."""
    if relation is not None and not relation.measured:
        return True
    if relation is None or relation.covered_fraction <= 0:
        return False
    if relation.type == "transparent":
        return None
    share = relation.covered_fraction if relation.hidden_fraction is None else relation.hidden_fraction
    if relation.alone_fraction is not None:  # where a third thing is in between nobody can see which one hides it
        share = min(share, relation.alone_fraction)
    return True if share >= COVERED_MIN else None


@dataclass(frozen=True)
class Facts:
    """A graph with its lookups. Build one per picture and pass it wherever a graph is asked about."""

    graph: Graph
    objects: dict[str, Object] = field(init=False, repr=False)
    relations: dict[tuple[str, str], Relation] = field(init=False, repr=False)
    rank: dict[str, int] = field(init=False, repr=False)  # place in the order in depth
    recognised: tuple[str, ...] = field(init=False)  # front to back
    nameable: tuple[str, ...] = field(init=False)  # uniquely named, well enough seen
    noticeable: tuple[str, ...] = field(init=False)
    inscriptions: dict[str, Inscription] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "objects", {o.id: o for o in self.graph.objects})
        put(self, "inscriptions", {i.object: i for i in self.graph.inscriptions})
        put(self, "relations", {(r.occluder, r.occluded): r for r in self.graph.relations})
        rank = {id: i for i, group in enumerate(self.graph.depth_order) for id in group}
        put(self, "rank", rank)
        last = len(rank)

        def front_to_back(o: Object) -> tuple[float, int, str]:
            return (o.distance if o.distance is not None else float(rank.get(o.id, last)), rank.get(o.id, last), o.id)

        ordered = sorted(self.graph.objects, key=front_to_back)
        put(self, "recognised", tuple(o.id for o in ordered if is_recognised(o)))
        put(self, "nameable", tuple(o.id for o in ordered if is_nameable(o)))
        put(self, "noticeable", tuple(o.id for o in ordered if o.area >= NOTICEABLE_AREA))

    def hides(self, a: str, b: str) -> bool | None:
        """Whether `a` hides part of `b`; None where the covered part is too small, or see-through, to be asked
        about."""
        return hides(self.relations.get((a, b)))

    def through(self, a: str, b: str) -> bool:
        """Whether `b` is seen through `a`: clearly covered by it, and hardly hidden."""
        relation = self.relations.get((a, b))
        return relation is not None and relation.type == "transparent" and relation.covered_fraction >= CLEARLY_THROUGH

    def shown_in(self, mirror: str, b: str) -> bool:
        """Whether `mirror` shows `b` well enough to be asked about."""
        return any(
            r.mirror == mirror and r.object == b and r.area >= MIRRORED_AREA and r.visible_fraction >= MIRRORED_SHARE
            for r in self.graph.reflections
        )

    def told(self, b: str) -> bool:
        """Whether a question may name `b`, seen directly or in a mirror alone."""
        return b in self.nameable or (self.objects[b].seen == "reflection" and self.objects[b].unique)

    def evidence(self, a: str) -> dict[str, str]:
        """Return what tells of a thing that is wholly behind `a`: its shadow or its reflection; nothing where nothing
        tells.

        Keys: hidden (its id), evidence (shadow or reflection) and, for a reflection, mirror.
        """
        for (occluder, b), r in self.relations.items():
            hidden = self.objects[b].visible_fraction == 0 and r.covered_fraction >= WHOLLY
            if occluder != a or not hidden or r.type == "transparent":
                continue
            for m in self.graph.reflections:
                if m.object == b and self.shown_in(m.mirror, b):
                    return {"hidden": b, "evidence": "reflection", "mirror": m.mirror}
            if any(s.object == b and s.area >= SHADOW_AREA for s in self.graph.shadows):
                return {"hidden": b, "evidence": "shadow"}
        return {}

    def readable(self, a: str) -> tuple[bool | None, ...]:
        """Whether each character on `a` can be read: nearly all of its ink is seen, or nearly none; None in between,
        where it is doubtful, and for characters that are too small. Empty where it carries no text."""
        if a not in self.inscriptions:
            return ()

        def read(share: float, height: float) -> bool | None:
            if share <= COVERED:
                return False
            return True if share >= READ and height >= LEGIBLE else None

        return tuple(
            read(c.visible_fraction, (c.box[3] - c.box[1]) * self.graph.height / 1000)
            for c in self.inscriptions[a].characters
        )

    def legible(self, a: str) -> bool:
        """Whether no character on `a` is doubtful."""
        found = self.readable(a)
        return bool(found) and None not in found

    def covering(self, a: str) -> list[str]:
        """What hides the characters on `a` that cannot be read, in the order of the text."""
        if a not in self.inscriptions:
            return []
        hidden = [c for c, r in zip(self.inscriptions[a].characters, self.readable(a), strict=True) if r is False]
        return list(dict.fromkeys(c.hidden_by for c in hidden if c.hidden_by is not None))

    def occluders(self, b: str) -> list[str]:
        """Return what hides part of `b`, the one that covers most first."""
        found = [r for (_, occluded), r in self.relations.items() if occluded == b and self.hides(r.occluder, b)]
        return [r.occluder for r in sorted(found, key=lambda r: (-r.covered_fraction, r.occluder))]

    def untouched(self, b: str) -> bool:
        """Whether nothing at all stands before `b`, not even a sliver."""
        return not any(hides(r) is not False for (_, occluded), r in self.relations.items() if occluded == b)

    def horizontal(self, a: str, b: str) -> str:
        """Return left, right or none: where `a` is beside `b` in the picture."""
        one, two = self.objects[a], self.objects[b]
        seen = (one.box[0] + one.box[2] - two.box[0] - two.box[2]) / 2
        whole = (one.amodal_box[0] + one.amodal_box[2] - two.amodal_box[0] - two.amodal_box[2]) / 2
        if abs(seen) <= HORIZONTAL_MARGIN or seen * whole < 0:
            return "none"
        return "left" if seen < 0 else "right"

    def distance_order(self, a: str, b: str) -> str:
        """Return front, behind or none: by distance alone, with the margin; none for a thing and what it stands on.

        Where neither distance is known the order in depth tells.
        """
        if self.vertical(a, b) != "none":
            return "none"
        one, two = self.objects[a].distance, self.objects[b].distance
        if one is None and two is None and a in self.rank and b in self.rank and self.rank[a] != self.rank[b]:
            return "front" if self.rank[a] < self.rank[b] else "behind"
        if one is None or two is None or abs(one - two) < DEPTH_MARGIN * min(one, two):
            return "none"
        return "front" if one < two else "behind"

    def depth(self, a: str, b: str) -> str:
        """Return front, behind or none: by who hides whom and by distance; none where the two disagree."""
        forth, back = self.hides(a, b), self.hides(b, a)
        by_distance = self.distance_order(a, b)
        if forth and back:
            return "none"
        by_cover = "front" if forth else "behind" if back else "none"
        if by_cover == "none" or by_distance == "none" or by_cover == by_distance:
            return by_distance if by_cover == "none" else by_cover
        return "none"

    def vertical(self, a: str, b: str) -> str:
        """Return above, below or none: `a` stands on `b`, or `b` on `a`."""
        if self.objects[a].supported_by == b and self.objects[b].material != "transparent":  # in a jar is not on it
            return "above"
        below = self.objects[b].supported_by == a and self.objects[a].material != "transparent"
        return "below" if below else "none"

    def foot(self, a: str) -> int:
        """How far down the picture the object meets the ground, 0-1000; its lower end where that is not known."""
        o = self.objects[a]
        return o.amodal_box[3] if o.touches_ground_at is None else o.touches_ground_at[1]

    def boxes_overlap(self, a: str, b: str) -> bool:
        """Whether the boxes around the whole objects share area."""
        p, q = self.objects[a].amodal_box, self.objects[b].amodal_box
        return min(p[2], q[2]) > max(p[0], q[0]) and min(p[3], q[3]) > max(p[1], q[1])

    def whole_in_picture(self, a: str) -> bool:
        """Whether the object ends inside the picture on every side."""
        x0, y0, x1, y1 = self.objects[a].amodal_box
        return x0 > 2 and y0 > 2 and x1 < 998 and y1 < 998

    def countable(self, kind: str) -> bool:
        """Whether every noticeable object of this kind is also recognised, so that their number is beyond doubt."""
        return all(is_recognised(self.objects[id]) for id in self.noticeable if self.objects[id].kind == kind)


def is_recognised(o: Object) -> bool:
    """Whether recognition and counting count this object."""
    return o.visible_fraction >= RECOGNISED_VISIBLE and o.area >= RECOGNISED_AREA


def is_nameable(o: Object) -> bool:
    """Whether a question may name this object."""
    return o.unique and o.visible_fraction >= NAMEABLE_VISIBLE and o.area >= NAMEABLE_AREA
