"""Pictures with the same truth: the mirrored truth is the truth of the mirrored picture; relighting keeps what is
seen."""

from __future__ import annotations

import numpy as np
import pytest

from occlusight.occlusion.graph import Graph, Object, Reflection, Relation, Shadow
from occlusight.scenes.description import Placed
from occlusight.scenes.meshes.catalogue import load_catalogue
from occlusight.scenes.truth.measure import Truth, graph_from_depths
from occlusight.train.augment import mirrored, relit


def test_the_mirrored_truth_is_measured_from_mirrored_depths() -> None:
    depths = np.full((3, 20, 20), np.inf, np.float32)
    depths[0, 5:15, 0:10], depths[1, 5:15, 5:15], depths[2, 12:18, 9:12] = 2.0, 3.0, 1.0
    things = [Placed(f"o{i}", "box", "any", (0.0, 0.0, 0.0)) for i in range(3)]
    rgb = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    truth = graph_from_depths(depths, things, load_catalogue())
    picture, other = mirrored(rgb, truth)
    measured = graph_from_depths(np.ascontiguousarray(depths[..., ::-1]), things, load_catalogue())
    assert other.graph == measured.graph != truth.graph
    assert (other.visible == measured.visible).all()
    assert (other.amodal == measured.amodal).all()
    assert (picture == rgb[:, ::-1]).all()


def test_what_only_staged_scenes_have_is_mirrored_too() -> None:
    thing = Object(
        "o1",
        "box",
        "box",
        "箱子",
        (0, 0, 100, 100),
        (0, 0, 100, 100),
        0.5,
        touches_ground_at=(50, 100),
        shown_part="left",
    )
    graph = Graph(
        100,
        100,
        (thing,),
        relations=(Relation("o2", "o1", "partial", 0.5, "right"),),
        reflections=(Reflection("o1", "o2", (700, 0, 800, 100), 1.0, 0.01),),
        shadows=(Shadow("o1", (100, 90, 300, 100), 0.01, "right"),),
    )
    empty = np.zeros((1, 2, 2), bool)
    once = mirrored(np.zeros((2, 2, 3), np.uint8), Truth(graph, empty, empty, empty.astype(np.float32)))
    assert once[1].graph.objects[0].touches_ground_at == (950, 100)
    assert once[1].graph.objects[0].shown_part == "right"
    assert once[1].graph.relations[0].hidden_part == "left"
    assert once[1].graph.reflections[0].box == (200, 0, 300, 100)
    assert (once[1].graph.shadows[0].box, once[1].graph.shadows[0].direction) == ((700, 90, 900, 100), "left")
    assert mirrored(*once)[1].graph == graph


def test_relighting_changes_values_and_not_their_order() -> None:
    ramp = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None], 3, -1).repeat(32, 0)
    rng = np.random.default_rng(1)
    variants = [relit(ramp, rng) for _ in range(24)]
    assert all(v.shape == ramp.shape and v.dtype == np.uint8 for v in variants)
    assert len({v.tobytes() for v in variants}) == 24
    for v in variants:
        assert np.corrcoef(v.mean((0, 2)), ramp.mean((0, 2)))[0, 1] > 0.97
        assert v.mean() == pytest.approx(ramp.mean(), rel=0.45)
