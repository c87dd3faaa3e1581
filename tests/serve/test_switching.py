"""Another model is served while programs and open pages ask: no answer is lost, none is another model's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.conftest import serving_app, wait
from tests.serve.replies import EN_WORDS
from tests.serve.test_starting import starting

from occlusight.backends.options import EngineOptions
from occlusight.backends.scripted import Scripted
from occlusight.serve.app import create_app
from occlusight.serve.page.examples import shipped_examples
from occlusight.serve.run import changing
from occlusight.serve.settings import ApiSettings
from occlusight.serve.starting import Starting

CLIENTS = 8


@dataclass(frozen=True)
class Heard:
    """What a client asked which model, and heard: the models named in the answer, its text, and whether it ended."""

    model: str
    status: int
    named: frozenset[str]
    text: str
    whole: bool


def served(http: httpx.Client) -> str:
    (model,) = http.get("/v1/models").json()["data"]
    return str(model["id"])


def heard(http: httpx.Client, streams: bool) -> Heard:
    """Ask the model that answers now, which may be another one when the question arrives."""
    model = served(http)
    messages = [{"role": "user", "content": "?"}]
    body = {"model": model, "messages": messages, "max_tokens": 6, "stream": streams}
    answer = http.post("/v1/chat/completions", json=body)
    if answer.status_code != 200:
        return Heard(model, answer.status_code, frozenset(), answer.json()["error"]["code"], whole=True)
    if not streams:
        told = answer.json()
        return Heard(model, 200, frozenset([told["model"]]), told["choices"][0]["message"]["content"], whole=True)
    events = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    chunks = [json.loads(one) for one in events if one != "[DONE]"]
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    return Heard(model, 200, frozenset(chunk["model"] for chunk in chunks), text, events[-1] == "[DONE]")


def answered(found: list[Heard], model: str) -> int:
    """How many answers are a model's."""
    return sum(one.model == model and one.status == 200 for one in found)


def test_no_answer_is_lost_or_another_models_while_the_model_changes(
    tiny_checkpoint: Path, make_checkpoint: Callable[..., Path]
) -> None:
    models = [str(tiny_checkpoint), str(make_checkpoint(seed=2))]
    begun, over = threading.Event(), threading.Event()
    so_far: list[Heard] = []
    app = changing(models[0], "en", EngineOptions(), (), ApiSettings(), True, begun.set, begun.set)

    def enough(since: int, model: str) -> bool:
        return answered(so_far[since:], model) >= CLIENTS

    def client(number: int) -> list[Heard]:
        with httpx.Client(base_url=address, timeout=60) as http:
            found: list[Heard] = []
            while not found or not over.is_set():
                found.append(heard(http, streams=number % 2 == 0))
                so_far.append(found[-1])
            return found

    with (
        serving_app(app) as address,
        httpx.Client(base_url=address, timeout=60) as http,
        ThreadPoolExecutor(CLIENTS) as threads,
    ):
        wait(begun.is_set, 60)
        says = {models[0]: heard(http, streams=False).text}
        asking = [threads.submit(client, number) for number in range(CLIENTS)]
        try:
            for model in (models[1], models[0], models[1]):
                assert http.post("/admin/models/switch", json={"model": model}).text.count('"done"') == 1
                assert served(http) == model
                wait(partial(enough, len(so_far), model), 60)
        finally:
            over.set()
        answers = [one for each in asking for one in each.result()]  # raises what a client met that was no answer
        says[models[1]] = heard(http, streams=False).text
    assert says[models[0]] != says[models[1]]
    for one in answers:
        if one.status == 404:  # it gave way between two requests, which is said
            assert one.text == "model_not_found"
        else:
            assert one == Heard(one.model, 200, frozenset([one.model]), says[one.model], whole=True)
    for model in models:
        assert answered(answers, model) >= CLIENTS


@pytest.mark.page
def test_an_open_page_shows_the_model_that_answers_now(open_tab: Callable[..., Any], no_graphs: None) -> None:
    holder: list[Starting] = []
    examples = tuple(shipped_examples())

    async def switch(name: str, tell: Callable[[str], None]) -> None:
        other = Scripted("No.", name=name)
        await holder[0].give_way(lambda: create_app(other, knows_photographs=True, examples=examples, switch=switch))

    def first() -> Any:
        return create_app(Scripted("Yes."), examples=examples, switch=switch)

    with starting(first) as (address, app, _), httpx.Client(base_url=address, timeout=60) as http:
        holder.append(app)
        wait(lambda: http.get("/readyz").status_code == 200)

        def serve(name: str) -> None:
            assert http.post("/admin/models/switch", json={"model": name}).text.count('"done"') == 1

        tab = open_tab(address)
        assert tab.page.inner_text("#model") == EN_WORDS["built_in"]
        assert tab.asked("Is it hidden?") == "Yes."
        serve("second")
        tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        tab.page.wait_for_selector("#model >> text=second")
        assert EN_WORDS["scope_any"] in tab.page.inner_text("#scope")
        assert tab.answer == "Yes."  # what was said stands
        serve("third")
        assert tab.asked("And now?") == "No."
        tab.page.wait_for_selector("#model >> text=third")
        assert tab.problems == []
