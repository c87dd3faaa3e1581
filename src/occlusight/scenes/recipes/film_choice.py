"""Which drawings of clips (`films`) are kept: those whose measured truth shows what their type is about."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

from occlusight.occlusion.facts import Facts
from occlusight.scenes.meshes.catalogue import Catalogue, whole_catalogue
from occlusight.scenes.recipes.clips import SEEN, SLIVER
from occlusight.scenes.recipes.film import Film
from occlusight.scenes.recipes.films import draw_film, type_of
from occlusight.scenes.recipes.preview import inside, rectangles
from occlusight.scenes.recipes.search import first_that_fits, without_invisible
from occlusight.scenes.recipes.targeted import LEAST_OBJECTS, LIMIT, MOST_OBJECTS
from occlusight.scenes.truth.physics import physics_failures
from occlusight.scenes.truth.quick_raycast import quick_optical_maps, quick_reach
from occlusight.scenes.truth.targeted import TargetedTruth, measure_targeted

THROUGH = 0.45  # of what is behind glass is seen at least

Shares: TypeAlias = Sequence[float | None]


@lru_cache(maxsize=4)
def choose_film(
    recipe: str, seed: int, index: int, frames: int, rotation_index: int, width: int, heldout: bool
) -> Film:
    """Return the first attempt of an index that shows what its type is about, with nothing else in the way.

    Raises BadInput for an unknown recipe, BadData when a mesh is not imported, OcclusightError when no attempt will do.
    """
    catalogue = whole_catalogue()

    def attempt(k: int) -> Film | None:
        film = draw_film(recipe, seed, index, k, frames, rotation_index, width, heldout)
        if film is None or not free_lanes(film, catalogue) or not in_picture(film, catalogue):
            return None
        if not fits(film, quickly(film, catalogue)):
            return None
        graph = measure_targeted(film.scene, catalogue).graph  # as the clip begins
        kept = {*film.focus, *film.hiders, *film.moves}
        cleared = replace(film, scene=without_invisible(film.scene, graph, kept))
        whole = fits(cleared, lambda k: measure_targeted(cleared.frame(k), catalogue, shadows=False), LEAST_OBJECTS)
        return cleared if whole and not any(standing_failures(cleared, k) for k in range(frames)) else None

    return first_that_fits(attempt, LIMIT, f"{recipe} {index} (seed {seed})")


def quickly(film: Film, catalogue: Catalogue) -> Callable[[int], TargetedTruth]:
    """Return what measures a frame in few pixels, by rays that round otherwise than those of the truth that is kept."""
    return lambda k: measure_targeted(
        film.small(k), catalogue, shadows=False, look=quick_optical_maps, reach=quick_reach
    )


def standing_failures(film: Film, k: int) -> list[str]:
    """Return what does not stand as things do in a frame; what is held in the air does."""
    held = tuple(f"{id} stands " for id, poses in film.moves.items() if poses[k].held)
    return [failure for failure in physics_failures(film.frame(k)) if not held or not failure.startswith(held)]


def free_lanes(film: Film, catalogue: Catalogue) -> bool:
    """Whether nothing stands in the way of what moves, by the catalogue's sizes."""
    placed = {p.id: p for p in film.scene.objects}

    def radius(id: str) -> float:
        w, d, _ = catalogue.mesh(placed[id].mesh).size
        return 0.5 * math.hypot(w, d) * placed[id].scale

    apart = {*film.moves, *film.hiders}
    others = [(p.position, radius(p.id)) for p in placed.values() if p.id not in apart]
    return all(
        math.hypot(pose.x - x, pose.y - y) > radius(id) + r
        for id, poses in film.moves.items()
        for pose in poses
        for (x, y, _), r in others
    )


def in_picture(film: Film, catalogue: Catalogue) -> bool:
    """Whether what hides and what moves is in the picture from beginning to end."""
    last = len(film.cameras) - 1
    for k in (0, last // 2, last):
        boxes = rectangles(film.frame(k), catalogue)
        if not all(id in boxes and inside(boxes[id]) > 0.97 for id in (*film.moves, *film.focus)):
            return False
    return True


def fits(film: Film, measured: Callable[[int], TargetedTruth], least: int = 0) -> bool:
    """Whether every frame has 4 to 10 objects to notice, where that is wanted, nothing but what is meant to hides what
    moves, and the clip shows what its type is about."""
    shares: dict[str, list[float | None]] = {id: [] for id in film.moves}
    for k in range(len(film.cameras)):
        truth = measured(k)
        facts = Facts(truth.graph)
        if least and not (len(facts.noticeable) >= least and len(facts.objects) <= MOST_OBJECTS):
            return False
        if least and k == 0 and film.focus[0] not in facts.nameable:
            return False
        for id, seen in _seen(truth, film):
            shares[id].append(seen)
            if seen is None or (k == 0 and type_of(film.scene.recipe) != "glass" and seen < 0.8 * SEEN):
                return False
    return shows(type_of(film.scene.recipe), film.path, {film.focus[1]: shares[film.focus[1]], **shares})


def _seen(truth: TargetedTruth, film: Film) -> Iterator[tuple[str, float | None]]:
    """The visible share of everything that moves; None where more than a sliver is hidden by what is not meant to."""
    found = {o.id: o for o in truth.graph.objects}
    for id in film.moves:
        others = [
            r.covered_fraction
            for r in truth.graph.relations
            if r.occluded == id and r.occluder not in film.hiders and r.type != "transparent"
        ]
        yield id, None if id not in found or max(others, default=0.0) > SLIVER else found[id].visible_fraction


def shows(type: str, path: str, shares: Mapping[str, Shares]) -> bool:
    """Whether clips of a type show what it is about, by the visible shares of what moves in every frame; the thing that
    the clip is about comes first.

    >>> shows("row", "through", {"o1": [1.0, 0.0, 0.9, 0.0, 1.0]}), shows("row", "through", {"o1": [1.0, 0.0, 1.0]})
    (True, False)
    """
    first = next(iter(shares.values()))
    if any(share is None for seen in shares.values() for share in seen) or len(first) < 3:
        return False
    runs = [hidden_runs(seen) for seen in shares.values()]
    ends = [min(seen[0] or 0.0, seen[-1] or 0.0) >= SEEN for seen in shares.values()]
    if type == "row":
        return ends[0] and len(runs[0]) == 2
    if type == "glass":
        return min(share or 0.0 for share in first) >= THROUGH and min(share or 0.0 for share in first) < 1.0
    if type == "mirror":
        return ends[0] and len(runs[0]) == 1
    if type == "exchange":
        if not all(ends) or [len(one) for one in runs] != [1, 1]:
            return False
        (a,), (b,) = runs
        return max(a[0], b[0]) <= min(a[1], b[1])
    if len(runs[0]) != 1 or (first[0] or 0.0) < SEEN:
        return False
    return (runs[0][0][1] == len(first) - 1) == (path == "through")


def hidden_runs(shares: Shares) -> list[tuple[int, int]]:
    """Return the first and last frame of every time that nothing of a thing is seen.

    >>> hidden_runs([1.0, 0.0, 0.0, 0.5, 0.0])
    [(1, 2), (4, 4)]
    """
    found: list[tuple[int, int]] = []
    for k, share in enumerate(shares):
        if share != 0:
            continue
        if found and found[-1][1] == k - 1:
            found[-1] = (found[-1][0], k)
        else:
            found.append((k, k))
    return found
