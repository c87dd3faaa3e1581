"""Models that are downloaded, and served instead of another, while the server answers; the hub is on this machine."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.backends.fake_hub import CONTENT, NAME, ON_MODELSCOPE, WEIGHTS, FakeHub, fake_hub, in_its_place
from tests.serve.api.conftest import serving_api
from tests.serve.conftest import serving_app, wait

from occlusight.api import open_model
from occlusight.backends.downloads import Hub
from occlusight.backends.hugging_face import HuggingFace
from occlusight.backends.modelscope import ModelScope
from occlusight.backends.options import EngineOptions
from occlusight.backends.protocol import Backend
from occlusight.backends.scripted import Scripted
from occlusight.serve.api.admin_shapes import PullRequest, SwitchRequest
from occlusight.serve.run import changing
from occlusight.serve.settings import ApiSettings


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr("occlusight.backends.downloads.PIECE", 2**18)
    with fake_hub() as one:
        in_its_place(one, tmp_path / "hub", monkeypatch)
        yield one


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with serving_api(Scripted("A.")) as address, httpx.Client(base_url=address, timeout=60) as one:
        yield one


@contextmanager
def doing(http: httpx.Client, what: str, model: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Have the server do something with a model, and give its events."""
    with http.stream("POST", f"/admin/models/{what}", json={"model": model}) as answer:
        if answer.status_code != 200:
            answer.read()
            pytest.fail(answer.text)
        yield (json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:"))


def done(http: httpx.Client, what: str, model: str) -> list[dict[str, Any]]:
    with doing(http, what, model) as events:
        return list(events)


def refused(http: httpx.Client, what: str, body: dict[str, Any]) -> tuple[int, str, str | None]:
    answer = http.post(f"/admin/models/{what}", json=body)
    error = answer.json()["error"]
    return answer.status_code, error["message"], error["param"]


@pytest.mark.parametrize(("name", "of"), [(NAME, HuggingFace), (ON_MODELSCOPE, ModelScope)])
def test_a_download_tells_how_far_it_is(http: httpx.Client, hub: FakeHub, name: str, of: type[Hub]) -> None:
    *told, last = done(http, "pull", name)
    assert last == {"event": "done", "model": name}
    assert told[-1]["event"] == "progress"
    assert told[-1]["done"] == told[-1]["total"] >= len(CONTENT)
    stored = of().find(name)
    assert stored is not None
    assert stored.folder is not None
    assert (stored.folder / WEIGHTS).read_bytes() == CONTENT
    assert done(http, "pull", name) == [last]
    assert hub.ranges == [None]  # nothing was fetched twice


def test_a_client_that_leaves_stops_its_download_which_goes_on_later(
    http: httpx.Client, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stops: list[Callable[[], bool]] = []
    ended = threading.Event()
    pull = Hub.pull

    def noted(self: Hub, name: str, **settings: Any) -> Path:
        stops.append(settings["stopped"])
        try:
            return pull(self, name, **settings)
        finally:
            ended.set()

    monkeypatch.setattr(Hub, "pull", noted)
    hub.pause = 2**20
    with doing(http, "pull", NAME) as events:
        assert next(events)["done"] == 2**18
    wait(lambda: stops[0]())
    hub.go.set()
    part = next(HuggingFace().root.glob("**/*.part"))
    assert ended.wait(20)
    assert done(http, "pull", NAME)[-1]["event"] == "done"
    begun = int((hub.ranges[1] or "").removeprefix("bytes=").removesuffix("-"))
    assert 2**18 <= begun <= 2**20
    assert not part.exists()


def test_what_cannot_be_done_is_refused_with_the_reason(http: httpx.Client, hub: FakeHub) -> None:
    status, message, param = refused(http, "pull", {"model": "maker/other"})
    assert (status, param) == (400, "model")
    assert "the hub has no model 'maker/other'" in message
    for name in ("default", "../etc", "modelscope:a", "", "a" * 5000):
        status, _, param = refused(http, "pull", {"model": name})
        assert (status, param) == (400, "model")
    assert refused(http, "pull", {"model": NAME, "force": True})[2] == "force"
    assert http.get(f"/admin/models/{'a' * 5000}").status_code == 400
    assert refused(http, "switch", {"model": "default"})[:2] == (501, "this server cannot change its model")
    hub.alter = True
    answer = http.post("/admin/models/pull", json={"model": NAME})  # which fails after it has begun
    *_, last = [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]
    assert "damaged" in last["error"]["message"]


def test_what_a_model_takes_is_told_before_it_is_downloaded(
    http: httpx.Client, hub: FakeHub, tiny_checkpoint: Path
) -> None:
    hub.files["config.json"] = (tiny_checkpoint / "config.json").read_bytes()
    told = http.get(f"/admin/models/{NAME}").json()
    assert (told["here"], told["newest"], told["download_bytes"]) == ("", hub.revision, len(CONTENT))
    assert set(told["needs"]) == set(told["fits"]) == {"none", "int8", "int4"}
    assert http.get("/admin/models/maker/other").status_code == 400
    assert hub.ranges == []


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Backend]]:
    """The models that are opened, as long as they are held."""
    found: list[weakref.ref[Backend]] = []

    def noted(*args: Any, **settings: Any) -> Backend:
        backend = open_model(*args, **settings)
        found.append(weakref.ref(backend))
        return backend

    monkeypatch.setattr("occlusight.api.open_model", noted)
    return found


def test_another_model_is_pulled_and_served_instead(
    hub: FakeHub, tiny_checkpoint: Path, make_checkpoint: Callable[..., Path], opened: list[weakref.ref[Backend]]
) -> None:
    hub.files = {path.name: path.read_bytes() for path in tiny_checkpoint.iterdir()}
    first = make_checkpoint()
    begun: list[str] = []
    app = changing(
        str(first), "en", EngineOptions(), (), ApiSettings(), True, lambda: begun.append(""), lambda: begun.append("no")
    )
    with serving_app(app) as address, httpx.Client(base_url=address, timeout=60) as http:
        wait(lambda: bool(begun), 60)
        assert begun == [""]
        status, message, param = refused(http, "switch", {"model": NAME})
        assert (status, param) == (400, "model")
        assert message == f"'{NAME}' is not downloaded; download it first (occlusight models pull {NAME})"
        assert http.get("/larger").json() == {"model": None}  # what a checkpoint of one's own knows is not known
        done(http, "pull", NAME)
        (first / "config.json").write_text("{}")
        status, _, param = refused(http, "switch", {"model": str(first)})
        assert (status, param) == (400, "model")
        assert served(http) == str(first)
        hub.revision, hub.files = "b" * 40, {}  # a newer one is not fetched on the way
        assert done(http, "switch", NAME)[-1] == {"event": "done", "model": NAME}
        assert served(http) == NAME
        asked = {"model": NAME, "messages": [{"role": "user", "content": "?"}], "max_tokens": 2}
        assert http.post("/v1/chat/completions", json=asked).status_code == 200
        assert NAME in http.get("/").text
        former, present = opened
        wait(lambda: former() is None)  # its memory is free again
        assert present() is not None


def served(http: httpx.Client) -> str:
    (model,) = http.get("/v1/models").json()["data"]
    return str(model["id"])


def test_the_examples_are_right() -> None:
    for form in (PullRequest, SwitchRequest):
        (example,) = form.model_json_schema()["examples"]
        assert form.model_validate(example).model
