"""What fails while a model answers, or is no request at all, is told in one form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import httpx
import openai
import pytest
from tests.serve.api.conftest import client_at, data_uri, refusal

from occlusight.backends.events import Event, TextDelta
from occlusight.backends.local import LocalBackend
from occlusight.backends.protocol import CancelCheck, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput, BadNumbers


class Failing(Scripted):
    """Fails in the way that its prompt says."""

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        if request.prompt == "later":
            yield TextDelta("Y")
        if request.prompt == "picture":
            raise BadInput(f"{request.pictures[0]}: is broken")
        raise {"input": BadInput("too long"), "bug": KeyError("secret")}.get(request.prompt, BadNumbers("NaN"))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "(a{1,1000}){1,1000}"},
        {"type": "nonsense"},
        {"type": "integer", "minimum": -1e20, "maximum": -1e19},  # ended the server
    ],
)
def test_a_schema_that_cannot_be_followed_is_named_and_refused_at_once(
    serve_api: Callable[..., str], tiny_checkpoint: Path, pictures: list[Path], schema: dict[str, Any]
) -> None:
    backend = LocalBackend(tiny_checkpoint)
    head = {"model": backend.info.name, "messages": [{"role": "user", "content": "?"}]}
    named = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    form = {"type": "json_schema", "name": "n", "schema": schema}
    with httpx.Client(base_url=serve_api(backend), timeout=60) as http:
        began = process_time()  # the server is in this process
        for path, body, param in (
            ("/v1/chat/completions", {**head, "response_format": named}, "response_format.json_schema.schema"),
            ("/v1/chat/completions", {**head, "structured_outputs": {"regex": "("}}, "structured_outputs.regex"),
            ("/v1/responses", {"model": head["model"], "input": "?", "text": {"format": form}}, "text.format.schema"),
            ("/v1/occlusion/read", {"image": data_uri(pictures[0]), "json_schema": schema}, "json_schema"),
        ):
            error = refusal(http.post(path, json=body))
            assert (error["param"], error["code"]) == (param, "invalid_value")
            assert error["message"].startswith(f"{param}: the ")
        output = {"format": {"type": "json_schema", "schema": schema}}
        told = http.post("/v1/messages", json={**head, "max_tokens": 9, "output_config": output})
        assert told.status_code == 400
        assert told.json()["error"]["message"].startswith("output_config.format.schema: the JSON schema cannot be")
        assert process_time() - began < 2


def test_failures_are_told_in_the_same_form(serve_api: Callable[..., str], pictures: list[Path]) -> None:
    address = serve_api(Failing("", name="m"))
    with client_at(address) as client:

        def ask(prompt: str, **more: Any) -> Any:
            return client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}], **more)

        with pytest.raises(openai.BadRequestError, match="too long"):
            ask("input")
        with pytest.raises(openai.BadRequestError, match="too long"):
            ask("input", stream=True)
        with pytest.raises(openai.InternalServerError, match="NaN"):
            ask("numbers")
        with pytest.raises(openai.InternalServerError, match="KeyError") as raised:
            ask("bug")
        assert "secret" not in str(raised.value)
        with ask("later", stream=True) as stream, pytest.raises(openai.APIError, match="NaN"):
            list(stream)
        with pytest.raises(openai.NotFoundError) as unknown:
            client.chat.completions.create(model="x", messages=[{"role": "user", "content": "?"}])
        assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with httpx.Client(base_url=address) as http:
        for path, method in (
            ("/v1", "GET"),
            ("/v1/embeddings", "POST"),
            ("/v1/chat/completions", "GET"),
            ("/v1/models/x", "POST"),
        ):
            answer = http.request(method, path)
            assert answer.status_code == 404
            assert path in answer.json()["error"]["message"]
        for body, kind in (
            (b"{", "application/json"),
            (b"{}", "text/plain"),
            (b"[" * 100_000, "application/json"),
            (b'{"seed": ' + b"9" * 10_000 + b"}", "application/json"),
        ):
            broken = http.post("/v1/chat/completions", content=body, headers={"Content-Type": kind})
            assert "body" in refusal(broken)["message"]
            assert refusal(broken)["code"] == "invalid_json"
