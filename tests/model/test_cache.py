"""The cache and chunks change nothing: whole prefill is the naive twin."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from occlusight.errors import BadInput
from occlusight.model.kv_cache import GRAIN, KVCache
from occlusight.model.qwen3vl import Qwen3VL
from occlusight.model.rope import positions
from occlusight.model.steps import finished
from occlusight.model.text import causal_mask

NAMES = ["text", "image", "two images", "equal images", "extreme aspects", "video"]
TOLERANCE = {"atol": 1e-4, "rtol": 0.0}


def chunked(model: Qwen3VL, case: Any, cuts: list[int]) -> tuple[Tensor, KVCache]:
    """Logits of a case read in pieces that end at `cuts`; pieces may split a picture."""
    place, _ = positions(case.ids, case.grids, model.config)
    cache = KVCache(model.config.text, capacity=1)
    features = model.encode(case.patches, case.grids) if case.grids else None
    visual = (case.ids == model.config.image_token_id) | (case.ids == model.config.video_token_id)
    rows = []
    for start, stop in pairwise(sorted({0, len(case.ids), *cuts})):
        part = features and features.slice(int(visual[:start].sum()), int(visual[:stop].sum()))
        rows.append(model.logits(model(case.ids[None, start:stop], place[:, None, start:stop], part, cache=cache))[0])
    return torch.cat(rows), cache


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.data())
@torch.no_grad()
def test_prefill_in_chunks_equals_whole_prefill(twins: Any, name: str, data: st.DataObject) -> None:
    case = twins.cases[name]
    cuts = data.draw(st.lists(st.integers(1, len(case.ids) - 1), max_size=5))
    logits, cache = chunked(twins.model, case, cuts)
    torch.testing.assert_close(logits, twins.ours(twins.model, case), **TOLERANCE)
    assert cache.length == len(case.ids)


@torch.no_grad()
def test_a_truncated_cache_goes_on_as_if_nothing_followed(twins: Any) -> None:
    model, case = twins.model, twins.cases["image"]
    place, _ = positions(case.ids, case.grids, model.config)
    whole, cache = chunked(model, case, [])
    cache.truncate(len(case.ids) - 4)
    ids, here = case.ids[None, -4:], place[:, None, -4:]
    torch.testing.assert_close(model.logits(model(ids, here, cache=cache))[0], whole[-4:], **TOLERANCE)


@torch.no_grad()
def test_rows_of_a_padded_batch_equal_single_sequences(twins: Any) -> None:
    """Two sequences of different length, the shorter padded on the left, then two steps of decoding."""
    model = twins.model
    names = ["image", "two images"]
    cases = [twins.cases[name] for name in names]
    width = max(len(case.ids) for case in cases)
    ids = torch.zeros(2, width, dtype=torch.int64)
    place = torch.zeros(3, 2, width, dtype=torch.int64)
    real = torch.zeros(2, width + 2, dtype=torch.bool)
    deltas = []
    for row, case in enumerate(cases):
        ids[row, -len(case.ids) :] = case.ids
        place[:, row, -len(case.ids) :], delta = positions(case.ids, case.grids, model.config)
        real[row, width - len(case.ids) :] = True
        deltas.append(len(case.ids) + delta)
    features = model.encode(
        torch.cat([case.patches for case in cases]), [grid for case in cases for grid in case.grids]
    )
    cache = KVCache(model.config.text, batch=2)
    own = torch.eye(width, dtype=torch.bool)[None, None]  # padding looks at itself, not at nothing
    mask = (causal_mask(width, width) & real[:, None, None, :width]) | own
    logits = [model.logits(model(ids, place, features, mask=mask, cache=cache)[:, -1])]
    more = torch.tensor([[11, 12], [13, 14]])
    for step in range(2):
        here = (torch.tensor(deltas) + step)[None, :, None].expand(3, 2, 1)
        seen = real[:, None, None, : width + step + 1]
        logits.append(model.logits(model(more[:, step : step + 1], here, mask=seen, cache=cache)[:, -1]))
    for row, case in enumerate(cases):
        single = type(case)(torch.cat([case.ids, more[row]]), case.patches, case.grids)
        expected = twins.ours(model, single)[-3:]
        torch.testing.assert_close(torch.stack([step[row] for step in logits]), expected, **TOLERANCE)


def test_the_mask_aligns_bottom_right() -> None:
    assert causal_mask(2, 4).int().tolist() == [[[[1, 1, 1, 0], [1, 1, 1, 1]]]]


def test_the_cache_grows_counts_and_copies(make_config: Any) -> None:
    config = make_config().text
    cache = KVCache(config, capacity=1)
    assert (cache.capacity, cache.batch) == (GRAIN, 1)
    assert cache.nbytes == 4 * 2 * config.kv_heads * GRAIN * config.head_dim * 4
    first = torch.randn(1, config.kv_heads, GRAIN, config.head_dim)
    cache.append(0, first, 2 * first)
    cache.advance(GRAIN)
    keys, values = cache.append(0, first[:, :, :1], first[:, :, :1])
    assert cache.capacity == 2 * GRAIN
    assert torch.equal(keys[:, :, :GRAIN], first)
    assert torch.equal(values[:, :, :GRAIN], 2 * first)
    twin = cache.copy(batch=3)
    assert (twin.batch, twin.length) == (3, GRAIN)
    twin.truncate(0)
    twin.append(0, 0 * first.expand(3, -1, -1, -1), 0 * first.expand(3, -1, -1, -1))
    assert torch.equal(cache.append(0, first[:, :, :1], first[:, :, :1])[0][:, :, :GRAIN], first)


@pytest.mark.parametrize("layers", [4, 2])
@torch.no_grad()
def test_the_last_layer_may_leave_out_what_nobody_wants(
    twins: Any, make_model: Any, make_config: Any, layers: int
) -> None:
    """With as many taps as layers the last one's tap still finds its rows."""
    config = make_config()
    model = make_model(replace(config, text=replace(config.text, layers=layers)), seed=1)
    case = twins.cases["two images"]
    place, _ = positions(case.ids, case.grids, model.config)
    features = model.encode(case.patches, case.grids)
    whole = model(case.ids[None], place[:, None], features)
    cache = KVCache(model.config.text)
    for wanted in ([len(case.ids) - 1], [0, 7, 8], []):
        cache.truncate(0)
        some = finished(
            model.steps(case.ids[None], place[:, None], features, cache=cache, wanted=torch.tensor(wanted).long())
        )
        torch.testing.assert_close(some, whole[:, wanted], **TOLERANCE)
        assert cache.length == len(case.ids)


@pytest.mark.parametrize("length", [-1, 1])
def test_truncation_beyond_the_content_is_refused(make_config: Any, length: int) -> None:
    with pytest.raises(ValueError, match="cannot truncate a cache of 0 tokens"):
        KVCache(make_config().text).truncate(length)


@torch.no_grad()
def test_features_that_do_not_match_the_pads_are_refused(twins: Any) -> None:
    model, case = twins.model, twins.cases["image"]
    place, _ = positions(case.ids, case.grids, model.config)
    features = model.encode(case.patches, case.grids)
    with pytest.raises(BadInput, match="14 visual features for 15 visual tokens"):
        model(case.ids[None], place[:, None], features.slice(0, 14))
    pads = torch.arange(20)[None] < 14
    with pytest.raises(BadInput, match="DeepStack tap of 15 rows for 14"):
        model.text(torch.zeros(1, 20, 64), torch.zeros(3, 1, 20), deepstack=(pads, features.taps))
