import numpy as np
import pytest

from occlusight.bench.statistics import balanced, f1, rate, ratio, wilson


def test_values() -> None:
    assert rate({"a": [(1, 1), (0, 1)], "b": [(1, 1), (1, 1)]}).value == 0.75
    assert float(balanced(np.array([8.0, 10, 3, 5]))) == pytest.approx(0.7)
    assert float(f1(np.array([3.0, 1, 3]))) == pytest.approx(0.6)
    assert np.isnan(ratio(np.array([0.0, 0.0])))


def test_nothing_to_say() -> None:
    empty = rate({})
    assert empty.to_json("x") == {"x": None, "x_ci95": None}
    assert rate({"a": [(0, 0, 1, 1)]}, balanced).value is None


def test_questions_of_one_scene_do_not_count_as_many() -> None:
    """Ten equal answers in each of 20 scenes are worth 20 answers, not 200."""
    rng = np.random.default_rng(0)
    single = {str(i): [(float(rng.random() < 0.7), 1.0)] for i in range(20)}
    tenfold = {scene: rows * 10 for scene, rows in single.items()}
    assert rate(tenfold).ci95 == rate(single).ci95
    spread = {f"{scene}.{i}": rows for scene, rows in single.items() for i in range(10)}
    wide, narrow = rate(tenfold).ci95, rate(spread).ci95
    assert wide is not None
    assert narrow is not None
    assert (wide[1] - wide[0]) > 2 * (narrow[1] - narrow[0])


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        by_scene = {
            str(i): [(float(rng.random() < p), 1.0) for _ in range(4)] for i, p in enumerate(rng.uniform(0.5, 0.9, 60))
        }
        interval = rate(by_scene).ci95
        assert interval is not None
        hits += interval[0] <= 0.7 <= interval[1]
    assert 180 <= hits <= 199


def test_unanimous_scenes_keep_an_interval() -> None:
    assert rate({str(i): [(1.0, 1.0)] for i in range(50)}).ci95 == wilson(1.0, 50)
    assert wilson(1.0, 50)[0] == pytest.approx(0.9287, abs=1e-3)
    assert rate({"a": [(1, 1), (0, 1)]}).ci95 == wilson(0.5, 1)


def test_intervals_are_the_same_every_time() -> None:
    rows = {str(i): [(float(i % 3 > 0), 1.0)] for i in range(30)}
    assert rate(rows) == rate(rows)
