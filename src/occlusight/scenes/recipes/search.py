"""The search for the first attempt that keeps a recipe's rules, and what every recipe leaves out of the scene that it
finds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeVar

from occlusight.errors import OcclusightError
from occlusight.occlusion.graph import Graph
from occlusight.scenes.description import Scene

INVISIBLE = 0.02  # an object of which less is visible is taken out of the scene

Found = TypeVar("Found")


def first_that_fits(attempt: Callable[[int], Found | None], limit: int, about: str) -> Found:
    """Return `attempt(k)` for the first k of 0, 1, 2, ... for which it is not None.

    Attempts are made in a fixed order, so what is found is the same wherever and whenever it is looked for.
    Raises OcclusightError, which names what the search is `about`, when none of `limit` attempts will do.
    """
    for k in range(limit):
        found = attempt(k)
        if found is not None:
            return found
    raise OcclusightError(f"none of {limit} attempts at {about} keeps the rules of its recipe")


def without_invisible(scene: Scene, graph: Graph, focus: Collection[str] = ()) -> Scene:
    """Return a scene without what nobody sees, neither directly nor in a mirror; `graph` says what is seen.

    The objects `focus`, which the scene is about, stay. It is the same `scene` where nothing has to go; else its truth
    has to be measured again.
    """
    seen = {o.id for o in graph.objects if o.visible_fraction >= INVISIBLE or o.seen == "reflection"}
    kept = tuple(p for p in scene.objects if p.id in seen or p.id in focus)
    return scene if len(kept) == len(scene.objects) else replace(scene, objects=kept)
