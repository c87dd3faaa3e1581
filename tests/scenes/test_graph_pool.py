"""Graphs without pictures: the quick rays against the plain ones, pools that go on after a stop, balanced questions
about them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from occlusight.bench.leakage.asked import Asked, asked
from occlusight.errors import BadData, BadInput
from occlusight.questions.balance import traits
from occlusight.questions.programs import execute
from occlusight.scenes.check.dataset import check_set
from occlusight.scenes.make.graph_pool import GRAPHS, PooledGraph, graph_pool
from occlusight.scenes.make.plan import DatasetPlan
from occlusight.scenes.meshes.names import names_of
from occlusight.scenes.recipes.free import make_scene
from occlusight.scenes.recipes.targeted import draw_targeted
from occlusight.scenes.truth.optics import opaque_reach, optical_maps
from occlusight.scenes.truth.quick_raycast import quick_depth_maps, quick_optical_maps, quick_reach
from occlusight.scenes.truth.raycast import depth_maps

COUNT = 120
EDGES = 0.002  # of the pixels: where rays graze an edge the two may differ


@pytest.fixture(scope="module")
def plan() -> DatasetPlan:
    return DatasetPlan(("street",), 7, COUNT, 80, 1)


@pytest.fixture(scope="module")
def pooled(
    plan: DatasetPlan, small_sets: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[PooledGraph]]:
    """Streets of procedural shapes, so that nothing has to be imported."""
    with small_sets.procedural_street():
        yield graph_pool(plan, tmp_path_factory.mktemp("pool"), catalogue=small_sets.procedural_catalogue())


Halves = tuple[list[Asked], list[Asked]]  # questions about one half of the scenes, and about the other, as two sets


def halves(plan: DatasetPlan, pooled: list[PooledGraph], small_sets: ModuleType, balanced: bool) -> Halves:
    names = names_of(small_sets.procedural_catalogue())
    one, other = (
        list(asked(plan, part, names, balanced=balanced)) for part in (pooled[: COUNT // 2], pooled[COUNT // 2 :])
    )
    return one, other


@pytest.fixture(scope="module")
def balanced(plan: DatasetPlan, pooled: list[PooledGraph], small_sets: ModuleType) -> Halves:
    return halves(plan, pooled, small_sets, True)


@pytest.fixture(scope="module")
def drawn(plan: DatasetPlan, pooled: list[PooledGraph], small_sets: ModuleType) -> Halves:
    return halves(plan, pooled, small_sets, False)


def agree(one: np.ndarray, other: np.ndarray) -> None:
    assert one.shape == other.shape
    both = np.isfinite(one) & np.isfinite(other)
    far = np.isfinite(one) != np.isfinite(other)
    far[both] = np.abs(one[both] - other[both]) > 1e-3 * other[both]
    assert far.mean() <= EDGES


def test_quick_rays_find_what_plain_ones_do(small_sets: ModuleType) -> None:
    with small_sets.procedural_street():
        for index in range(8):
            scene = make_scene("street", 7, index, small_sets.procedural_catalogue(), width=64)
            quick = quick_depth_maps(scene)
            assert np.isfinite(quick).any()
            agree(quick, depth_maps(scene))


@pytest.mark.parametrize("recipe", ["transparent-line", "reflective-room"])
def test_quick_sight_finds_what_plain_sight_does(recipe: str, assets: None) -> None:
    """Glass and mirrors: the first surface, the first opaque one, and the first mirror."""
    from occlusight.scenes.meshes.catalogue import whole_catalogue

    found = [draw_targeted(recipe, 7, i, 0, whole_catalogue(), 0, 64, False) for i in range(6)]
    scenes = [scene for scene, _ in filter(None, found)]
    assert scenes
    mirrors = 0
    for scene in scenes[:3]:
        quick, plain = quick_optical_maps(scene), optical_maps(scene)
        for name in ("depth", "solid", "mirror"):
            agree(getattr(quick, name), getattr(plain, name))
        mirrors += int(np.isfinite(quick.mirror).sum())
        starts = np.random.default_rng(7).uniform(-1, 1, (500, 3)).astype(np.float32) + np.float32([0, 0, 1])
        for p in scene.objects:
            ahead = np.float32(p.position) - starts
            agree(quick_reach(p, starts, ahead), opaque_reach(p, starts, ahead))
    assert (mirrors > 0) == recipe.startswith("reflective")


def test_a_pool_goes_on_where_it_was_stopped(
    plan: DatasetPlan, pooled: list[PooledGraph], small_sets: ModuleType, tmp_path: Path
) -> None:
    few = DatasetPlan(plan.recipes, plan.seed, 3, plan.size, 1)
    catalogue = small_sets.procedural_catalogue()
    seen: list[int] = []
    with small_sets.procedural_street():
        graph_pool(few, tmp_path, catalogue=catalogue)
        path = tmp_path / GRAPHS
        whole = path.read_bytes()
        path.write_bytes(whole[:-20])  # killed while the third was written
        again = graph_pool(few, tmp_path, lambda done, total: seen.append(done), catalogue)
        assert path.read_bytes() == whole
        assert seen == [2, 3]
        assert [p.graph for p in again] == [p.graph for p in pooled[:3]]
        with pytest.raises(BadInput, match="seed 7, not 8"):
            graph_pool(DatasetPlan(plan.recipes, 8, 3, plan.size, 1), tmp_path, catalogue=catalogue)
        for damaged in (whole.replace(b"graph", b"g\xffaph", 1), whole.replace(b"graph", b"grape", 1)):
            path.write_bytes(damaged)
            with pytest.raises(BadData, match=r"graphs\.jsonl"):
                graph_pool(few, tmp_path, catalogue=catalogue)
            assert path.read_bytes() == damaged


def test_balanced_questions_are_right_and_the_same_in_both_languages(balanced: Halves) -> None:
    programs: dict[str, dict[str, list[object]]] = defaultdict(lambda: defaultdict(list))
    tally: Counter[tuple[str, str]] = Counter()
    for q in balanced[0]:
        assert execute(q.question.program, q.facts) == q.question.answer
        programs[q.scene][q.question.lang].append((q.template, q.question.program))
        if q.answer in ("yes", "no"):
            tally[q.template, q.answer] += 1
    assert all(by["en"] == by["zh"] for by in programs.values())
    templates = {template for template, _ in tally}
    assert len(templates) >= 5
    assert all(tally[t, "yes"] == tally[t, "no"] > 0 for t in templates)


def predicted(found: Halves, slot: str) -> float:
    """Share of questions whether A hides B that are right when one says what is commonest for a trait of the two.

    What is commonest is learnt from one half of the scenes and tried on the other.
    """
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    learnt, tried = ([q for q in half if q.op == "hides" and q.question.lang == "en"] for half in found)
    for q in learnt:
        counts[_trait(q, slot)][q.answer] += 1
    said = [max(("yes", "no"), key=lambda v: counts[_trait(q, slot)][v]) for q in tried]
    return float(np.mean([a == q.answer for a, q in zip(said, tried, strict=True)]))


def _trait(q: Asked, slot: str) -> tuple[str, ...]:
    if slot in ("a", "b", "ab"):
        return tuple(q.facts.objects[id].kind for name, id in zip("ab", q.slots, strict=True) if name in slot)
    return next((trait for trait in traits(q.facts, q.slots) if trait[0] == slot), ())


@pytest.mark.parametrize("slot", ["a", "b", "ab", "colour_a", "colour_b", "first", "left"])
def test_answers_do_not_follow_from_names_colours_or_order(balanced: Halves, slot: str) -> None:
    """374 questions are tried: half of them right, give or take 2.6 points."""
    assert predicted(balanced, slot) < 0.56


@pytest.mark.parametrize("slot", ["larger", "lower"])
def test_size_and_height_tell_little(balanced: Halves, drawn: Halves, slot: str) -> None:
    """Nearer things are larger and lower in any true picture; balanced questions leave a third of what that gives
    away."""
    assert predicted(balanced, slot) < 0.6
    assert predicted(drawn, slot) > predicted(balanced, slot) + 0.05


@pytest.mark.parametrize("slot", ["a", "b", "ab"])
def test_without_balance_names_give_answers_away(drawn: Halves, balanced: Halves, slot: str) -> None:
    """A guard that cannot fail guards nothing: as scenes are drawn, tall thin things hide more than they are hidden."""
    assert predicted(drawn, slot) > predicted(balanced, slot) + 0.05


def test_a_balanced_set_is_checked_and_grows(small_sets: ModuleType, tmp_path: Path) -> None:
    small_sets.make(tmp_path / "two", 2, balanced=True)
    small_sets.make(tmp_path / "two", 3, balanced=True)
    grown = (tmp_path / "two" / "questions.jsonl").read_text("utf-8")
    assert check_set(tmp_path / "two", 0).failures == []
    small_sets.make(tmp_path / "whole", 3, balanced=True)
    assert small_sets.contents(tmp_path / "whole") == small_sets.contents(tmp_path / "two")
    small_sets.make(tmp_path / "plain", 3)
    assert (tmp_path / "plain" / "questions.jsonl").read_text("utf-8") != grown
    with pytest.raises(BadInput, match="balanced"):
        small_sets.make(tmp_path / "two", 3)
    with pytest.raises(BadInput, match="neither can be --balanced"):
        DatasetPlan(("signs-street",), 7, 4, balanced=True)
