"""How probable it is that one thing hides another, for questions in anybody's words, by what was fitted of a model.

A question that states this of two things which the model sees is asked as the calibration was fitted: in both wordings,
the other way round, and without the picture. All else is left to the model's own word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from occlusight.backends.completion import Completion
from occlusight.backends.events import Saved, Usage
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Request
from occlusight.errors import Cancelled
from occlusight.occlusion.kinds import LANGS, Lang
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.extract import Extraction
from occlusight.reasoning.looking import Looking
from occlusight.reasoning.names import Name
from occlusight.reasoning.objects import Listed, Seen
from occlusight.reasoning.pairs import Pair, hiding_of, yes_or_no
from occlusight.reasoning.reasoned import Reasoning
from occlusight.reasoning.relations import certainty_of
from occlusight.reasoning.understanding import Understanding

TOGETHER = 8
"""Pairs of things that are asked about together, four questions each with the picture and four without; between two
such lots it may be stopped."""
OTHERWISE = re.compile(
    r"\b(?:not|no|never|without|hardly|barely|fails?|completely|entirely|fully|wholly|totally|mostly|only|how|which|"
    r"what|where|will|would|could|if)\b|n't\b|不|没|未|无|完全|全部|彻底|整个|大部分|只有|多少|哪|如果",
    re.I,
)
"""Words by which a question about hiding asks more or less than whether a part is hidden, or for the contrary."""
OR_NOT = re.compile(r"有没有|(.)不\1|\bor not\b", re.I)

NOTHING_LISTED = Listed((), (0, 0))

Stopped = Callable[[], bool]


@dataclass(frozen=True)
class Statement:
    """That the first of two things hides part of the second, as a question names them."""

    names: tuple[Name, Name]
    lang: Lang


@dataclass(frozen=True)
class Fitted:
    """The probability that each of several statements is true, None where none was fitted, and what that took."""

    probabilities: tuple[float | None, ...]
    usage: Usage = field(default_factory=Usage)
    saved: Saved = field(default_factory=Saved)


def stated(question: str, understanding: Understanding) -> Statement | None:
    """Return what a question states, or asks, of two things; None where it is anything else, or that is not sure."""
    if OTHERWISE.search(OR_NOT.sub("", question)):
        return None
    asked = understanding.of(question)
    if asked.scope != "inside" or asked.both_ways or asked.parts or asked.program[-1][0] != "hides":
        return None
    known = {text: name for name in asked.names for text in (name.noun, name.text)}
    names = [known[argument] for argument in asked.program[-1][1] if argument in known]
    if len(names) != 2 or any(name.place or not name.kinds for name in names):
        return None
    return Statement((names[0], names[1]), asked.lang)


def nothing_stops() -> bool:
    """Go on."""
    return False


def fitted(by: Reasoning, request: Request, questions: Sequence[str], stopped: Stopped = nothing_stops) -> Fitted:
    """Return how probable a yes to each question is, about the one picture of a request and nothing else.

    Raises Cancelled once `stopped` says so, and what the backend raises.
    """
    answers: list[float | None] = [None] * len(questions)
    prompt_tokens = reused = 0
    if by.calibration is not None and len(request.pictures) == 1 and not request.history and request.system is None:
        found = {at: one for at, text in enumerate(questions) if (one := stated(text, by.understanding))}
        for lang in LANGS:
            mine = {at: one for at, one in found.items() if one.lang == lang}
            if not mine or not _holds(by.calibration, by, request, lang):
                continue
            pairs = _pairs(by, request, mine, lang)
            probable: dict[Pair, float] = {}
            for lot in _lots(pairs.values()):
                if stopped():
                    raise Cancelled("nobody wants these answers any more")
                choices = yes_or_no(by.extractor.backend, lang)
                ways = [way for one, two in lot for way in ((one, two), (two, one))]
                asked = [one for way in ways for one in hiding_of(*way, lang, choices)]
                odds = by.extractor.odds(asked, replace(request, sampling=SamplingParams()))
                prompt_tokens, reused = prompt_tokens + odds.usage.prompt_tokens, reused + odds.saved.reused
                said = Extraction(NOTHING_LISTED, lang, odds.of["hides"])
                probable |= by.calibration.of(said, "hides") or {}
            for at, (a, b) in pairs.items():
                answers[at] = probable[a.id, b.id]
    return Fitted(tuple(answers), Usage(prompt_tokens), Saved(reused))


def _holds(calibration: Calibration, by: Reasoning, request: Request, lang: Lang) -> bool:
    """Whether the calibration may be used for the picture of a request, in a language."""
    backend = by.extractor.backend
    domain = backend.domain(request.pictures)
    return certainty_of(calibration, Extraction(NOTHING_LISTED, lang), domain, backend.info.revision).calibrated


def _pairs(by: Reasoning, request: Request, found: Mapping[int, Statement], lang: Lang) -> dict[int, tuple[Seen, Seen]]:
    """Return the things that statements are about, of those whose things are there and two."""

    def whole(question: str) -> str:
        plain = replace(request, prompt=question, sampling=SamplingParams())
        return Completion.of(by.extractor.backend.generate(plain)).text

    looking = Looking(by.extractor.backend, request, by.extractor.words, {}, whole)
    names = {name.same: name for one in found.values() for name in one.names}
    seen = {same: thing for same, name in names.items() if (thing := looking.meant(name, lang))}
    pairs = {}
    for at, one in found.items():
        things = [seen.get(name.same) for name in one.names]
        if None not in things and things[0] != things[1]:
            a, b = (Seen(" ".join((thing.kind.key, *thing.colour)), thing) for thing in things if thing is not None)
            pairs[at] = (a, b)
    return pairs


def _lots(pairs: Iterable[tuple[Seen, Seen]]) -> Iterator[list[tuple[Seen, Seen]]]:
    """Yield pairs, in one order each, so many at a time."""
    once = list({frozenset(pair): pair for pair in pairs}.values())
    for start in range(0, len(once), TOGETHER):
        yield once[start : start + TOGETHER]
