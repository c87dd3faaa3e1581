"""The questions kept back are well formed: the slots that their kinds need, ids and texts once, programs that exist."""

from __future__ import annotations

import inspect
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from occlusight.questions import registry

HERE = Path(__file__).parent / "wordings"
CORE = {"occl", "occl_passive", "occl_why", "who_hides", "position", "recognize"}
KINDS = 45
WITHOUT_NAMES = "recognize describe order nearest farthest visible_all anything_hidden detect out_of_scope"
SLOTS = {
    **dict.fromkeys(WITHOUT_NAMES.split(), ""),
    **dict.fromkeys(["occl", "occl_passive", "occl_why", "position", "depth_pair", "between"], "AB"),
    **dict.fromkeys(["count", "exists", "detect_kind", "which_pictures", "count_pictures"], "C"),
    "exists_coloured": "CS",
    "seed_like": "AC",
}
"""What every wording of a kind names, `{CS}` like `{C}`; of other kinds `{A}` alone."""
ANY_SLOTS = ("false_premise", "two_in_one")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_wordings_have_the_slots_of_their_kinds(lang: str) -> None:
    for line in lines(f"{lang}.jsonl"):
        assert line["lang"] == lang
        slots = {slot.replace("CS", "C") for slot in re.findall(r"{(\w*)}", line["text"])}
        assert slots <= {*"ABCS"}, line["id"]
        assert line["kind"] in ANY_SLOTS or slots == {*SLOTS.get(line["kind"], "A")}, line["id"]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_kind_has_enough_different_wordings(lang: str) -> None:
    rows = lines(f"{lang}.jsonl")
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({(row["kind"], row["text"].lower()) for row in rows}) == len(rows)
    of = Counter(row["kind"] for row in rows if not row.get("mixed"))
    assert len(of) == KINDS
    for kind, count in of.items():
        assert count >= (24 if kind in CORE else 14), kind


def test_free_questions_mean_programs_that_exist() -> None:
    rows = lines("free.jsonl")
    assert len({row["id"] for row in rows}) == len(rows)
    steps = registry.steps()
    for row in rows:
        assert (row["scope"] == "outside") == (not row["program"]), row["id"]
        for op, arguments in row["program"]:
            inspect.signature(steps[op]).bind(None, *arguments)  # raises where a step takes other arguments
        names = [name for _, arguments in row["program"] for name in arguments if name != "$0"]
        said = row["text"].lower()
        assert all(name in said for name in names), row["id"]
