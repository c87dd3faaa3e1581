"""The API with the shipped model, about the picture of the README."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serve.api.conftest import asked, client_at, data_uri, serving_api

from occlusight.api import in_any_words, open_model
from occlusight.errors import BadModel

STREET = Path(__file__).parents[3] / "examples" / "street.webp"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    try:
        plain = open_model("default", plain=True)
    except BadModel:
        pytest.skip("this checkout has no shipped model")
    with serving_api(in_any_words(plain), plain=plain) as url:
        yield url


@pytest.mark.slow
def test_the_shipped_model_answers_in_every_form(address: str) -> None:
    with client_at(address, timeout=120) as client:
        chat = client.chat.completions.create(model="default", messages=[asked("What hides the red car?", STREET)])
        assert "street lamp" in str(chat.choices[0].message.content)
        assert chat.model_dump()["understood"]["scope"] == "inside"
        words = {
            "type": "object",
            "properties": {"a": {"enum": ["x"]}},
            "required": ["a"],
            "additionalProperties": False,
        }
        formed = client.chat.completions.create(
            model="default",
            messages=[asked("?", STREET)],
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": words}},
        )
        assert str(formed.choices[0].message.content).replace(" ", "") == '{"a":"x"}'
        decision = client.decisions.create(
            model="default",
            input=[{"role": "user", "content": [{"type": "input_image", "image_url": data_uri(STREET)}]}],
            questions=[
                {"type": "predicate", "instructions": "Does the street lamp hide the red car?"},
                {"type": "predicate", "instructions": "Does the red car hide the street lamp?"},
            ],
        )
        hides, hidden = decision.answers
        assert hides.type == hidden.type == "predicate"
        assert hides.probability > 0.9 > 0.1 > hidden.probability
        assert decision.usage.input_tokens > decision.usage.input_tokens_details.cached_tokens > 0
    with httpx.Client(base_url=address, timeout=120) as http:
        body = {"image": data_uri(STREET), "question": "什么挡住了红色的车？"}
        answer = http.post("/v1/occlusion/ask", json=body).json()
        assert "路灯" in answer["answer"]
        assert answer["from_graph"] is True
        assert answer["probability"] is None or answer["probability"] > 0.5
