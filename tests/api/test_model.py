"""`occlusight.load`: a model that stays open."""

from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.reasoning.street import FITTED, PICTURE, sees
from tests.reasoning.test_reasoned import reads

import occlusight
from occlusight.api.model import Model
from occlusight.backends.events import Event, TextDelta
from occlusight.backends.protocol import CancelCheck, Choice, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput, BadNumbers, BadPicture, BadVideo, Incomplete
from occlusight.images.film import Film
from occlusight.reasoning.calibrations import keep
from occlusight.reasoning.extract import Extractor
from occlusight.reasoning.reasoned import Reasoning


def model_of(backend: Scripted) -> Model:
    def reasoning() -> Any:
        raise AssertionError("no graph is asked for")

    return Model(backend, backend, reasoning)


def pixels(picture: Any) -> np.ndarray[Any, Any]:
    with picture if isinstance(picture, Image.Image) else Image.open(picture) as image:
        return np.asarray(image.convert("RGB"))


def test_a_picture_may_come_in_any_form(pictures: list[Path]) -> None:
    backend = Scripted("Yes.")
    model = model_of(backend)
    path = pictures[0]
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    forms: list[Any] = [path, str(path), path.read_bytes(), image, np.asarray(image)]
    for form in forms:
        assert model.ask(form, "Is it?") == "Yes."
        (shown,) = backend.requests[-1].pictures
        assert np.array_equal(pixels(shown), np.asarray(image))
    model.ask(forms, "Is it?")
    assert len(backend.requests[-1].pictures) == len(forms)
    grey = np.zeros((4, 5), np.uint8)
    model.ask(grey, "Is it?")
    for wrong in (grey.astype(float), np.zeros((4, 5, 2), np.uint8), np.zeros((0, 5), np.uint8), 3):
        with pytest.raises(BadInput, match="pictures: "):
            model.ask(wrong, "Is it?")  # type: ignore[arg-type]
    with pytest.raises(BadPicture):
        model.ask(b"no picture", "Is it?")


def test_settings_reach_the_model_and_others_are_refused(pictures: list[Path]) -> None:
    backend = Scripted('["a"]')
    model = model_of(backend)
    model.ask(pictures[0], "?", system="S", max_pixels=5000, max_tokens=7, seed=1, json_schema={"type": "array"})
    request = backend.requests[-1]
    assert (request.system, request.max_pixels, request.sampling.max_tokens) == ("S", 5000, 7)
    with pytest.raises(BadInput, match=r"ask takes .* but tempreature was given"):
        model.ask(pictures[0], "?", tempreature=1)  # type: ignore[call-arg]
    with pytest.raises(Incomplete):
        model_of(Scripted("no JSON")).ask(pictures[0], "?", json_schema={"type": "array"})
    with pytest.raises(Incomplete):
        list(model_of(Scripted("no JSON")).stream(pictures[0], "?", json_schema={"type": "array"}))


def test_a_stream_comes_in_pieces_and_can_be_stopped(pictures: list[Path]) -> None:
    class Endless(Scripted):
        stopped = False

        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
            try:
                while True:
                    yield TextDelta("a")
            finally:
                self.stopped = True

    assert list(model_of(Scripted("abcdef", piece=2)).stream(pictures[0], "?")) == ["ab", "cd", "ef"]
    backend = Endless("")
    stream = model_of(backend).stream(pictures[0], "?")
    assert next(stream) == "a"
    stream.close()  # type: ignore[attr-defined]
    assert backend.stopped


def test_a_conversation_remembers_what_was_said(pictures: list[Path]) -> None:
    backend = Scripted(lambda request: f"{len(request.history)} before.")
    chat = model_of(backend).chat(pictures[0], system="S")
    assert chat.ask("First?") == "0 before."
    assert chat.ask("Then?", pictures[1]) == "2 before."
    request = backend.requests[-1]
    assert (request.system, request.pictures) == ("S", (pictures[1],))
    assert [(m.role, m.text, m.pictures) for m in request.history] == [
        ("user", "First?", (pictures[0],)),
        ("assistant", "0 before.", ()),
    ]
    assert len(chat.history) == 4


def test_what_failed_was_not_said(pictures: list[Path]) -> None:
    class Breaking(Scripted):
        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
            yield TextDelta("a")
            raise BadNumbers("NaN")

    chat = model_of(Breaking("")).chat(pictures[0])
    with pytest.raises(BadNumbers):
        chat.ask("?")
    assert chat.history == []
    gc.collect()


class Weighing(Scripted):
    """Says yes to what has a question mark."""

    lots = 0

    def score_many(self, asked: Sequence[tuple[Request, Sequence[Choice]]], *, whole: bool = True) -> list[list[float]]:
        self.lots += 1
        self.requests += [request for request, _ in asked]
        return [[-0.1, -3.0] if "?" in request.prompt else [-3.0, -0.1] for request, _ in asked]


def test_many_questions_are_decided_together(pictures: list[Path]) -> None:
    backend = Weighing("")
    model = model_of(backend)
    assert model.decide(pictures[0], "Is it?").probability == pytest.approx(0.948, abs=1e-3)
    yes, no = model.decide(pictures[0], ["Is it?", "它被遮挡。"])
    assert yes.probability > 0.9 > 0.1 > no.probability
    assert backend.lots == 2
    assert backend.requests[0].prompt == "Is it?\n\nIs that so? Answer yes or no."
    assert "请回答" in backend.requests[-1].prompt
    own = Weighing("", learnt=("hides",))
    model_of(own).decide(pictures[0], "Is it?")
    assert own.requests[0].prompt == "Is it?"
    with pytest.raises(BadInput, match="empty"):
        model.decide(pictures[0], " ")


def test_what_was_fitted_is_decided_by_the_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCCLUSIGHT_CACHE", str(tmp_path))
    keep(FITTED)
    seen = sees(learnt=("list_all", "hides", "count"))
    by = Reasoning(Extractor(seen), reads("hides:12"), FITTED)
    seen.odds[PICTURE, "Is the dog not there?"] = -3.0
    model = Model(seen, seen, lambda: by)
    yes, other = model.decide(PICTURE, ["Does the street lamp hide the red car?", "Is the dog not there?"])
    assert (yes.calibrated, yes.probability) == (True, pytest.approx(1 / (1 + math.exp(-2.5)), abs=1e-6))
    assert other.calibrated is False
    seen.odds[PICTURE, "Does the street lamp hide the red car?"] = 5.0
    raw = model.decide(PICTURE, "Does the street lamp hide the red car?", raw=True)
    assert (raw.calibrated, raw.probability) == (False, pytest.approx(1 / (1 + math.exp(-5.0)), abs=1e-6))


def test_a_checkpoint_is_loaded_and_serves_threads(tiny_checkpoint: Path, pictures: list[Path]) -> None:
    model = occlusight.load(tiny_checkpoint, max_pixels=4096)
    assert model.info.name == str(tiny_checkpoint)
    alone = model.ask(pictures[0], "Is it hidden?", max_tokens=8)
    answers: list[str] = []

    def ask() -> None:
        answers.append(model.ask(pictures[0], "Is it hidden?", max_tokens=8))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [alone] * 3
    assert 0 < model.decide(pictures[0], "Is it hidden?").probability < 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: occlusight.load("default", quantise="int8"), r"load takes .* but quantise was given"),  # type: ignore[call-arg]
        (lambda: occlusight.load(3), "a name or a folder"),  # type: ignore[arg-type]
        (lambda: occlusight.load("default", context=0), "context"),
    ],
)
def test_what_cannot_be_loaded_is_named(call: Callable[[], object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        call()


def test_a_video_may_be_shown_like_a_picture(tmp_path: Path, pictures: list[Path]) -> None:
    pytest.importorskip("av")
    from tests.images.test_film import every, write

    clip = write(tmp_path / "clip.mp4", every(Fraction(1, 25), 50))
    backend = Scripted("Yes.")
    model = model_of(backend)
    assert model.ask([str(clip), pictures[0]], "Is it hidden?") == "Yes."
    assert (backend.requests[-1].pictures, len(backend.requests[-1].films)) == ((pictures[0],), 1)
    own = Film.of([(0, Image.new("RGB", (8, 8))), (1.5, Image.new("RGB", (8, 8), "red"))])
    assert (own.duration_s, own.size) == (3.0, (8, 8))
    assert model.decide(own, "Is it hidden?").probability > 0.9
    chat = model.chat(own)
    chat.ask("Is it?")
    chat.ask("And now?", clip)
    last = backend.requests[-1]
    assert last.history[0].films == (own,)
    assert [len(film.frames) for film in last.films] == [4]
    with pytest.raises(BadInput, match="needs frames"):
        Film.of([])
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:300])
    with pytest.raises(BadVideo, match="is broken"):
        model.ask(tmp_path / "cut.mp4", "?")
