"""From a picture to what a model says of it, as objects and as log-odds for each pair of them: no probabilities yet,
and no rules.

All questions about a picture go to the backend at once, so that they share the reading of the picture. The same
questions without the picture (the blind answers, which say what the names alone suggest) are kept by their text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from occlusight.backends.events import Saved, Usage
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Backend, Request
from occlusight.errors import BadInput
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.objects import Listed, Seen, look
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.pairs import Asked, Choices, Pair, hiding, log_odds, nearer, yes_or_no
from occlusight.reasoning.vocabulary import Words, shipped_words

KEPT_BLIND = 20_000
"""Blind answers that are kept, of some bytes each."""


@dataclass(frozen=True)
class Odds:
    """Log-odds of one statement about an ordered pair, a number a wording: with the picture and without it."""

    seen: tuple[float, ...]
    blind: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over wordings."""
        return sum(self.seen) / len(self.seen)

    @property
    def beyond_blind(self) -> float:
        """How much more the picture says than the names alone."""
        return self.mean - sum(self.blind) / len(self.blind)


@dataclass(frozen=True)
class Extraction:
    """What a model says of a picture.

    hides: for each ordered pair that was asked about, that the first hides part of the second
    nearer: that the first is nearer; each pair in one order alone
    questions: how many were scored with the picture
    """

    listed: Listed
    lang: Lang
    hides: Mapping[Pair, Odds] = field(default_factory=dict)
    nearer: Mapping[Pair, Odds] = field(default_factory=dict)
    questions: int = 0

    @property
    def objects(self) -> tuple[Seen, ...]:
        """The objects, in the order in which the model named them."""
        return self.listed.objects


@dataclass(frozen=True)
class AskedOdds:
    """Log-odds of statements by their kind and pair, and what it took to ask."""

    of: Mapping[str, Mapping[Pair, Odds]]
    usage: Usage = field(default_factory=Usage)
    saved: Saved = field(default_factory=Saved)


@dataclass
class Extractor:
    """Asks one model about pictures; keeps what it answers blindly.

    words: the names that are known
    Raises BadInput for a backend that tells no log-probabilities.
    """

    backend: Backend
    words: Words = field(default_factory=shipped_words)
    _blind: dict[tuple[str, str, Choices], float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.backend.capabilities.scores is None:
            raise BadInput(
                f"{self.backend.info.name} tells no log-probabilities, and a graph is made of them; use our own "
                "engine, or a server that tells them"
            )

    def of(self, picture: Picture, lang: Lang = "en", request: Request = Request("?")) -> Extraction:
        """Look at a picture, asking in one language; `request` says how pictures are read and answers drawn.

        Raises what the backend raises for a picture that cannot be read.
        """
        return self.about(picture, look(self.backend, picture, self.words, lang, request), lang, request)

    def about(self, picture: Picture, listed: Listed, lang: Lang = "en", request: Request = Request("?")) -> Extraction:
        """Ask about objects that are known to be in a picture."""
        return self._asked(Extraction(listed, lang), picture, request, frozenset(one.id for one in listed.objects))

    def also(
        self, known: Extraction, things: Sequence[Thing], picture: Picture, request: Request = Request("?")
    ) -> Extraction:
        """Add things to what is known of a picture, and ask how they stand to what is there and to one another; where
        they are nobody told."""
        first = len(known.objects) + 1
        more = tuple(Seen(f"o{number}", thing) for number, thing in enumerate(things, first))
        grown = replace(known, listed=replace(known.listed, objects=(*known.objects, *more)))
        return self._asked(grown, picture, request, frozenset(one.id for one in more))

    def _asked(self, known: Extraction, picture: Picture, request: Request, new: frozenset[str]) -> Extraction:
        """Ask about the pairs in which one is new; what is known of others is kept."""
        objects, lang = known.objects, known.lang
        if self.backend.info.learnt:  # it tells things of one name not apart, whatever else is said of them
            objects = tuple(one for one in objects if one.alone)
        learnt, choices = self.backend.info.learnt, yes_or_no(self.backend, lang)
        asked = [*hiding(objects, lang, choices, new)]
        if not learnt or "nearer" in learnt:
            asked += nearer(objects, lang, None if learnt else choices, new)
        found = self.odds(asked, replace(request, pictures=(picture,), history=())).of
        hides = {**known.hides, **found.get("hides", {})}
        order = {**known.nearer, **found.get("nearer", {})}
        return replace(known, hides=hides, nearer=order, questions=known.questions + len(asked))

    def odds(self, asked: Sequence[Asked], request: Request) -> AskedOdds:
        """Return the log-odds of each statement with the picture of the request and without, read together."""
        keys = [(request.system or "", one.text, one.choices) for one in asked]
        if len(self._blind) + len(keys) > KEPT_BLIND:
            self._blind.clear()
        new = dict.fromkeys(key for key in keys if key not in self._blind)
        both = [(replace(request, prompt=one.text), one.choices) for one in asked]
        both += [(replace(request, prompt=text, pictures=()), choices) for _, text, choices in new]
        weighed = self.backend.weigh(both, whole=False)
        scored = [log_odds(scores) for scores in weighed.scores]
        self._blind |= dict(zip(new, scored[len(asked) :], strict=True))
        found: dict[str, dict[Pair, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
        for one, key, seen in zip(asked, keys, scored[: len(asked)], strict=True):
            found[one.kind][one.pair].append((seen, self._blind[key]))
        of = {
            kind: {pair: Odds(*(tuple(column) for column in zip(*rows, strict=True))) for pair, rows in pairs.items()}
            for kind, pairs in found.items()
        }
        return AskedOdds(of, weighed.usage, weighed.saved)
