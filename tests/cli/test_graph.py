"""`occlusight graph`, `calibrate` and `bench graph` as a user calls them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.cli.conftest import Result
from tests.reasoning.observed_scene import Sees

from occlusight.cli.graph import NOTHING_SURE, lines
from occlusight.datasets.dataset import open_set
from occlusight.model.revision import revision_of
from occlusight.occlusion.graph import NO_BOX, UNMEASURED, Graph, Object, Relation, Text, Unknown
from occlusight.occlusion.kinds import Lang
from occlusight.reasoning.calibrations import calibration_of
from occlusight.reasoning.relations import UNSURE, Certainty, Described

EXAMPLES = Path(__file__).parents[2] / "examples"
SHIPPED = Path(__file__).parents[2] / "src" / "occlusight" / "checkpoints" / "default"


def test_the_shipped_model_draws_up_a_graph_with_calibrated_probabilities(
    call: Callable[..., Result], tmp_path: Path
) -> None:
    drawing = tmp_path / "graph.svg"
    code, out, err = call("graph", EXAMPLES / "street.webp", "--json", "--overlay", drawing)
    assert code == 0
    document = json.loads(out)
    assert document["version"] == 1
    assert document["certainty"]["calibrated"] is True
    assert "fitted on renders" in err or document["certainty"]["domain"] is not None
    assert len(document["objects"]) >= 2
    ids = {one["id"] for one in document["objects"]}
    for relation in document["relations"]:
        assert {relation["occluder"], relation["occluded"]} <= ids
        assert 0 < relation["probability"] < 1
        assert 0 < relation["raw_probability"] < 1
    assert sorted(id for group in document["depth_order"] for id in group) == sorted(ids)
    drawn = ElementTree.parse(drawing).getroot()
    assert {one.get("data-object") for one in drawn.iter() if one.get("data-object")} == ids


def test_the_shipped_calibration_is_that_of_the_shipped_model() -> None:
    found = calibration_of(revision_of(SHIPPED))
    assert found is not None, "the shipped model changed: fit it again with `occlusight calibrate`, see docs/graph.md"
    assert {"hides.en", "hides.zh", "nearer.en", "nearer.zh"} <= found.fits.keys()


@pytest.mark.parametrize(
    ("lang", "said", "perhaps"),
    [
        ("en", "the pole hides part of the car (0.96)", "whether the dog hides the car to say it (0.53)"),
        ("zh", "杆遮挡了车的一部分 (0.96)", "是否遮挡车 (0.53)"),
    ],
)
def test_what_is_not_sure_enough_is_not_listed_as_said(lang: Lang, said: str, perhaps: str) -> None:
    objects = [Object(n, n, n, zh, NO_BOX, NO_BOX, 1.0) for n, zh in (("car", "车"), ("pole", "杆"), ("dog", "狗"))]
    relations = [
        Relation(a, "car", "partial", 0.0, UNMEASURED, probability=p) for a, p in (("pole", 0.96), ("dog", 0.53))
    ]
    en, zh = (UNSURE[one].format(a=a, b=b) for one, a, b in (("en", "the dog", "the car"), ("zh", "狗", "车")))
    graph = Graph(9, 9, tuple(objects), tuple(relations), unknown=(Unknown(("dog", "car"), Text(en, zh), 0.53),))
    shown = list(lines(Described(graph, {}, Certainty(True, "renders")), lang))
    assert shown[0] == said
    assert perhaps in shown[1]
    assert len(shown) == 2  # the dog is named once
    none = replace(graph, relations=graph.relations[1:])
    assert next(lines(Described(none, {}, Certainty(True, "renders")), lang)) == NOTHING_SURE[lang]


def test_a_model_that_nobody_fitted_says_so(
    call: Callable[..., Result], tiny_checkpoint: Path, pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occlusight.reasoning.objects.ROOM", 100)  # random weights go on for ever
    code, out, err = call("graph", pictures[0], "--model", tiny_checkpoint, "--json")
    assert code == 0
    assert "not calibrated" in err
    document = json.loads(out)
    assert document["certainty"]["calibrated"] is False
    assert all(relation["probability"] is None for relation in document["relations"])


def test_a_language_that_nobody_speaks_here_is_refused(call: Callable[..., Result]) -> None:
    code, _, err = call("graph", EXAMPLES / "street.webp", "--lang", "fr")
    assert (code, "'fr'" in err) == (2, True)


@pytest.fixture
def sees(monkeypatch: pytest.MonkeyPatch) -> Sees:
    """A model that sees what is true of the first scenes of the shipped set."""
    scenes = list(open_set("occlusion-50").scenes.values())[:4]
    backend = Sees({s.picture: s.facts for s in scenes}, sure=3.0)
    for command in ("calibrate", "bench_graph"):
        monkeypatch.setattr(f"occlusight.cli.{command}.open_backend", lambda *arguments, **keywords: backend)
    return backend


def test_what_calibrate_fits_is_found_by_later_commands(
    call: Callable[..., Result], sees: Sees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCCLUSIGHT_CACHE", str(tmp_path))
    code, out, _ = call("calibrate", "--data", "occlusion-50", "--scenes", 4, "--langs", "en")
    assert code == 0
    document = json.loads(out.splitlines()[-1])
    assert Path(document["calibration"]).is_relative_to(tmp_path)
    assert calibration_of(sees.info.revision) is not None
    plot = tmp_path / "plot.svg"
    code, out, err = call("bench", "graph", "--data", "occlusion-50", "--scenes", 4, "--plot", plot)
    assert code == 0
    told = [one.text or "" for one in ElementTree.parse(plot).iter("{http://www.w3.org/2000/svg}title")]
    assert any(text.startswith("fitted: ") for text in told)
    assert any(text.startswith("the model's own word: ") for text in told)
    found = json.loads(out.splitlines()[-1])
    assert found["calibrated"] is True
    assert found["named_pair_f1"] == 1
    assert found["without_rules"]["named_pair_f1"] == 1
    assert "nobody fitted" not in err


def test_a_fit_of_one_scene_is_refused(call: Callable[..., Result], sees: Sees) -> None:
    code, _, err = call("calibrate", "--data", "occlusion-50", "--scenes", 1)
    assert code == 2
    assert "two halves" in err


def test_a_question_is_answered_from_the_graph_with_its_grounds(call: Callable[..., Result]) -> None:
    code, out, _ = call("ask", EXAMPLES / "street.webp", "Is anything in this picture hidden?", "--reason", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["scope"] == "inside"
    assert document["program"][-1][0] == "anything_hidden"
    assert {"domain", "evidence"} <= document.keys()
    assert document["answer"].startswith("Yes") == bool(document["relations"])
    assert 0 < document["probability"] < 1


def test_a_users_rules_change_the_graph_or_are_refused_by_name(
    call: Callable[..., Result], sees: Sees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occlusight.backends.open_backend", lambda *arguments, **keywords: sees)
    scene = next(s for s in list(open_set("occlusion-50").scenes.values())[:4] if s.graph.relations)
    rules = tmp_path / "rules.toml"
    rules.write_text("[rules.none]\nnever = 'hides(A, B)'\nen = 'nothing hides anything'\n", "utf-8")
    code, out, _ = call("graph", scene.picture, "--rules", rules, "--json")
    document = json.loads(out)
    assert (code, document["relations"]) == (0, [])
    assert {name for change in document["changes"] for name in change["rules"]} == {"none"}
    assert "nothing hides anything" in document["changes"][0]["why"]["en"]
    code, out, _ = call("graph", scene.picture, "--rules", rules)
    assert "which cannot be: nothing hides anything." in out
    rules.write_text("[rules.all]\nnever = 'meets(A, B), not hides(A, B)'\nen = 'what meets hides'\n", "utf-8")
    code, _, err = call("graph", scene.picture, "--rules", rules)
    assert code == 2
    assert "all (what meets hides); take out or weaken one of yours (all)" in err


def test_rules_without_a_graph_are_refused(call: Callable[..., Result], tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("")
    code, _, err = call("ask", EXAMPLES / "street.webp", "What?", "--rules", rules)
    assert (code, "--reason" in err) == (2, True)


def test_a_run_may_answer_from_graphs(call: Callable[..., Result], tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ("--data", "occlusion-50", "--langs", "en", "--limit", 4, "--no-certainty", "--reason")
    code, _, _ = call("bench", "run", *settings, "--out", out)
    assert code == 0
    about = json.loads((out / "run.json").read_text())
    assert about["settings"]["reason"] is True
    assert about["backend"]["kind"] == "Reasoned"
