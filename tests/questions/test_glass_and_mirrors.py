"""Questions about glass, mirrors, hidden things and other cameras, on graphs written by hand."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from occlusight.bench.paraphrase import paraphrases
from occlusight.bench.scorers import RIGHT, WRONG, score
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph, Object, Reflection, Relation, SecondView, Shadow
from occlusight.questions.glass_and_mirrors import TEMPLATES as GLASS_AND_MIRRORS
from occlusight.questions.programs import execute
from occlusight.questions.question import Question, ask
from occlusight.questions.viewpoint import TEMPLATES as VIEWPOINT
from occlusight.reading.mentions import Vocabulary
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.scenes.meshes.names import names_of

TEMPLATES = (*GLASS_AND_MIRRORS, *VIEWPOINT)
NAMES = names_of(whole_catalogue())


def thing(id: str, kind: str, x: int, distance: float, **fields: object) -> Object:
    box = (x, 300, x + 150, 700)
    k = NAMES[kind]
    plain = {"id": id, "kind": kind, "name": k.en, "name_zh": k.zh, "box": box, "amodal_box": box}
    return Object(**{**plain, "visible_fraction": 1.0, "area": 0.05, "distance": distance, **fields})


@pytest.fixture
def graph() -> Graph:
    """A window with a woman behind it, a dog beside it, a mirror that shows the dog, and two panels: behind the first
    is a man."""
    return Graph(
        512,
        512,
        (
            thing("o1", "window", 0, 4.0, material="transparent"),
            thing("o2", "woman", 20, 5.0),
            thing("o3", "dog", 200, 3.0),
            thing("o4", "mirror", 400, 4.0, material="mirror"),
            thing("o5", "panel", 600, 4.0, name="red panel", name_zh="红色的挡板", colour="red"),
            thing("o6", "panel", 800, 4.0, name="blue panel", name_zh="蓝色的挡板", colour="blue"),
            thing("o7", "man", 610, 5.0, visible_fraction=0.0, area=0.0, seen="nowhere"),
            thing("o8", "chair", 210, 4.0, visible_fraction=0.7),
        ),
        (
            Relation("o1", "o2", "transparent", 0.9, "all", hidden_fraction=0.01),
            Relation("o5", "o7", "complete", 1.0, "all"),
            Relation("o3", "o8", "partial", 0.3, "left"),
        ),
        (("o3",), ("o1", "o4", "o5", "o6", "o8"), ("o2", "o7")),
        reflections=(Reflection("o3", "o4", (420, 320, 480, 500), 0.9, 0.01),),
        shadows=(Shadow("o7", (760, 600, 800, 640), 0.004, "right"),),
        views=(
            SecondView(
                "left", 40, {f"o{i}": 1.0 for i in range(1, 9)}, (Relation("o3", "o8", "partial", 0.2, "left"),)
            ),
        ),
    )


def questions(graph: Graph, lang: str = "en", per_kind: int = 4) -> list[Question]:
    found: list[Question] = []
    for seed in range(12):
        found += ask(graph, NAMES, np.random.default_rng(seed), lang, [t.kind for t in TEMPLATES], per_kind)
    return found


def test_every_staged_template_is_asked_in_both_languages(graph: Graph) -> None:
    for lang in ("en", "zh"):
        assert {q.template for q in questions(graph, lang)} == {t.name for t in TEMPLATES}


def test_answers_are_computed_and_yes_and_no_balance(graph: Graph) -> None:
    asked = questions(graph)
    assert all(execute(q.program, graph) == q.answer for q in asked)
    tally = Counter((q.template, q.answer["value"]) for q in asked if q.answer["value"] in ("yes", "no"))
    for template in {t for t, _ in tally}:
        assert tally[template, "yes"] == tally[template, "no"] > 0


def test_the_scorers_know_right_from_wrong(graph: Graph) -> None:
    words = Vocabulary(NAMES, Facts(graph))
    opposite = {"en": {"yes": "No.", "no": "Yes."}, "zh": {"yes": "不能。", "no": "能。"}}
    for lang in ("en", "zh"):
        for q in questions(graph, lang):
            found = score(q, q.reply, "stop", words)
            assert found.outcome == RIGHT, (q.template, q.reply, found)
            for text in paraphrases(q, Facts(graph), NAMES):
                assert score(q, text, "stop", words).outcome == RIGHT, (q.template, text)
            wrong = opposite[lang].get(str(q.answer["value"]), "A bench." if lang == "en" else "一张长椅。")
            assert score(q, wrong, "stop", words).outcome == WRONG, (q.template, wrong)


def test_what_is_behind_glass_is_seen_through_it_and_not_hidden(graph: Graph) -> None:
    facts = Facts(graph)
    assert facts.through("o1", "o2")
    assert facts.hides("o1", "o2") is None
    assert not facts.through("o3", "o8")
    assert execute([["through", ["o1", "o2"]]], facts)["value"] == "yes"
    assert execute([["through", ["o3", "o8"]]], facts) | {"names": {}} == {
        "value": "no",
        "glass": "o3",
        "object": "o8",
        "covered_fraction": 0.3,
        "hides": True,
        "objects": ["o3", "o8"],
        "names": {},
    }


def test_only_evidence_tells_of_a_hidden_thing(graph: Graph) -> None:
    assert execute([["told_behind", ["o5"]]], graph)["evidence"] == "shadow"
    assert execute([["told_behind", ["o6"]]], graph)["value"] == "no"
    dark = replace(graph, shadows=())
    assert execute([["told_behind", ["o5"]]], dark)["value"] == "no"
    shown = replace(dark, reflections=(Reflection("o7", "o4", (420, 320, 480, 500), 0.9, 0.01),))
    assert execute([["told_behind", ["o5"]]], shown)["evidence"] == "reflection"


def test_without_evidence_nothing_is_asked_about_hidden_things(graph: Graph) -> None:
    dark = replace(graph, shadows=())
    assert not [q for q in questions(dark) if q.kind == "unknown"]


def test_a_hidden_thing_is_not_named(graph: Graph) -> None:
    assert not [q for q in questions(graph) if "o7" in str(q.program)]


def test_graphs_with_reflections_shadows_and_views_survive_json(graph: Graph) -> None:
    assert Graph.from_json(json.loads(json.dumps(graph.to_json()))) == graph


def test_other_pictures_are_asked_what_they_always_were(graphs) -> None:
    """Sets that are published and training that goes on depend on it: the digest is of the questions before the staged
    ones."""
    digest = hashlib.sha256()
    for seed in range(20):
        facts = Facts(graphs.random_graph(np.random.default_rng(seed), 4 + seed % 7))
        for lang in ("en", "zh"):
            for q in ask(facts, graphs.NAMES, np.random.default_rng(seed), lang, per_kind=4):
                line = [q.template, q.text, q.program, q.answer, q.reply]
                digest.update(json.dumps(line, ensure_ascii=False, sort_keys=True).encode())
    assert digest.hexdigest() == "0d54fd03cfc40664283820ae0b8ae5d462a94e8fb6c26fcb8d124dd2af53c3f7"
