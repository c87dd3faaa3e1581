"""From any question to an answer of a model that knows its own wordings alone.

What was understood is asked in the model's words. What it names is looked for first; what the model has not learnt is
made of what it can, or declined; and who asks for something else is told what can be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from occlusight.backends.completion import Completion
from occlusight.backends.fields import Picture
from occlusight.backends.protocol import Backend, CancelCheck, Done, Event, Request, TextDelta
from occlusight.occlusion.kinds import Lang, listed
from occlusight.questions.phrases import cap
from occlusight.questions.template import Program
from occlusight.reasoning.in_the_picture import Seen, as_thing
from occlusight.reasoning.names import Name, named
from occlusight.reasoning.own_wording import Thing, own_wording
from occlusight.reasoning.understanding import Understanding, Understood

LIST: Program = [["recognised", []], ["list_all", ["$0"]]]
ABOUT_KINDS = frozenset(("exists", "exists_coloured", "count"))
"""Steps that nothing needs to be there for: that there is none is their answer."""
INSTEAD: Mapping[str, str] = {
    "amount_hidden": "anything_hides",
    "part_hidden": "anything_hides",
    "who_hides": "anything_hides",
    "describe": "list_all",
}
"""Steps whose answer another one's holds, too."""
ALONE: Mapping[tuple[str, int], str] = {("remove", 1): "hides_what", ("through", 1): ""}
"""Steps about one thing whose wordings name two, and what is asked instead, if anything."""
MOST_ORDERED = 8
"""Things that are put in order at most: each costs a few scores."""

SAY: Mapping[str, Mapping[Lang, str]] = {
    "absent": {"en": "I see no {it} in this picture", "zh": "我在图中没有看到{it}"},
    "instead": {"en": "; I see {told}.", "zh": "，我看到的是{told}。"},
    "yes": {"en": "Yes, there is {it}.", "zh": "有，图中有{it}。"},
    "no": {"en": "No, I see no {it}", "zh": "没有，我没看到{it}"},
    "order": {"en": "From front to back: {all}.", "zh": "从前到后依次是：{all}。"},
    "unlearnt": {"en": "I have not learnt that yet.", "zh": "这个我还没有学会。"},
    "place": {
        "en": "I cannot tell things of one kind apart by their place yet; say which one by its colour.",
        "zh": "我还不会按位置区分同类物体，请用颜色说明是哪一个。",
    },
    "outside": {
        "en": "I can only tell what is in a picture, where it stands and what hides what; ask, for example: {example}",
        "zh": "我只能说图里有什么、在哪里、谁挡住了谁，比如可以问：{example}",
    },
    "hides": {"en": "{a} hides {b}", "zh": "{a}遮挡了{b}"},
    "free": {"en": "{a} does not hide {b}", "zh": "{a}没有遮挡{b}"},
    "which": {"en": "Do you mean: {one} Or: {two}", "zh": "您是想问：{one}还是：{two}"},
}
SPACE: Mapping[Lang, str] = {"en": " ", "zh": ""}


@dataclass
class Answering:
    """Answers requests through what was understood of them; keeps what the model sees in the pictures asked about last.

    learnt: the steps whose own wordings the model was trained on
    """

    backend: Backend
    understanding: Understanding
    learnt: frozenset[str]
    _lists: dict[tuple[tuple[Picture, ...], Lang], str] = field(default_factory=dict, repr=False)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Yield the answer's events, as a backend does: the model's words as it says them, other sentences whole."""
        history = [message.text for message in request.history if message.role == "user"]
        asked = self.understanding.of(request.prompt, history)
        work = _Work(self, replace(request, history=()), cancelled)
        yield from work.answer(asked)
        yield work.done


@dataclass
class _Work:
    """The answer to one request, while it is made."""

    by: Answering
    request: Request
    cancelled: CancelCheck | None
    done: Done = field(default_factory=lambda: Done("stop"))

    def answer(self, asked: Understood) -> Iterator[Event]:
        """Yield the answer to what was understood, of two questions one after the other."""
        if asked.scope == "outside" or (asked.scope == "unclear" and not asked.other):
            yield _said("outside", asked.lang, {"example": self._example(asked.lang)})
        elif asked.scope == "unclear":
            yield from self._ask_back(asked)
        elif asked.parts:
            for number, part in enumerate(asked.parts):
                if number:
                    yield TextDelta(SPACE[asked.lang])
                yield from self.answer(part)
        else:
            yield from self._about(asked)

    def _about(self, asked: Understood) -> Iterator[Event]:
        op = asked.program[-1][0]
        lang = asked.lang
        things: dict[str, Thing] = {}
        for name in (*asked.names, *self._implied(asked)):
            if not name.noun and not name.kinds:
                yield _said("place", lang)
                return
            thing = self._meant(name, lang)
            if thing is None and op not in ABOUT_KINDS:
                yield from self._absent(name, lang)
                return
            if thing is None and not name.kinds:
                yield from self._absent(name, lang, "no")
                return
            known = thing or as_thing(name, self.by.understanding.words)
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
        instead = INSTEAD.get(op, op)
        if op in self.by.learnt or instead in self.by.learnt:
            meant = op if op in self.by.learnt else instead
            if asked.both_ways and self.by.backend.capabilities.scores is not None:
                yield self._both_ways([things[name] for name in arguments], asked.lang)
            else:
                yield from self._model(own_wording([[meant, arguments]], things, asked.lang, why=asked.why))
        elif op in ("exists", "exists_coloured"):
            yield from self._exists(asked, things)
        elif op == "in_order" and self.by.backend.capabilities.scores == "answer" and "nearer" in self.by.learnt:
            yield _said("order", asked.lang, {"all": listed(self._order(asked.lang), asked.lang)})
        else:
            yield _said("unlearnt", asked.lang)

    def _both_ways(self, pair: list[Thing], lang: Lang) -> TextDelta:
        """Whether the one hides the other, and the other the one."""
        said = []
        for a, b in (pair, pair[::-1]):
            question = own_wording([["hides", ["a", "b"]]], {"a": a, "b": b}, "en")
            yes, no = self.by.backend.score(replace(self.request, prompt=question), ["Yes", "No"], whole=False)
            said.append(SAY["hides" if yes > no else "free"][lang].format(a=a.the(lang), b=b.the(lang)))
        return TextDelta(f"{cap('; '.join(said))}." if lang == "en" else f"{'，'.join(said)}。")

    def _exists(self, asked: Understood, things: Mapping[str, Thing]) -> Iterator[Event]:
        """Whether there is one of a kind, from what the model sees: of a colour, only where it says a colour."""
        name = asked.names[0]
        seen = self.seen(asked.lang, twice=True)
        same = [thing for thing in seen.things if thing.kind.key in name.kinds]
        coloured = [thing for thing in same if not name.colour or thing.colour == seen.words.colours[name.colour]]
        if coloured:
            yield _said("yes", asked.lang, {"it": coloured[0].one(asked.lang)})
        elif any(not thing.colour[0] for thing in same):
            yield _said("unlearnt", asked.lang)
        else:
            yield from self._absent(name, asked.lang, "no")

    def _order(self, lang: Lang) -> list[str]:
        """What is seen, from front to back, by how likely the model says of two that one is nearer."""
        ordered: list[Thing] = []
        kinds = list({thing.kind.key: thing for thing in self.seen(lang).things}.values())[:MOST_ORDERED]
        for thing in kinds:
            low, high = 0, len(ordered)
            while low < high:
                middle = (low + high) // 2
                if self._nearer(thing, ordered[middle]):
                    high = middle
                else:
                    low = middle + 1
            ordered.insert(low, thing)
        return [thing.the(lang) for thing in ordered]

    def _nearer(self, a: Thing, b: Thing) -> bool:
        """Whether the first is nearer, asked in English, both ways round."""
        odds = 0.0
        for one, two in ((a, b), (b, a)):
            names = {"a": one, "b": two}
            question = own_wording([["nearer", ["a", "b"]]], names, "en")
            begun = [cap(f"{thing.the('en')} is nearer") for thing in (a, b)]
            first, second = self.by.backend.score(replace(self.request, prompt=question), begun, whole=False)
            odds += first - second
        return odds > 0

    def _ask_back(self, asked: Understood) -> Iterator[Event]:
        words = self.by.understanding.words
        things = {name.text: thing for name in asked.names if (thing := as_thing(name, words))}
        things |= {name.noun: things[name.text] for name in asked.names if name.text in things}
        try:
            one, two = (own_wording(program, things, asked.lang) for program in (asked.program, asked.other))
        except (KeyError, ValueError):  # one of them names what has no known kind, or has no wording
            yield _said("outside", asked.lang, {"example": self._example(asked.lang)})
        else:
            yield _said("which", asked.lang, {"one": one, "two": two})

    def _absent(self, name: Name, lang: Lang, how: str = "absent") -> Iterator[Event]:
        told = self.seen(lang).told(lang)
        yield _said(how, lang, {"it": name.text})
        yield _said("instead", lang, {"told": told}) if told else TextDelta("." if lang == "en" else "。")

    def _example(self, lang: Lang) -> str:
        """A question about this picture."""
        things = self.seen(lang).things if self.request.pictures else ()
        different = list({thing.kind.key: thing for thing in things}.values())[:2]
        if len(different) < 2:
            return own_wording(LIST, {}, lang)
        return own_wording([["hides", ["a", "b"]]], dict(zip("ab", different, strict=True)), lang)

    def seen(self, lang: Lang, *, twice: bool = False) -> Seen:
        """What the model says it sees in the request's pictures, asked in the language, or, to see more, in both."""
        langs: tuple[Lang, ...] = ("en", "zh") if lang == "en" else ("zh", "en")
        kept = self.by._lists
        if any(pictures != self.request.pictures for pictures, _ in kept):
            kept.clear()
        for one in langs[: 2 if twice else 1]:
            if (self.request.pictures, one) not in kept:
                kept[self.request.pictures, one] = self._whole(own_wording(LIST, {}, one))
        lists = [kept[self.request.pictures, one] for one in langs if (self.request.pictures, one) in kept]
        return Seen.of(lists, self.by.understanding.words)

    def _meant(self, name: Name, lang: Lang) -> Thing | None:
        """What a name means, looked for a second time where it was not seen at once."""
        if not name.kinds:
            return None
        return self.seen(lang).meant(name) or self.seen(lang, twice=True).meant(name)

    def _whole(self, question: str) -> str:
        return Completion.of(self.by.backend.generate(replace(self.request, prompt=question), self.cancelled)).text

    def _model(self, question: str) -> Iterator[Event]:
        """Yield the model's own answer as it comes; how it ended is kept."""
        for event in self.by.backend.generate(replace(self.request, prompt=question), self.cancelled):
            if isinstance(event, Done):
                self.done = event
            else:
                yield event


def _said(what: str, lang: Lang, slots: Mapping[str, str] | None = None) -> TextDelta:
    return TextDelta(SAY[what][lang].format(**(slots or {})))
