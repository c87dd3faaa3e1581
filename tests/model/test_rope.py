"""Positions against hand-computed cases and against transformers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiny import IMAGE, VIDEO

from occlusight.errors import BadInput
from occlusight.model.presets import preset
from occlusight.model.rope import Grid, frequency_axes, positions


def test_the_worked_example_of_the_docstring(make_config: Any) -> None:
    position_ids, delta = positions(torch.tensor([1, 2, *[IMAGE] * 6, 3]), [(1, 4, 6)], make_config())
    assert position_ids.tolist() == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5],
        [0, 1, 2, 2, 2, 3, 3, 3, 5],
        [0, 1, 2, 3, 4, 2, 3, 4, 5],
    ]
    assert delta == -3


def test_a_clip_is_a_span_for_each_pair_of_frames(make_config: Any) -> None:
    ids = torch.tensor([7, VIDEO, VIDEO, 8, 9, VIDEO, VIDEO, 6])
    position_ids, delta = positions(ids, [(2, 2, 4)], make_config())
    assert position_ids.tolist() == [
        [0, 1, 1, 3, 4, 5, 5, 7],
        [0, 1, 1, 3, 4, 5, 5, 7],
        [0, 1, 2, 3, 4, 5, 6, 7],
    ]
    assert delta == 0


def test_text_alone_counts_up(make_config: Any) -> None:
    position_ids, delta = positions(torch.arange(5), [], make_config())
    assert position_ids.tolist() == [[0, 1, 2, 3, 4]] * 3
    assert delta == 0


@pytest.mark.parametrize("name", ["image", "two images", "equal images", "extreme aspects", "video"])
def test_positions_and_delta_equal_those_of_transformers(twins: Any, name: str) -> None:
    case = twins.cases[name]
    visuals = twins.visuals(case)
    grids = {key: value for key, value in visuals.items() if "grid" in key}
    expected, delta = twins.reference.model.get_rope_index(
        case.ids[None], mm_token_type_ids=visuals["mm_token_type_ids"], **grids
    )
    position_ids, own_delta = positions(case.ids, case.grids, twins.model.config)
    assert torch.equal(position_ids, expected[:, 0])
    assert own_delta == int(delta)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)), max_size=4), st.integers(0, 5))
def test_text_goes_on_after_the_longer_side(make_config: Any, sizes: list[Grid], tail: int) -> None:
    ids, last = [1], 1
    for pairs, rows, columns in sizes:
        for _ in range(pairs):
            ids += [2, *[IMAGE] * (rows * columns)]
            last += 1 + max(rows, columns)
    ids += [3] * tail
    grids = [(pairs, 2 * rows, 2 * columns) for pairs, rows, columns in sizes]
    position_ids, delta = positions(torch.tensor(ids), grids, make_config())
    assert len(ids) + delta == last + tail
    assert (position_ids[0].diff() >= 0).all()
    assert position_ids[:, len(ids) - tail :].tolist() == [list(range(last, last + tail))] * 3


@pytest.mark.parametrize(
    ("ids", "grids", "says"),
    [
        ([1, IMAGE, 2], [], "more than"),
        ([1, IMAGE, 2], [(1, 2, 4)], "fewer"),
        ([1, IMAGE, 2, IMAGE], [(1, 2, 4)], "not 2 in a row"),
    ],
)
def test_pads_that_do_not_match_the_grids_are_refused(
    make_config: Any, ids: list[int], grids: list[Grid], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        positions(torch.tensor(ids), grids, make_config())


def test_a_batch_is_not_a_sequence(make_config: Any) -> None:
    with pytest.raises(BadInput, match="one sequence"):
        positions(torch.ones(1, 3, dtype=torch.int64), [], make_config())


def test_frequencies_take_turns() -> None:
    axes = frequency_axes(preset("2B").text)
    assert axes[:6] == [0, 1, 2, 0, 1, 2]
    assert axes[-4:] == [0, 0, 0, 0]
    assert [axes.count(axis) for axis in range(3)] == [24, 20, 20]
