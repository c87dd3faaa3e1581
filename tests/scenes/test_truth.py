from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from occlusight.occlusion.graph import Graph
from occlusight.scenes.description import Placed, Scene
from occlusight.scenes.meshes.catalogue import Catalogue
from occlusight.scenes.truth.measure import graph_from_depths, measure

INF = np.float32(np.inf)


def thing(id: str, kind: str = "box", colour: str | None = None) -> Placed:
    return Placed(id, kind, "any", (0.0, 0.0, 0.0), colour=colour)


def plates(*boxes: tuple[int, int, int, int, float], size: int = 20) -> np.ndarray:
    """Depth maps of flat plates: x0, y0, x1, y1 in pixels and a depth."""
    depth = np.full((len(boxes), size, size), INF, np.float32)
    for i, (x0, y0, x1, y1, z) in enumerate(boxes):
        depth[i, y0:y1, x0:x1] = z
    return depth


def graph(catalogue: Catalogue, depths: np.ndarray, things: Sequence[Placed] = ()) -> Graph:
    objects = things or [thing(f"o{i + 1}") for i in range(len(depths))]
    return graph_from_depths(depths, objects, catalogue).graph


def test_the_nearer_plate_covers_the_farther_by_the_shared_pixels(catalogue: Catalogue) -> None:
    truth = graph_from_depths(plates((0, 5, 10, 15, 2.0), (5, 5, 15, 15, 3.0)), [thing("o1"), thing("o2")], catalogue)
    assert [(r.occluder, r.occluded) for r in truth.graph.relations] == [("o1", "o2")]
    relation = truth.graph.relations[0]
    assert relation.covered_fraction == 0.5
    assert (relation.type, relation.hidden_part) == ("partial", "left")
    one, two = truth.graph.objects
    assert (one.visible_fraction, two.visible_fraction) == (1.0, 0.5)
    assert one.box == one.amodal_box == (0, 250, 500, 750)
    assert (two.box, two.amodal_box) == ((500, 250, 750, 750), (250, 250, 750, 750))
    assert two.area == pytest.approx(50 / 400)
    assert (truth.visible.sum(axis=(1, 2)) == [100, 50]).all()
    assert (truth.amodal.sum(axis=(1, 2)) == [100, 100]).all()


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((4, 4, 7, 16), "left"),
        ((13, 4, 16, 16), "right"),
        ((4, 4, 16, 8), "top"),
        ((4, 12, 16, 16), "bottom"),
        ((8, 8, 12, 12), "middle"),
        ((9, 0, 11, 20), "middle"),
        ((3, 3, 16, 16), "all"),
    ],
)
def test_which_part_is_hidden(catalogue: Catalogue, box: tuple[int, int, int, int], part: str) -> None:
    found = graph(catalogue, plates((*box, 1.0), (4, 4, 16, 16, 2.0)))
    assert found.relations[0].hidden_part == part
    assert (found.relations[0].type == "complete") == (part == "all")


@pytest.mark.parametrize(
    ("box", "shown"),
    [((30, 24, 33, 36), "right"), ((30, 31, 36, 36), "top"), ((34, 24, 36, 36), "left"), ((32, 28, 34, 32), "middle")],
)
def test_which_part_of_a_small_thing_shows_goes_by_its_own_box(
    catalogue: Catalogue, box: tuple[int, int, int, int], shown: str
) -> None:
    found = graph(catalogue, plates((*box, 1.0), (30, 24, 36, 36, 2.0), size=200))
    assert found.object("o2").shown_part == shown
    assert found.object("o1").shown_part is None


def test_objects_that_meet_can_cover_each_other(catalogue: Catalogue) -> None:
    depth = plates((0, 0, 20, 20, 2.0), (0, 0, 20, 20, 1.0))
    depth[1, :, 5:] = 3.0
    found = graph(catalogue, depth)
    assert found.covered("o2", "o1") == 0.25
    assert found.covered("o1", "o2") == 0.75


def test_two_that_share_the_work_of_hiding_are_both_partial(catalogue: Catalogue) -> None:
    found = graph(catalogue, plates((0, 0, 10, 20, 1.0), (10, 0, 20, 20, 1.5), (2, 2, 18, 18, 3.0)))
    assert {r.type for r in found.relations} == {"partial"}
    assert found.object("o3").visible_fraction == 0
    assert found.object("o3").box == found.object("o3").amodal_box
    assert found.object("o3").area == 0


def test_what_is_behind_glass_is_covered_but_visible(catalogue: Catalogue) -> None:
    found = graph(catalogue, plates((0, 0, 10, 20, 1.0), (0, 0, 20, 20, 2.0)), [thing("o1", "glass"), thing("o2")])
    relation = found.relations[0]
    assert (relation.type, relation.covered_fraction) == ("transparent", 0.5)
    assert found.object("o2").visible_fraction == 1.0
    assert found.object("o1").material == "transparent"


def test_the_depth_order_groups_ties_from_front_to_back(catalogue: Catalogue) -> None:
    depth = plates((0, 0, 4, 4, 5.0), (5, 0, 9, 4, 2.0), (10, 0, 14, 4, 2.05), (15, 0, 19, 4, 2.2))
    found = graph(catalogue, depth)
    assert found.depth_order == (("o2", "o3"), ("o4",), ("o1",))
    assert found.object("o1").distance == 5.0


def test_objects_outside_the_picture_are_left_out(catalogue: Catalogue) -> None:
    truth = graph_from_depths(
        plates((0, 0, 4, 4, 5.0), (0, 0, 0, 0, 1.0), (5, 5, 9, 9, 2.0)), [thing(f"o{i}") for i in (1, 2, 3)], catalogue
    )
    assert [o.id for o in truth.graph.objects] == ["o1", "o3"]
    assert truth.depth.shape == (2, 20, 20)
    with pytest.raises(ValueError, match="3 depth maps for 1 objects"):
        graph_from_depths(plates((0, 0, 1, 1, 1.0)).repeat(3, axis=0), [thing("o1")], catalogue)


def test_names_tell_colours_and_say_whether_they_are_unique(catalogue: Catalogue) -> None:
    things = [
        thing("o1", "car", "red"),
        thing("o2", "car", "blue"),
        thing("o3", "car", "blue"),
        thing("o4", "dog"),
        thing("o5", "cat"),
        thing("o6", "cat"),
        thing("o7", "chair", "red"),
        thing("o8", "chair"),
    ]
    found = graph(catalogue, plates(*((0, 0, 4, 4, 1.0 + i) for i in range(8))), things)
    names = {o.id: (o.name, o.name_zh, o.unique) for o in found.objects}
    assert names["o1"] == ("red car", "红色的汽车", True)
    assert names["o2"] == ("blue car", "蓝色的汽车", False)
    assert names["o4"] == ("dog", "狗", True)
    assert names["o5"] == ("cat", "猫", False)
    assert names["o7"][2] is False  # the unpainted chair may be red too
    assert names["o8"] == ("chair", "椅子", False)


@pytest.mark.parametrize("seed", range(3))
def test_fractions_agree_with_counting_pixel_by_pixel(catalogue: Catalogue, seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = np.where(rng.random((4, 12, 12)) < 0.6, rng.uniform(1, 9, (4, 12, 12)), np.inf).astype(np.float32)
    truth = graph_from_depths(depth, [thing(f"o{i}") for i in range(4)], catalogue)
    for b in range(4):
        pixels = [(y, x) for y in range(12) for x in range(12) if depth[b, y, x] < 99]
        shown = sum(all(depth[b, y, x] <= depth[a, y, x] for a in range(4)) for y, x in pixels)
        assert truth.graph.objects[b].visible_fraction == pytest.approx(shown / len(pixels), abs=1e-4)
        for a in range(4):
            hidden = sum(depth[a, y, x] < depth[b, y, x] for y, x in pixels) if a != b else 0
            assert truth.graph.covered(f"o{a}", f"o{b}") == pytest.approx(hidden / len(pixels), abs=1e-4)


def test_a_scene_is_measured_with_ground_contacts(catalogue: Catalogue, suitcases: Callable[..., Scene]) -> None:
    truth = measure(suitcases(), catalogue)
    red, blue = truth.graph.objects
    assert (red.name, blue.name) == ("red suitcase", "blue suitcase")
    assert truth.graph.covered("o1", "o2") > 0.2
    assert truth.graph.covered("o2", "o1") == 0
    assert truth.graph.relations[0].hidden_part in ("left", "bottom")
    assert red.touches_ground_at is not None
    assert blue.touches_ground_at is not None
    assert red.amodal_box[0] < red.touches_ground_at[0] < red.amodal_box[2]
    assert blue.touches_ground_at[1] < red.touches_ground_at[1]
    assert red.distance == pytest.approx(2.87, abs=0.05)
    assert Graph.from_json(truth.graph.to_json()) == truth.graph
