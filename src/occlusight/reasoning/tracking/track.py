"""A clip as things that last: who is hidden by whom, since when, and where what is not seen must still be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from occlusight.occlusion.graph import Text
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.pairs import Pair
from occlusight.reasoning.relations import Described
from occlusight.reasoning.tracking.timeline import Sighting, Story, story
from occlusight.reasoning.tracking.watch import Followed, Watched

VERSION = 1
SAY: Mapping[str, Text] = {
    "complete": Text("{b} goes behind {a} at {start} s", "{start}秒，{b}被{a}完全挡住"),
    "partial": Text("{a} hides part of {b} from {start} s", "从{start}秒起，{a}遮挡了{b}的一部分"),
    "back": Text(" and is seen again at {end} s", "，{end}秒再次出现"),
    "until": Text(" until {end} s", "，直到{end}秒"),
    "still": Text(" and is still there at the end", "，到最后仍在那里"),
    "on": Text(" to the end", "，直到最后"),
    "stop": Text(".", "。"),
}


WHERE: Mapping[str, Mapping[Lang, str]] = {
    "seen": {"en": "seen from {start} {end}", "zh": "{start}秒{end}看得到"},
    "behind": {"en": "behind {by} from {start} {end}", "zh": "{start}秒{end}在{by}后面"},
    "out": {"en": "out of the picture from {start} {end}", "zh": "{start}秒{end}不在画面里"},
    "unknown": {"en": "not seen yet from {start} {end}", "zh": "{start}秒{end}还没有出现"},
}
TO: Mapping[Lang, str] = {"en": "to {end} s", "zh": "到{end}秒"}
TO_END: Mapping[Lang, str] = {"en": "s to the end", "zh": "到最后"}
LINE: Mapping[Lang, str] = {"en": "{it}: {parts}.", "zh": "{it}：{parts}。"}
JOIN: Mapping[Lang, str] = {"en": "; ", "zh": "；"}


@dataclass(frozen=True)
class Occlusion:
    """That one thing hides another for a while.

    occluder, occluded: identities
    type: `complete`, where nothing of it is seen, or `partial`
    first, last: numbers of the first and last frame in which it does
    start_s: when the first of these frames is
    end_s: when the first frame after them is; None where the clip ends with it
    probability: that it hides it, by the frames that could be asked about; None where these are not calibrated
    evidence: what happened, in both languages
    """

    occluder: str
    occluded: str
    type: str
    first: int
    last: int
    start_s: float
    end_s: float | None
    probability: float | None
    evidence: Text

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict. `part` is not told: nobody measured it."""
        return {
            "occluded": self.occluded,
            "occluder": self.occluder,
            "type": self.type,
            "start_s": self.start_s,
            "end_s": self.end_s,
            "part": "all" if self.type == "complete" else "unknown",
            "probability": self.probability,
            "evidence": {"en": self.evidence.en, "zh": self.evidence.zh},
        }


@dataclass(frozen=True)
class Track:
    """A whole clip: its things, what is true in every frame, and who hid whom.

    corrected: (frame, thing) of what the story holds against the model's word of that frame
    """

    watched: Watched
    story: Story
    events: tuple[Occlusion, ...]
    corrected: tuple[tuple[int, str], ...]
    duration_s: float
    fps: float

    @property
    def things(self) -> tuple[Followed, ...]:
        """The things of the clip."""
        return self.watched.things

    def where(self, frame: int, id: str) -> str:
        """Return where a thing is in a frame: `seen`, `behind o2`, `out` of the picture, or `unknown` before it was
        seen first."""
        if id in self.story.seen[frame]:
            return "seen"
        if id in self.story.behind[frame]:
            return f"behind {self.story.behind[frame][id]}"
        return "out" if id in self.story.out[frame] else "unknown"

    def in_words(self, lang: Lang) -> str:
        """Return where each thing is when, a line a thing, as a model can be told before a question; empty without
        things.

        "The dog: seen from 0 to 2 s; behind the red car from 2 to 4 s; seen from 4 s to the end."
        """
        seconds = [sighting.seconds for sighting in self.watched.sightings]
        names = {thing.id: thing.seen.thing.the(lang) for thing in self.things}
        lines = []
        for thing in self.things:
            where = [self.where(frame, thing.id) for frame in range(self.story.frames)]
            parts = []
            for t, now in enumerate(where):
                if t and where[t - 1] == now:
                    continue
                until = next((seconds[k] for k in range(t, len(where)) if where[k] != now), None)
                kind, _, by = now.partition(" ")
                end = (TO_END if until is None else TO)[lang].format(end=f"{until or 0:g}")
                start = f"{seconds[t]:g}"
                parts.append(WHERE[kind][lang].format(by=names.get(by, ""), start=start, end=end))
            lines.append(LINE[lang].format(it=names[thing.id], parts=JOIN[lang].join(parts)))
        return "\n".join(line[:1].upper() + line[1:] for line in lines)

    def to_json(self) -> dict[str, Any]:
        """Return the document of `occlusight track --json`."""
        frames = [
            {"t": round(sighting.seconds, 3), "graph": graph.to_json()}
            for sighting, graph in zip(self.watched.sightings, self.watched.graphs, strict=True)
        ]
        objects = [
            {
                "id": thing.id,
                "kind": thing.seen.thing.kind.key,
                "name": thing.seen.thing.called("en"),
                "name_zh": thing.seen.thing.called("zh"),
                "where": [self.where(frame, thing.id) for frame in range(self.story.frames)],
            }
            for thing in self.things
        ]
        return {
            "version": VERSION,
            "fps": self.fps,
            "duration_s": self.duration_s,
            "frames": frames,
            "objects": objects,
            "events": [event.to_json() for event in self.events],
            "corrected": [{"t": round(self.watched.sightings[t].seconds, 3), "object": id} for t, id in self.corrected],
            "optimal": self.story.optimal,
        }


def track(watched: Watched, fps: float, duration_s: float) -> Track:
    """Return the most probable story of what was watched, and its events, the earliest first."""
    told = story(watched.sightings)
    seconds = [sighting.seconds for sighting in watched.sightings]
    names = {thing.id: thing for thing in watched.things}
    events = []
    for pair, kind, first, last in sorted(_runs(told), key=lambda run: (run[2], run[0])):
        end = seconds[last + 1] if last + 1 < len(seconds) else None
        chance = _probability(pair, first, last, watched.sightings, watched.graphs)
        said = evidence(pair, kind, seconds[first], end, names)
        events.append(Occlusion(*pair, kind, first, last, seconds[first], end, chance, said))
    corrected = [
        (t, id)
        for t, sighting in enumerate(watched.sightings)
        for id, p in sighting.seen.items()
        if (p >= 0.5) != (id in told.seen[t])
    ]
    return Track(watched, told, tuple(events), tuple(corrected), duration_s, fps)


def hiding(told: Story, frame: int) -> dict[Pair, str]:
    """Return who hides whom in a frame, and how."""
    wholly = {(by, id): "complete" for id, by in told.behind[frame].items()}
    return {**dict.fromkeys(told.parts[frame], "partial"), **wholly}


def _runs(told: Story) -> Iterator[tuple[Pair, str, int, int]]:
    """Yield (occluder, occluded), how, first and last frame of every occlusion."""
    by_frame = [hiding(told, t) for t in range(told.frames)]
    for t, now in enumerate(by_frame):
        before = by_frame[t - 1] if t else {}
        for pair, kind in now.items():
            if before.get(pair) == kind:
                continue
            last = t
            while last + 1 < len(by_frame) and by_frame[last + 1].get(pair) == kind:
                last += 1
            yield pair, kind, t, last


def _probability(
    pair: Pair, first: int, last: int, sightings: Sequence[Sighting], graphs: Sequence[Described]
) -> float | None:
    """The mean of what the frames say of the pair, within the occlusion and just around it."""
    frames = range(max(0, first - 1), min(len(sightings), last + 2))
    said = [sightings[t].hides[pair] for t in frames if pair in sightings[t].hides and graphs[t].certainty.calibrated]
    return round(fmean(said), 4) if said else None


def evidence(pair: Pair, kind: str, start: float, end: float | None, names: Mapping[str, Followed]) -> Text:
    """Return what happened, in both languages; without an end it lasts as long as the clip."""
    a, b = (names[id].seen.thing for id in pair)
    ends = ("still" if kind == "complete" else "on") if end is None else ("back" if kind == "complete" else "until")
    said = []
    for lang in ("en", "zh"):
        parts = (getattr(SAY[what], lang) for what in (kind, ends, "stop"))
        text = "".join(parts).format(
            a=a.the(lang), b=b.the(lang), start=f"{start:g}", end="" if end is None else f"{end:g}"
        )
        said.append(text[:1].upper() + text[1:])
    return Text(*said)
