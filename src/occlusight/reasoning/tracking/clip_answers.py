"""Answers about a clip, executed on its story: exact, in the question's language, never at odds with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from occlusight.occlusion.graph import Text
from occlusight.occlusion.kinds import Lang, listed
from occlusight.questions.phrases import cap
from occlusight.reasoning.graph_answers import GraphAnswers
from occlusight.reasoning.names import Name
from occlusight.reasoning.tracking.sureness import Claim, Hidings, Place, probability
from occlusight.reasoning.tracking.time_questions import TimeQuestion, asked_of_clip
from occlusight.reasoning.tracking.track import Occlusion, Track
from occlusight.reasoning.tracking.watch import Followed
from occlusight.reasoning.understanding import Understanding, Understood

SAY: Mapping[str, Text] = {
    "hidden": Text("{b} goes behind {a} at {t} s", "{b}在{t}秒被{a}完全挡住"),
    "left": Text("{b} leaves the picture at {t} s", "{b}在{t}秒离开画面"),
    "never": Text("{b} is never wholly hidden", "{b}从未被完全挡住"),
    "never_by": Text("{b} is never wholly hidden by {a}", "{b}从未被{a}完全挡住"),
    "part": Text("{a} hides part of {b} from {t} s", "从{t}秒起{a}挡住了{b}的一部分"),
    "back": Text("{b} is seen again at {t} s", "{b}在{t}秒再次出现"),
    "not_back": Text("{b} is not seen again", "{b}没有再出现"),
    "behind_at_end": Text("{b} is behind {a} at the end", "最后{b}在{a}后面"),
    "out_at_end": Text("{b} is out of the picture at the end", "最后{b}不在画面里"),
    "seen_at_end": Text("{b} is seen at the end", "最后能看到{b}"),
    "still_seen": Text("Yes, {b} is still seen at the end", "还在，最后能看到{b}"),
    "still_behind": Text("It cannot be seen, but {b} must still be behind {a}", "看不到了，但{b}一定还在{a}后面"),
    "still_out": Text("No, {b} has left the picture", "不在了，{b}已经离开画面"),
    "hides": Text("{a} hides {b} from {t} s {end}", "{a}从{t}秒{end}挡住{b}"),
    "until": Text("to {t} s", "到{t}秒"),
    "to_end": Text("to the end", "到最后"),
    "hides_nothing": Text("{a} never hides anything wholly", "{a}从未把任何东西完全挡住"),
    "times": Text("{b} is wholly hidden {n}: at {times} s", "{b}被完全挡住了{n}：在{times}秒"),
    "long": Text("{b} is wholly hidden for {n} s in all", "{b}一共被完全挡住{n}秒"),
    "same": Text(
        "Yes: {b}, which is seen again at {t} s, is the one that went behind {a}; nothing else like it was there",
        "是同一个：{t}秒再次出现的{b}就是之前到{a}后面的那个，那里没有别的同样的东西",
    ),
    "cannot_tell": Text(
        "That cannot be told: two that look alike were behind {a} at the same time",
        "无法判断：有两个看起来一样的东西同时在{a}后面",
    ),
    "gone": Text("{b} was not seen again, so there is nothing to compare", "{b}没有再出现，无从比较"),
    "not_hidden": Text("Yes: {b} was never out of sight", "是同一个：{b}一直看得到"),
    "absent": Text("There is no {it} in this video; it has {told}", "视频里没有{it}，有的是{told}"),
    "which": Text("There are several: {told}; say which one", "有好几个：{told}，请说明是哪一个"),
    "nothing": Text("Nothing is ever wholly hidden", "从来没有东西被完全挡住"),
    "empty": Text("Nothing was recognised in this video", "视频里没有识别出任何物体"),
    "last": Text("In the last frame: {said}", "在最后一帧：{said}"),
    "yes": Text("Yes: {said}", "是的，{said}"),
    "no": Text("No, {said}", "没有，{said}"),
    "unsure": Text(
        "The video does not tell that for sure; this is most likely", "视频不能确定这一点，最可能的情况如下"
    ),
}
Slots: TypeAlias = Mapping[str, Followed | str | float | None]
ENDS = {"en": ".", "zh": "。"}
COLON = {"en": ":", "zh": "："}
WEAK = 0.65
"""Answers that are less probable are told to be unsure."""
ONCE = {"en": {1: "once", 2: "twice"}, "zh": {1: "一次", 2: "两次"}}


@dataclass(frozen=True)
class ClipAnswer:
    """What the story of a clip answers.

    text: in the language of the question
    program: the step, and the things of the clip that it is about
    events: those on which it rests
    probability: that it is right: see `sureness.probability`, or the least of the events' own where something is
        hidden in part; None where the frames' are not calibrated, or no rival was found in time
    understood: how probable it is that this was asked; None where words of time decided
    """

    text: str
    program: tuple[str, tuple[str, ...]] | None = None
    events: tuple[Occlusion, ...] = ()
    probability: float | None = None
    understood: float | None = None

    @property
    def evidence(self) -> Text | None:
        """What happened in its events, in both languages; None without any."""
        if not self.events:
            return None
        said = [event.evidence for event in self.events]
        return Text(" ".join(one.en for one in said), "".join(one.zh for one in said))

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict."""
        program = None if self.program is None else [self.program[0], list(self.program[1])]
        events = [event.to_json() for event in self.events]
        return {"answer": self.text, "program": program, "probability": self.probability, "events": events}


@dataclass(frozen=True)
class ClipAnswers:
    """Answers questions about one clip. What is not about time is answered of its last frame."""

    track: Track
    understanding: Understanding

    def answer(self, question: str, lang: Lang | None = None, history: Sequence[str] = ()) -> ClipAnswer:
        """Answer a question in its language, or in another one; `history` are the questions before it."""
        asked = asked_of_clip(question, self.understanding, history)
        if isinstance(asked, Understood):
            return self._of_the_last_frame(asked, lang or asked.lang)
        said = _Saying(self.track, lang or asked.lang)
        things = list(self._meant(asked))
        by = None if asked.by is None else self._called(asked.by)
        if not self.track.things:
            return ClipAnswer(said.whole("empty"))
        for name, found in ((asked.about, things), (asked.by, by)):
            if name is not None and not found:
                told = listed([thing.seen.thing.one(said.lang) for thing in self.track.things], said.lang)
                return ClipAnswer(said.whole("absent", {"it": name.text, "told": told}))
        if asked.step == "hid_what" and by:
            events = tuple(e for e in self._complete() if e.occluder in {one.id for one in by})
            texts = [said.hides(e) for e in events] or [said("hides_nothing", {"a": by[0]})]
            return self._answer(said, asked, texts, events, by, [self._pairs("pairs", events, by=by)])
        if asked.step == "hidings":
            events = tuple(self._complete())
            texts = [said.hides(e) for e in events] or [said("nothing")]
            return self._answer(said, asked, texts, events, (), [self._pairs("pairs", events)])
        if not things:
            return ClipAnswer(said.whole("nothing"))
        if len(things) > 1 and asked.step != "same_one":
            told = listed([said.name(thing) for thing in things], said.lang)
            return ClipAnswer(said.whole("which", {"told": told}))
        occluders = None if by is None else {one.id for one in by}
        events = tuple(
            event
            for event in self._complete()
            if event.occluded == things[0].id and (occluders is None or event.occluder in occluders)
        )
        texts, used = self._said(asked, things[0], by[0] if by else None, events, said)
        claims = self._claims(asked, things[0], by, events)
        return self._answer(said, asked, texts, used, [things[0], *(by or [])[:1]], claims)

    def _said(
        self,
        asked: TimeQuestion,
        thing: Followed,
        by: Followed | None,
        events: tuple[Occlusion, ...],
        said: _Saying,
    ) -> tuple[list[str], tuple[Occlusion, ...]]:
        """The sentences of an answer about one thing, and the events on which they rest."""
        track = self.track
        last = track.where(track.story.frames - 1, thing.id)
        match asked.step:
            case "where":
                return [said.at_end(thing, last)], _at_end(events)
            case "still_there":
                kind = {"seen": "still_seen", "out": "still_out"}.get(last, "still_behind")
                return [said(kind, {"b": thing, "a": said.behind(last)})], _at_end(events)
            case "same_one":
                return self._same(thing, events, said)
        if asked.step == "did_hide" and events:
            return [said("yes", {"said": said.hides(e)}) for e in events], events
        if not events:
            parts = [e for e in track.events if e.type == "partial" and e.occluded == thing.id]
            parts = [e for e in parts if by is None or e.occluder == by.id]
            free = said("never", {"b": thing}) if by is None else said("never_by", {"b": thing, "a": by})
            away = [said("left", {"b": thing, "t": t}) for t in self._leaves(thing)] if by is None else []
            if asked.step == "did_hide":
                yes = [said("yes", {"said": said.part(e)}) for e in parts[:2]]
                return yes or [said("no", {"said": free})], tuple(parts[:2])
            return [*(away or [free]), *(said.part(e) for e in parts[:2])], tuple(parts[:2])
        match asked.step:
            case "when_hidden":
                return [said("hidden", {"a": e.occluder, "b": thing, "t": e.start_s}) for e in events], events
            case "when_back":
                back = [said("back", {"b": thing, "t": e.end_s}) for e in events if e.end_s is not None]
                return back or [said("not_back", {"b": thing}), said.at_end(thing, last)], events
            case "how_often":
                times = listed([said.number(e.start_s) for e in events], said.lang)
                n = ONCE[said.lang].get(
                    len(events), f"{len(events)} times" if said.lang == "en" else f"{len(events)}次"
                )
                return [said("times", {"b": thing, "n": n, "times": times})], events
            case "how_long":
                whole = sum((track.duration_s if e.end_s is None else e.end_s) - e.start_s for e in events)
                return [said("long", {"b": thing, "n": said.number(whole)})], events
        return [said.hides(e) for e in events], events

    def _claims(
        self, asked: TimeQuestion, thing: Followed, by: Sequence[Followed] | None, events: Sequence[Occlusion]
    ) -> list[Claim]:
        """What an answer about one thing says of the story."""
        track, last = self.track, self.track.story.frames - 1
        if asked.step in ("where", "still_there"):
            where = track.where(last, thing.id)
            return [] if where == "unknown" else [Place(thing.id, last, where)]
        if not events:
            out = [t for t in range(last + 1) if thing.id in track.story.out[t]]
            away: list[Claim] = [Place(thing.id, out[len(out) // 2], "out")] if out and by is None else []
            return [*away, self._pairs("number", (), [thing], by)]
        says = {"who_hid": "pairs", "did_hide": "pairs", "how_often": "number"}.get(asked.step, "times")
        return [self._pairs(says, events, [thing], by)]  # type: ignore[arg-type]

    def _pairs(
        self,
        says: Literal["pairs", "number", "times"],
        events: Sequence[Occlusion],
        of: Sequence[Followed] | None = None,
        by: Sequence[Followed] | None = None,
    ) -> Hidings:
        """What events say, of all that hide or are hidden unless some are named."""
        all_things = self.track.things
        asked = [(a.id, b.id) for a in by or all_things for b in of or all_things if a.id != b.id]
        return Hidings(says, tuple(asked), tuple((e.occluder, e.occluded, e.first, e.last + 1) for e in events))

    def _answer(
        self,
        said: _Saying,
        asked: TimeQuestion,
        texts: Sequence[str],
        events: Sequence[Occlusion],
        things: Sequence[Followed],
        claims: Sequence[Claim],
    ) -> ClipAnswer:
        watched = self.track.watched
        chance, proved = probability(watched.sightings, self.track.story, claims)
        parts = [event.probability for event in events if event.type == "partial"]
        known = proved and None not in parts and all(graph.certainty.calibrated for graph in watched.graphs)
        told = min((chance, *(p for p in parts if p is not None)))
        sentences = [cap(text) + ENDS[said.lang] for text in texts]
        if told < WEAK:
            sentences.insert(0, cap(said("unsure")) + COLON[said.lang])
        text = (" " if said.lang == "en" else "").join(sentences)
        program = asked.step, tuple(thing.id for thing in things)
        return ClipAnswer(text, program, tuple(events), round(told, 4) if known else None, asked.probability)

    def _same(
        self, thing: Followed, events: tuple[Occlusion, ...], said: _Saying
    ) -> tuple[list[str], tuple[Occlusion, ...]]:
        """Whether what came back is what went: yes, unless one like it was behind the same thing at the same time."""
        if not events:
            return [said("not_hidden", {"b": thing})], ()
        came = [event for event in events if event.end_s is not None]
        if not came:
            return [said("gone", {"b": thing})], events
        alike = {one.id for one in self.track.things if one.id != thing.id and one.seen.thing == thing.seen.thing}
        for event in came:
            for other in self._complete():
                together = other.first <= event.last and event.first <= other.last
                if other.occluded in alike and other.occluder == event.occluder and together:
                    return [said("cannot_tell", {"a": event.occluder})], (event, other)
        return [said("same", {"a": e.occluder, "b": thing, "t": e.end_s}) for e in came], tuple(came)

    def _complete(self) -> Iterator[Occlusion]:
        return (event for event in self.track.events if event.type == "complete")

    def _leaves(self, thing: Followed) -> Iterator[float]:
        """When a thing leaves the picture, in seconds."""
        out = [thing.id in there for there in self.track.story.out]
        for t, now in enumerate(out):
            if now and not (t and out[t - 1]):
                yield self.track.watched.sightings[t].seconds

    def _meant(self, asked: TimeQuestion) -> Sequence[Followed]:
        """The things that a question may be about: those of the name; without one, what is ever hidden. Of several the
        ones that are hidden, where there are such."""
        hidden = {event.occluded for event in self._complete()}
        if asked.about is None:
            return [thing for thing in self.track.things if thing.id in hidden]
        found = self._called(asked.about)
        return [thing for thing in found if thing.id in hidden] or found if len(found) > 1 else found

    def _called(self, name: Name) -> list[Followed]:
        """The things of a clip that a name may mean: of its colour where one has it, since that is easily mistaken."""
        noun = name.noun.casefold()
        kinds = {thing.id: thing.seen.thing.kind for thing in self.track.things}
        of_kind = [
            thing
            for thing in self.track.things
            if kinds[thing.id].key in name.kinds or noun in (kinds[thing.id].en, kinds[thing.id].zh)
        ]
        colour = self.understanding.words.colours[name.colour][0] if name.colour else None
        return [one for one in of_kind if colour is None or one.seen.thing.colour[0] in ("", colour)] or of_kind

    def _of_the_last_frame(self, asked: Understood, lang: Lang) -> ClipAnswer:
        if not self.track.watched.graphs:
            return ClipAnswer(_Saying(self.track, lang).whole("empty"))
        found = GraphAnswers(self.track.watched.graphs[-1], self.understanding).of(asked, lang)
        if not found.from_graph:
            return ClipAnswer(found.text)
        said = SAY["last"].en if lang == "en" else SAY["last"].zh
        return ClipAnswer(said.format(said=found.text), probability=found.probability, understood=asked.probability)


@dataclass(frozen=True)
class _Saying:
    """Puts what a track tells into one language."""

    track: Track
    lang: Lang

    def __call__(self, what: str, slots: Slots = MappingProxyType({})) -> str:
        """Return a sentence without its end; slots `a` and `b` are things, or their ids, numbers seconds."""
        texts = {
            slot: self.name(self._thing(value))
            if slot in ("a", "b") and value is not None
            else self.number(value)
            if isinstance(value, float | int)
            else str(value)
            for slot, value in slots.items()
        }
        said: str = getattr(SAY[what], self.lang)
        return said.format(**texts)

    def whole(self, what: str, slots: Slots = MappingProxyType({})) -> str:
        """Return a sentence with its end."""
        return cap(self(what, slots)) + ENDS[self.lang]

    def name(self, thing: Followed) -> str:
        """Return a thing within a sentence."""
        return thing.seen.thing.the(self.lang)

    def number(self, seconds: float) -> str:
        """Return seconds as people write them."""
        return f"{round(seconds, 2):g}"

    def behind(self, where: str) -> str | None:
        """Return the id of what a thing is behind, by `Track.where`."""
        return where.removeprefix("behind ") if where.startswith("behind ") else None

    def at_end(self, thing: Followed, where: str) -> str:
        """Return where a thing is at the end."""
        kind = {"seen": "seen_at_end", "out": "out_at_end"}.get(where, "behind_at_end")
        return self(kind, {"b": thing, "a": self.behind(where)})

    def hides(self, event: Occlusion) -> str:
        """Return that one thing hides another, from when to when."""
        end = self("to_end") if event.end_s is None else self("until", {"t": event.end_s})
        return self("hides", {"a": event.occluder, "b": event.occluded, "t": event.start_s, "end": end})

    def part(self, event: Occlusion) -> str:
        """Return that one thing hides part of another."""
        return self("part", {"a": event.occluder, "b": event.occluded, "t": event.start_s})

    def _thing(self, given: object) -> Followed:
        return given if isinstance(given, Followed) else next(one for one in self.track.things if one.id == given)


def _at_end(events: Sequence[Occlusion]) -> tuple[Occlusion, ...]:
    """The events that last to the end of the clip."""
    return tuple(event for event in events if event.end_s is None)
