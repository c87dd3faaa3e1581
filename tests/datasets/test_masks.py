from __future__ import annotations

import numpy as np
import pytest

from occlusight.datasets.masks import decode, encode
from occlusight.errors import BadData


def test_run_lengths_go_down_the_columns_and_begin_with_zeros() -> None:
    assert encode(np.array([[0, 1], [1, 1]], bool)) == {"size": [2, 2], "counts": [1, 3]}
    assert encode(np.array([[1, 0], [1, 0]], bool)) == {"size": [2, 2], "counts": [0, 2, 2]}
    assert encode(np.zeros((2, 3), bool)) == {"size": [2, 3], "counts": [6]}


@pytest.mark.parametrize("seed", range(5))
def test_decoding_undoes_encoding(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((int(rng.integers(1, 20)), int(rng.integers(1, 20)))) < 0.4
    assert (decode(encode(mask)) == mask).all()


def test_run_lengths_that_do_not_fill_the_mask_are_refused() -> None:
    with pytest.raises(BadData, match="add up to 5"):
        decode({"size": [2, 2], "counts": [2, 3]})


@pytest.mark.parametrize(
    "rle",
    [
        {},
        {"size": [2, 2]},
        {"size": None, "counts": [4]},
        {"size": [2, 2.0], "counts": [4]},
        {"size": [-2, -2], "counts": [4]},
        {"size": [10**6, 10**6], "counts": [10**12]},
        {"size": [2, 2], "counts": [5, -1]},
        {"size": [2, 2], "counts": [2**70, 4 - 2**70]},
        {"size": [2, 2], "counts": [4.0]},
        {"size": [2, 2], "counts": [4, None]},
        {"size": [2, 2], "counts": [True, 3]},
        {"size": [2, 2], "counts": "04"},
    ],
)
def test_what_are_no_run_lengths_is_refused_before_numpy_sees_it(rle: dict[str, object]) -> None:
    with pytest.raises(BadData, match=r"mask|run length"):
        decode(rle)
