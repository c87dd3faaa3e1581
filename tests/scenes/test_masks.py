from __future__ import annotations

import numpy as np
import pytest

from occlusight.errors import BadData
from occlusight.scenes.masks import decode, encode


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
