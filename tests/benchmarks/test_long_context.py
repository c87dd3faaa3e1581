"""Decoding after a filled cache: it grows by what is decoded, and int8 takes a quarter of fp32's memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.long_context import cache_bytes, decode_after

from occlusight.errors import BadInput
from occlusight.model.weights import load_model


def test_tokens_are_decoded_after_a_filled_cache(tiny_checkpoint: Path) -> None:
    model = load_model(tiny_checkpoint)
    told: list[str] = []
    small, plain = (decode_after(model, 4000, 3, kind, told.append) for kind in ("int8", "plain"))
    assert small["decoded"] == plain["decoded"] == 3
    assert small["cache_gb"] < 0.3 * plain["cache_gb"]
    assert small["seconds_per_token"] > 0
    assert small["cache_gb"] == round(cache_bytes(model.config.text, 4000, "int8") / 1e9, 6)
    assert len(told) == 8
    with pytest.raises(BadInput, match="do not fit this model's context of 4096"):
        decode_after(model, 4095, 3)
    with pytest.raises(BadInput, match="int8, plain"):
        decode_after(model, 10, 3, "int2")
