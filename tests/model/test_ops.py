"""Our loops against what they do in one pass, spelled out in PyTorch's operators."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numba
import pytest
import torch
import torch.nn.functional as F

from occlusight.kernels import capabilities, openmp, ops
from occlusight.kernels import gemm_tiles as tiles
from occlusight.kernels.isa import BEST, VARIABLE, sets_of_this_cpu
from occlusight.kernels.reference import dequantize_int4, quantize_int4, reference_codes
from occlusight.model.quant import fused, int8
from occlusight.model.quant.fused import gelu_tanh_, swiglu
from occlusight.model.quant.int8 import quantize_rows
from occlusight.model.rope import rotate_pairs_

SHAPES = [(1, 64), (3, 97), (40, 2048)]
"""One row, an odd width, and so much that the threads share it."""


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 3


def steps(rows: int, inputs: int) -> torch.Tensor:
    """Whole numbers, the largest of each row 127: rounding leaves them as they are."""
    x = torch.randint(-127, 128, (rows, inputs)).float()
    x[0], x[:, 0] = 127, 127
    return x


def test_this_machine_has_them() -> None:
    """Where they do not compile, everything else still works, slowly; here they must."""
    assert capabilities.capabilities().loops


@pytest.mark.parametrize("shape", SHAPES)
def test_quantizing_rows_gives_the_same_to_the_bit(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    x = random(*shape)
    x[0, 3], x[-1] = 400, 0 if shape[0] > 1 else x[-1]
    codes, scale = ops.quantize(x)
    monkeypatch.setattr(int8, "capabilities", lambda: capabilities.Capabilities(False, False, False, False, False))
    right = quantize_rows(x)
    assert torch.equal(codes, right.codes)
    assert torch.equal(scale, right.scale)


def test_halves_are_rounded_to_even() -> None:
    steps = torch.cat((torch.arange(-126.5, 127), torch.tensor([127.0])))[None]
    codes, _ = ops.quantize(steps)
    assert torch.equal(codes, reference_codes(steps))


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 13, 100])
@pytest.mark.parametrize(("outputs", "inputs"), [(7, 31), (64, 320), (130, 6144)])
def test_products_are_exact(rows: int, outputs: int, inputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "LAID", 320 << 10)  # 100 rows of 6,144 codes do not fit
    x = steps(rows, inputs)
    weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8)
    weight[0], weight[1] = 127, -127
    panels = ops.pack(weight)
    whole = (x.long() @ weight.long().T).float()
    assert torch.equal(ops.multiply(x, panels, outputs, torch.ones(outputs)), whole)
    scale, factor, bias = random(outputs).abs(), random(rows, 1).abs(), random(outputs, seed=1)
    found = ops.multiply(x * factor, panels, outputs, scale, bias)
    torch.testing.assert_close(found, whole * scale * factor + bias, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("inputs", [31, 320])
def test_numbers_are_read_as_they_are_and_treated_on_the_way(inputs: int, dtype: torch.dtype) -> None:
    x, factor = random(5, inputs).to(dtype), 2.0 ** torch.randint(-3, 4, (inputs,))
    panels, scale = ops.pack(torch.randint(-127, 128, (40, inputs), dtype=torch.int8)), torch.rand(40)
    plain = ops.multiply(x.float(), panels, 40, scale)
    assert torch.equal(ops.multiply(x, panels, 40, scale), plain)
    treated = ops.multiply(x.float() * factor, panels, 40, scale)
    assert torch.equal(ops.multiply(x, panels, 40, scale, None, factor), treated)
    assert not torch.equal(treated, plain)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 13, 100])
@pytest.mark.parametrize(("outputs", "inputs", "group"), [(7, 64, 32), (64, 320, 64), (130, 6144, 32)])
def test_products_in_four_bits(
    rows: int, outputs: int, inputs: int, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops, "LAID", 320 << 10)
    x = steps(rows, inputs)
    packed_codes, groups = quantize_int4(random(outputs, inputs), group)
    x[-1], packed_codes[0] = -127, 255  # the largest sums
    bias = random(outputs, seed=1)
    right = x.double() @ dequantize_int4(packed_codes, groups).double().T + bias
    found = ops.multiply(x, ops.pack_narrow(packed_codes, groups), outputs, None, bias)
    torch.testing.assert_close(found.double(), right, rtol=1e-5, atol=1e-5 * float(right.abs().max()))


SETS = {one.name: one for one in sets_of_this_cpu()}
TILES = [name for name, one in SETS.items() if one.bf16 is None]
"""Those that multiply whole numbers each in its own way: the others only add how attention multiplies bf16."""


@pytest.mark.parametrize("name", TILES)
def test_a_tile_of_8_bits(name: str) -> None:
    """By all instructions that this CPU has, extreme values included."""
    by, steps = SETS[name], 50
    depth = 2 if by.dot is None else 4
    compiled = compile_tile(tiles.tile_8(by))
    for rows in range(1, by.rows + 1):
        x = torch.randint(-127, 128, (rows, steps, depth), dtype=torch.int8)
        weight = torch.randint(-127, 128, (by.panel, steps, depth), dtype=torch.int8)
        x[0], weight[0], weight[1] = 127, 127, -127
        right = torch.einsum("rsd,psd->rp", x.double(), weight.double()).float()
        laid, panel = x.transpose(0, 1).contiguous(), weight.transpose(0, 1).contiguous()
        if by.dot is None:
            laid = laid.short()
        else:
            totals = x.sum((1, 2)).float()
            laid = torch.cat((laid.flatten(), totals.view(torch.int8)))
            panel = panel.view(torch.uint8) ^ 128
        sums = torch.full((rows, by.panel), 7.0)
        compiled(rows, laid.data_ptr(), panel.data_ptr(), steps, sums.data_ptr(), 0)
        assert torch.equal(sums, right)


@pytest.mark.parametrize("name", TILES)
def test_a_tile_of_4_bits(name: str) -> None:
    by, groups = SETS[name], 3
    compiled = compile_tile(tiles.tile_4(by))
    for rows in range(1, by.narrow_rows + 1):
        x = torch.randint(-127, 128, (rows, groups, tiles.GROUP), dtype=torch.int8)
        codes = torch.randint(0, 16, (by.panel, groups, tiles.GROUP), dtype=torch.uint8)
        x[0], codes[0] = -127, 15
        scale, offset = (random(groups, by.panel, seed=seed).bfloat16() for seed in (1, 2))
        dots = torch.einsum("rgk,pgk->rgp", x.double(), codes.double() - 8)
        right = (dots * scale.double() + x.sum(-1).double()[..., None] * offset.double()).sum(1)
        quads = x.view(rows, groups, -1, tiles.QUAD).permute(1, 2, 0, 3).flatten(1)
        totals = x.sum(-1).float().T.flatten().view(torch.int8).view(groups, -1)
        laid = torch.cat((quads, totals), 1).contiguous()
        low, high = codes.view(2, by.lanes, groups, -1, tiles.QUAD).permute(0, 2, 3, 1, 4).flatten(2)
        constants = torch.cat((scale, offset), 1).contiguous().view(torch.uint8)
        panel = torch.cat(((low | high << 4).flatten(1), constants), 1).contiguous()
        assert panel.shape[1] == tiles.group_bytes(by.panel)
        sums = torch.full((rows, by.panel), 7.0)
        compiled(rows, laid.data_ptr(), panel.data_ptr(), groups, sums.data_ptr(), 0)
        torch.testing.assert_close(sums.double(), right, rtol=1e-5, atol=1e-5 * float(right.abs().max()))


def compile_tile(tile: Any) -> Any:
    """It as a function of Python's."""
    return numba.njit(lambda a, b, c, d, e, f: tile(a, b, c, d, e, f))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name == "avx2" else pytest.mark.slow) for name in SETS if name != BEST.name],
)
def test_everything_holds_with_the_instructions_of_older_cpus(name: str) -> None:
    """The loops of this file again, in a process that is told which; the tiles are tried with all of them here."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", __file__, "-p", "no:cacheprovider", "--noconftest"]
    command += ["-k", "not tile and not everything_holds and not openmp"]
    environment = {**os.environ, VARIABLE: name, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize("shape", SHAPES)
def test_norms(shape: tuple[int, int]) -> None:
    x, weight = random(*shape), random(shape[1], seed=1)
    x[0] *= 1e-4  # where eps counts
    right = F.rms_norm(x, shape[1:], weight, 1e-6)
    torch.testing.assert_close(ops.rms_norm(x, weight, ops.float_bits(1e-6)), right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_gates(shape: tuple[int, int]) -> None:
    rows, width = shape
    both = random(rows, 2 * width) * 5
    both[0, :3] = torch.tensor([-200.0, 200.0, 0.0])
    torch.testing.assert_close(ops.swiglu(both), swiglu(both), rtol=1e-5, atol=1e-5)
    x = torch.cat((random(rows, width), torch.linspace(-30, 30, width)[None]))
    torch.testing.assert_close(ops.gelu_(x.clone()), gelu_tanh_(x.clone()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 9, 80])
@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize("width", [16, 32, 72])
def test_heads_are_normalised_and_turned(rows: int, normed: bool, width: int) -> None:
    heads, turned = 7, 5
    x, norms, angles = random(rows, heads, width), random(turned, width, seed=1), random(rows, width // 2, seed=2)
    right = x.clone()
    some = right[:, :turned]
    if normed:
        some.mul_(torch.rsqrt(some.square().mean(-1, keepdim=True) + 1e-6)).mul_(norms)
    rotate_pairs_(some, angles.cos()[:, None], angles.sin()[:, None])
    out = torch.empty(rows, heads, width, dtype=torch.bfloat16)
    ops.turn(x, norms if normed else None, angles.cos(), angles.sin(), turned, out, ops.float_bits(1e-6))
    assert torch.equal(out[:, turned:], right[:, turned:].bfloat16())
    torch.testing.assert_close(out.float(), right, rtol=5e-3, atol=1e-3)
    assert (out != right.bfloat16()).float().mean() < 0.01


def test_the_model_goes_by_them_where_they_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    both = random(3, 40)
    seen = []
    monkeypatch.setattr(ops, "gelu_", lambda x: seen.append(x) or x)
    fused.gelu_(both)
    monkeypatch.setattr(fused, "capabilities", lambda: capabilities.Capabilities(False, False, False, False, False))
    fused.gelu_(both)
    assert len(seen) == 1


def test_threads_share_a_loop_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads and three, which share no number of these rows evenly."""
    x, both, weight = random(40, 2048), random(41, 2 * 2048), torch.randint(-127, 128, (300, 2048), dtype=torch.int8)
    q, k, v = (random(2, 4, 50, 32, seed=seed) for seed in range(3))
    panels, scale = ops.pack(weight), random(300).abs()

    def all_of_them() -> list[torch.Tensor]:
        found = [*ops.quantize(x), ops.multiply(x, panels, 300, scale), ops.swiglu(both)]
        return [*found, ops.gelu_(x.clone()), ops.attend_all(q, k, v)]

    alone, parts = all_of_them(), []
    parallel = openmp._GOMP.GOMP_parallel
    share = SimpleNamespace(GOMP_parallel=lambda *given: parts.append(given[2]) or parallel(*given))
    monkeypatch.setattr(openmp, "_GOMP", share)
    for threads in (2, 3):
        torch.set_num_threads(threads)
        try:
            shared = all_of_them()
        finally:
            torch.set_num_threads(1)
        assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))
    assert parts.count(2) == parts.count(3) >= 5


def test_without_openmp_one_thread_does_it_all() -> None:
    code = (
        "import torch, pathlib\n"
        "glob = pathlib.Path.glob\n"
        "pathlib.Path.glob = lambda folder, name: iter(()) if 'omp' in name else glob(folder, name)\n"
        "from occlusight.kernels import openmp, ops\n"
        "assert openmp._GOMP is None\n"
        "x = torch.randn(40, 2048)\n"
        "levels, scale = ops.quantize(x)\n"
        "assert ((levels.float() - 128) * scale - x).abs().max() < 0.03\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("rows", "keys", "groups"), [(1, 1, 4), (3, 70, 2), (50, 200, 1), (9, 64, 4), (9, 301, 4)])
@pytest.mark.parametrize("width", [32, 72])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_among_all(rows: int, keys: int, groups: int, dtype: torch.dtype, width: int) -> None:
    """Two frames, each apart; scores so large that the softmax must follow the largest yet."""
    q, k, v = (
        random(2, n, h, width, seed=i).to(dtype).transpose(1, 2)
        for i, (n, h) in enumerate([(rows, 4), (keys, groups), (keys, groups)])
    )
    right = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), enable_gqa=True)
    tolerance = 1e-4 if dtype == torch.float32 else 0.02
    torch.testing.assert_close(ops.attend_all(q, k, v).float(), right, rtol=tolerance, atol=tolerance)
