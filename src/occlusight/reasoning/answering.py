"""From any question to an answer of a model that knows its own wordings alone.

What was understood is asked in the model's words. What it names is looked for first; what the model has not learnt is
made of what it can, or declined; and who asks for something else is told what can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from time import perf_counter

from occlusight.backends.completion import Completion
from occlusight.backends.events import Asked, Done, Event, Grounds, Saved, TextDelta, Timings, Usage
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import Backend, CancelCheck, ModelInfo, Request
from occlusight.backends.stopping import StopStrings
from occlusight.backends.wrapped import Wrapped
from occlusight.errors import Cancelled
from occlusight.occlusion.kinds import Lang
from occlusight.questions.phrases import cap
from occlusight.questions.template import Program
from occlusight.reading.colours import colours
from occlusight.reasoning.calibrations import calibration_of
from occlusight.reasoning.claims import decided
from occlusight.reasoning.counted_places import counted_places
from occlusight.reasoning.films import of_the_last_film, told_of_film
from occlusight.reasoning.in_the_picture import as_thing
from occlusight.reasoning.instead import ALONE, instead_of, possible
from occlusight.reasoning.kept import Kept
from occlusight.reasoning.looking import LIST, Looking, denied_from
from occlusight.reasoning.names import Name, named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.reasoned import Reasoning
from occlusight.reasoning.sentences import SPACE, sentence
from occlusight.reasoning.spoken import without_yes
from occlusight.reasoning.understanding import Understanding, Understood
from occlusight.reasoning.vocabulary import SURFACES, is_part

DECIDED = re.compile(r"^(Yes|No)\. (?=.)|^(是的|没有)[。，,](?=.)")
"""A decision before its reason: "is everything visible?" and "is anything hidden?" are one step."""
ABOUT_KINDS = frozenset(("exists", "exists_coloured", "count"))
"""Steps that nothing needs to be there for: that there is none is their answer."""
BETTER_TOLD = frozenset(("who_hides", "anything_hidden"))
"""Steps that the picture's graph answers better than the model itself: 73 of 100 against 53, and 90 against 87.5
(version 4, English, 30 scenes)."""
MOST: Mapping[Lang, tuple[str, str]] = {"en": ("one picture", "{} pictures"), "zh": ("一", "{}")}
"""One picture, and several, in a sentence."""
BOX = re.compile(r"box|coordinate|rectangle|框|坐标", re.I)
"""Words that ask for the place of a thing in numbers."""
OWN_WORLD = 0.5
"""Pictures that are less probably of the model's world are said to be none of it."""
MOST_LISTS = 256
"""Pictures of which is kept what the model sees in them."""


class Answering(Wrapped):
    """A backend whose model knows its own wordings alone, asked in any words.

    Requests with a schema, a regular expression or log-probabilities are for programs, and go to the model as they are;
    so do scores. What the model has not learnt is answered from the relation graph of the picture, where that holds it.
    """

    def __init__(self, backend: Backend, understanding: Understanding, reasoning: Reasoning | None = None) -> None:
        super().__init__(backend)
        self.understanding = understanding
        self.reasoning = reasoning
        self.learnt = frozenset(backend.info.learnt)
        self.lists: Kept[str] = Kept(MOST_LISTS)
        self.denied = denied_from(calibration_of(backend.info.revision))

    @property
    def info(self) -> ModelInfo:
        """The model behind it, which is told of videos by the stories of their frames."""
        info = self.backend.info
        return replace(info, video=True) if self.reasoning is not None else info

    def around(self, backend: Backend) -> Answering:
        """Return another model asked in any words."""
        return Answering(backend, self.understanding, self.reasoning)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Return an iterator over the answer: the model's words as it says them, other sentences whole."""
        params = request.sampling
        if params.json_schema is not None or params.regex is not None or params.logprobs is not None:
            return self.backend.generate(request, cancelled)
        request.check_length(self.info.context)
        request = of_the_last_film(request)
        if request.films and (self.reasoning is None or request.pictures or len(request.films) > 1):
            return self.backend.generate(request, cancelled)  # which says what it takes
        stops = StopStrings(params.stop)
        request = replace(request, sampling=replace(params, stop=()))
        if request.films and self.reasoning is not None:
            return stops.cut(told_of_film(self.reasoning, request, cancelled))
        return Answer(self, request, stops, cancelled)

    def clear_cache(self) -> None:
        """Empty the backend's caches, and forget what was seen in pictures."""
        self.lists.clear()
        if self.reasoning:
            self.reasoning.forget()
        super().clear_cache()


class Answer(Iterator[Event]):
    """The events of one answer. `close`, from any thread, stops it, and what the model is doing for it."""

    def __init__(self, by: Answering, request: Request, stops: StopStrings, cancelled: CancelCheck | None) -> None:
        self.by = by
        self.stops = stops
        self.history = [message.text for message in request.history if message.role == "user"]
        self.said = next((one.text for one in reversed(request.history) if one.role == "assistant"), "")
        shown = (request.pictures, *(message.pictures for message in reversed(request.history)))
        self.request = replace(request, pictures=next((some for some in shown if some), ()), history=())
        self._cancelled = cancelled
        self._closed = False
        self._asking: Iterator[Event] | None = None
        self._began = perf_counter()
        self._meaning: Asked | None = None
        self._grounds: Grounds | None = None
        self._first_s: float | None = None
        self._dones: list[Done] = []
        kept = by.lists.of(self.request.pictures)
        self.looking = Looking(by.backend, self.request, by.understanding.words, kept, self._whole, by.denied)
        self._events = stops.cut(self._all())

    def __next__(self) -> Event:
        if self._closed:
            raise StopIteration
        try:
            event = next(self._events)
        except Cancelled:
            if self._closed:
                raise StopIteration from None
            raise
        if isinstance(event, TextDelta) and self._first_s is None:
            self._first_s = perf_counter() - self._began
        return event

    def close(self) -> None:
        """Stop; iterating further gives nothing."""
        self._closed = True
        close = getattr(self._asking, "close", None)
        if close is not None:
            with suppress(ValueError):  # a plain generator that runs in another thread
                close()

    def _all(self) -> Iterator[Event]:
        pictures = self.request.pictures
        asked = possible(self.by.understanding.of(self.request.prompt, self.history, self.said), len(pictures))
        domain = self.by.domain(pictures) if pictures else None
        program = tuple((op, tuple(map(str, arguments))) for op, arguments in asked.program)
        self._meaning = Asked(asked.scope, program, asked.lang, asked.probability, domain)
        if domain is not None and domain < OWN_WORLD:
            yield _said("other_world", asked.lang)
        yield from self.answer(asked)
        yield self._done()

    def _done(self) -> Done:
        """What all that the model was asked took, as of one answer."""
        if not self._dones:
            timings = Timings(first_token_s=self._first_s or 0.0)
            return Done("stop", timings=timings, asked=self._meaning, grounds=self._grounds)
        first, last = self._dones[0], self._dones[-1]
        usage = Usage(
            sum(done.usage.prompt_tokens for done in self._dones),
            sum(done.usage.completion_tokens for done in self._dones),
            first.usage.image_tokens,
            first.usage.pictures,
        )
        saved = (done.saved for done in self._dones)
        timings = replace(
            first.timings,
            first_token_s=self._first_s or 0.0,
            decode_s=last.timings.decode_s,
            wait_s=sum(done.timings.wait_s for done in self._dones),
        )
        together = Saved(*map(sum, zip(*((one.reused, one.forced, one.guessed) for one in saved), strict=True)))
        return Done(last.finish_reason, usage, timings, together, self._meaning, self._grounds)

    def answer(self, asked: Understood) -> Iterator[Event]:
        """Yield the answer to what was understood, of two questions one after the other."""
        if asked.scope == "outside" or (asked.scope == "unclear" and not asked.other):
            yield _said("outside", asked.lang, {"example": self._example(asked.lang)})
        elif asked.scope == "unclear" and self._step(asked.program) != self._step(asked.other):
            yield from self._ask_back(asked)
        elif asked.parts:
            for number, part in enumerate(asked.parts):
                if self.stops.reached or (self._dones and self._dones[-1].finish_reason == "length"):
                    break
                if number:
                    yield TextDelta(SPACE[asked.lang])
                yield from self.answer(part)
            self._grounds = None  # what one of two answers rests on is not what both do
        else:
            yield from self._about(asked)

    def _about(self, asked: Understood) -> Iterator[Event]:
        op = asked.program[-1][0]
        lang = asked.lang
        most, given = self.by.info.pictures, len(self.request.pictures)
        if not given:
            yield _said("no_picture", lang)
            return
        if most is not None and given > most:
            yield _said("several", lang, {"most": MOST[lang][most > 1].format(most), "given": given})
            return
        things: dict[str, Thing] = {}
        for name in (*asked.names, *self._implied(asked)):
            if not name.noun and not name.kinds:
                yield _said("place", lang)
                return
            if asked.within == "part" or (not name.kinds and is_part(name.noun)):
                yield _said("part", lang, {"it": name.text})
                return
            thing = self.looking.meant(name, lang)
            if thing is None:
                yield from self._absent(name, lang, "no" if op in ABOUT_KINDS else "absent")
                return
            known = thing or as_thing(name, self.by.understanding.words)
            if known is not None and op not in ABOUT_KINDS and (other := self.looking.recoloured(known, lang)):
                yield _said("recoloured", lang, {"it": name.text, "other": other.one(lang)})
                known = other
            if known is not None:
                things |= {name.text: known, name.noun: known}
        yield from self._asked(asked, things)

    def _implied(self, asked: Understood) -> tuple[Name, ...]:
        """What the program is about without being named: the mirror."""
        if asked.program[-1][0] != "mirrored":
            return ()
        said = {name.text for name in asked.names}
        return tuple(
            name
            for argument in asked.program[-1][1]
            if argument not in said
            for name in named(argument, self.by.understanding.words).names
        )

    def _asked(self, asked: Understood, things: Mapping[str, Thing]) -> Iterator[Event]:
        op, arguments = asked.program[-1]
        op = ALONE.get((op, len(arguments)), op)
        meant, _ = self._step([[op, arguments]])
        in_words = op == "locate" and not (op in self.by.learnt and BOX.search(self.request.prompt))
        if op in BETTER_TOLD and self.by.reasoning and (told := self.by.reasoning.told(self.request, asked)):
            self._grounds = told.grounds
            yield TextDelta(DECIDED.sub("", told.text) if op == "anything_hidden" else told.text)
        elif in_words and (pair := self._beside(things[arguments[0]], asked.lang)):
            yield from self._model(own_wording([["position", ["a", "b"]]], pair, asked.lang))
        elif meant == "exists":
            yield from self._exists(asked, things)
        elif op == "remove" and (free := self._free(asked)):
            yield TextDelta(free)
        elif meant in self.by.learnt:
            if asked.both_ways and self.by.backend.capabilities.scores is not None:
                yield self._both_ways([things[name] for name in arguments], asked.lang)
            elif meant == "colour":
                yield self._colour(things[arguments[0]], asked.lang)
            elif meant == "list_all" and len(self.request.pictures) == 1:
                yield TextDelta(self.looking.listed(asked.lang))
            elif meant == "count":
                yield from self._count(asked, things)
            elif meant == "count_position":
                yield TextDelta(counted_places(self._whole, self.by.learnt, arguments, things, asked.lang))
            elif asked.claim:
                whole = self._whole(own_wording([[meant, arguments]], things, asked.lang))
                yield TextDelta(self._decided(whole, asked))
            else:
                answer = self._model(own_wording([[meant, arguments]], things, asked.lang, why=asked.why))
                yield from answer if meant == op else without_yes(answer)
        elif op == "exists_coloured":
            yield from self._exists(asked, things)
        elif self.by.reasoning and (told := self.by.reasoning.told(self.request, asked)):
            self._grounds = told.grounds
            yield TextDelta(self._decided(told.text, asked))
        else:
            yield _said("unlearnt", asked.lang)

    def _decided(self, told: str, asked: Understood) -> str:
        """An answer that says yes or no to what is claimed of the first thing of the program."""
        first = next((n for n in asked.names if n.text == asked.program[-1][1][0]), None) if asked.claim else None
        return told if first is None else decided(told, asked.claim, first, asked.lang, self.by.understanding.words)

    def _free(self, asked: Understood) -> str:
        """That nothing hides what should be seen without another thing, where the picture's graph says so: the model
        has learnt what would be seen of hidden things alone."""
        other = [name for name in asked.names if name.text == asked.program[-1][1][-1]]
        hiding = replace(asked, program=[["who_hides", [name.text for name in other]]], names=tuple(other))
        told = self.by.reasoning.told(self.request, hiding) if self.by.reasoning else None
        return told.text if told and not told.relations else ""

    def _beside(self, thing: Thing, lang: Lang) -> Mapping[str, Thing]:
        """A thing and the first other one that the model names, by which it can be said where it is; else nothing."""
        others = (one for one in self.looking.seen(lang).things if one.kind.key != thing.kind.key)
        other = next(others, None) if "position" in self.by.learnt else None
        return {} if other is None else {"a": thing, "b": other}

    def _both_ways(self, pair: list[Thing], lang: Lang) -> TextDelta:
        """Whether the one hides the other, and the other the one."""
        said = []
        for a, b in (pair, pair[::-1]):
            question = own_wording([["hides", ["a", "b"]]], {"a": a, "b": b}, "en")
            yes, no = self.by.backend.score(replace(self.request, prompt=question), ["Yes", "No"], whole=False)
            said.append(sentence("hides" if yes > no else "free", lang, {"a": a.the(lang), "b": b.the(lang)}))
        return TextDelta(f"{cap('; '.join(said))}." if lang == "en" else f"{'，'.join(said)}。")

    def _colour(self, thing: Thing, lang: Lang) -> TextDelta:
        """The colour of a thing, or that it is not known: a model that has seen painted things alone says anything of
        what has no paint."""
        told = self._whole(own_wording([["colour", ["a"]]], {"a": thing}, lang))
        return TextDelta(told) if colours(told) else _said("unpainted", lang, {"it": thing.the(lang)})

    def _count(self, asked: Understood, things: Mapping[str, Thing]) -> Iterator[Event]:
        """How many there are of a kind; that there is none where the model counts something else ("one sofa")."""
        name, lang = asked.names[0], asked.lang
        told = self._whole(own_wording([["count", [name.text]]], things, lang))
        counted = [kind for one in named(told, self.by.understanding.words).mentions for kind in one.kinds]
        if counted and things[name.text].kind.key not in counted:
            yield from self._absent(name, lang, "no")
        else:
            yield TextDelta(told)
            if asked.within:  # it is counted in the picture, not in the place that was named
                yield _said("counted", lang, before=SPACE[lang])

    def _exists(self, asked: Understood, things: Mapping[str, Thing]) -> Iterator[Event]:
        """Whether there is one of a kind, which has been looked for: of a colour, only where the model says a colour of
        all that it sees."""
        name, lang, thing = asked.names[0], asked.lang, things[asked.names[0].text]
        if self.looking.recoloured(thing, lang):
            yield from self._absent(name, lang, "no")
        elif name.colour and all(one != thing for one in self.looking.seen(lang).things):
            yield _said("unlearnt", lang)
        else:
            yield _said("yes", lang, {"it": thing.one(lang)})

    def _step(self, program: Program) -> tuple[str, tuple[str, ...]]:
        """What the model would be asked for a program; several programs may come to one question."""
        op, arguments = program[-1]
        return instead_of(op, self.by.learnt), tuple(arguments)

    def _ask_back(self, asked: Understood) -> Iterator[Event]:
        words = self.by.understanding.words
        for name in asked.names:
            if self.request.pictures and self.looking.meant(name, asked.lang) is None:
                yield from self._absent(name, asked.lang)
                return
        things = {name.text: thing for name in asked.names if (thing := as_thing(name, words))}
        things |= {name.noun: things[name.text] for name in asked.names if name.text in things}
        try:
            one, two = (own_wording(program, things, asked.lang) for program in (asked.program, asked.other))
        except (KeyError, ValueError):  # one of them names what has no known kind, or has no wording
            yield _said("outside", asked.lang, {"example": self._example(asked.lang)})
        else:
            yield _said("which", asked.lang, {"one": one, "two": two})

    def _absent(self, name: Name, lang: Lang, how: str = "absent") -> Iterator[Event]:
        if how == "absent" and name.noun.lower() in SURFACES:
            yield _said("surface", lang, {"it": name.text})
            return
        told = self.looking.seen(lang).without(name).told(lang)  # a list may name what is denied when asked for
        yield _said(how, lang, {"it": name.text})
        yield _said("instead", lang, {"told": told}) if told else TextDelta("." if lang == "en" else "。")

    def _example(self, lang: Lang) -> str:
        """A question about this picture."""
        things = self.looking.seen(lang).things if self.request.pictures else ()
        different = list({thing.kind.key: thing for thing in things}.values())[:2]
        if len(different) < 2:
            return own_wording(LIST, {}, lang)
        return own_wording([["hides", ["a", "b"]]], dict(zip("ab", different, strict=True)), lang)

    def _whole(self, question: str) -> str:
        """Return the model's whole answer to a question of our own."""
        request = replace(self.request, prompt=question, sampling=SamplingParams())
        return Completion.of(self._generate(request)).text

    def _model(self, question: str) -> Iterator[Event]:
        """Yield the model's own answer as it comes; how it ended is kept."""
        events = self._generate(replace(self.request, prompt=question))
        return (event for event in events if not isinstance(event, Done))

    def _generate(self, request: Request) -> Iterator[Event]:
        """Yield what the backend says; stopped with the answer. Raises Cancelled where it was stopped."""
        self._asking = self.by.backend.generate(request, self._stopped)
        for event in self._asking:
            if isinstance(event, Done):
                self._dones.append(event)
            yield event
        if self._closed:
            raise Cancelled("the answer was stopped")

    def _stopped(self) -> bool:
        return self._closed or (self._cancelled is not None and self._cancelled())


def _said(what: str, lang: Lang, slots: Mapping[str, object] | None = None, before: str = "") -> TextDelta:
    return TextDelta(before + sentence(what, lang, slots))
