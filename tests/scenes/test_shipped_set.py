"""The test set that is shipped: whole, proven, and small enough."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

from occlusight.datasets.shipped import set_folder
from occlusight.files.json_lines import all_lines
from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Graph
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.make.data_card import CARD, data_card
from occlusight.scenes.make.plan import named_set
from occlusight.scenes.truth.distractors import census, distractors


def test_occlusion_50_is_whole_and_proven() -> None:
    folder = set_folder(Path("occlusion-50"))
    report = check_set(folder, remeasure=0)
    assert report.failures == []
    assert report.scenes == 50
    assert sum(p.stat().st_size for p in folder.rglob("*")) < 12e6
    families = Counter(line["family"] for line in all_lines(folder / "scenes.jsonl"))
    assert families == dict.fromkeys(("partial", "complete", "chain", "transparent", "reflective"), 10)


def test_its_card_is_what_making_it_writes() -> None:
    folder = set_folder(Path("occlusion-50"))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    lines = all_lines(folder / "scenes.jsonl")
    misleading = census(distractors(Facts(Graph.from_json(line["graph"])), line["placed"]) for line in lines)
    assert all(n.scenes >= 3 for n in misleading.values()), misleading
    plan = named_set("occlusion-50")
    assert plan.family.card is not None
    found = data_card(plan, plan.family.card, lines, manifest["questions"], manifest, misleading, "occlusion-50")
    assert found == (folder / CARD).read_text("utf-8")


def test_who_knows_the_kinds_that_it_names_knows_no_decision() -> None:
    """Of the decisions that name the same kinds in the same order as many are answered with yes as with no."""
    folder = set_folder(Path("occlusion-50"))
    kinds = {
        (line["id"], one["id"]): one["kind"]
        for line in all_lines(folder / "scenes.jsonl")
        for one in line["graph"]["objects"]
    }
    cells: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for q in all_lines(folder / "questions.jsonl"):
        if q["kind"] in ("occlusion", "remove", "unknown"):
            named = [kinds[q["scene"], id] for id in q["program"][-1][1]]
            cells[q["template"], q["lang"], *named][q["answer"]["value"]] += 1
    assert len(cells) > 60
    assert {cell: counts for cell, counts in cells.items() if counts["yes"] != counts["no"]} == {}
