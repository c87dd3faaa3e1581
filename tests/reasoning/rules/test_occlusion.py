"""Every rule by a picture that breaks it, and by one beside it that does not."""

from __future__ import annotations

from pathlib import Path

from tests.reasoning.rules.observations import dropped, found, observed, thing, told_truly

from occlusight.datasets.dataset import open_set
from occlusight.occlusion.graph import NO_BOX
from occlusight.reasoning.rules.check import check
from occlusight.reasoning.rules.observed import Cue, Pair, Veil
from occlusight.reasoning.rules.ruleset import shipped_rules

A, B = thing("a"), thing("b")
NEAR, FAR = thing("near", (0, 300, 500, 800)), thing("far", (200, 200, 600, 500))
MIRROR = thing("mirror", (200, 200, 700, 700), "mirror")
TABLE = thing("table", (100, 400, 900, 900), "table")


def test_every_rule_has_a_test() -> None:
    text = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [rule.name for rule in shipped_rules().rules if rule.name not in text] == []


def test_things_apart_hide_nothing_of_each_other() -> None:
    assert dropped(observed(A, thing("b", (600, 0, 700, 100)), a_b=0.9)) == {"a_b": ("overlap",)}
    assert found(observed(A, thing("b", (505, 0, 700, 100)), a_b=0.9)) == {"a_b": ()}


def test_solid_things_hide_parts_of_each_other_in_one_direction() -> None:
    assert dropped(observed(A, B, a_b=0.9, b_a=0.8)) == {"b_a": ("one_direction",)}
    assert found(observed(thing("a", kind="bush"), B, a_b=0.8, b_a=0.9)).keys() == {"a_b", "b_a"}
    assert found(observed(thing("a", material="porous"), B, a_b=0.8, b_a=0.9)).keys() == {"a_b", "b_a"}


def test_what_stands_lower_on_the_ground_is_nearer() -> None:
    assert dropped(observed(NEAR, FAR, far_near=0.9)) == {"far_near": ("ground_contact",)}
    assert found(observed(NEAR, FAR, far_near=0.99)) == {"far_near": ()}, "a very sure model outweighs common sense"
    hanging = thing("far", FAR.box, "clock")
    assert found(observed(NEAR, hanging, far_near=0.9)) == {"far_near": ()}
    cut = thing("far", (200, 200, 600, 1000))
    assert found(observed(thing("near", (0, 300, 500, 1000)), cut, far_near=0.9)) == {"far_near": ()}


def test_what_is_on_a_table_is_not_on_the_ground() -> None:
    cup = thing("cup", (300, 350, 360, 450), "cup")
    before = thing("box", (280, 300, 500, 600), "box")
    assert dropped(observed(TABLE, cup, before, cup_box=0.9)) == {"cup_box": ("ground_contact",)}
    assert found(observed(TABLE, cup, before, supports=[Pair("table", "cup", 0.9)], cup_box=0.9)) == {"cup_box": ()}


def test_what_looks_small_for_its_kind_is_far() -> None:
    cat, car = thing("cat", (100, 300, 300, 600), "cat"), thing("car", (200, 300, 700, 600), "car")
    assert dropped(observed(cat, car, car_cat=0.8)) == {"car_cat": ("typical_size",)}
    assert found(observed(cat, car, cat_car=0.8)) == {"cat_car": ()}


def test_a_mirror_hides_nothing_of_what_it_shows() -> None:
    man = thing("man", (600, 200, 900, 800), "man")
    given = observed(MIRROR, man, mirrored=[Pair("mirror", "man", 0.95)], mirror_man=0.7)
    assert dropped(given) == {"mirror_man": ("mirror_image",)}


def test_an_image_in_a_mirror_hides_nothing_and_is_not_behind_it() -> None:
    image = thing("image", (300, 300, 500, 600), seen="reflection")
    plant = thing("plant", (400, 400, 600, 700))
    given = observed(MIRROR, image, plant, nearer=[Pair("mirror", "image", 0.9)], image_plant=0.9)
    assert dropped(given) == {"image_plant": ("image_is_flat",), "mirror_image": ("image_is_flat",)}


def test_what_a_mirror_shows_within_its_outline_is_an_image() -> None:
    image, plant = thing("image", (300, 300, 500, 600)), thing("plant", (400, 400, 600, 600))
    shown = [Pair("mirror", "image", 0.9)]
    assert dropped(observed(MIRROR, image, plant, mirrored=shown, image_plant=0.8)) == {
        "image_plant": ("image_is_flat",)
    }
    beside = thing("image", (600, 300, 900, 600))
    assert dropped(observed(MIRROR, beside, plant, mirrored=shown, image_plant=0.8)) == {}


def test_nothing_within_a_mirrors_outline_is_behind_it() -> None:
    assert dropped(observed(MIRROR, thing("cup", (300, 300, 400, 400)), mirror_cup=0.8)) == {
        "mirror_cup": ("within_mirror",)
    }
    assert dropped(observed(MIRROR, thing("cup", (300, 300, 900, 400)), mirror_cup=0.8)) == {}


def test_only_mirrors_and_panes_show_images() -> None:
    def shown(kind: str) -> dict[str, tuple[str, ...]]:
        pane = thing("pane", (0, 0, 500, 500), kind)
        return dropped(observed(pane, B, mirrored=[Pair("pane", "b", 0.9)]))

    assert shown("box") == {"pane_b": ("only_mirrors_show",)}
    assert shown("window") == shown("mirror") == {}


def test_what_is_seen_through_glass_is_covered_and_visible() -> None:
    (relation,) = check(observed(thing("a", kind="window"), B, a_b=0.9)).graph.relations
    assert (relation.type, relation.changed_by) == ("transparent", ("through_material",))
    (relation,) = check(observed(thing("a", material="mirror"), B, a_b=0.9)).graph.relations
    assert relation.type == "reflective"


def test_a_thing_stands_on_one_thing_below_it() -> None:
    cup = thing("cup", (300, 350, 360, 450), "cup")
    other = thing("desk", (100, 400, 900, 950), "desk")
    on = [Pair("table", "cup", 0.9), Pair("desk", "cup", 0.8)]
    assert dropped(observed(TABLE, other, cup, supports=on)) == {"desk_cup": ("one_carrier",)}
    graph = check(observed(TABLE, other, cup, supports=on)).graph
    assert graph.object("cup").supported_by == "table"
    above = thing("cup", (300, 100, 360, 200), "cup")
    assert dropped(observed(TABLE, above, supports=on[:1])) == {"table_cup": ("rests_on",)}
    assert dropped(observed(TABLE, cup, supports=on[:1], table_cup=0.7)) == {"table_cup": ("carrier_below",)}


def test_things_stand_on_what_can_carry_them() -> None:
    car = thing("car", (200, 300, 500, 600), "car")
    assert dropped(observed(TABLE, car, supports=[Pair("table", "car", 0.9)])) == {"table_car": ("may_carry",)}


def test_nothing_carries_what_carries_it() -> None:
    box, book = thing("box", (100, 100, 500, 500), "box"), thing("book", (110, 110, 490, 490), "book")
    on = [Pair("box", "book", 0.9), Pair("book", "box", 0.8)]
    assert dropped(observed(box, book, supports=on)) == {"book_box": ("carrying_acyclic",)}


WALL = thing("wall", (300, 200, 700, 600), "wall")


def test_a_shadow_that_nothing_seen_casts_tells_of_something_hidden() -> None:
    shadow = Cue("shadow", (680, 520, 850, 580), 0.9)
    checked = check(observed(WALL, cues=[Cue("shadow", (250, 590, 320, 620)), shadow]))
    (relation,) = checked.graph.relations
    assert (relation.occluder, relation.occluded, relation.type) == ("wall", "hidden1", "complete")
    assert relation.changed_by == ("evidence",)
    assert relation.evidence is not None
    assert relation.evidence.en == "its shadow falls beside the wall, and nothing that can be seen casts it"
    assert relation.evidence.zh == "wall旁边有它的影子，而看得见的东西投不出这个影子"
    assert checked.graph.object("hidden1").visible_fraction == 0
    assert checked.graph.depth_order == (("wall",), ("hidden1",))


def test_a_shadow_that_something_seen_casts_tells_of_nothing_hidden() -> None:
    caster = thing("man", (650, 300, 720, 570), "man")
    own = Cue("shadow", (250, 590, 320, 620))
    assert found(observed(WALL, caster, cues=[own, Cue("shadow", (680, 520, 850, 580))])) == {}
    assert found(observed(WALL, cues=[Cue("shadow", (680, 520, 850, 580))])) == {}, "it is the wall's own"


def test_a_thing_that_rests_on_nothing_seen_tells_of_something_hidden() -> None:
    lamp, screen = thing("lamp", (400, 100, 460, 210), "table_lamp"), thing("wall", (300, 205, 700, 600), "wall")
    contact = Cue("contact", (400, 200, 460, 220), of="lamp")
    assert found(observed(lamp, screen, cues=[contact])) == {"wall_hidden1": ("evidence",)}
    shelf = thing("shelf", (380, 200, 500, 240), "shelf")
    assert found(observed(lamp, screen, shelf, cues=[contact])) == {}


def test_an_image_of_nothing_seen_tells_of_something_hidden_or_outside() -> None:
    mirror = thing("mirror", (690, 100, 890, 500), "mirror")
    image = Cue("reflection", (710, 200, 810, 450), kind="man", mirror="mirror")
    checked = check(observed(mirror, WALL, cues=[image])).graph
    assert [(r.occluder, r.occluded) for r in checked.relations] == [("wall", "hidden1")]
    assert (checked.object("hidden1").kind, checked.object("hidden1").seen) == ("man", "reflection")
    low = thing("wall", (300, 500, 700, 600), "box")
    assert found(observed(mirror, low, cues=[image])) == {}, "nothing could hide a man"
    man = thing("man", (100, 300, 200, 700), "man")
    assert found(observed(mirror, WALL, man, cues=[image])) == {}, "it is the image of one who is seen"


def test_something_hidden_needs_evidence() -> None:
    assert dropped(observed(WALL, veils=[Veil("wall", 0.9)])) == {"wall": ("evidence",)}
    shadow = Cue("shadow", (680, 520, 850, 580))
    own = Cue("shadow", (250, 590, 320, 620))
    given = observed(WALL, veils=[Veil("wall", 0.9)], cues=[own, shadow])
    assert dropped(given) == {}
    assert found(given) == {"wall_hidden1": ("evidence",)}


def test_a_thing_casts_one_shadow() -> None:
    """`one_cause`: of two shadows at a thing's foot one is somebody else's."""
    two = [Cue("shadow", (680, 520, 850, 580)), Cue("shadow", (250, 590, 320, 620))]
    assert len(found(observed(WALL, cues=two))) == 1


def test_of_things_without_places_no_rule_about_places_is_applied() -> None:
    mirror, cup = thing("mirror", NO_BOX, "mirror"), thing("cup", NO_BOX, "cup")
    table = thing("table", NO_BOX, "table")
    given = observed(mirror, cup, table, supports=[Pair("table", "cup", 0.9)], mirror_cup=0.7, cup_mirror=0.2)
    assert dropped(given) == {}
    assert found(given).keys() == {"mirror_cup"}
    checked = check(observed(A, cup, table, nearer=[Pair("table", "a", 0.9)], cup_table=0.9)).graph
    assert checked.depth_order == (("cup",), ("table",), ("a",))


def test_rules_leave_the_truth_of_scenes_as_it_is_and_find_what_is_hidden_there() -> None:
    """50 scenes by geometry: nothing true is changed, and each wholly hidden thing is found by its shadow or image."""
    wanted = right = wrong = 0
    for scene in open_set("occlusion-50").scenes.values():
        graph = scene.graph
        checked = check(told_truly(graph), budget_s=5)
        assert checked.changes == (), scene.id
        hidden = {r.occluder for r in graph.relations if graph.object(r.occluded).visible_fraction == 0}
        found = {r.occluder for r in checked.graph.relations if r.occluded.startswith("hidden")}
        wanted, right, wrong = wanted + len(hidden), right + len(hidden & found), wrong + len(found - hidden)
    assert (wanted, right) == (10, 10)
    assert wrong <= 2, "images of things outside the picture"
