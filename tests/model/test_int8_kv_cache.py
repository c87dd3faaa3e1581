"""The int8 cache against a plain one that holds the rounded numbers, and its error against the exact ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.tiny import TEXT
from torch import Tensor

from occlusight.model import int8_kv_cache
from occlusight.model.attention import plain_partial_attention
from occlusight.model.int8_kv_cache import Int8KVCache, quantize, rounded
from occlusight.model.kv_cache import KVCache

CONFIG = replace(TEXT, layers=2)


def some(tokens: int, seed: int = 0, batch: int = 1) -> Tensor:
    return torch.randn(batch, 2, tokens, 32, generator=torch.Generator().manual_seed(seed))


def filled(kind: type[KVCache], lengths: list[int], twin: Any = lambda x: x) -> KVCache:
    cache = kind(CONFIG, capacity=1)
    for number, tokens in enumerate(lengths):
        for layer in range(CONFIG.layers):
            cache.write(layer, twin(some(tokens, 10 * number + layer)), twin(some(tokens, 10 * number + layer + 5)))
        cache.advance(tokens)
    return cache


def all_of(cache: KVCache, layer: int) -> tuple[Tensor, Tensor]:
    found = list(cache.pieces(layer, 0, cache.length))
    return torch.cat([keys for _, keys, _ in found], 2), torch.cat([values for _, _, values in found], 2)


def test_it_holds_what_a_plain_cache_of_rounded_numbers_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_kv_cache, "PIECE", 50)
    lengths = [3, 100, 1, 70]  # grows twice
    own, plain = filled(Int8KVCache, lengths), filled(KVCache, lengths, rounded)
    assert [begin for begin, _, _ in own.pieces(0, 20, 174)] == [20, 70, 120, 170]
    for layer in range(CONFIG.layers):
        for found, expected in zip(all_of(own, layer), all_of(plain, layer), strict=True):
            assert torch.equal(found, expected)
    assert own.nbytes < plain.nbytes / 3


def test_append_copy_truncate_and_trim_agree_too() -> None:
    own, plain = filled(Int8KVCache, [90, 40]), filled(KVCache, [90, 40], rounded)
    for cache in (own, plain):
        cache.truncate(77)
        cache.trim()
    own, plain = own.copy(batch=3), plain.copy(batch=3)
    keys, values = some(5, 7, batch=3), some(5, 8, batch=3)
    for layer in range(CONFIG.layers):
        found = own.append(layer, keys, values)
        expected = plain.append(layer, rounded(keys), rounded(values))
        assert found[0].shape == (3, 2, 82, 32)
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize(("rows", "begin", "end"), [(1, 0, 174), (3, 20, 171), (4, 7, 8)])
def test_few_queries_find_what_they_find_in_the_plain_cache(
    rows: int, begin: int, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_kv_cache, "SMALL_PIECE", 50)
    own, plain = filled(Int8KVCache, [3, 100, 1, 70]), filled(KVCache, [174])
    for layer in range(CONFIG.layers):
        plain.truncate(0)
        plain.write(layer, *all_of(own, layer))
        plain.advance(174)
        q = 3 * torch.randn(1, rows, CONFIG.heads, 32, generator=torch.Generator().manual_seed(layer)).transpose(1, 2)
        keys, values = (part[:, :, begin:end] for part in all_of(own, layer))
        found, twin = own.attend(layer, begin, end, q), plain.attend(layer, begin, end, q)
        for other in (twin, KVCache.attend(own, layer, begin, end, q), plain_partial_attention(q, keys, values)):
            torch.testing.assert_close(found[0], other[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found[1], other[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e4])
def test_numbers_are_off_by_half_a_step_at_most(factor: float) -> None:
    x = factor * some(200)
    x[..., 0] *= 100  # an outlier in every token
    step = x.abs().amax(-1, keepdim=True) / 127
    assert ((rounded(x) - x).abs() <= 0.504 * step).all()
    numbers, scales = quantize(torch.zeros(1, 2, 3, 32))
    assert not numbers.any()
    assert (scales > 0).all()


def test_a_model_says_almost_the_same_with_it(twins: Any) -> None:
    """Chunks over the int8 cache against exact ones: the largest logit stays the largest, errors stay far below the
    deviation."""
    model, ids = twins.model, twins.cases["text"].ids[None]
    text = model.config.text

    def logits(cache: KVCache) -> Tensor:
        found = []
        with torch.no_grad():
            for begin, end in ((0, 17), (17, 18), (18, 40)):
                position_ids = torch.arange(begin, end).expand(3, 1, -1)
                found.append(model.logits(model(ids[:, begin:end], position_ids, cache=cache)))
        return torch.cat(found, 1)

    exact, own = logits(KVCache(text)), logits(Int8KVCache(text))
    error = (own - exact).abs()
    assert 0 < float(error.mean()) < 0.02 * float(exact.std())
    assert float((own.argmax(-1) == exact.argmax(-1)).float().mean()) > 0.95
