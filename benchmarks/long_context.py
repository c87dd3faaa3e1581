"""Decoding at the end of a very long context: time and memory. The cache is filled with random numbers instead of being
read in: reading 262,144 tokens costs about 8 PFLOP of attention."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch

from occlusight.bench.speed import GB, peak_rss_gb
from occlusight.engine.kv_segments import SequenceKV
from occlusight.engine.packed_batch import PackedBatch
from occlusight.errors import BadInput
from occlusight.model.config import TextConfig
from occlusight.model.int8_kv_cache import PIECE, Int8KVCache
from occlusight.model.kv_cache import KVCache
from occlusight.model.qwen3vl import Qwen3VL

ROOM = 64
KINDS: dict[str, Callable[..., KVCache]] = {"int8": Int8KVCache, "plain": KVCache}


def decode_after(
    model: Qwen3VL, tokens: int, decode: int, kind: str = "int8", progress: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Read `decode` tokens after `tokens` that a cache of this kind holds, one by one; return seconds and memory.

    Raises:
        BadInput: the model's context is shorter, or there is no such cache.
    """
    text = model.config.text
    if kind not in KINDS:
        raise BadInput(f"the cache takes {', '.join(KINDS)}, but {kind!r} was given")
    if tokens + decode > text.max_positions or decode < 1:
        raise BadInput(f"{tokens} tokens and {decode} more do not fit this model's context of {text.max_positions}")
    dtype = model.text.embed_tokens.weight.dtype  # as the engine does
    cache = KINDS[kind](text, capacity=tokens + ROOM, dtype=dtype)
    began = perf_counter()
    fill(cache, text, tokens, dtype)
    progress(f"filled {tokens} tokens in {perf_counter() - began:.0f} s")
    kv = SequenceKV((), cache)
    rope_factor = None
    if text.yarn is not None and (factor := text.yarn.rope_factor(tokens + decode)) > 1:
        rope_factor = torch.full((1, 1), factor)
    seconds, token = [], 1
    with torch.inference_mode():
        for step in range(decode):
            began = perf_counter()
            position_ids = torch.full((3, 1, 1), tokens + step)
            hidden = model(torch.tensor([[token]]), position_ids, cache=PackedBatch([(kv, 1)]), rope_factor=rope_factor)
            token = int(model.logits(hidden[0, -1]).argmax())
            seconds.append(perf_counter() - began)
            progress(f"token {step + 1} of {decode}: {seconds[-1]:.2f} s")
    return {
        "tokens": tokens,
        "decoded": decode,
        "seconds_per_token": round(median(seconds), 3),
        "cache_gb": round(cache.nbytes / GB, 6),
        "peak_rss_gb": round(peak_rss_gb(), 3),
    }


def cache_bytes(text: TextConfig, tokens: int, kind: str) -> int:
    """What the cache of `decode_after` takes beside quantized weights.

    Raises:
        BadInput: there is no such cache.
    """
    if kind not in KINDS:
        raise BadInput(f"the cache takes {', '.join(KINDS)}, but {kind!r} was given")
    return KINDS[kind](text, capacity=tokens + ROOM, dtype=torch.bfloat16, device="meta").nbytes


def fill(cache: KVCache, text: TextConfig, tokens: int, dtype: torch.dtype) -> None:
    """Write `tokens` random keys and values to every layer."""
    generator = torch.Generator().manual_seed(0)
    pool = torch.randn(1, text.kv_heads, min(PIECE, tokens) + text.layers, text.head_dim, generator=generator).to(dtype)
    while cache.length < tokens:
        count = min(PIECE, tokens - cache.length)
        for layer in range(text.layers):
            part = pool[:, :, layer : layer + count]
            cache.write(layer, part, part.flip(2))
        cache.advance(count)
