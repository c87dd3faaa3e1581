"""Truth through glass, by reflection and by shadow, on scenes of fixtures, where it can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from occlusight.scenes.check.audit import audit_failures
from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.scenes.truth.targeted import TargetedTruth, measure_targeted


def placed(id: str, mesh: str, x: float, y: float, yaw: float = 0.0, colour: str | None = None) -> Placed:
    return Placed(
        id,
        whole_catalogue().mesh(mesh).kind,
        mesh,
        (x, y, 0.0),
        yaw,
        1.0,
        colour,
        (0.4, 0.05, 0.05) if colour else None,
    )


def scene(*objects: Placed, sun: tuple[float, float, float] = (1.0, 0.2, -0.8)) -> Scene:
    return Scene(
        "test", 1, 1, objects,
        Camera((0.0, 0.0, 1.2), (0.0, 5.0, 1.0), 50.0, 160, 160),
        Light(sun, (3.0, 3.0, 3.0), (0.5, 0.5, 0.5), 1.0),
        Surroundings("plaza", (0.3, 0.3, 0.3)),
    )  # fmt: skip


def agree(s: Scene, truth: TargetedTruth) -> list[str]:
    masks = {
        o.id: {"amodal": truth.truth.amodal[i], "visible": truth.truth.visible[i]}
        for i, o in enumerate(truth.graph.objects)
    }
    return list(audit_failures(s, truth.graph, masks, truth.mirrored))


def test_a_pane_covers_what_can_be_seen_through_it() -> None:
    s = scene(placed("o1", "fixture-window-wide", 0, 4), placed("o2", "procedural-suitcase", 0.2, 6, colour="red"))
    truth = measure_targeted(s)
    (r,) = truth.graph.relations
    assert (r.occluder, r.occluded, r.type, r.covered_fraction) == ("o1", "o2", "transparent", 1.0)
    assert r.hidden_fraction == pytest.approx(0, abs=0.15)
    assert truth.graph.object("o2").visible_fraction > 0.85
    assert agree(s, truth) == []


def test_a_board_hides_completely_and_its_shadow_tells() -> None:
    s = scene(
        placed("o1", "fixture-panel", 0, 4, colour="red"), placed("o2", "procedural-suitcase", 0, 5.5, colour="blue")
    )
    truth = measure_targeted(s)
    assert truth.graph.object("o2").visible_fraction == 0
    assert truth.graph.object("o2").seen == "nowhere"
    assert {r.type for r in truth.graph.relations} == {"complete"}
    low = measure_targeted(replace(s, light=replace(s.light, sun_direction=(1.0, 0.1, -0.25))))
    assert any(shadow.object == "o2" and shadow.direction == "right" for shadow in low.graph.shadows)
    assert agree(s, truth) == []


def test_a_wall_takes_the_sun_away() -> None:
    s = scene(placed("o1", "procedural-suitcase", 0, 4, colour="blue"), sun=(0.0, -1.0, -0.3))
    assert measure_targeted(s).graph.shadows
    walled = replace(s, surroundings=replace(s.surroundings, back=8.0))
    assert measure_targeted(walled).graph.shadows == ()


def test_a_mirror_shows_what_is_outside_the_picture_and_hides_what_is_behind() -> None:
    mirror = placed("o1", "fixture-mirror-wide", 0, 4, yaw=30)
    beside = placed("o2", "procedural-suitcase", 2.8, 2.35, colour="red")
    behind = placed("o3", "procedural-suitcase", 0.1, 6, colour="blue")
    s = scene(mirror, beside, behind)
    truth = measure_targeted(s)
    red = truth.graph.object("o2")
    assert red.seen == "reflection"
    assert red.visible_fraction == 0
    shown = {r.object: r for r in truth.graph.reflections}
    assert shown["o2"].mirror == "o1"
    assert "o3" not in shown
    (r,) = [r for r in truth.graph.relations if r.occluded == "o3"]
    assert (r.occluder, r.type) == ("o1", "reflective")
    assert agree(s, truth) == []


def test_the_second_method_finds_a_wrong_mask_a_wrong_relation_and_a_wrong_reflection() -> None:
    s = scene(
        placed("o1", "fixture-mirror-wide", 0, 4, yaw=30),
        placed("o2", "procedural-suitcase", 2.8, 2.35, colour="red"),
        placed("o3", "procedural-suitcase", -0.6, 3.0, colour="blue"),
    )
    truth = measure_targeted(s)
    assert agree(s, truth) == []
    i = [o.id for o in truth.graph.objects].index("o3")
    visible = truth.truth.visible.copy()
    visible[i] = np.roll(visible[i], 6, axis=1)
    assert any(
        "mask (visible) of o3" in f for f in agree(s, replace(truth, truth=replace(truth.truth, visible=visible)))
    )
    (first, *rest) = truth.graph.relations
    wrong = replace(
        truth.graph, relations=(replace(first, covered_fraction=min(1.0, first.covered_fraction + 0.3)), *rest)
    )
    assert any("covers" in f for f in agree(s, replace(truth, truth=replace(truth.truth, graph=wrong))))
    moved = {key: np.roll(mask, 25, axis=1) for key, mask in truth.mirrored.items()}
    assert any("mirror image" in f for f in agree(s, replace(truth, mirrored=moved)))
