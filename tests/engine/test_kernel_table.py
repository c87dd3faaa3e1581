"""Attention of a few rows in one call against range by range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.tiny import TEXT
from torch import Tensor

from occlusight.engine import kernel_table as table
from occlusight.engine import packed_batch as rows_module
from occlusight.engine.engine import Engine
from occlusight.engine.generation import Reason
from occlusight.engine.kernel_table import ROWS_WITH_AMX, fits
from occlusight.engine.key_ranges import key_ranges
from occlusight.engine.kv_segments import KVSegment, SegmentSlice, SequenceKV
from occlusight.engine.packed_batch import PackedBatch
from occlusight.engine.prompt import Prompt
from occlusight.kernels.capabilities import capabilities
from occlusight.model.int8_kv_cache import Int8KVCache
from occlusight.model.kv_cache import KVCache
from occlusight.model.weights import load_model

CONFIG = replace(TEXT, layers=2)
LAYER = 1


def filled(tokens: int, capacity: int = 1, random: torch.Generator | None = None) -> KVCache:
    cache = KVCache(CONFIG, capacity=max(tokens, capacity), dtype=torch.bfloat16)
    for layer in range(CONFIG.layers):
        keys = torch.randn(2, 1, 2, tokens, 32, generator=random).bfloat16()
        cache.write(layer, keys[0], keys[1])
    cache.advance(tokens)
    return cache


def heads(rows: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as a joined layer gives them: one piece of memory."""
    qkv = torch.randn(1, rows, 8, 32, generator=random).bfloat16().transpose(1, 2)
    q, k, v = torch.split(qkv, [4, 2, 2], 1)
    return q, k, v


Plan = list[tuple[int, list[int], int, int]]
"""For each sequence: how much of the shared segment it uses, how long its own segments and its tail are, how many rows
it has."""


def members_of(plan: Plan, shared: int, seed: int) -> list[tuple[SequenceKV, int]]:
    random = torch.Generator().manual_seed(seed)
    first = KVSegment(tuple(range(shared)), filled(shared, random=random), None, 0)
    out = []
    for used, own, tail, count in plan:
        parts = (SegmentSlice(first, min(used, shared)),) if min(used, shared) else ()
        for length in own:
            parent = parts[-1].segment if parts else None
            token_keys = tuple(range(length))
            parts = (*parts, SegmentSlice(KVSegment(token_keys, filled(length, random=random), parent, 0), length))
        out.append((SequenceKV(parts, filled(tail, random=random)), count))
    return out


sequences = st.tuples(
    st.integers(0, 150),
    st.lists(st.integers(1, 90), max_size=2),
    st.integers(0, 130),
    st.sampled_from([1, 2, 3, 4, 9, 70]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(sequences, min_size=1, max_size=4), st.integers(1, 150), st.integers(0, 99), st.booleans())
@example([(0, [], 0, 4), (0, [], 0, 4), (0, [], 0, 9)], 1, 0, False)  # a row more than ROWS_WITH_AMX
def test_a_table_gives_what_key_ranges_give_one_by_one(plan: Plan, shared: int, seed: int, drop: bool) -> None:
    """However many rows: what a CPU with AMX leaves to PyTorch's kernel, the loop must do on all others."""
    total = sum(count for *_, count in plan)
    q, k, v = heads(total, torch.Generator().manual_seed(seed))
    found, kept = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "capabilities", lambda: replace(capabilities(), amx=False))
        for fast in (True, False):
            if not fast:
                patch.setattr(rows_module, "fits", lambda key_ranges, q: False)
            members = members_of(plan, shared, seed)
            rows = PackedBatch(members)
            if drop and len(plan) > 1:
                rows.attend(0, q, k, v)
                rows.drop(members[0][0])
            found.append(rows.attend(LAYER, q, k, v))
            assert (rows._table is not None) == fast
            rows.advance(total)
            kept.append([list(kv.tail.pieces(LAYER, 0, kv.tail.length)) for kv, _ in members])
    torch.testing.assert_close(found[0], found[1], rtol=0.02, atol=0.02)
    first = 1 if drop and len(plan) > 1 else 0
    for ours, right in zip(kept[0][first:], kept[1][first:], strict=True):
        for (_, keys, values), (_, same_keys, same_values) in zip(ours, right, strict=True):
            assert torch.equal(keys, same_keys)
            assert torch.equal(values, same_values)


class Follower:
    """Takes the likeliest token six times and keeps the logits."""

    def __init__(self) -> None:
        self.output_ids: list[int] = []
        self.finish_reason: Reason | None = None
        self.logits: list[Tensor] = []

    def propose(self, most: int) -> list[int]:
        return []

    def consume(self, logits: Tensor, draft_ids: Sequence[int]) -> int:
        self.logits.append(logits[-1].float())
        self.output_ids.append(int(logits[-1].argmax()))
        self.finish_reason = "length" if len(self.output_ids) == 6 else None
        return 0


def test_a_model_in_bf16_goes_on_as_it_would_read_everything_at_once(tiny_checkpoint: Path) -> None:
    model = load_model(tiny_checkpoint, torch.bfloat16)
    engine, follower = Engine(model), Follower()
    prompt = Prompt(tuple(range(3, 33)))
    sequence = engine.submit(prompt, follower, 6)
    while not sequence.ended:
        engine.step()
    assert sequence.error is None
    ids = torch.tensor([[*prompt.ids, *follower.output_ids[:-1]]])
    with torch.inference_mode():
        position_ids = torch.arange(ids.shape[1]).expand(3, 1, -1)
        right = model.logits(model(ids, position_ids))[0, len(prompt.ids) - 1 :].float()
    torch.testing.assert_close(torch.stack(follower.logits), right, rtol=0.05, atol=0.05 * float(right.abs().max()))


@pytest.mark.parametrize("amx", [False, True])
def test_what_is_no_key_range_of_bf16_or_too_much_goes_the_other_way(
    amx: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "capabilities", lambda: replace(capabilities(), amx=amx))
    random = torch.Generator().manual_seed(0)
    q, *_ = heads(ROWS_WITH_AMX, random)
    kv = SequenceKV((), filled(5))
    rows_of = {kv: slice(0, ROWS_WITH_AMX)}
    assert fits(list(key_ranges(rows_of)), q)
    assert not fits(list(key_ranges(rows_of)), q.float())
    assert fits(list(key_ranges(rows_of)), heads(ROWS_WITH_AMX + 1, random)[0]) != amx
    assert not fits(list(key_ranges(rows_of)), q.contiguous())  # head after head, not row after row
    eight = {SequenceKV((), Int8KVCache(CONFIG, dtype=torch.bfloat16)): slice(0, ROWS_WITH_AMX)}
    assert not fits(list(key_ranges(eight)), q)


def test_tails_grow_before_their_place_is_noted() -> None:
    kv = SequenceKV((), filled(64))
    assert kv.tail.capacity == 64
    rows = PackedBatch([(kv, 3)])
    rows.attend(LAYER, *heads(3, torch.Generator().manual_seed(0)))
    assert kv.tail.capacity >= 67
