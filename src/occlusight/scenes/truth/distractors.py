"""What misleads in a scene: pairs of things that prove a shortcut wrong, such as "what is higher in the picture is
farther away"."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlusight.occlusion.facts import Facts
from occlusight.occlusion.graph import Box
from occlusight.scenes.truth.measure import SAME_DEPTH
from occlusight.scenes.truth.physics import outlines_meet

SORTS: Mapping[str, str] = {
    "higher_but_nearer": "the nearer of two stands higher in the picture",
    "equal_size_at_other_distance": "two of equal size, one clearly farther away",
    "other_size_at_equal_distance": "two of different size at the same distance",
    "boxes_overlap_without_hiding": "boxes overlap, yet neither hides anything of the other",
    "touch_without_hiding": "two touch, yet neither hides anything of the other",
}
OVERLAP = 0.1  # of the smaller box
HIGHER = 20  # of 1000: how much higher in the picture the lower end must be
EQUAL, OTHER = (
    1.05,
    1.5,
)  # ratio of sizes: equal up to the first on every side, different from the second on at the longest
TOUCHING = 0.01  # metres
Pairs = dict[str, list[list[str]]]


@dataclass(frozen=True)
class Census:
    """In how many scenes a sort is found, and how many pairs there are in all."""

    scenes: int
    pairs: int


def distractors(facts: Facts, placed: Sequence[Mapping[str, Any]]) -> Pairs:
    """Return the pairs of each sort among the things that a question may name; the nearer first where one is clearly
    nearer.

    `placed` describes the scene's objects as a line of `scenes.jsonl` does: id, position, yaw, size (metres).
    """
    described = {p["id"]: p for p in placed}
    found: Pairs = {sort: [] for sort in SORTS}
    for a, b in combinations(facts.nameable, 2):  # front to back
        if facts.vertical(a, b) != "none":
            continue
        for sort in _sorts(facts, a, b, described[a], described[b]):
            found[sort].append([a, b])
    return found


def _sorts(facts: Facts, a: str, b: str, p: Mapping[str, Any], q: Mapping[str, Any]) -> Iterable[str]:
    one, two = facts.objects[a], facts.objects[b]
    apart = facts.hides(a, b) is False and facts.hides(b, a) is False
    if facts.distance_order(a, b) == "front":
        if one.box[3] < two.box[3] - HIGHER:
            yield "higher_but_nearer"
        if all(max(s, t) <= EQUAL * min(s, t) for s, t in zip(p["size"], q["size"], strict=True)):
            yield "equal_size_at_other_distance"
    elif one.distance is not None and two.distance is not None:
        longest = sorted((max(p["size"]), max(q["size"])))
        if two.distance <= (1 + SAME_DEPTH) * one.distance and longest[1] >= OTHER * longest[0]:
            yield "other_size_at_equal_distance"
    if apart and _overlap(one.amodal_box, two.amodal_box) >= OVERLAP:
        yield "boxes_overlap_without_hiding"
    if apart and _touch(p, q):
        yield "touch_without_hiding"


def _overlap(p: Box, q: Box) -> float:
    """Return the share of the smaller of two boxes in the picture that the other overlaps."""
    width, height = min(p[2], q[2]) - max(p[0], q[0]), min(p[3], q[3]) - max(p[1], q[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (p, q))
    return max(0, width) * max(0, height) / smaller


def _touch(p: Mapping[str, Any], q: Mapping[str, Any]) -> bool:
    """Whether the boxes around two things come as near to each other as TOUCHING, side by side."""
    low, high = p["position"][2], p["position"][2] + p["size"][2]
    beside = min(high, q["position"][2] + q["size"][2]) > max(low, q["position"][2])
    return beside and outlines_meet(_base(p, TOUCHING), _base(q))


def _base(p: Mapping[str, Any], margin: float = 0.0) -> NDArray[np.float64]:
    """Return the corners of the box around a thing, seen from above, counter-clockwise, (4, 2) metres."""
    width, depth = (0.5 * s + margin for s in p["size"][:2])
    turn = math.radians(p["yaw"])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    corners = np.array([[-width, -depth], [width, -depth], [width, depth], [-width, depth]])
    return np.asarray(corners @ rotation.T + np.asarray(p["position"][:2]), np.float64)


def census(scenes: Iterable[Pairs]) -> dict[str, Census]:
    """Count the pairs of all scenes of a set."""
    every = list(scenes)
    return {
        sort: Census(sum(bool(pairs[sort]) for pairs in every), sum(len(pairs[sort]) for pairs in every))
        for sort in SORTS
    }
