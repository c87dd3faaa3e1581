"""Who may use what: keys, origins, rates, and what the log says of it."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from tests.serve.api.conftest import serving_api

from occlusight.backends.scripted import Scripted
from occlusight.errors import BadInput
from occlusight.serve.access import Access
from occlusight.serve.settings import ApiSettings

KEY, OTHER, ADMIN = "key-of-one", "key-of-another", "key-of-the-admin"
ASKED: dict[str, Any] = {"model": "scripted", "messages": [{"role": "user", "content": "a secret question"}]}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving_api(Scripted("A secret answer."), access=Access((KEY, OTHER), ADMIN)) as url:
        yield url


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address) as one:
        yield one


ROUTES = {  # what needs which key: the table of docs/api.md
    "/healthz": "none",
    "/readyz": "none",
    "/": "key",
    "/theme.css": "key",
    "/gradio_api/queue/data": "key",
    "/openapi.json": "key",
    "/metrics": "key",
    "/v1/models": "key",
    "/v1/chat/completions": "key",
    "/v1/decisions": "key",
    "/v1/systemone": "key",
    "/v1/nothing": "key",
    "/admin/cache/clear": "admin",
    "/admin/models/pull": "admin",
    "/admin/models/switch": "admin",
}


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_wants_the_key_that_the_table_says(http: httpx.Client, path: str) -> None:
    def status(headers: dict[str, Any]) -> int:
        return http.request("POST" if path.startswith("/admin") else "GET", path, headers=headers).status_code

    needs = ROUTES[path]
    wrong: list[dict[str, Any]] = [{}, {"Authorization": "Bearer no-such-key"}, {"Authorization": "Basic !"}]
    for headers in (*wrong, {"x-api-key": b"\xe9"}):
        assert (status(headers) == 401) is (needs != "none")
    basic = "Basic " + base64.b64encode(f"anybody:{KEY}".encode()).decode()
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"x-api-key": OTHER}, {"Authorization": basic}):
        assert status(headers) not in ((401,) if needs != "admin" else (204, 401))
    assert status({"Authorization": f"Bearer {ADMIN}"}) not in (401, 403)


def test_what_needs_a_key_says_how(http: httpx.Client) -> None:
    page, api = http.get("/"), http.get("/v1/models")
    assert page.headers["www-authenticate"].startswith("Basic")  # which makes a browser ask
    assert api.headers["www-authenticate"] == "Bearer"
    with (
        OpenAI(base_url=f"{http.base_url}/v1", api_key="wrong", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="another key"),
    ):
        client.models.list()
    with OpenAI(base_url=f"{http.base_url}/v1", api_key=KEY, max_retries=0) as client:
        assert [one.id for one in client.models.list()] == ["scripted"]


@pytest.mark.parametrize(
    ("key", "forwarded", "status"), [(None, False, 204), (None, True, 403), (ADMIN, True, 401), (ADMIN, False, 401)]
)
def test_without_an_admin_key_this_machine_alone_is_admitted(
    serve_api: Callable[..., str], key: str | None, forwarded: bool, status: int
) -> None:
    address = serve_api(Scripted("A."), access=Access(() if key is None else (KEY,), key))
    headers = {"X-Forwarded-For": "203.0.113.1"} if forwarded else {}
    assert httpx.post(f"{address}/admin/cache/clear", headers=headers).status_code == status


def test_a_rate_is_kept_for_each_key(serve_api: Callable[..., str]) -> None:
    address = serve_api(Scripted("A."), access=Access((KEY, OTHER), rate="2/minute"))
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {KEY}"}) as http:
        assert [http.post("/v1/chat/completions", json=ASKED).status_code for _ in range(3)] == [200, 200, 429]
        refused = http.get("/v1/models")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert http.get("/healthz").status_code == 200
        assert http.get("/v1/models", headers={"Authorization": f"Bearer {OTHER}"}).status_code == 200


def test_pages_of_allowed_sites_may_use_the_api_alone(serve_api: Callable[..., str]) -> None:
    address = serve_api(Scripted("A."), access=Access((KEY,)), allow_origins=("https://good.example/",))
    good, bad = {"Origin": "https://good.example"}, {"Origin": "https://bad.example"}
    before = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-stainless-os"}
    with httpx.Client(base_url=address) as http:
        asked = http.options("/v1/chat/completions", headers={**good, **before})  # no key yet: browsers send none
        assert asked.status_code == 200
        assert asked.headers["access-control-allow-origin"] == "https://good.example"
        assert "authorization" in asked.headers["access-control-allow-headers"]
        key = {"Authorization": f"Bearer {KEY}"}
        for more, status in ((key, 200), ({}, 401)):
            answer = http.post("/v1/chat/completions", json=ASKED, headers={**good, **more})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == "https://good.example"
        assert http.post("/v1/chat/completions", json=ASKED, headers={**bad, **key}).status_code == 403
        for path in ("/", "/healthz", "/openapi.json", "/admin/cache/clear"):
            assert http.get(path, headers={**good, **key}).status_code == 403


def test_the_log_tells_what_a_request_took_and_nothing_of_what_was_asked(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "occlusight.serve.requests"), httpx.Client(base_url=address) as http:
        http.post("/v1/chat/completions", json=ASKED, headers={"Authorization": f"Bearer {KEY}"})
        http.post("/v1/chat/completions?key=secret", json=ASKED)
        http.get("/healthz")
    answered, refused = [json.loads(one.message) for one in caplog.records if one.name == "occlusight.serve.requests"]
    assert (answered["status"], answered["route"], answered["model"]) == (200, "/v1/chat/completions", "scripted")
    assert {"seconds", "queue_s", "prompt_tokens", "completion_tokens", "finish_reason", "client"} <= answered.keys()
    assert (refused["status"], refused["route"]) == (401, None)
    assert "secret" not in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    "make",
    [
        lambda: Access(("short",)),
        lambda: Access(("with a space in it",)),
        lambda: Access(admin_key="schlüsselchen"),
        lambda: Access(rate="often"),
        lambda: ApiSettings(allow_origins=("*",)),
        lambda: ApiSettings(allow_origins=("good.example",)),
        lambda: ApiSettings(allow_origins=("https://good.example/page",)),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(BadInput):
        make()
