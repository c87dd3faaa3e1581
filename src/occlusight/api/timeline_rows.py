"""A tracked clip as rows of a drawing."""

from __future__ import annotations

from collections.abc import Mapping

from occlusight.drawing.timeline_svg import Row, Span
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.tracking.track import Track

TITLE: Mapping[Lang, str] = {"en": "Who is seen and who is hidden when", "zh": "每个物体何时可见、何时被遮挡"}
WORDS: Mapping[str, Mapping[Lang, str]] = {
    "seen": {"en": "seen", "zh": "可见"},
    "behind": {"en": "behind {it}", "zh": "在{it}后面"},
    "out": {"en": "out of the picture", "zh": "在画面外"},
}


def rows(found: Track, lang: Lang) -> list[Row]:
    """Return a row a thing that is seen at all, each of its states one span."""
    things = {thing.id: thing.seen.thing for thing in found.things}
    seconds = [sighting.seconds for sighting in found.watched.sightings]
    ends = [*seconds[1:], max(found.duration_s, seconds[-1] if seconds else 0.0)]
    drawn = []
    for id, thing in things.items():
        spans: list[Span] = []
        for frame, (start, end) in enumerate(zip(seconds, ends, strict=True)):
            state, _, by = found.where(frame, id).partition(" ")
            if state == "unknown":
                continue
            text = WORDS[state][lang].format(it=things[by].the(lang) if by else "")
            shown = "hidden" if state == "behind" else state
            if spans and (spans[-1].state, spans[-1].text, spans[-1].end_s) == (shown, text, start):
                spans[-1] = Span(shown, spans[-1].start_s, end, text)
            else:
                spans.append(Span(shown, start, end, text))
        if spans:
            drawn.append(Row(thing.called(lang), spans))
    return drawn
