"""A backend that answers from relation graphs what they can answer, and asks the model all else."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from time import perf_counter

from occlusight.backends.events import Asked, Done, Event, TextDelta, Timings
from occlusight.backends.protocol import Backend, CancelCheck, Request
from occlusight.backends.wrapped import Wrapped
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.calibration import Calibration
from occlusight.reasoning.extract import Extraction, Extractor
from occlusight.reasoning.graph_answers import OF_PLACES, OF_RELATIONS, GraphAnswer, GraphAnswers
from occlusight.reasoning.kept import Kept
from occlusight.reasoning.looking import Looking, denied_from
from occlusight.reasoning.own_wording import Thing
from occlusight.reasoning.relations import Described, describe
from occlusight.reasoning.rules.ruleset import Rules
from occlusight.reasoning.tracking.track import Track
from occlusight.reasoning.understanding import Understanding, Understood

MOST_GRAPHS = 64
"""Pictures whose graphs are kept."""
MOST_TRACKS = 8
"""Videos whose stories are kept."""


@dataclass(frozen=True)
class Reasoning:
    """What answers from graphs need beside a backend.

    extractor: looks at pictures, by the plain model
    calibration: of that model; None leaves its probabilities as they are
    rules: see `reasoning.rules`; None are the shipped ones
    tracks: what is known of videos
    """

    extractor: Extractor
    understanding: Understanding
    calibration: Calibration | None = None
    rules: Rules | None = None
    tracks: Kept[Track] = field(default_factory=lambda: Kept(MOST_TRACKS), repr=False)
    _graphs: Kept[Described] = field(default_factory=lambda: Kept(MOST_GRAPHS), repr=False)

    def described(self, request: Request, lang: Lang = "en") -> Described:
        """Return the graph of a request's picture, made once for each language in which the model is asked."""
        kept, key = self._kept(request, lang)
        if key not in kept:
            kept[key] = self._describe(request, None, lang)
        return kept[key]

    def answers(self, request: Request, asked: Understood) -> GraphAnswers:
        """Return what answers from the graph of a request's picture, into which things are taken that the question
        names and the model sees once it is asked for them."""
        found = self.described(request)
        answers = GraphAnswers(found, self.understanding)
        listed = found.extraction
        things = [] if listed is None else self._overlooked(request, asked, answers)
        if listed is not None and things:
            kept, key = self._kept(request)
            picture = request.pictures[0]
            grown = self.extractor.also(listed, things, picture, replace(request, history=()))
            kept[key] = self._describe(request, grown)
            answers = GraphAnswers(kept[key], self.understanding)
        return answers

    def told(self, request: Request, asked: Understood) -> GraphAnswer | None:
        """Return what the graph of a request's picture tells of something that was understood; None where it holds
        no such thing, or not one of what is named."""
        if not may_be_in_a_graph(asked) or len(request.pictures) != 1:
            return None
        answers = self.answers(request, asked)
        if any(len(answers.bound(name)) != 1 for name in asked.names):
            return None
        answer = answers.of(asked, asked.lang)
        return answer if answer.from_graph else None

    def _kept(self, request: Request, lang: Lang = "en") -> tuple[MutableMapping[str, Described], str]:
        key = f"{lang} {request.max_pixels} {request.min_pixels} {request.system}"
        return self._graphs.of(request.pictures), key

    def _describe(self, request: Request, extraction: Extraction | None, lang: Lang = "en") -> Described:
        look = replace(request, history=())
        return describe(
            *(self.extractor, request.pictures[0], self.calibration),
            extraction=extraction,
            lang=lang,
            request=look,
            rules=self.rules,
        )

    def _overlooked(self, request: Request, asked: Understood, answers: GraphAnswers) -> list[Thing]:
        """Return what a question names, of kinds that are not in the graph, and is there all the same: a list in words
        leaves much out. Two that it tells apart by colour are two."""
        if "count" not in self.extractor.backend.info.learnt:
            return []
        plain, denied = replace(request, history=()), denied_from(self.calibration)
        looking = Looking(self.extractor.backend, plain, self.extractor.words, {}, _nothing, denied)
        names = [name for part in (asked.parts or (asked,)) for name in part.names]
        bound = {name.same: [o.id for o in answers.bound(name)] for name in names}
        missing = []
        for name in names:
            ids = bound[name.same]
            twin = any(bound[other.same] == ids for other in names if other.same != name.same)
            if not ids or (twin and name.colour not in {o.colour for o in answers.bound(name)}):
                missing.append(name)
        found = (looking.meant(name, asked.lang) for name in missing)
        return [thing for thing in dict.fromkeys(found) if thing is not None]

    def forget(self) -> None:
        """Forget the graphs, and the stories of videos."""
        self._graphs.clear()
        self.tracks.clear()


class Reasoned(Wrapped):
    """A backend whose answers come from the relation graph of the picture, where the question is about what that holds.

    Requests without a picture or about several, those with a schema, a regular expression or log-probabilities, and
    scores go to the backend as they are; so do questions about anything else.
    """

    def __init__(self, backend: Backend, by: Reasoning) -> None:
        super().__init__(backend)
        self.by = by

    def around(self, backend: Backend) -> Reasoned:
        """Return another backend with answers from the same model's graphs."""
        return Reasoned(backend, self.by)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Return an iterator over the answer: a whole sentence from the graph, or what the backend says."""
        params = request.sampling
        plain = params.json_schema is not None or params.regex is not None or params.logprobs is not None
        if plain or request.films or len(request.pictures) != 1:
            return self.backend.generate(request, cancelled)
        request.check_length(self.info.context)
        history = [message.text for message in request.history if message.role == "user"]
        said = next((one.text for one in reversed(request.history) if one.role == "assistant"), "")
        asked = self.by.understanding.of(request.prompt, history, said)
        if not may_be_in_a_graph(asked):
            return self.backend.generate(request, cancelled)
        return self._answer(request, asked, cancelled)

    def _answer(self, request: Request, asked: Understood, cancelled: CancelCheck | None) -> Iterator[Event]:
        began = perf_counter()
        answers = self.by.answers(request, asked)
        answer = answers.of(asked, asked.lang)
        names = [name for part in (asked.parts or (asked,)) for name in part.names]
        if not answer.from_graph or any(len(answers.bound(name)) > 1 for name in names):
            yield from self.backend.generate(request, cancelled)
            return
        seconds = perf_counter() - began
        yield TextDelta(answer.text)
        meaning = Asked(
            asked.scope, _program(answer), asked.lang, asked.probability, answers.described.certainty.domain
        )
        yield Done("stop", timings=Timings(first_token_s=seconds), asked=meaning, grounds=answer.grounds)

    def clear_cache(self) -> None:
        """Empty the backend's caches, and forget the graphs."""
        self.by.forget()
        super().clear_cache()


def may_be_in_a_graph(asked: Understood) -> bool:
    """Whether a question may be answered from a relation graph: one, or both in one; what is on or in a thing is not
    in it."""
    if asked.scope != "inside" or any(part.within for part in (asked.parts or (asked,))):
        return False
    return all((part.program[-1][0] in OF_RELATIONS | OF_PLACES) for part in (asked.parts or (asked,)))


def _nothing(question: str) -> str:
    raise AssertionError(f"a model that counts is not asked {question!r}")


def _program(answer: GraphAnswer) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((op, tuple(map(str, arguments))) for op, arguments in answer.program)
