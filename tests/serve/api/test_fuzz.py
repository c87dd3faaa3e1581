"""Requests that schemathesis makes of the API's own description: none fails inside, none that is wrong is taken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from occlusight.backends.scripted import Scripted
from occlusight.serve.api.app import create_api
from occlusight.serve.api.service import Service
from occlusight.serve.fair_queue import FairQueue

PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/decisions", "/v1/systemone")
WRONG = [path for path in PATHS if path not in ("/v1/decisions", "/v1/systemone")]
"""(Of numbers of choices it can make no wrong ones.)"""
THOROUGH = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def described() -> Any:
    import schemathesis  # seconds that a run without these tests need not wait

    app = create_api(Service(Scripted("Yes, it is."), FairQueue()))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def ask(case: Any) -> Any:
    """Send what was made, to the model that there is."""
    if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
        case.body["model"] = "scripted"
    return case.call(timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_what_the_description_allows_never_fails_inside(described: Any, path: str) -> None:
    answered = []

    @THOROUGH
    @given(case=described[path]["POST"].as_strategy())
    def check(case: Any) -> None:
        response = ask(case)
        assert response.status_code in (200, 400), response.text
        if response.status_code == 200:
            answered.append(path)
            case.validate_response(response)
        else:
            assert response.json()["error"]["message"]

    check()
    assert answered


@pytest.mark.slow
@pytest.mark.parametrize("path", WRONG)
def test_streams_are_as_they_are_described(described: Any, path: str) -> None:
    streamed = []

    @THOROUGH
    @given(case=described[path]["POST"].as_strategy())
    def check(case: Any) -> None:
        if isinstance(case.body, dict):
            case.body["stream"] = True
        response = ask(case)
        if response.status_code == 200:
            assert response.headers["content-type"][0].startswith("text/event-stream")
            streamed.append(path)
            case.validate_response(response)

    check()
    assert streamed


@pytest.mark.slow
@pytest.mark.parametrize("path", WRONG)
def test_what_the_description_forbids_is_refused(described: Any, path: str) -> None:
    from schemathesis import GenerationMode

    @THOROUGH
    @given(case=described[path]["POST"].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def check(case: Any) -> None:
        assert ask(case).status_code in (400, 404)

    check()
