"""The text in a picture: what a model is asked, and what its words are taken to say."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from occlusight.backends.events import Done, Event, PictureUse, TextDelta, Usage
from occlusight.backends.options import SamplingParams
from occlusight.backends.protocol import CancelCheck, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput, Cancelled, Incomplete
from occlusight.occlusion.kinds import KindNames, Lang
from occlusight.reasoning.picture_text import LINES, SIGNS, Line, read_fields, read_lines

ASKED = Request("?", sampling=SamplingParams(max_tokens=4096))
FIELDS = {"type": "object", "properties": {"total": {"type": "number"}}}


class Reads(Scripted):
    """Says at which size it read its picture."""

    read_size = (96, 64)

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        for event in super().generate(request, cancelled):
            use = PictureUse(2, 3, 6, (96, 64), self.read_size)
            yield replace(event, usage=Usage(pictures=(use,))) if isinstance(event, Done) else event


def said(*lines: tuple[str, list[float]]) -> str:
    return json.dumps([{"bbox_2d": box, "text_content": text} for text, box in lines])


@pytest.mark.parametrize(("lang", "word"), [("en", "line by line"), ("zh", "逐行")])
def test_lines_have_their_text_and_boxes_in_thousandths(pictures: list[Path], lang: Lang, word: str) -> None:
    backend = Reads(said((" BAKERY ", [30, 10, 5, 200]), ("面包", [7, 7, 7, 9]), (" ", [1, 2, 3, 4])))
    found = read_lines(backend, pictures[0], lang, ASKED)
    assert found.lines == (Line(" BAKERY ", (5, 10, 30, 200)), Line("面包", None))
    assert found.size == (96, 64)
    assert found.to_json()["lines"][0] == {"text": " BAKERY ", "box": (5, 10, 30, 200)}
    (request,) = backend.requests
    assert word in request.prompt
    assert request.pictures == (pictures[0],)
    assert json.loads(str(request.sampling.json_schema)) == LINES
    assert request.sampling.max_tokens == 4096


def test_boxes_beyond_a_thousand_are_pixels_of_what_was_read(pictures: list[Path]) -> None:
    backend = Reads(said(("a", [0, 0, 1000, 500]), ("b", [1000, 500, 2000, 1000])))
    backend.read_size = (2000, 1000)
    assert [one.box for one in read_lines(backend, pictures[0], "en", ASKED).lines] == [
        (0, 0, 500, 500),
        (500, 500, 1000, 1000),
    ]


def test_the_size_is_the_pictures_where_a_model_tells_none(pictures: list[Path]) -> None:
    with Image.open(pictures[0]) as picture:
        assert read_lines(Scripted("[]"), pictures[0], "en", ASKED).size == picture.size


def test_fields_are_what_the_schema_names_and_stand_in_the_prompt(pictures: list[Path]) -> None:
    backend = Scripted('{"total": 12.5}')
    request = replace(ASKED, sampling=replace(ASKED.sampling, json_schema=FIELDS))
    assert read_fields(backend, pictures[0], "zh", request) == {"total": 12.5}
    asked = backend.requests[0]
    assert json.loads(str(asked.sampling.json_schema)) == FIELDS
    assert asked.sampling.schema_in_prompt is True
    assert "填写" in asked.prompt


@pytest.mark.parametrize(
    "text", ["no JSON", '{"a": 1}', '["a"]', '[{"text_content": "a"}]', '[{"bbox_2d": [1], "text_content": "a"}]']
)
def test_what_is_no_list_of_lines_is_incomplete(pictures: list[Path], text: str) -> None:
    with pytest.raises(Incomplete) as raised:
        read_lines(Scripted(text), pictures[0], "en", ASKED)
    assert raised.value.text == text


def test_an_answer_that_was_cut_is_incomplete(pictures: list[Path]) -> None:
    request = replace(ASKED, sampling=SamplingParams(max_tokens=1))
    with pytest.raises(Incomplete, match="max_tokens"):
        read_lines(Scripted(said(("a long line", [1, 2, 3, 4]))), pictures[0], "en", request)


def test_half_a_character_is_no_text(pictures: list[Path]) -> None:
    text = r'[{"bbox_2d": [1, 2, 3, 4], "text_content": "a\ud800\ud83d\ude00"}]'
    assert read_lines(Scripted(text), pictures[0], "en", ASKED).lines[0].text == "a?😀"


def test_it_stops_within_a_step(pictures: list[Path]) -> None:
    class Endless(Scripted):
        steps = 0
        closed = False

        def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
            try:
                while True:
                    self.steps += 1
                    yield TextDelta(" ")
            finally:
                self.closed = True

    backend = Endless("")
    with pytest.raises(Cancelled):
        read_lines(backend, pictures[0], "en", ASKED, lambda: backend.steps == 3)
    assert (backend.steps, backend.closed) == (3, True)


LIST = {"en": "There is a shop sign, a bush and two parcels.", "zh": "图中有一块招牌、一丛灌木和两个包裹。"}
ON = {
    "en": ('On the shop sign "BA…Y" can be read; the rest is covered by the bush.', "There is nothing on it."),
    "zh": ("能看清的是“BA…Y”,其余的被灌木挡住了。", "看不清。"),
}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_model_of_signs_is_asked_in_its_own_words(pictures: list[Path], lang: Lang) -> None:
    def answer(request: Request) -> str:
        if SIGNS[0].en in request.prompt or SIGNS[0].zh in request.prompt:
            return ON[lang][0]
        return ON[lang][1] if SIGNS[5].en in request.prompt or SIGNS[5].zh in request.prompt else LIST[lang]

    backend = Scripted(answer, learnt=("characters", "hides", "list_all"))
    assert read_lines(backend, pictures[0], lang, ASKED).lines == (Line("BA…Y"),)
    assert [request.sampling.json_schema for request in backend.requests] == [None] * 3
    assert "shop sign" in backend.requests[1].prompt or "招牌" in backend.requests[1].prompt


def test_a_model_that_draws_boxes_tells_where_a_sign_is(pictures: list[Path]) -> None:
    boxes = [{"bbox_2d": [1, 2, 30, 40], "label": "red shop sign"}, {"bbox_2d": [5, 5, 9, 9], "label": "bush"}]
    backend = Scripted(
        lambda request: ON["en"][0] if "shop sign" in request.prompt else json.dumps(boxes),
        learnt=("characters", "detect"),
    )
    assert read_lines(backend, pictures[0], "en", ASKED).lines == (Line("BA…Y", (1, 2, 30, 40)),)


def test_a_model_that_has_not_learnt_to_read_is_not_made_to(pictures: list[Path]) -> None:
    fields = replace(ASKED, sampling=replace(ASKED.sampling, json_schema=FIELDS))
    for learnt in (("hides", "list_all"), ("characters", "hides")):
        backend = Scripted("[]", learnt=learnt, name="small")
        with pytest.raises(BadInput, match=r"small has not learnt to read text.*Qwen3-VL"):
            read_lines(backend, pictures[0], "en", ASKED)
        with pytest.raises(BadInput, match=r"small .*no fields.*Qwen3-VL"):
            read_fields(backend, pictures[0], "en", fields)
        assert backend.requests == []


def test_signs_are_called_as_in_the_scenes_of_signs() -> None:
    body: dict[str, Any] = tomllib.loads(files("occlusight.scenes.meshes").joinpath("signs.toml").read_text("utf-8"))
    kinds = [KindNames(*(one[name] for name in ("key", "en", "plural", "zh", "measure"))) for one in body["kind"]]
    assert list(SIGNS) == kinds
