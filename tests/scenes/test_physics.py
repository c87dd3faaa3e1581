"""Nothing floats, nothing sinks, nothing stands in another thing."""

from __future__ import annotations

from dataclasses import replace

from occlusight.scenes.description import Camera, Light, Placed, Scene, Surroundings
from occlusight.scenes.meshes.catalogue import whole_catalogue
from occlusight.scenes.truth.physics import physics_failures


def placed(id: str, mesh: str, x: float, y: float, z: float = 0.0, on: str | None = None) -> Placed:
    return Placed(id, whole_catalogue().mesh(mesh).kind, mesh, (x, y, z), 20.0, 1.0, None, None, on)


def scene(*objects: Placed) -> Scene:
    camera = Camera((0.0, 0.0, 1.0), (0.0, 4.0, 0.5), 50.0, 32, 32)
    return Scene(
        "test", 1, 1, objects, camera, Light((0, 0, -1), (1, 1, 1), (1, 1, 1)), Surroundings("plaza", (0.3, 0.3, 0.3))
    )


def test_things_that_stand_apart_are_fine() -> None:
    assert physics_failures(scene(placed("o1", "procedural-suitcase", 0, 4), placed("o2", "fixture-panel", 0, 5))) == []


def test_what_floats_or_sinks_is_found() -> None:
    for z in (0.05, -0.05):
        (failure,) = physics_failures(scene(placed("o1", "procedural-suitcase", 0, 4, z)))
        assert "o1 stands" in failure


def test_things_in_one_another_are_found_though_both_stand_on_the_ground() -> None:
    (failure,) = physics_failures(
        scene(placed("o1", "procedural-suitcase", 0, 4), placed("o2", "fixture-panel", 0.1, 4.05))
    )
    assert "stand in one another" in failure


def test_under_a_parasol_is_not_in_it() -> None:
    assert (
        physics_failures(scene(placed("o1", "procedural-parasol", 0, 4), placed("o2", "procedural-suitcase", 0.6, 4)))
        == []
    )


def test_what_is_carried_must_lie_on_what_carries_it() -> None:
    base = placed("o1", "procedural-book-stack", 0, 1)
    on = placed("o2", "procedural-book-standing", 0, 1, 0.17, "o1")
    assert physics_failures(scene(base, on)) == []
    (failure,) = physics_failures(scene(base, replace(on, position=(0, 1, 0.22))))
    assert "which should carry it" in failure
    (failure,) = physics_failures(scene(replace(on, supported_by="o9")))
    assert "not in the scene" in failure
