"""Videos before a backend: answered from their story, or with it in the prompt; looked at once, and stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.reasoning.test_understanding import Script
from tests.reasoning.tracking.test_clip_answers import WORDS
from tests.reasoning.tracking.test_track import FRAMES, SCENES, Looks

from occlusight.backends.completion import Completion
from occlusight.backends.protocol import Backend, Choice, Message, ModelInfo, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import Cancelled
from occlusight.images.film import Film
from occlusight.reasoning.answering import Answering
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.films import MOST_LOOKS, WithStories, story_of
from occlusight.reasoning.reasoned import Reasoned, Reasoning
from occlusight.reasoning.understanding import Understanding

UNDERSTANDING = Understanding(Script({}), WORDS)


class LooksAtFrames(Looks):
    """Knows frames by the colour of their first pixel."""

    def _path(self, request: Request) -> Request:
        from dataclasses import replace

        paths = tuple(
            Path(f"{one.getpixel((0, 0))[0]:02}.webp") if isinstance(one, Image.Image) else one
            for one in request.pictures
        )
        return replace(request, pictures=paths)

    def generate(self, request: Request, *more: Any) -> Any:
        return super().generate(self._path(request), *more)

    def score(self, request: Request, choices: Sequence[Choice], *, whole: bool = True) -> list[float]:
        return super().score(self._path(request), choices, whole=whole)


@pytest.fixture
def film() -> Film:
    return Film.of([(number / 2, Image.new("RGB", (40, 30), (number, 0, 0))) for number in range(FRAMES)])


@pytest.fixture
def by() -> Reasoning:
    return Reasoning(Extractor(LooksAtFrames(SCENES)), UNDERSTANDING)


def told(backend: Backend, *question: str, **settings: Any) -> str:
    return Completion.of(backend.generate(Request(*question, **settings))).text


def test_a_model_of_single_pictures_answers_from_the_story(by: Reasoning, film: Film) -> None:
    plain = Scripted("never asked", learnt=("hides",))
    backend = Answering(plain, UNDERSTANDING, by)
    said = told(backend, "When did the dog go behind the car?", films=film)
    assert said == (
        "I have learnt single pictures, not videos, so do not rely on what follows. "
        "The dog goes behind the red car at 2 s."
    )
    calls = by.extractor.backend.calls  # type: ignore[attr-defined]
    history = (Message("user", "When did the dog go behind the car?", films=(film,)), Message("assistant", said))
    done = Completion.of(backend.generate(Request("谁挡住了它？", history=history)))
    assert done.text == "我只学过单张图片，没有学过视频，下面的回答不可靠。红色的汽车从2秒到4秒挡住狗。"
    assert done.asked is not None
    assert done.asked.program[0][0] == "who_hid"
    assert done.asked.probability is None  # words of time decided
    assert done.grounds is not None
    assert done.grounds.evidence is not None
    assert "goes behind the red car at 2 s" in done.grounds.evidence.en
    assert done.grounds.probability is None  # nobody fitted this model
    assert by.extractor.backend.calls == calls  # type: ignore[attr-defined]
    assert plain.requests == []
    told(backend, "?", films=(film, film))  # which the model itself refuses, or not
    assert len(plain.requests) == 1


def test_a_large_model_is_told_the_story_before_the_question(by: Reasoning, film: Film) -> None:
    plain = Scripted("Under the car.")
    backend = WithStories(Reasoned(plain, by), by)
    assert told(backend, "Where is the dog?", films=film) == "Under the car."
    (request,) = plain.requests
    assert request.films == (film,)
    lines = request.prompt.splitlines()
    assert "The dog: seen from 0 to 2 s; behind the red car from 2 to 4 s; seen from 4 s to the end." in lines
    assert lines[-1] == "Where is the dog?"
    told(backend.around(plain), "?", films=(film, film))
    assert plain.requests[-1].prompt == "?"


def test_looking_at_a_video_stops_when_nobody_wants_it(by: Reasoning, film: Film) -> None:
    with pytest.raises(Cancelled, match="after 1 of 24 looks"):
        story_of(by, Request("?", films=film), lambda: True)


def test_a_long_video_is_looked_at_in_so_many_frames(monkeypatch: pytest.MonkeyPatch, by: Reasoning) -> None:
    seen: list[int] = []

    def watch(self: Any, frames: Sequence[tuple[float, Image.Image]], **_: Any) -> Any:
        seen.extend(image.getpixel((0, 0))[0] for _, image in frames)  # type: ignore[index,misc]
        raise Cancelled("enough")

    monkeypatch.setattr("occlusight.reasoning.films.Watcher.watch", watch)
    long = Film.of([(float(number), Image.new("RGB", (8, 8), (number, 0, 0))) for number in range(200)])
    with pytest.raises(Cancelled):
        story_of(by, Request("?", films=long))
    assert (len(seen), seen[0], seen[-1]) == (MOST_LOOKS, 0, 199)


def test_the_info_of_a_model_goes_through(by: Reasoning) -> None:
    assert WithStories(Scripted("x"), by).info == ModelInfo("scripted", "none", 2**20, dtype="none")
