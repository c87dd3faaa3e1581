"""Whether what a question names is there, and what else the model sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, Request
from occlusight.occlusion.kinds import Lang
from occlusight.questions.template import Program
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.in_the_picture import Seen, as_thing, list_of
from occlusight.reasoning.names import Name, named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.vocabulary import Words

LIST: Program = [["recognised", []], ["list_all", ["$0"]]]
COUNT: Program = [["recognised", ["k"]], ["count", ["$0", "k"]]]
EXISTS: Program = [["recognised", ["k"]], ["exists", ["$0", "k"]]]
NONE: Mapping[str, tuple[Program, Mapping[Lang, str]]] = {
    "count": (COUNT, {"en": "None", "zh": "没有"}),
    "exists": (EXISTS, {"en": "No", "zh": "没有"}),
}
"""By step, what is asked whether there is one of a kind, and how the model begins to say that there is none."""
DENIED = 0.5
"""A thing is denied where that is likelier than this, unless a calibration of the model says from where on."""
ONE_OR_TWO: Mapping[Lang, tuple[str, str]] = {"en": ("One", "Two"), "zh": ("一", "两")}
"""How a model begins to say that there is one of a kind, or that there are two."""
MOST_KINDS = 6
"""Kinds that are looked for, at most, of all that a name can mean."""


@dataclass(frozen=True)
class Looking:
    """Looks for things in the pictures of a request.

    kept: what the model said is there, by language, without what it takes back; what it says is added
    whole: returns the model's whole answer to a question in its own words
    denied: a thing is said not to be there where the model's denial is likelier than this
    """

    backend: Backend
    request: Request
    words: Words
    kept: MutableMapping[str, str]
    whole: Callable[[str], str]
    denied: float = DENIED

    def seen(self, lang: Lang) -> Seen:
        """Return what the model says is there."""
        return Seen.of([self.listed(lang)], self.words)

    def listed(self, lang: Lang) -> str:
        """Return the model's list of what is there, without what it denies when it is asked for it, and without what it
        names twice where it counts one."""
        if lang not in self.kept:
            told = self.whole(own_wording(LIST, {}, lang))
            things = [thing for name in named(told, self.words).mentions if (thing := as_thing(name, self.words))]
            sure = self._believed(things)
            self.kept[lang] = list_of(sure, lang) if sure and len(sure) < len(things) else told
        return self.kept[lang]

    def _believed(self, things: Sequence[Thing]) -> list[Thing]:
        """The things of a list that the model stands by: all, where it cannot be asked for each."""
        if not things or "count" not in self.backend.info.learnt or self.backend.capabilities.scores is None:
            return [*things]
        return believed(self.backend, self.request, things, self.denied)

    def meant(self, name: Name, lang: Lang) -> Thing | None:
        """Return what a name means, if it is there: of all kinds that it may mean the one that the model denies
        least."""
        kinds = [self.words.kinds[key] for key in name.kinds if key in self.words.kinds][:MOST_KINDS]
        if not kinds:
            return None
        if "count" not in self.backend.info.learnt or self.backend.capabilities.scores is None:
            return self.seen(lang).meant(name)
        colour = self.words.colours[name.colour] if name.colour else ("", "")
        things = [Thing(kind, colour) for kind in kinds]
        chances = denials(self.backend, self.request, things)
        least = min(range(len(things)), key=chances.__getitem__)
        return things[least] if chances[least] <= self.denied else None

    def recoloured(self, thing: Thing, lang: Lang) -> Thing | None:
        """Return what the model sees in place of a thing that is given a colour: one of its kind in another; None where
        there is one of the colour, or one whose colour it does not say."""
        same = [one for one in self.seen(lang).things if one.kind.key == thing.kind.key] if thing.colour[0] else []
        return None if any(one.colour[0] in ("", thing.colour[0]) for one in same) else next(iter(same), None)


def denied(backend: Backend, request: Request, things: Mapping[str, Thing], above: float = DENIED) -> frozenset[str]:
    """Return which of some things, by their ids, a model denies when it is asked for them, likelier than `above`; none
    of one that has not learnt to count in words of its own."""
    if "count" not in backend.info.learnt or backend.capabilities.scores is None:
        return frozenset()
    chances = zip(things, denials(backend, request, list(things.values())), strict=True)
    return frozenset(id for id, chance in chances if chance > above)


def denied_from(calibration: Calibration | None) -> float:
    """Return from where on a model's denial is believed."""
    return DENIED if calibration is None or calibration.denied is None else calibration.denied


def denials(backend: Backend, request: Request, things: Sequence[Thing]) -> list[float]:
    """Return how likely a model that has learnt to count says that there is none of the kind of each thing: the mean of
    both languages, and of how many there are and whether there is one, where it has learnt that, too."""
    greedy = replace(request, sampling=SamplingParams())
    ways = [
        (program, lang, none[lang])
        for step, (program, none) in NONE.items()
        if step in backend.info.learnt
        for lang in none
    ]
    asked = [
        (replace(greedy, prompt=own_wording(program, {"k": Thing(thing.kind)}, lang)), [none])
        for thing in things
        for program, lang, none in ways
    ]
    chances = [math.exp(chance) for [chance] in backend.score_many(asked, whole=False)]
    n = len(ways)
    return [sum(chances[i : i + n]) / n for i in range(0, len(chances), n)]


def believed(backend: Backend, request: Request, things: Sequence[Thing], above: float) -> list[Thing]:
    """Return what a model that has learnt to count stands by, of the things that it listed: those of kinds that it does
    not deny likelier than `above`, and of two that are called alike the first, where one is likelier than two."""
    kinds = list(dict.fromkeys(thing.kind.key for thing in things))
    first = {key: next(thing for thing in things if thing.kind.key == key) for key in kinds}
    chances = dict(zip(kinds, denials(backend, request, list(first.values())), strict=True))
    kept = [thing for thing in things if chances[thing.kind.key] <= above]
    twice = [thing for thing in dict.fromkeys(kept) if kept.count(thing) == 2]
    single = [thing for thing, one in zip(twice, _one(backend, request, twice), strict=True) if one]
    return [thing for i, thing in enumerate(kept) if thing not in single or thing not in kept[:i]]


def _one(backend: Backend, request: Request, things: Sequence[Thing]) -> list[bool]:
    """Whether a model counts rather one of the kind of each thing than two, in both languages together."""
    greedy = replace(request, sampling=SamplingParams())
    asked = [
        (replace(greedy, prompt=own_wording(COUNT, {"k": Thing(thing.kind)}, lang)), list(ONE_OR_TWO[lang]))
        for thing in things
        for lang in ONE_OR_TWO
    ]
    scores = backend.score_many(asked, whole=False) if asked else []
    differences = [one - two for one, two in scores]
    n = len(ONE_OR_TWO)
    return [sum(differences[i : i + n]) > 0 for i in range(0, len(differences), n)]
