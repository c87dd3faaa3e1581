"""What a model says of the frames of a clip: which things there are, whether each is seen, and who hides whom."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Request
from occlusight.occlusion.graph import Box
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.looking import denials, denied_from
from occlusight.reasoning.objects import Listed, Seen, look
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.pairs import Pair, yes_or_no
from occlusight.reasoning.relations import Described, certainty_of, worded, world
from occlusight.reasoning.rules.ruleset import Rules
from occlusight.reasoning.tracking.identity import ByNameAndPlace, Matcher
from occlusight.reasoning.tracking.presence import LEAST, NEEDS, STEADY, hider, movers
from occlusight.reasoning.tracking.timeline import THERE, Sighting

LISTED = 0.9
"""The probability that a thing is there which the model lists."""
UNLISTED = 0.3
"""The same of a thing that it does not list, where others of its kind leave nothing to ask about it."""
HALF, SUREST = 0.5, 0.98
"""The probability that what is named once in many frames hides a thing, and how near to 1 it comes in all of them."""
RULES_S = 0.1
"""Seconds for the rules of one frame."""
PRESENT = {"en": "Can {it} be seen in the picture?", "zh": "图中能看到{it}吗？"}
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class Followed:
    """A thing of a clip: its identity, and what it is called by what was seen of it last."""

    id: str
    seen: Seen


@dataclass(frozen=True)
class Watched:
    """things: those of the clip; sightings, graphs: of each frame; boxes: in thousandths, of what the model drew one in
    each frame"""

    things: tuple[Followed, ...]
    sightings: tuple[Sighting, ...]
    graphs: tuple[Described, ...]
    boxes: tuple[Mapping[str, Box], ...] = ()

    @property
    def domain(self) -> float | None:
        """The probability that the frames are of the world that the model knows: the middle one; None where nobody
        knows."""
        known = [one.certainty.domain for one in self.graphs]
        return median(one for one in known if one is not None) if any(one is not None for one in known) else None


@dataclass(frozen=True)
class Moving:
    """What the whole clip says of its frames: things that were not listed, whether each is seen in every frame (empty
    where frames are asked one by one), and who hides whom, by the number of the frame."""

    new: tuple[Followed, ...] = ()
    seen: tuple[Mapping[str, float], ...] = ()
    hides: Mapping[int, Mapping[Pair, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Watcher:
    """Watches clips by one model.

    extractor: asks it about pictures
    calibration: what makes probabilities of its log-odds; None leaves them as they are
    rules: what each frame's graph is checked by; None are the shipped ones
    lang: the language in which it is asked
    request: how pictures are read
    """

    extractor: Extractor
    calibration: Calibration | None = None
    rules: Rules | None = None
    lang: Lang = "en"
    request: Request = field(default_factory=lambda: Request("?"))

    def watch(
        self,
        frames: Sequence[tuple[float, Picture]],
        matcher: Matcher | None = None,
        report: Report | None = None,
        known: Sequence[Followed] = (),
    ) -> Watched:
        """Look at frames (seconds, picture) in their order.

        A thing that is listed in a single frame of more than three, and nowhere else thought to be seen, is dropped.

        Args:
            matcher: says what is what; one that has seen earlier frames goes on from there.
            report: hears how many of how many looks are done.
            known: things of earlier frames, which are looked for, too.
        """
        by = matcher or ByNameAndPlace()
        told = report or (lambda done, total: None)
        found: list[dict[str, Seen]] = []
        sizes: list[tuple[int, int]] = []
        for number, (_, picture) in enumerate(frames):
            listed = look(self.extractor.backend, picture, self.extractor.words, self.lang, self.request)
            found.append(dict(zip(by.update(listed.objects), listed.objects, strict=True)))
            sizes.append(listed.size)
            told(number + 1, 2 * len(frames))
        least = 2 if len(frames) > 3 else 1
        before = {thing.id for thing in known}
        new = [id for id in dict.fromkeys(id for one in found for id in one) if id not in before]
        lasting = [id for id in new if sum(id in one for one in found) >= least]
        things = (*known, *(Followed(id, _called(id, found)) for id in lasting))
        moving = self._moving([picture for _, picture in frames], things, found, by)
        things = (*things, *moving.new)
        sightings, graphs = [], []
        for number, ((seconds, picture), listed_now, size) in enumerate(zip(frames, found, sizes, strict=True)):
            seen = moving.seen[number] if moving.seen else self._seen(things, listed_now, picture)
            graph = self._graph(things, listed_now, seen, picture, size)
            hides = {**graph.asked, **moving.hides.get(number, {})}
            sightings.append(Sighting(seconds, seen, hides, _boxes(listed_now)))
            graphs.append(graph)
            told(len(frames) + number + 1, 2 * len(frames))
        return Watched(things, tuple(sightings), tuple(graphs), tuple(map(_boxes, found)))

    def _moving(
        self, pictures: Sequence[Picture], things: Sequence[Followed], found: Sequence[dict[str, Seen]], by: Matcher
    ) -> Moving:
        """What comes and goes by the whole clip (`presence`), where the model says what there is and not where."""
        backend, words, request = self.extractor.backend, self.extractor.words, self.request
        placed = any(one.box is not None for listed in found for one in listed.values())
        if placed or not set(backend.info.learnt) >= NEEDS or len(pictures) < LEAST:
            return Moving()
        listed = [[one.thing for one in one_frame.values()] for one_frame in found]
        comes_and_goes = movers(backend, pictures, listed, words, request)
        new: list[Followed] = []
        seen: dict[str, Sequence[float]] = {}
        hides: dict[int, dict[Pair, float]] = {}

        def identity(thing: Thing) -> str:
            for one in (*things, *new):
                if one.seen.thing == thing:
                    return one.id
            (id,) = by.update([Seen("", thing)])
            if id not in {one.id for one in (*things, *new)}:
                new.append(Followed(id, Seen(id, thing)))
            return id

        for mover in comes_and_goes:
            ids = [identity(mover.thing)]
            if mover.alike > 1:
                ids.append(f"{ids[0]}b")
                if ids[1] not in {one.id for one in (*things, *new)}:
                    new.append(Followed(ids[1], Seen(ids[1], mover.thing)))
            seen |= dict.fromkeys(ids, mover.seen)
            for run in mover.hidden:
                told = hider(backend, pictures, mover, run, words, self.lang, request)
                if told is None:
                    continue
                hiding = identity(told[0])
                sure = HALF + (1 - HALF) * SUREST * told[1]
                said = {
                    (one.id, id): sure if one.id == hiding else 1 - sure
                    for one in (*things, *new)
                    for id in ids
                    if one.id not in ids
                }
                for at in range(max(0, run[0] - 2), min(len(pictures), run[1] + 3)):
                    hides.setdefault(at, {}).update(said)
        every = [
            {one.id: float(seen[one.id][at]) if one.id in seen else STEADY for one in (*things, *new)}
            for at in range(len(pictures))
        ]
        return Moving(tuple(new), tuple(every), hides)

    def _seen(self, things: Sequence[Followed], listed: dict[str, Seen], picture: Picture) -> dict[str, float]:
        """The probability that each thing is seen: what is listed is; of others the model is asked."""
        seen = {thing.id: LISTED for thing in things if thing.id in listed}
        left = [thing for thing in things if thing.id not in listed]
        if not left:
            return seen
        request = replace(self.request, pictures=(picture,), history=())
        backend = self.extractor.backend
        if "count" in backend.info.learnt:
            denied = denials(backend, request, [thing.seen.thing for thing in left])
            chances = [
                _against(chance, denied_from(self.calibration)) if _only(thing, things) else UNLISTED
                for thing, chance in zip(left, denied, strict=True)
            ]
        else:
            choices = yes_or_no(backend, self.lang)
            asked = [
                (replace(request, prompt=PRESENT[self.lang].format(it=thing.seen.thing.the(self.lang))), choices)
                for thing in left
            ]
            scored = backend.score_many(asked, whole=False)
            chances = [1 / (1 + math.exp(no - yes)) for yes, no in scored]
        return seen | {thing.id: chance for thing, chance in zip(left, chances, strict=True)}

    def _graph(
        self,
        things: Sequence[Followed],
        listed: dict[str, Seen],
        seen: Mapping[str, float],
        picture: Picture,
        size: tuple[int, int],
    ) -> Described:
        """The graph of a frame, over the clip's identities."""
        there = tuple(
            replace(listed.get(thing.id, thing.seen), id=thing.id, thing=thing.seen.thing, alone=_alone(thing, things))
            for thing in things
            if seen[thing.id] >= THERE
        )
        extractor = self.extractor
        extraction = extractor.about(picture, Listed(there, size), self.lang, self.request)
        domain = extractor.backend.domain((picture,))
        certainty = certainty_of(self.calibration, extraction, domain, extractor.backend.info.revision)
        used = self.calibration if certainty.calibrated else None
        found = world(extraction, used, certainty, extractor.words, rules=self.rules, budget_s=RULES_S)
        return replace(found, graph=worded(found.graph, extractor.words))


def _boxes(listed: Mapping[str, Seen]) -> dict[str, Box]:
    return {id: one.box for id, one in listed.items() if one.box is not None}


def _called(id: str, found: Sequence[dict[str, Seen]]) -> Seen:
    """A thing as it was called most often, colours before none."""
    names = [one[id] for one in found if id in one]
    return max(names, key=lambda seen: (bool(seen.thing.colour[0]), sum(n.thing == seen.thing for n in names)))


def _only(thing: Followed, things: Sequence[Followed]) -> bool:
    """Whether there is nothing else of its kind, so that it is seen if any of its kind is."""
    return sum(other.seen.thing.kind.key == thing.seen.thing.kind.key for other in things) == 1


def _alone(thing: Followed, things: Sequence[Followed]) -> bool:
    return sum(other.seen.thing == thing.seen.thing for other in things) == 1


def _against(denied: float, limit: float) -> float:
    """The probability that a thing is seen, from how likely the model denies it: a half at the limit from which on it
    is taken for denied."""
    odds = (1 - denied) / max(denied, 1e-6) * limit / (1 - limit)
    return odds / (1 + odds)
