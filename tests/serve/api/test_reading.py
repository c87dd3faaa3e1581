"""/v1/occlusion/read: the text in a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
from tests.api.scripts import TEXTS
from tests.serve.api.conftest import data_uri, refusal

from occlusight.backends.scripted import Scripted

SAID = json.dumps([{"bbox_2d": [1, 2, 30, 40], "text_content": text} for text in TEXTS.values()], ensure_ascii=False)


def test_text_comes_as_lines_or_as_fields(serve_api: Callable[..., str], pictures: list[Path]) -> None:
    backend, image = Scripted(SAID), data_uri(pictures[0])
    with httpx.Client(base_url=serve_api(backend)) as http:
        read = http.post("/v1/occlusion/read", json={"image": image, "lang": "zh", "max_pixels": 5000}).json()
        assert [line["text"] for line in read["lines"]] == list(TEXTS.values())
        assert read["lines"][0]["box"] == [1, 2, 30, 40]
        assert (read["fields"], read["model"]) == (None, "scripted")
        assert (backend.requests[0].max_pixels, backend.requests[0].sampling.max_tokens) == (5000, 4096)
        asked = {"image": image, "json_schema": {"type": "array"}, "max_tokens": 1000}
        read = http.post("/v1/occlusion/read", json=asked).json()
        assert (read["lines"], read["fields"]) == (None, json.loads(SAID))
        assert backend.requests[1].sampling.max_tokens == 1000


def test_what_cannot_be_read_is_refused(serve_api: Callable[..., str], pictures: list[Path]) -> None:
    image = data_uri(pictures[0])
    with httpx.Client(base_url=serve_api(Scripted(SAID))) as http:
        for body, param in (
            ({}, "image"),
            ({"image": "x"}, "image"),
            ({"image": image, "json_schema": "{}"}, "json_schema"),
            ({"image": image, "lang": "fr"}, "lang"),
            ({"image": image, "max_tokens": 0}, "max_tokens"),
        ):
            assert refusal(http.post("/v1/occlusion/read", json=body))["param"] == param
        cut = refusal(http.post("/v1/occlusion/read", json={"image": image, "max_tokens": 1}))
        assert (cut["code"], "max_tokens" in cut["message"]) == ("incomplete", True)
    small = Scripted(SAID, learnt=("hides",))
    with httpx.Client(base_url=serve_api(small, plain=small)) as http:
        told = refusal(http.post("/v1/occlusion/read", json={"image": image}))
        assert "has not learnt to read" in told["message"]
        assert small.requests == []
