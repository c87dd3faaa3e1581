"""The example pictures show what they are there to show, and their graphs are the measured truth."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from occlusight.occlusion.graph import Graph
from occlusight.scenes.truth.measure import measure

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("street", "bicycle", "desk", "room")

pytestmark = pytest.mark.usefixtures("assets")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_examples", EXAMPLES / "make_examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_beside_a_picture_is_the_measured_truth(script: ModuleType, name: str) -> None:
    stored = Graph.from_json(json.loads((EXAMPLES / f"{name}.json").read_text("utf-8")))
    truth = measure(script.SCENES[name]).graph
    assert [o.name for o in stored.objects] == [o.name for o in truth.objects]
    for o, again in zip(stored.objects, truth.objects, strict=True):
        assert o.visible_fraction == pytest.approx(again.visible_fraction, abs=0.005)
    for r in truth.relations:
        assert stored.covered(r.occluder, r.occluded) == pytest.approx(r.covered_fraction, abs=0.005)
    with Image.open(EXAMPLES / f"{name}.webp") as picture:
        assert picture.size == (stored.width, stored.height)


def test_one_red_car_stands_behind_the_lamp_post(script: ModuleType) -> None:
    graph = measure(script.SCENES["street"]).graph
    (car,) = (o for o in graph.objects if o.kind == "car")
    (lamp,) = (o for o in graph.objects if o.kind == "street_lamp")
    assert (car.name, car.name_zh) == ("red car", "红色的汽车")
    assert graph.covered(lamp.id, car.id) >= 0.05
    assert graph.covered(car.id, lamp.id) == 0
    assert lamp.distance is not None
    assert car.distance is not None
    assert lamp.distance < car.distance
    vehicles = {"bus", "truck", "van", "bicycle", "motorbike", "scooter"}
    assert not vehicles & {o.kind for o in graph.objects}


def test_a_bicycle_stands_behind_the_bush(script: ModuleType) -> None:
    graph = measure(script.SCENES["bicycle"]).graph
    ids = {o.kind: o.id for o in graph.objects}
    assert 0.2 <= graph.covered(ids["bush"], ids["bicycle"]) <= 0.6


def test_the_script_renders_an_example(script: ModuleType, tmp_path: Path) -> None:
    script.make("bicycle", width=96, samples=1, folder=tmp_path)
    with Image.open(tmp_path / "bicycle.webp") as picture:
        assert picture.size == (96, 75)
    assert json.loads((tmp_path / "bicycle.json").read_text("utf-8"))["version"] == 1
