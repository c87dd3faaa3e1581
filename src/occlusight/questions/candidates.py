"""What may be asked about one picture: the pairs, objects and kinds of which the answer can be told from it, by what is
true of them."""

from __future__ import annotations

from functools import cached_property

from occlusight.occlusion.facts import DEPTH_MARGIN, Facts, hides, is_recognised
from occlusight.occlusion.kinds import Names, kind_names
from occlusight.questions.wording import confusable

MAX_COUNT = 6  # more than this many is not counted
OPAQUE_AREA = 0.02  # of the picture: a smaller thing is not asked about as something to hide behind
SEEN_THERE = 0.05  # visible share from which a thing is seen from the second camera

Pair = tuple[str, str]


class Candidates:
    """Ids (or a kind and an id) that questions may be about, front to back; each list is looked up once."""

    def __init__(self, facts: Facts, names: Names) -> None:
        self.facts, self.names = facts, names
        ids = facts.nameable
        self.pairs: list[Pair] = [(a, b) for a in ids for b in ids if a != b]

    @cached_property
    def covering(self) -> list[Pair]:
        """Pairs (a, b) of which a hides part of b."""
        return [p for p in self.pairs if self.facts.hides(*p)]

    @cached_property
    def reversed(self) -> list[Pair]:
        """Pairs that do not hide, but are hidden."""
        covering = set(self.covering)
        return [(a, b) for a, b in self.pairs if self.facts.hides(a, b) is False and (b, a) in covering]

    @cached_property
    def _clear(self) -> list[Pair]:
        f = self.facts
        return [(a, b) for a, b in self.pairs if f.hides(a, b) is False and f.hides(b, a) is False]

    @cached_property
    def overlapping(self) -> list[Pair]:
        """Pairs of which neither hides the other although their boxes overlap."""
        return [p for p in self._clear if self.facts.boxes_overlap(*p)]

    @cached_property
    def apart(self) -> list[Pair]:
        """Pairs whose boxes do not overlap."""
        return [p for p in self._clear if not self.facts.boxes_overlap(*p)]

    @cached_property
    def hidden(self) -> list[str]:
        """Objects whose occluders can all be named."""
        f = self.facts
        found = [(b, f.occluders(b)) for b in f.nameable]
        return [b for b, by in found if by and all(is_recognised(f.objects[a]) for a in by)]

    @cached_property
    def free(self) -> list[str]:
        """Objects that nothing hides, not even the edge of the picture."""
        return [b for b in self.facts.nameable if self.facts.untouched(b) and self.facts.whole_in_picture(b)]

    @cached_property
    def placed(self) -> list[Pair]:
        """Pairs of which it can be said where one is relative to the other."""
        return [p for p in self.pairs if self.is_placed(*p)]

    def is_placed(self, a: str, b: str) -> bool:
        """Whether anything can be said about where `a` is relative to `b`."""
        f = self.facts
        return f.vertical(a, b) != "none" or f.horizontal(a, b) != "none" or f.depth(a, b) != "none"

    @cached_property
    def countable(self) -> list[str]:
        """Kinds whose number is beyond doubt and not too high, in the order of the picture."""
        kinds = dict.fromkeys(self.facts.objects[id].kind for id in self.facts.recognised)
        counts = {k: sum(self.facts.objects[id].kind == k for id in self.facts.recognised) for k in kinds}
        return [k for k in kinds if counts[k] <= MAX_COUNT and self.facts.countable(k)]

    @cached_property
    def absent(self) -> list[str]:
        """Kinds of which nothing is there."""
        there = {o.kind for o in self.facts.objects.values()}
        return [key for key in self.names if key not in there]

    def confusable(self, kind: str) -> bool:
        """Whether the kind's name could mean another kind in the picture."""
        return confusable(kind_names(self.names, kind), self.facts, self.names)

    @cached_property
    def counted_places(self) -> list[tuple[str, str]]:
        """A kind, and the object relative to which the places of all of that kind can be said."""
        f, nameable, options = self.facts, set(self.facts.nameable), []
        for kind in self.countable:
            members = [id for id in f.recognised if f.objects[id].kind == kind]
            if len(members) > 3 or (len(members) > 1 and not set(members) <= nameable):
                continue
            for r in f.nameable:
                if f.objects[r].kind != kind and all(self.is_placed(id, r) for id in members):
                    options.append((kind, r))
        return options

    def extreme(self, op: str) -> bool:
        """Whether one object is nearest (or farthest) by the margin, of all that can be noticed, and can be told."""
        f = self.facts
        far = {id: f.objects[id].distance for id in f.noticeable}
        distances = sorted(d for d in far.values() if d is not None)
        if len(distances) < 2 or len(distances) < len(far):
            return False
        near, second = (distances[0], distances[1]) if op == "nearest" else (distances[-2], distances[-1])
        end = distances[0] if op == "nearest" else distances[-1]
        winner = next(id for id, d in far.items() if d == end)
        return second - near >= DEPTH_MARGIN * near and winner in f.recognised and f.objects[winner].unique

    @cached_property
    def ordered(self) -> list[Pair]:
        """Pairs of which one is nearer by the margin, and hiding does not say otherwise."""
        f = self.facts
        return [(a, b) for a, b in self.pairs if f.distance_order(a, b) != "none" and f.depth(a, b) != "none"]

    @cached_property
    def removing(self) -> tuple[list[Pair], list[Pair]]:
        """Pairs (a, b) of a hidden b, all of which would be seen without a; and of which not all would."""
        f = self.facts
        yes: list[Pair] = []
        no: list[Pair] = []
        for b in self.hidden:
            occluders = f.occluders(b)
            slivers = [a for (a, other) in f.relations if other == b and f.hides(a, b) is None]
            if slivers or not f.whole_in_picture(b):
                continue
            if len(occluders) == 1 and occluders[0] in f.nameable:
                yes.append((occluders[0], b))
            no += [(a, b) for a in f.nameable if a != b and (len(occluders) > 1 or a not in occluders)]
        return yes, no

    @cached_property
    def through(self) -> list[Pair]:
        """A pane and what is seen through it."""
        return [p for p in self.pairs if self.facts.through(*p)]

    @cached_property
    def beside_glass(self) -> list[Pair]:
        """A pane and what is not behind it."""
        f = self.facts
        panes = {a for a, _ in self.pairs if f.objects[a].material == "transparent"}
        return [
            (a, b) for a, b in self.pairs if a in panes and (a, b) not in f.relations and f.vertical(a, b) == "none"
        ]

    @cached_property
    def opaque(self) -> list[Pair]:
        """Pairs of which the first hides the second and is opaque."""
        return [p for p in self.covering if self.facts.objects[p[0]].material == "opaque"]

    @cached_property
    def mirrored(self) -> list[Pair]:
        """A mirror and what it shows."""
        f = self.facts
        return [
            (r.mirror, r.object) for r in f.graph.reflections if f.shown_in(r.mirror, r.object) and f.told(r.object)
        ]

    @cached_property
    def not_mirrored(self) -> list[Pair]:
        """A mirror and what it does not show at all."""
        f = self.facts
        mirrors = [id for id in f.nameable if f.objects[id].material == "mirror"]
        seen = {(r.mirror, r.object) for r in f.graph.reflections}
        return [(m, b) for m in mirrors for b in f.nameable if b not in mirrors and (m, b) not in seen]

    @cached_property
    def clear_mirrors(self) -> list[str]:
        """Mirrors of which all that they show can be told."""
        f = self.facts
        shown: dict[str, list[str]] = {}
        for r in f.graph.reflections:
            shown.setdefault(r.mirror, []).append(r.object)
        return [m for m, ids in shown.items() if m in f.nameable and all(f.shown_in(m, id) for id in ids)]

    @cached_property
    def boards(self) -> tuple[list[str], list[str]]:
        """Large opaque things behind which something tells of a hidden thing; and those of which nothing tells or shows
        anything."""
        f = self.facts
        large = [id for id in f.nameable if f.objects[id].material == "opaque" and f.objects[id].area >= OPAQUE_AREA]
        shown = {a for (a, b), r in f.relations.items() if r.covered_fraction > 0 and f.objects[b].seen == "direct"}
        return [id for id in large if f.evidence(id)], [id for id in large if not f.evidence(id) and id not in shown]

    @cached_property
    def from_second_view(self) -> tuple[list[Pair], list[Pair], list[Pair]]:
        """Pairs that hide here and from the second camera too; that hide here alone; and that hide neither here nor
        there, the other way round here. Empty without a second view."""
        f = self.facts
        if not f.graph.views:
            return [], [], []
        view = f.graph.views[0]
        there = {(r.occluder, r.occluded): r for r in view.relations}
        known = [p for p in self.covering if all(view.visible.get(id, 0) > SEEN_THERE for id in p)]
        never = [(a, b) for a, b in self.pairs if f.hides(b, a) and (a, b) not in there]
        return (
            [p for p in known if hides(there.get(p))],
            [p for p in known if hides(there.get(p)) is False],
            never,
        )
