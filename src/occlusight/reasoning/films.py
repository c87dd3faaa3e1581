"""Answers about videos from the story of what is seen in their frames: by it alone, or with it in the prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

from occlusight.backends.events import Asked, Done, Event, Grounds, TextDelta, Timings
from occlusight.backends.protocol import Backend, CancelCheck, Request
from occlusight.backends.wrapped import Wrapped
from occlusight.errors import Cancelled
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.names import named
from occlusight.reasoning.reasoned import Reasoning
from occlusight.reasoning.sentences import sentence
from occlusight.reasoning.tracking.clip_answers import ClipAnswers
from occlusight.reasoning.tracking.track import Track, track
from occlusight.reasoning.tracking.watch import Report, Watcher
from occlusight.reasoning.understanding import language

T = TypeVar("T")
MOST_LOOKS = 64
"""Frames of a video that are looked at for an answer, evenly spread; each costs about as much as a picture's graph."""


class WithStories(Wrapped):
    """A backend that is told, before a question about a video, what is seen of its things, when and where.

    Requests about anything but one video, and those to a model that answers from the story anyway, go on as they are.
    """

    def __init__(self, backend: Backend, by: Reasoning) -> None:
        super().__init__(backend)
        self.by = by

    def around(self, backend: Backend) -> WithStories:
        """Return another backend that is told stories."""
        return WithStories(backend, self.by)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        """Return an iterator over the answer; the video is looked at first."""
        if len(request.films) != 1 or request.pictures or self.info.learnt:
            return self.backend.generate(request, cancelled)
        return self._told(request, cancelled)

    def _told(self, request: Request, cancelled: CancelCheck | None) -> Iterator[Event]:
        yield from self.backend.generate(with_story(self.by, request, cancelled), cancelled)


def looked_at(frames: tuple[T, ...]) -> tuple[T, ...]:
    """Return those of a video's frames that its story is of."""
    if len(frames) <= MOST_LOOKS:
        return frames
    return tuple(frames[round(k * (len(frames) - 1) / (MOST_LOOKS - 1))] for k in range(MOST_LOOKS))


def story_of(
    by: Reasoning,
    request: Request,
    cancelled: CancelCheck | None = None,
    lang: Lang = "en",
    report: Report | None = None,
) -> Track:
    """Return the story of a request's one video, made once; `report` hears how many of how many looks are done. Raises
    Cancelled where `cancelled` says so."""
    (film,) = request.films
    frames = looked_at(film.frames)
    kept = by.tracks.of([frame.image for frame in frames])
    key = f"{lang} {request.max_pixels} {request.min_pixels} {[frame.seconds for frame in frames]}"
    if key not in kept:
        look = Request("?", max_pixels=request.max_pixels, min_pixels=request.min_pixels)
        watcher = Watcher(by.extractor, by.calibration, by.rules, lang, look)
        shown = [(frame.seconds, frame.image) for frame in frames]
        watched = watcher.watch(shown, report=_stopping(cancelled, report))
        kept[key] = track(watched, len(frames) / max(film.duration_s, 1e-3), film.duration_s)
    return kept[key]


def of_the_last_film(request: Request) -> Request:
    """Return a question that shows nothing with the videos that were shown last, where no picture came since."""
    last = next((one for one in reversed(request.history) if one.pictures or one.films), None)
    if request.pictures or request.films or last is None or last.pictures:
        return request
    return replace(request, films=last.films)


def told_of_film(by: Reasoning, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
    """Yield the answer to a question about a video that the story of its frames holds, with a word of caution before:
    who asks here is a model that has learnt single pictures."""
    began = perf_counter()
    words = by.understanding.words
    lang = language(named(request.prompt, words))
    yield TextDelta(sentence("clip", lang))
    first = perf_counter() - began
    history = [message.text for message in request.history if message.role == "user"]
    found = ClipAnswers(story_of(by, request, cancelled), by.understanding).answer(request.prompt, history=history)
    yield TextDelta(found.text)
    program = () if found.program is None else (found.program,)
    meaning = Asked("inside", program, lang, found.understood) if program else None
    grounds = Grounds(found.probability, found.evidence) if program else None
    timings = Timings(first_token_s=first, encode_s=perf_counter() - began)
    yield Done("stop", timings=timings, asked=meaning, grounds=grounds)


def with_story(by: Reasoning, request: Request, cancelled: CancelCheck | None = None) -> Request:
    """Return a request about a video with what was seen of its things, when and where, in words before the question."""
    lang = language(named(request.prompt, by.understanding.words))
    found = story_of(by, request, cancelled, lang)
    story = found.in_words(lang)
    return request if not story else replace(request, prompt=f"{story}\n\n{request.prompt}")


def _stopping(cancelled: CancelCheck | None, heard: Report | None) -> Report:
    def report(done: int, total: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled(f"the video was stopped after {done} of {total} looks")
        if heard is not None:
            heard(done, total)

    return report
