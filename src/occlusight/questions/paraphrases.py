"""True answers in other words than the replies', from `paraphrases.toml`: what families' `paraphrase` is made of."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from occlusight.questions.phrases import AMOUNT_EN, AMOUNT_ZH, Wording

PART_EN = {"left": "the left side", "right": "the right side", "top": "the top", "bottom": "the bottom"}
PART_EN |= {"middle": "the middle", "all": "almost all"}
PART_ZH = {"left": "左边", "right": "右边", "top": "上部", "bottom": "下部", "middle": "中间", "all": "几乎全部"}
SEEN_EN = {"left": "the right part", "right": "the left part", "top": "the lower part", "bottom": "the upper part"}
SEEN_EN |= {"middle": "both ends", "all": "only a few bits"}
SEEN_ZH = {
    "left": "右边",
    "right": "左边",
    "top": "下半部分",
    "bottom": "上半部分",
    "middle": "两边",
    "all": "一些小块",
}


@cache
def frames() -> dict[str, Any]:
    """Return the sentences of paraphrases.toml."""
    return tomllib.loads((files("occlusight.questions") / "paraphrases.toml").read_text(encoding="utf-8"))


def fill(path: str, w: Wording, slots: Mapping[str, str]) -> list[str]:
    """Return the sentences at a path of paraphrases.toml ("count.none") with their slots filled."""
    group: Any = frames()
    for key in path.split("."):
        group = group[key]
    return [text.format(**slots) for text in group[w.lang]]


def two(answer: Mapping[str, Any], w: Wording, a: str = "occluder", b: str = "occluded") -> dict[str, str]:
    """Return the slots of the two objects that an answer is about."""
    return {"a": w.the(answer[a]), "b": w.the(answer[b])}


def covered(answer: Mapping[str, Any], w: Wording) -> dict[str, str]:
    """Return the slots that say which part is hidden, which is seen, and how much is hidden."""
    part, en = answer["hidden_part"], w.lang == "en"
    amount = (AMOUNT_EN if en else AMOUNT_ZH)[answer["amount"]]
    return {"part": (PART_EN if en else PART_ZH)[part], "seen": (SEEN_EN if en else SEEN_ZH)[part], "amount": amount}


def decided(frame: str, a: str, b: str) -> Callable[[Mapping[str, Any], Wording], list[str]]:
    """Return what words a yes or no by the sentences of `frame`, about the objects under two keys of the answer."""
    return lambda answer, w: fill(
        f"{frame}.{answer['value']}", w, {"a": w.the(answer[a]), "b": w.the(answer.get(b, answer[a]))}
    )
