"""Programs on the hand-made street: o1 red car behind the lamp post o2; o3 bicycle behind the bush o4; o5 person; o6
far bus."""

import pytest

from occlusight.errors import BadData
from occlusight.occlusion.facts import Facts, amount_of
from occlusight.questions.programs import execute


def test_hides(graphs) -> None:
    yes = execute([["hides", ["o2", "o1"]]], graphs.street())
    assert (yes["value"], yes["hidden_part"], yes["amount"], yes["covered_fraction"]) == ("yes", "left", "small", 0.1)
    assert yes["names"]["o1"] == {"en": "red car", "zh": "红色轿车"}
    no = execute([["hides", ["o1", "o2"]]], graphs.street())
    assert (no["value"], no["reverse"], no["depth"]) == ("no", True, "behind")
    apart = execute([["hides", ["o3", "o1"]]], graphs.street())
    assert (apart["value"], apart["reverse"], apart["horizontal"]) == ("no", False, "right")


def test_a_sliver_is_neither_yes_nor_no(graphs) -> None:
    facts = Facts(graphs.street())
    assert facts.hides("o1", "o6") is None
    assert facts.hides("o6", "o1") is False
    assert not facts.untouched("o6")
    assert facts.untouched("o5")


def test_recognition_counts_what_is_well_seen(graphs) -> None:
    answer = execute([["recognised", []], ["list_all", ["$0"]]], graphs.street())
    assert answer["objects"] == ["o2", "o4", "o3", "o1", "o5", "o6"]
    assert answer["counts"] == {"street_lamp": 1, "bush": 1, "bicycle": 1, "car": 1, "person": 1, "bus": 1}


def test_count(graphs) -> None:
    assert execute([["recognised", ["car"]], ["count", ["$0", "car"]]], graphs.street())["value"] == 1
    assert execute([["recognised", ["cup"]], ["count", ["$0", "cup"]]], graphs.street())["value"] == 0


def test_count_position(graphs) -> None:
    answer = execute([["recognised", ["car"]], ["count_position", ["$0", "car", "o2"]]], graphs.street())
    entry = answer["positions"][0]
    assert (answer["value"], entry["horizontal"], entry["depth"], entry["hidden"]) == (1, "right", "behind", True)


def test_who_and_part(graphs) -> None:
    assert execute([["who_hides", ["o3"]]], graphs.street())["value"] == ["o4"]
    assert execute([["who_hides", ["o5"]]], graphs.street())["value"] == []
    part = execute([["hidden_part", ["o4", "o3"]]], graphs.street())
    assert (part["value"], part["amount"]) == ("left", "more_than_half")


def test_depth(graphs) -> None:
    street = graphs.street()
    assert execute([["recognised", []], ["nearest", ["$0"]]], street)["value"] == "o2"
    assert execute([["recognised", []], ["farthest", ["$0"]]], street)["value"] == "o6"
    assert execute([["nearer", ["o1", "o6"]]], street)["value"] == "o1"
    assert execute([["farther", ["o1", "o6"]]], street)["value"] == "o6"


def test_depth_needs_a_margin_or_a_cover(graphs) -> None:
    facts = Facts(graphs.street())
    assert facts.distance_order("o2", "o4") == "none"  # 6.0 m and 6.5 m
    assert facts.depth("o4", "o3") == "front"


def test_remove(graphs) -> None:
    assert execute([["remove", ["o2", "o1"]]], graphs.street())["value"] == "yes"
    other = execute([["remove", ["o5", "o1"]]], graphs.street())
    assert (other["value"], other["hidden"], other["others"]) == ("no", False, ["o2"])


def test_position_of_things_on_things(graphs) -> None:
    table = graphs.thing("t", "table", (200, 500, 800, 900), distance=2.0)
    cup = graphs.thing("c", "cup", (400, 400, 450, 520), distance=2.1, supported_by="t")
    graph = graphs.Graph(512, 512, (table, cup))
    assert execute([["position", ["c", "t"]]], graph)["value"] == {
        "horizontal": "none",
        "depth": "none",
        "vertical": "above",
    }
    assert execute([["position", ["t", "c"]]], graph)["value"]["vertical"] == "below"


@pytest.mark.parametrize(
    ("fraction", "name"), [(0.04, "small"), (0.25, "part"), (0.5, "more_than_half"), (0.8, "most"), (1.0, "most")]
)
def test_amounts(fraction: float, name: str) -> None:
    assert amount_of(fraction) == name


def test_wrong_programs_are_explained(graphs) -> None:
    with pytest.raises(BadData, match="the steps are"):
        execute([["fly", []]], graphs.street())
    with pytest.raises(BadData, match="'o9'"):
        execute([["hidden_part", ["o9", "o1"]]], graphs.street())
