"""The private operators against their plain twins, extreme values and missing instructions included."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from occlusight.kernels import capabilities
from occlusight.kernels.capabilities import Capabilities, multiply_bf16, to_codes
from occlusight.kernels.reference import (
    dequantize_int4,
    quantize_int4,
    quantize_int8,
    reference_accumulators,
    reference_codes,
    unpack_codes,
)
from occlusight.model.quant import int4, int8
from occlusight.model.quant.fused import gelu_tanh_
from occlusight.model.quant.int4 import Int4Weight
from occlusight.model.quant.int8 import (
    Int8Weight,
    LoopWeight,
    OneDnnWeight,
    ReferenceWeight,
    quantize_rows,
    split_rows,
)

NOTHING = Capabilities(rounding=False, onednn=False, loops=False, amx=False, bf16=False)
"""A machine on which every private operator failed its trial."""


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def assume(monkeypatch: pytest.MonkeyPatch, machine: Capabilities) -> None:
    """Let the products be chosen as on that machine."""
    for module in (int8, int4, capabilities):
        monkeypatch.setattr(module, "capabilities", lambda: machine)


@pytest.mark.parametrize("inputs", [64, 1024, 2500])
def test_plain_accumulators_are_exact(inputs: int) -> None:
    codes = torch.randint(0, 256, (3, inputs), dtype=torch.uint8)
    weight = torch.randint(-127, 128, (5, inputs), dtype=torch.int8)
    codes[0], weight[0] = 255, 127
    exact = (codes.long() - 128) @ weight.long().T
    assert torch.equal(reference_accumulators(codes, weight), exact.float())


@pytest.mark.parametrize("rows", [1, 2, 7, 33, 300])
@pytest.mark.parametrize("operator", ["onednn", "loops"])
def test_native_accumulators_equal_the_plain_ones_to_the_bit(
    rows: int, operator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not getattr(capabilities.capabilities(), operator):
        pytest.skip("this machine has no instructions for it")
    assume(monkeypatch, replace(NOTHING, **{operator: True}))
    codes = torch.randint(1, 256, (rows, 320), dtype=torch.uint8)
    weight = torch.randint(-127, 128, (48, 320), dtype=torch.int8)
    codes[0], codes[:, 0], weight[0], weight[1] = 255, 255, 127, -127
    ones = Int8Weight.pack(weight, torch.ones(48))
    assert isinstance(ones, OneDnnWeight if operator == "onednn" else LoopWeight)
    assert torch.equal(ones.multiply(codes.float() - 128), reference_accumulators(codes, weight))


def test_a_loop_adds_up_every_level_and_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    assume(monkeypatch, replace(NOTHING, loops=True))
    x = torch.arange(-127, 128).float()[:, None].expand(-1, 64).contiguous()
    x[:, 0] = 127
    weight = torch.arange(-127, 128).to(torch.int8)[:, None].expand(-1, 64).contiguous()
    product = Int8Weight.pack(weight, torch.ones(255)).multiply(x)
    assert torch.equal(product, (x.long() @ weight.long().T).float())


def test_who_multiplies_on_which_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, scale = quantize_int8(random(40, 96))
    for machine, kind in (
        (NOTHING, ReferenceWeight),
        (replace(NOTHING, loops=True), LoopWeight),
        (replace(NOTHING, onednn=True), OneDnnWeight),
        (replace(NOTHING, loops=True, onednn=True), LoopWeight),
        (replace(NOTHING, loops=True, onednn=True, amx=True), OneDnnWeight),
    ):
        assume(monkeypatch, machine)
        assert isinstance(Int8Weight.pack(codes, scale), kind)


@pytest.mark.parametrize("rows", [1, 6, 300])
@pytest.mark.parametrize("biased", [False, True])
def test_the_loop_multiplies_as_plain_operators_do(rows: int, biased: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, scale = quantize_int8(random(40, 96))
    bias = random(40, seed=2) if biased else None
    given = random(rows, 96, seed=1)
    assume(monkeypatch, replace(NOTHING, loops=True))
    product = Int8Weight.pack(codes, scale).multiply(given, bias)
    assume(monkeypatch, NOTHING)
    torch.testing.assert_close(product, Int8Weight.pack(codes, scale).multiply(given, bias), rtol=1e-6, atol=1e-6)


def test_the_portable_path_gives_the_same_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = random(5, 96), random(40, 96, seed=1)
    codes, scale = quantize_int8(weight)
    with monkeypatch.context() as patch:
        assume(patch, NOTHING)
        plain = Int8Weight.pack(codes, scale)
        assert isinstance(plain, ReferenceWeight)
        slow = plain.multiply(x)
    fast = Int8Weight.pack(codes, scale).multiply(x)
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("bf16", [False, True])
def test_bf16_weights_give_the_same_whatever_they_are_multiplied_in(
    rows: int, bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assume(monkeypatch, replace(NOTHING, bf16=bf16))
    x, weight = random(rows, 96), random(1500, 96, seed=1).bfloat16()
    torch.testing.assert_close(multiply_bf16(x, weight), x @ weight.float().T, rtol=0.02, atol=0.1)


def test_rounding_in_one_pass_equals_rounding_in_three() -> None:
    steps = torch.cat((torch.arange(-127, 127.5, 0.5), random(1000).clamp(-4, 4) * 31))
    if capabilities.capabilities().rounding:
        assert torch.equal(to_codes(steps), reference_codes(steps))


def test_a_row_of_zeros_and_one_huge_value() -> None:
    x = torch.zeros(3, 8)
    x[1, 2], x[2] = 1e30, random(8)
    rows = quantize_rows(x.clone(), owned=True)
    back = (rows.codes.float() - 128) * rows.scale
    assert torch.equal(back[0], x[0])
    torch.testing.assert_close(back[1], x[1])
    torch.testing.assert_close(back[2], x[2], rtol=0, atol=float(x[2].abs().max()) / 250)


@pytest.mark.parametrize("group", [32, 64])
@pytest.mark.parametrize("rows", [1, 3, 40])
def test_four_bits_by_the_loop_and_spelled_out(group: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weight, x = random(128, 192), random(rows, 192, seed=1)
    packed_codes, groups = quantize_int4(weight, group)
    rounded = dequantize_int4(packed_codes, groups)
    assert (rounded - weight).abs().max() < 0.3
    fast, given = Int4Weight.pack(packed_codes, groups), quantize_rows(x)
    assert fast.groups is None
    right = F.linear((given.codes.float() - 128) * given.scale, rounded)
    torch.testing.assert_close(fast.multiply(x), right, rtol=1e-4, atol=1e-4)
    with monkeypatch.context() as patch:
        assume(patch, NOTHING)
        slow = Int4Weight.pack(packed_codes, groups)
        assert slow.groups is not None
        torch.testing.assert_close(slow.multiply(x), F.linear(x, rounded))
    assert torch.equal(
        unpack_codes(packed_codes)[:, :2], torch.stack((packed_codes[:, 0] & 15, packed_codes[:, 0] >> 4), 1)
    )


def test_gelu_in_place_equals_pytorchs() -> None:
    x = torch.cat((torch.linspace(-12, 12, 2001), random(1000) * 3))
    torch.testing.assert_close(gelu_tanh_(x.clone()), F.gelu(x, approximate="tanh"), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("isa", ["AVX2", pytest.param("AVX512_CORE_VNNI", marks=pytest.mark.slow)])
def test_without_the_instructions_the_results_are_still_right(isa: str) -> None:
    """u8 x s8 saturates without VNNI; the trial at load must find out."""
    code = (
        "import torch\n"
        "from occlusight.model.quant.int8 import *\n"
        "from occlusight.kernels.capabilities import capabilities\n"
        "levels = torch.full((2, 256), 255, dtype=torch.uint8); weight = torch.full((64, 256), 127, dtype=torch.int8)\n"
        "out = Int8Weight.pack(weight, torch.ones(64)).multiply(levels.float() - 128)\n"
        "assert torch.equal(out, reference_accumulators(levels, weight)), out\n"
        "print(capabilities().report)\n"
    )
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": isa}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "int8:" in done.stdout


@pytest.mark.parametrize(
    ("rows", "pieces"), [(3, [3]), (255, [255]), (256, [256]), (280, [256, 24]), (384, [256, 128]), (400, [400])]
)
def test_a_few_rows_behind_a_whole_block_are_multiplied_apart(rows: int, pieces: list[int]) -> None:
    x = torch.randn(rows, 8)
    split = split_rows(x)
    assert [len(piece) for piece in split] == pieces
    assert torch.equal(torch.cat(split), x)


@pytest.mark.parametrize("rows", [1, 30, 280])
@pytest.mark.parametrize("biased", [False, True])
def test_scaled_in_pieces_and_with_the_bias_is_what_it_is_step_by_step(rows: int, biased: bool) -> None:
    x, weight = random(rows, 96), random(64, 96, seed=1)
    bias = random(64, seed=2) if biased else None
    codes, scale = quantize_int8(weight)
    packed, given = Int8Weight.pack(codes, scale), quantize_rows(x)
    plain = reference_accumulators(given.codes, codes) * scale * given.scale
    if bias is not None:
        plain = plain + bias
    torch.testing.assert_close(packed.multiply(x, bias), plain, rtol=1e-6, atol=1e-6)
