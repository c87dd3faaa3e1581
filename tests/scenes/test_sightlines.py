"""How large a thing may be that boards hide and that is seen beside them."""

from __future__ import annotations

import math

import pytest

from occlusight.scenes.description import Camera
from occlusight.scenes.recipes.sightlines import SEEN, Board, largest

CAMERA = Camera((0.0, 0.0, 1.0), (0.0, 3.0, 0.0), 90.0, 64, 64)
BOARD = Board(0.0, 2.0, 1.0, 0.5)
PART = 2 * SEEN - 1


def test_a_board_shades_more_the_farther_behind_it() -> None:
    assert BOARD.shade(CAMERA, 3.0) == (0.0, 0.75)
    assert BOARD.shade(CAMERA, 4.0) == (0.0, 1.0)
    aside = Camera((-1.0, 0.0, 1.0), CAMERA.target, 90.0, 64, 64)
    assert BOARD.shade(aside, 4.0) == (1.0, 1.0)


def test_who_looks_over_a_board_sees_what_is_higher_than_the_line_past_its_edge() -> None:
    assert BOARD.over(CAMERA, tall=1.0, deep=0.0, far=3.0) == pytest.approx(0.25)
    assert BOARD.over(CAMERA, tall=1.0, deep=0.0, far=4.0) == pytest.approx(0.0)
    assert BOARD.over(CAMERA, tall=1.0, deep=0.0, far=5.0) < 0
    scale = BOARD.over(CAMERA, tall=1.0, deep=0.5, far=3.0)
    assert 1.0 - 0.25 * (3.0 + 0.5 * scale) == pytest.approx(scale)  # its farthest edge is on the line
    assert Board(0.0, 2.0, 1.0, 1.2).over(CAMERA, 1.0, 0.0, 3.0) == math.inf


@pytest.mark.parametrize(
    ("size", "yaw", "xs", "scale"),
    [
        ((1.0, 0.0, 0.1), 0, [-1.5, 0.0, 1.5], 1.5),  # as wide as the shade
        ((0.5, 1.0, 0.0), 90, [-1.5, 0.0, 1.5], 1.5),  # turned: its depth is what is seen
        ((1.0, 0.0, 0.1), 0, [-1.5, 0.25, 1.5], 1.0),  # not in the middle in any frame
        ((1.0, 0.0, 0.5), 0, [-1.5, 0.0, 1.5], 0.5),  # seen over the board
        ((1.0, 0.0, 0.1), 0, [-1.0, 0.0, 1.5], 0.25 / (0.5 * PART)),  # beside the board at the beginning
        ((1.0, 0.0, 0.1), 0, [-1.5, 0.0, 2.8], 0.2 / (0.5 * PART)),  # at the edge of the picture at the end
        ((1.0, 0.0, 0.1), 0, [-0.5, 0.0, 1.5], -0.25 / (0.5 * PART)),  # behind the board at the beginning
    ],
)
def test_the_tightest_line_says_how_large_a_thing_may_be(
    size: tuple[float, float, float], yaw: float, xs: list[float], scale: float
) -> None:
    assert largest([CAMERA] * 3, [BOARD], size, yaw, xs, 3.0) == pytest.approx(scale)


def test_where_nothing_hides_only_the_picture_is_an_edge() -> None:
    assert largest([CAMERA] * 3, [], (1.0, 0.0, 9.0), 0, [-2.0, 0.0, 2.0], 3.0) == pytest.approx(1.0 / (0.5 * PART))
