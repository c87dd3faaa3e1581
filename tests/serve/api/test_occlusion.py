"""/v1/occlusion: questions about pictures and their relation graphs."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from PIL import Image
from tests.reasoning.observed_scene import Sees
from tests.reasoning.street import FITTED
from tests.serve.api.conftest import data_uri, serving_api

from occlusight.backends.protocol import Capabilities
from occlusight.backends.scripted import Scripted
from occlusight.occlusion.facts import Facts
from occlusight.reasoning.calibrations import keep


class AnyPath(dict[Path, Facts]):
    """One scene, wherever its picture lies."""

    def __missing__(self, path: Path) -> Facts:
        assert path.is_file()
        return next(iter(self.values()))


class AnyPathOdds(dict[tuple[Path, str], float]):
    """What is so in that scene, wherever its picture lies."""

    def __missing__(self, key: tuple[Path, str]) -> float:
        return next(odds for (_, text), odds in self.items() if text == key[1])


@pytest.fixture(scope="module")
def address(graphs: ModuleType) -> Iterator[str]:
    street = Facts(graphs.street())
    sees = Sees(AnyPath({Path("street"): street}))
    sees.odds = AnyPathOdds(sees.odds)
    with serving_api(Scripted("I do not know.", learnt=("hides",)), plain=sees) as url:
        yield url


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as one:
        yield one


def test_a_picture_becomes_its_graph(http: httpx.Client, pictures: list[Path]) -> None:
    graph = http.post("/v1/occlusion/graph", json={"image": data_uri(pictures[0])}).json()
    names = {one["id"]: one["name"] for one in graph["objects"]}
    assert graph["version"] == 1
    assert graph["relations"]
    for relation in graph["relations"]:
        assert {relation["occluder"], relation["occluded"]} <= names.keys()
        assert relation["probability"] is None  # nobody fitted this model
        assert 0.5 < relation["raw_probability"] <= 1
    assert graph["certainty"]["calibrated"] is False


def test_a_question_is_answered_from_the_graph_or_by_the_model(http: httpx.Client, pictures: list[Path]) -> None:
    image = data_uri(pictures[0])
    graph = http.post("/v1/occlusion/graph", json={"image": image}).json()
    names = {one["id"]: one["name"] for one in graph["objects"]}
    first = graph["relations"][0]
    occluder, occluded = names[first["occluder"]], names[first["occluded"]]
    question = f"Does the {occluder} hide the {occluded}?"
    answer = http.post("/v1/occlusion/ask", json={"image": image, "question": question}).json()
    assert answer["answer"].startswith("Yes")
    assert (answer["scope"], answer["from_graph"], answer["model"]) == ("inside", True, "scripted")
    assert answer["program"] == [["hides", [first["occluder"], first["occluded"]]]]
    assert answer["relations"] == [{"occluder": first["occluder"], "occluded": first["occluded"], "probability": None}]
    assert set(answer["evidence"]) == {"en", "zh"}
    chinese = http.post("/v1/occlusion/ask", json={"image": image, "question": question, "lang": "zh"}).json()
    assert "遮挡" in chinese["answer"]
    other = http.post("/v1/occlusion/ask", json={"image": image, "question": "What will the weather be?"}).json()
    assert (other["answer"], other["from_graph"]) == ("I do not know.", False)


def test_what_is_wrong_is_named(http: httpx.Client, serve_api: Callable[..., str], pictures: list[Path]) -> None:
    image = data_uri(pictures[0])
    for path, body, param in (
        ("ask", {"image": image}, "question"),
        ("ask", {"image": image, "question": "?", "lang": "fr"}, "lang"),
        ("ask", {"image": "x", "question": "?"}, "image"),
        ("graph", {"image": image, "rules": "x"}, "rules"),
    ):
        refused = http.post(f"/v1/occlusion/{path}", json=body)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)

    class Silent(Scripted):
        capabilities = Capabilities()

    with httpx.Client(base_url=serve_api(Silent("Yes."))) as other:
        assert other.post("/v1/occlusion/graph", json={"image": image}).status_code == 400
        assert other.post("/v1/occlusion/ask", json={"image": image, "question": "?"}).json()["answer"] == "Yes."


def test_decisions_of_what_was_fitted_are_calibrated(
    graphs: ModuleType, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCCLUSIGHT_CACHE", str(tmp_path))
    keep(FITTED)
    street = Facts(graphs.street())
    sees = Sees(AnyPath({Path("street"): street}), learnt=("list_all", "hides", "count"))
    sees.odds = AnyPathOdds(sees.odds)
    first = street.graph.relations[0]
    a, b = street.objects[first.occluder].name, street.objects[first.occluded].name
    yes, no = {"value": True}, {"value": False}
    asked = f"Does the {a} hide the {b}?"
    questions = [
        {"type": "predicate", "name": "fitted", "instructions": asked},
        {"type": "choice", "instructions": asked, "choices": [no, yes]},
        {"type": "predicate", "instructions": f"Does the {b} hide the {a}?"},
        {"type": "predicate", "instructions": "Is the sky blue?"},
    ]
    shown = [{"type": "input_image", "image_url": data_uri(pictures[0])}]
    body = {"model": "own", "input": [{"role": "user", "content": shown}], "questions": questions}
    model = Scripted("No", name="own", learnt=("hides",))
    with serving_api(model, plain=sees) as url, httpx.Client(base_url=url, timeout=60) as http:
        (served,) = http.get("/v1/models").json()["data"]
        assert served["calibrated"] is True
        assert served["calibration"] == {"of": ["hides.en", "nearer.en"], "domain": "renders"}
        decision = http.post("/v1/decisions", json=body).json()
        assert 'occlusight:questions_total{model_name="own"} 4.0' in http.get("/metrics").text
        told = [{"role": "system", "content": "Be strict."}, *body["input"]]  # type: ignore[misc]
        raw = http.post("/v1/decisions", json={**body, "input": told}).json()
    one, choice, back, sky = decision["answers"]
    assert [answer["calibrated"] for answer in decision["answers"]] == [True, True, True, False]
    assert decision["calibrated"] is False
    assert one["probability"] == pytest.approx(1 / (1 + math.exp(-2.5)), abs=1e-6)  # the fit halves the log-odds of 5
    assert choice["choice"] is True
    assert choice["confidence"] == pytest.approx(one["probability"])
    assert back["probability"] == pytest.approx(1 - one["probability"], abs=1e-6)
    assert sky["probability"] < 0.01
    assert not any(answer["calibrated"] for answer in raw["answers"])


def test_a_video_in_place_of_a_picture_is_told_who_takes_it(http: httpx.Client) -> None:
    video = base64.b64encode(b"\x00\x00\x00\x18ftypmp42" + bytes(100)).decode()
    for said in ("video/mp4", "image/png"):
        for path, question in (("ask", {"question": "What hides the car?"}), ("graph", {}), ("read", {})):
            refused = http.post(f"/v1/occlusion/{path}", json={"image": f"data:{said};base64,{video}", **question})
            assert refused.status_code == 400
            error = refused.json()["error"]
            assert error["param"] == "image"
            assert "this is a video" in error["message"]
            assert "video_url" in error["message"]


def test_of_a_picture_that_moves_is_said_that_one_frame_is_looked_at(
    http: httpx.Client, pictures: list[Path], tmp_path: Path
) -> None:
    with Image.open(pictures[0]) as first, Image.open(pictures[3]) as other:
        first.save(tmp_path / "moving.gif", "GIF", save_all=True, append_images=[other.resize(first.size)])
    for image, moves in ((tmp_path / "moving.gif", True), (pictures[0], False)):
        for path, question in (("ask", {"question": "What hides the car?"}), ("graph", {})):
            answer = http.post(f"/v1/occlusion/{path}", json={"image": data_uri(image), **question}).json()
            assert bool(answer["concerns"]) == moves
            assert all("first frame" in one["en"] and "第一帧" in one["zh"] for one in answer["concerns"])
