"""How the server tells what it is: its description, its state, its model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from occlusight import __version__
from occlusight.backends.events import Event
from occlusight.backends.protocol import CancelCheck, Request
from occlusight.backends.scripted import Scripted
from occlusight.errors import OcclusightError


class Waking(Scripted):
    """Fails at first."""

    asked = 0

    def generate(self, request: Request, cancelled: CancelCheck | None = None) -> Iterator[Event]:
        self.asked += 1
        if self.asked == 1:
            raise OcclusightError("still asleep")
        yield from super().generate(request)


def test_it_is_ready_when_the_model_has_answered(serve_api: Callable[..., str]) -> None:
    backend = Waking("A.")
    with httpx.Client(base_url=serve_api(backend)) as http:
        health = http.get("/healthz").json()
        assert (health["status"], health["version"], health["model"]["name"]) == ("ok", __version__, "scripted")
        assert backend.asked == 0
        asleep = http.get("/readyz")
        assert (asleep.status_code, asleep.json()["reason"]) == (503, "still asleep")
        for _ in range(3):
            assert http.get("/readyz").json() == {"status": "ready"}
        assert backend.asked == 2


def test_the_description_names_every_route_and_its_examples_are_right(serve_api: Callable[..., str]) -> None:
    backend = Scripted(lambda request: "A." if request.sampling.json_schema is None else "[]")
    with httpx.Client(base_url=serve_api(backend)) as http:
        described = http.get("/openapi.json").json()
        assert {"/v1/chat/completions", "/v1/models", "/healthz", "/readyz"} <= described["paths"].keys()
        text = json.dumps(described)
        assert "HTTPValidationError" not in text
        names = described["components"]["schemas"].keys()
        assert set(references(described)) <= {f"#/components/schemas/{name}" for name in names}
        asked = 0
        for path, operations in described["paths"].items():
            if path.startswith("/admin/models/"):  # those change the server; test_admin.py has them
                continue
            for example in examples(operations.get("post", {}), described):
                answer = http.post(path, json={**example, "model": "scripted"} if "model" in example else example)
                assert answer.status_code == 200, (path, answer.text)
                asked += 1
        assert asked > 0
        assert http.get("/docs").status_code == 404  # its scripts would come from another host


def references(value: Any) -> Iterator[str]:
    """Yield what a description points to."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from references(one)


def examples(operation: dict[str, Any], described: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the examples of what an operation takes."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found: list[dict[str, Any]] = described["components"]["schemas"].get(name, {}).get("examples", [])
    return found
